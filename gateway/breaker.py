"""Which of a channel's ways are barred by its provider: fetching, following, its log, its media, replies.

A channel has several, each with a token or an inbox of its own, and the metric is one: it falls only when the last of
them is open again. Else an inbox that is well would hide the one whose password has ended.
"""

from __future__ import annotations

from gateway import observe

BARRED_FOR = 300.0  # seconds before a provider that does not let us in is asked again

FOLLOWING, LOG, MEDIA, REPLIES, REVISITING = "following", "log", "media", "replies", "revisiting"

_barred: dict[str, set[str]] = {}  # of this process, as its metrics are

log = observe.logger("breaker")


def fetching(line: str) -> str:
    """Name the way by which one line of a channel is fetched."""
    return f"fetching {line}"


def speaking(account: str) -> str:
    """Name the way by which one of our accounts (a number, an inbox, a page) answers: others may be let in."""
    return f"{REPLIES} {account}"


def trip(channel: str, way: str, code: str, **account: str) -> None:
    """Say that a provider does not let us in on one way, and call a person; of replies with the `account` that spoke.

    The account is ours, and published for citizens to write to.
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
