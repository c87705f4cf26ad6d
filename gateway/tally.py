"""Say the first few and count the rest, so that whoever knocks without end cannot fill a disk with our log."""

from __future__ import annotations

import time
from collections.abc import Callable

LINES = 10  # of one kind …
WINDOW = 60.0  # … in so many seconds


class Tally:
    """Decides which lines of a kind are written. Kinds come from a closed list, for each is remembered."""

    def __init__(
        self, *, lines: int = LINES, window: float = WINDOW, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lines, self._window, self._clock = lines, window, clock
        self._since: dict[str, float] = {}
        self._seen: dict[str, int] = {}  # in this window
        self._unsaid: dict[str, int] = {}  # since the last line that was written

    def say(self, kind: str) -> int | None:
        """Return None when nothing is to be written, or else how many of the kind went unsaid before this one."""
        now = self._clock()
        if now - self._since.get(kind, -self._window) >= self._window:
            self._since[kind], self._seen[kind] = now, 0
        self._seen[kind] += 1
        if self._seen[kind] > self._lines:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return None
        return self._unsaid.pop(kind, 0)
