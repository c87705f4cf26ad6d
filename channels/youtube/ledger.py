"""What the channel remembers between two fetches: how far back it has seen everything, and how the threads looked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from channels.youtube.comment import Comment

FIRST_LOOK = timedelta(days=1)
"""How far back the first fetch goes: what was said to a channel years ago is no new complaint."""


@dataclass(slots=True)
class Ledger:
    """The state of the walk through the comments. It is a help and not the truth: what it forgets is found again.

    `since` is the moment before which nothing is taken, for good. `whole` is the moment up to which every thread has
    been read; it moves only when a walk came to its end. `threads` holds a short sum of each recent thread.
    """

    since: datetime
    whole: datetime
    threads: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: str, now: datetime) -> Self:
        """Read what `to_json` wrote, or begin anew from nothing."""
        if not document:
            return cls(now - FIRST_LOOK, now - FIRST_LOOK)
        known = json.loads(document)
        return cls(
            datetime.fromisoformat(known["since"]), datetime.fromisoformat(known["whole"]), dict(known["threads"])
        )

    def to_json(self) -> str:
        """Write it, compactly: some 30 bytes for a thread."""
        known = {"since": self.since.isoformat(), "whole": self.whole.isoformat(), "threads": self.threads}
        return json.dumps(known, separators=(",", ":"))


def sum_of(comments: Iterable[Comment], answers: int) -> str:
    """Return a short sum that changes when an answer comes, or when words that we see are edited."""
    seen = sorted(f"{comment.id}@{comment.updated.isoformat()}" for comment in comments)
    return hashlib.sha256(f"{answers} {' '.join(seen)}".encode()).hexdigest()[:12]
