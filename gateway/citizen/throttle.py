"""How often somebody may try. In memory, bounded, and generous to addresses: a whole town can share one.

Each process counts for itself: with several, the limits are that many times as wide.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from heapq import heappop, heappush

from aiohttp import web

ENTRIES = 20_000  # remembered at once; past that the one seen longest ago is forgotten
CLOSED = 100_000  # references closed at once: some 40 MB, and 500,000 wrong tries within their window

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
    """Closes a reference after `tries` wrong PINs within `window` seconds, until the first of them is that old.

    What is closed is never forgotten before its time, whatever else is tried; of what is open, the one tried longest
    ago is forgotten first. When no more can be closed everything is, until the next one opens: where nobody can count,
    nobody may guess.
    """

    def __init__(self, tries: int, window: float, *, clock: Clock = time.monotonic) -> None:
        self.tries, self.window, self.clock = tries, window, clock
        self._open: OrderedDict[str, tuple[float, ...]] = OrderedDict()  # key -> when it was tried
        self._closed: dict[str, tuple[float, ...]] = {}
        self._opening: list[tuple[float, str]] = []  # a heap: when each that is closed opens

    def remaining(self, key: str) -> float:
        """Return for how many seconds it is still closed; 0 when it is open."""
        now = self._open_old()
        if key in self._closed:
            return self._closed[key][0] + self.window - now
        return self._opening[0][0] - now if len(self._closed) >= CLOSED else 0.0

    def wrong(self, key: str) -> None:
        """Count a wrong try. What is closed is not tried, so nothing is counted for it."""
        now = self._open_old()
        if key in self._closed or len(self._closed) >= CLOSED:
            return
        times = (*(tried for tried in self._open.pop(key, ()) if tried > now - self.window), now)
        if len(times) < self.tries:
            self._remember(key, times)
        else:
            self._closed[key] = times
            heappush(self._opening, (times[0] + self.window, key))

    def _open_old(self) -> float:
        """Open what has been closed for long enough, and return the time now."""
        now = self.clock()
        while self._opening and self._opening[0][0] <= now:
            _, key = heappop(self._opening)
            self._remember(key, self._closed.pop(key)[1:])
        return now

    def _remember(self, key: str, times: tuple[float, ...]) -> None:
        self._open[key] = times
        if len(self._open) > ENTRIES:
            self._open.popitem(last=False)


def client_address(request: web.Request) -> str:
    """Return the address a request came from, behind our own proxy too.

    Only a neighbour on a private address is taken for our proxy, and of what it forwards only the last entry, which
    is the one that it wrote itself. Some proxies append to the header, and some add another one below it.
    """
    peer = request.remote or ""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).rpartition(",")[2].strip()
    return forwarded if _private(peer) and _address(forwarded) else peer


def _private(text: str) -> bool:
    address = _address(text)
    return address is not None and (address.is_private or address.is_loopback)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
