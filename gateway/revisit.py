"""The second visit: public posts whose provider does not tell of each removal are asked for again, once a day.

Only as long as somebody works with them: a complaint that is not done with, or a post that waits for a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from channels.base import Adapter, Barred, Busy, Refused, Revisits
from channels.message import Inbound
from gateway import breaker, observe
from gateway.intake import NotStored
from gateway.reception import HouseReception
from gateway.store import revisions
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.journal import Row

EVERY = timedelta(days=1)
FURTHEST = timedelta(days=30)  # back: by then what was said in public is history
AT_ONCE = 100  # messages looked through for public ones, and asked for
WALKS = 20  # of them in one go: other work waits meanwhile
REVISITED = "revisited"  # the key under which a channel's walk is remembered

log = observe.logger("revisit")


@dataclass(frozen=True, slots=True)
class Walked:
    """How far a walk through a channel's posts came: when it began, and behind which it goes on; None at its end."""

    began: datetime
    after: int | None

    @classmethod
    def of(cls, kept: str, now: datetime) -> Walked:
        """Read what `to_json` wrote, and begin anew where a day has passed."""
        known: dict[str, Any] = json.loads(kept) if kept else {"began": now.isoformat(), "after": 0}
        walked = cls(datetime.fromisoformat(known["began"]), known["after"])
        return cls(now, 0) if walked.after is None and abs(now - walked.began) >= EVERY else walked

    def to_json(self) -> str:
        """Write it."""
        return json.dumps({"began": self.began.isoformat(), "after": self.after}, separators=(",", ":"))


class Revisit:
    """Asks the channels that can be asked what became of public posts."""

    def __init__(
        self,
        channels: Mapping[str, Adapter],
        store: Store,
        reception: Callable[[str], HouseReception],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.channels = {name: channel for name, channel in channels.items() if isinstance(channel, Revisits)}
        self.store, self.reception, self.clock = store, reception, clock

    async def all(self) -> int:
        """Go on with every channel's walk; returns how many posts were edited or gone.

        Raises NotStored and StoreUnavailable when that could not be kept.
        """
        return sum([await self.one(name, channel) for name, channel in self.channels.items()])

    async def one(self, name: str, channel: Revisits) -> int:
        """Go on with one channel's walk.

        While the provider is away it stays where it is; posts that it refuses to speak of hold up none behind them, and
        are asked for again on the next walk.
        """
        found, reception = 0, self.reception(name)
        walked = Walked.of(await reception.recall(REVISITED), self.clock())
        for _ in range(WALKS):
            if walked.after is None:
                break
            since = self.clock() - FURTHEST
            rows = await self.store.read(
                partial(revisions.standing, channel=name, after=walked.after, since=since, limit=AT_ONCE)
            )
            gone, told = await self._ask(name, channel, rows, reception)
            found += gone
            if not told:
                break
            walked = Walked(walked.began, rows[-1].seq if len(rows) == AT_ONCE else None)
            await reception.remember(REVISITED, walked.to_json())
        if found:
            log.info("posts were edited or are gone", channel=name, number=found)
        return found

    async def _ask(
        self, name: str, channel: Revisits, rows: Sequence[Row], reception: HouseReception
    ) -> tuple[int, bool]:
        """Ask for the public ones among some messages. Returns how many changed, and whether to go on behind them."""
        found = 0
        try:
            posts = [post for post in (Inbound.from_json(row.body) for row in rows) if post.public]
            async for inbound in channel.revisit(posts):
                found += not (await reception.accept(inbound)).duplicate
        except Barred as error:
            breaker.trip(name, breaker.REVISITING, error.code)
            return found, False
        except (Busy, Refused) as error:
            log.warning("the provider does not say what became of posts", channel=name, code=error.code)
            return found, isinstance(error, Refused)
        except (NotStored, StoreUnavailable):
            raise
        except Exception as error:  # a bug in asking one provider must not keep the others from being asked
            observe.ALARM.labels("revisit_failed").inc()
            log.exception("posts cannot be asked for", channel=name, exc_info=observe.bare(error))
            return found, True
        breaker.reset(name, breaker.REVISITING)  # also where nothing was to be asked: then nothing is barred
        return found, True
