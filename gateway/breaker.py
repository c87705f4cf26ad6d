"""Which of a channel's ways are barred by its provider: fetching, following, its log, its media, replies.

A channel has several, each with a token or an inbox of its own, and the metric is one: it falls only when the last of
them is open again. Else an inbox that is well would hide the one whose password has ended. Where each of our accounts
may be barred by itself, `Bars` keeps how long it is let be.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway import observe

BARRED_FOR = 300.0  # seconds before a provider that does not let us in is asked again

FOLLOWING, LOG, REVISITING = "following", "log", "revisiting"
DELETING, MEDIA, REPLIES = "deleting", "media", "replies"  # of each of our accounts by itself

_barred: dict[str, set[str]] = {}  # of this process, as its metrics are

log = observe.logger("breaker")


def fetching(line: str) -> str:
    """Name the way by which one line of a channel is fetched."""
    return f"fetching {line}"


def trip(channel: str, way: str, code: str, **account: str) -> None:
    """Say that a provider does not let us in on one way, and call a person; with the `account` where it is one's own.

    The account (a number, an inbox, a page) is ours, and published for citizens to write to.
    """
    _barred.setdefault(channel, set()).add(way)
    observe.BARRED.labels(channel).set(1)
    observe.ALARM.labels("channel_barred").inc()
    # Of a line that is fetched not the name, which is an address at somebody's server.
    log.error("provider does not let us in", channel=channel, way=way.partition(" ")[0], code=code, **account)


def reset(channel: str, way: str) -> None:
    """Say that a provider let us in on one way."""
    ways = _barred.get(channel, set())
    ways.discard(way)
    if not ways:
        observe.BARRED.labels(channel).set(0)


class Bars:
    """Our accounts whose provider bars them on one way: each is let be for a while, and the others go on.

    A second number without rights, say, must not silence the first. `clock` is in seconds, and never set back.
    """

    def __init__(self, way: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.way, self.clock = way, clock
        self._until: dict[tuple[str, str], float] = {}  # channel, account -> when it may be tried again

    def bar(self, channel: str, account: str, code: str) -> None:
        """Let an account be for BARRED_FOR seconds and call a person, once for all that wait there."""
        if self.holds(channel, account):
            return
        self._until[channel, account] = self.clock() + BARRED_FOR
        trip(channel, f"{self.way} {account}", code, **({"account": account} if account else {}))

    def lift(self, channel: str, account: str) -> None:
        """Say that the provider let an account in."""
        if self._until.pop((channel, account), None) is not None:
            reset(channel, f"{self.way} {account}")

    def holds(self, channel: str, account: str) -> bool:
        """Say whether an account is let be now."""
        return self._until.get((channel, account), 0.0) > self.clock()

    def accounts(self, channel: str) -> list[str]:
        """Return our accounts on a channel that are let be now."""
        return [account for (name, account) in self._until if name == channel and self.holds(name, account)]
