"""How far an inbox has been read: every UID that was taken in, small enough to be written after each mail.

UIDs grow, but a mail can appear after one with a higher UID: two servers append at once, and the slower one commits
later. So the last two hundred UIDs are looked at in every round, and which of them were taken is remembered one by
one. What lies below is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

WINDOW = 200  # UIDs


@dataclass(slots=True)
class Cursor:
    """What was taken of a folder: all up to `floor`, and the UIDs in `taken` above it.

    UIDs mean something only under one UIDVALIDITY; when the server gives another, everything is read again, and each
    mail is known by what it says.
    """

    validity: int
    floor: int = 0
    taken: set[int] = field(default_factory=set)

    @classmethod
    def recalled(cls, written: str, validity: int) -> Cursor:
        """Read what `written()` gave; a new one when there is none, or it is of another UIDVALIDITY."""
        try:
            known = json.loads(written)
            if known["validity"] == validity:
                return cls(validity, known["floor"], set(_spread(known["taken"])))
        except (ValueError, KeyError, TypeError):
            pass  # nothing was written yet, or by a version that wrote otherwise: read all again
        return cls(validity)

    def written(self) -> str:
        """Write it as JSON, neighbours joined to spans."""
        return json.dumps({"validity": self.validity, "floor": self.floor, "taken": _joined(self.taken)})

    def missing(self, uids: Iterable[int]) -> list[int]:
        """Return which of these were not taken yet, lowest first."""
        return sorted(uid for uid in set(uids) if uid > self.floor and uid not in self.taken)

    def take(self, uid: int) -> None:
        """Count one as taken. Whatever lies more than the window below the highest is done."""
        self.taken.add(uid)
        self.floor = max(self.floor, max(self.taken) - WINDOW)
        self.taken = {known for known in self.taken if known > self.floor}


def _joined(uids: Iterable[int]) -> list[list[int]]:
    spans: list[list[int]] = []
    for uid in sorted(uids):
        if spans and uid == spans[-1][1] + 1:
            spans[-1][1] = uid
        else:
            spans.append([uid, uid])
    return spans


def _spread(spans: Iterable[Iterable[int]]) -> Iterable[int]:
    for first, last in spans:
        yield from range(first, last + 1)
