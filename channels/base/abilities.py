"""What a channel can do beside hearing, and what the house does for it: protocols, asked for by what a channel has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from channels.message import Inbound, Media, Receipt, Reply, Sent


@runtime_checkable
class Speaker(Protocol):
    """A channel that can answer. `rate` is how many replies a second one account may send."""

    rate: float

    async def send(self, reply: Reply) -> Sent:
        """Hand the reply to the provider. Raises Refused, Busy or OutcomeUnknown."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of one attachment may be fetched.

    The address to ask, the headers to send to that host, and the hosts to which it may lead. `private` names the one
    `host:port` that may lie in a private network. `sha256` is what the bytes must have, in lower-case hex, where the
    provider says it.

    In `hosts`, `*.example.com` stands for every host below example.com, and not for example.com itself.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    hosts: frozenset[str]
    private: str = ""
    sha256: str = ""


@runtime_checkable
class Fetches(Protocol):
    """A channel whose media must be fetched from the provider after the message was accepted."""

    async def source(self, url: str) -> Source:
        """Say how to fetch a media URL of this channel.

        Raises Busy or Barred when the provider must be asked and does not say, Refused when it never will.
        """
        ...


@runtime_checkable
class Forgets(Protocol):
    """A channel that can delete media at the provider, once they are safe with us."""

    async def forget(self, url: str) -> None:
        """Delete what a media URL points at. Returns also when it is gone already. Raises Refused, Busy, Barred."""
        ...


@runtime_checkable
class Probes(Protocol):
    """A channel that can ask its provider whether we are let in, for `balagh check`."""

    async def probe(self) -> str:
        """Return in a few words who we are there. Raises Refused, Busy, Barred."""
        ...


class Reception(Protocol):
    """What the house does for a channel that goes out to fetch."""

    async def accept(self, inbound: Inbound) -> Receipt:
        """Put an Inbound on disk and return its receipt. Raises when it could not be stored."""
        ...

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Put the bytes of an attachment on disk. The content decides its type; the declared one is a hint.

        Raises ValueError when there are none, or more than one attachment may have.
        """
        ...

    async def recall(self, key: str) -> str:
        """Return what this channel last remembered under a key; empty when nothing was."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keep a value (a cursor, an id) under a key, on disk, for whichever process fetches next."""
        ...


@runtime_checkable
class Recounts(Protocol):
    """A channel whose provider keeps a log of what it delivered: the other side of our books."""

    def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what the provider says citizens sent since then, under the identities that its deliveries had.

        Whatever was missing is taken in by it. Raises Refused, Busy, Barred.
        """
        ...


@runtime_checkable
class RecountsEach(Protocol):
    """A channel with a log for each of its lines: one that cannot be read is no reason to read the others again."""

    def lines(self) -> Sequence[str]:
        """Name the lines, as for `fetch`."""
        ...

    def recount_line(self, line: str, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what one line's log lists since then, as `Recounts.recount` does. Raises Refused, Busy, Barred."""
        ...


@runtime_checkable
class Follows(Protocol):
    """A channel whose provider sometimes says only that something was said, and must be asked for the words."""

    def follow(self, pointer: Inbound) -> AsyncIterator[Inbound]:
        """Yield what a POINTER points at: nothing when it is gone. Raises Refused, Busy, Barred."""
        ...


@runtime_checkable
class Revisits(Protocol):
    """A channel of public posts whose provider does not tell of every change: it must be asked what became of them."""

    def revisit(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield what became of posts that were heard: an EDIT, or a DELETION of what its author took away.

        Nothing of a post that stands as it was, and of one about which the provider does not say. Under the identities
        that deliveries of the same have. Raises Refused, Busy, Barred; Refused where the provider will not speak of
        some, once the others were asked for: they are not asked for again before the next day.
        """
        ...
