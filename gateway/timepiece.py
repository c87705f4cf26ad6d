"""The timepiece: notice that the machine's clock was set back, by a clock that nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 60.0  # seconds: a clock that is slewed, as it should be, never makes such a step


class Timepiece:
    """Compares the time of day with the monotonic clock, look by look."""

    def __init__(self, *, now: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._now, self._steady = now, steady
        self._ahead = now() - steady()

    def stepped(self) -> float:
        """Return by how many seconds the clock was set since the last look: ahead, or back when negative; 0 else."""
        ahead = self._now() - self._steady()
        step, self._ahead = ahead - self._ahead, ahead
        return step if abs(step) >= STEP else 0.0
