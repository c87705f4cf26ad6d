"""How often somebody may try. In memory, bounded, and generous to addresses: a whole town can share one.

Each process counts for itself: with several, the limits are that many times as wide.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from aiohttp import web

ENTRIES = 20_000  # remembered at once; past that the one seen longest ago is forgotten

Clock = Callable[[], float]


class Buckets:
    """A bucket of tokens for each address: `size` at once, and `rate` a second after that."""

    def __init__(self, size: int, rate: float, *, clock: Clock = time.monotonic) -> None:
        self.size, self.rate, self.clock = size, rate, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take a token. False when there is none."""
        level, now = self._level(key)
        if level < 1:
            return False
        self._levels[key] = (level - 1, now)
        self._levels.move_to_end(key)
        if len(self._levels) > ENTRIES:
            self._levels.popitem(last=False)
        return True

    def empty(self, key: str) -> bool:
        """Say whether `take` would fail now."""
        return self._level(key)[0] < 1

    def _level(self, key: str) -> tuple[float, float]:
        now = self.clock()
        level, since = self._levels.get(key, (float(self.size), now))
        return min(self.size, level + (now - since) * self.rate), now


class Locks:
    """Closes a reference after `tries` wrong PINs within `window` seconds, until the first of them is that old."""

    def __init__(self, tries: int, window: float, *, clock: Clock = time.monotonic) -> None:
        self.tries, self.window, self.clock = tries, window, clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def remaining(self, key: str) -> float:
        """Return for how many seconds it is still closed; 0 when it is open."""
        times = self._recent(key)
        return times[0] + self.window - self.clock() if len(times) >= self.tries else 0.0

    def wrong(self, key: str) -> None:
        """Count a wrong try."""
        times = self._recent(key)
        times.append(self.clock())
        self._wrong[key] = times
        self._wrong.move_to_end(key)
        if len(self._wrong) > ENTRIES:
            self._wrong.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        times = self._wrong.get(key, deque(maxlen=self.tries))
        oldest = self.clock() - self.window
        while times and times[0] <= oldest:
            times.popleft()
        return times


def client_address(request: web.Request) -> str:
    """Return the address a request came from, behind our own proxy too.

    Only a neighbour on a private address is taken for our proxy, and of what it forwards only the last entry, which
    is the one that it wrote itself.
    """
    peer = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded if _private(peer) and _address(forwarded) else peer


def _private(text: str) -> bool:
    address = _address(text)
    return address is not None and (address.is_private or address.is_loopback)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
