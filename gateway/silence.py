"""Silence: a channel that usually hears something and has not for unusually long is an alarm, not peace.

What is unusual is learned from the channel itself: the longest pause on each of its last four weeks' days. A channel
that is younger than a day, or has heard little, is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.store import journal, memory
from gateway.store.engine import Connection

NAME, KEY = "", "silence"  # where it is remembered: beside the channels' own memories
DAYS = 28  # for which pauses are remembered
YOUNG = timedelta(days=1)  # a channel that we have known for less is not judged
FEWEST = 20  # messages before a channel is judged
SHORTEST = 3600.0  # seconds of silence that are never unusual
UNUSUAL = 2.0  # times the longest pause
BATCH = 20_000  # messages looked at in one go


@dataclass(frozen=True, slots=True)
class Quiet:
    """A channel's silence: how long it lasts, and the longest that it had lately, both in seconds."""

    channel: str
    lasting: float
    longest: float

    @property
    def ratio(self) -> float:
        """How unusual it is; from UNUSUAL on somebody should look."""
        return self.lasting / self.longest

    @property
    def unusual(self) -> bool:
        """Whether somebody should look."""
        return self.ratio >= UNUSUAL


def listen(connection: Connection, now: datetime) -> None:
    """Learn from what has been journaled since the last time."""
    known = _recall(connection)
    rows = journal.arrivals(connection, after=int(known.get("seq", 0)), limit=BATCH)
    if not rows:
        return
    channels: dict[str, Any] = known.setdefault("channels", {})
    for seq, name, at in rows:
        known["seq"] = max(seq, int(known.get("seq", 0)))
        one = channels.setdefault(name, {"first": at.timestamp(), "last": at.timestamp(), "count": 0, "pauses": {}})
        pause, day = at.timestamp() - one["last"], at.date().isoformat()
        one["count"] += 1
        one["last"] = max(one["last"], at.timestamp())
        one["pauses"][day] = max(one["pauses"].get(day, 0.0), pause)
    oldest = (now - timedelta(days=DAYS)).date().isoformat()
    for one in channels.values():
        one["pauses"] = {day: pause for day, pause in one["pauses"].items() if day >= oldest}
    memory.remember(connection, NAME, KEY, json.dumps(known, separators=(",", ":")), now)


def quiet(connection: Connection, now: datetime, *, off: Collection[str] = ()) -> list[Quiet]:
    """Return how silent each channel is that can be judged; those that are turned `off` are rightly so."""
    found = []
    for name, one in sorted(_recall(connection).get("channels", {}).items()):
        last, first = (datetime.fromtimestamp(one[key], UTC) for key in ("last", "first"))
        if name in off or one["count"] < FEWEST or now - first < YOUNG:
            continue
        longest = max([SHORTEST, *one["pauses"].values()])
        found.append(Quiet(name, (now - last).total_seconds(), longest))
    return found


def _recall(connection: Connection) -> dict[str, Any]:
    kept = memory.recall(connection, NAME, KEY)
    document: Mapping[str, Any] = json.loads(kept) if kept else {}
    return dict(document)
