"""The one seam: a channel is an aiohttp application that is handed one function, and optionally knows how to speak.

How hearing can end, and what the provider is told:

    accepted                 200   accept() returned: it is on disk
    ignored                  200   parse() yielded nothing: genuine, and not for us
    ChannelError
    ├── Forged               403   not from the provider, or not provably so; nothing is kept, nobody is told
    ├── Malformed            400   the request is cut off, or is not what its headers say it is
    ├── TooLarge             413   more bytes than the channel takes
    ├── TooSlow              408   the body did not arrive in time: the provider shall try again
    └── Unreadable           200   genuine but not understood: the raw body is kept for a person
    anything else            503   we could not store it, so the provider shall try again

How speaking can end:

    Sent                     the provider took it
    SpeakError
    ├── Refused              for good: this text to this address will never go (`opted_out`, `alarm` say more)
    ├── Barred               nothing of ours goes there until a person has looked: a dead token, a blocked account
    ├── Busy                 not now: try again after `retry_after` seconds
    └── OutcomeUnknown       the provider may or may not have taken it: look before sending again

A provider that must be asked for what is new is fetched from by a `Poller`; it ends in Busy and Barred as well.
"""

from __future__ import annotations

import abc
import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from channels.message import Address, Inbound, Media, Purpose, Receipt, Reply, Scheme, Sent, raw_body

PATIENCE = 20.0  # seconds for a body to arrive; it is a megabyte at most, and providers hang up after 15

Accept = Callable[[Inbound], Awaitable[Receipt]]
"""Put an Inbound on disk and return its receipt. Raises when it could not be stored; then nothing was accepted."""


class ChannelError(Exception):
    """The base of every way in which hearing can end without an Inbound."""


class Forged(ChannelError):
    """The request does not prove that it comes from the provider.

    The caller is not told why, but the operator is: the message is ours alone, and quotes nothing of the request.
    """


class Malformed(ChannelError):
    """The bytes did not arrive as the request's own headers say: nobody can tell whether it is genuine."""


class TooLarge(ChannelError):
    """The body is larger than the channel takes."""


class TooSlow(ChannelError):
    """The body took longer to arrive than a provider takes."""


class Unreadable(ChannelError):
    """The request is genuine, but it is not a message that we know how to read."""


class SpeakError(Exception):
    """The base of every way in which speaking can end without the provider having taken the words."""


class Refused(SpeakError):
    """The provider will never take this: do not try again.

    `code` is the provider's own; `opted_out` says that the citizen asked for silence; `alarm` says that the fault is
    ours or the account's, so that a person must look (a country that is not enabled); `elsewhere` says that the
    citizen cannot be reached this way but may be by another, such as an SMS.
    """

    def __init__(
        self, code: str, message: str, *, opted_out: bool = False, alarm: bool = False, elsewhere: bool = False
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.opted_out, self.alarm, self.elsewhere = code, opted_out, alarm, elsewhere


class Barred(SpeakError):
    """The provider takes nothing from this account and gives it nothing: the token died, the account is blocked.

    What waits stays; it is tried again from time to time, and a person is told.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Busy(SpeakError):
    """The provider cannot take it now. `retry_after` is in seconds; None leaves the pace to the caller."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.retry_after = code, retry_after


class OutcomeUnknown(SpeakError):
    """The request left, and no answer came: it may have been sent. Look at the provider before trying again."""

    code = "unknown"


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
class Follows(Protocol):
    """A channel whose provider sometimes says only that something was said, and must be asked for the words."""

    def follow(self, pointer: Inbound) -> AsyncIterator[Inbound]:
        """Yield what a POINTER points at: nothing when it is gone. Raises Refused, Busy, Barred."""
        ...


class Adapter(abc.ABC):
    """What every channel is: a name, a provider, settings. `Webhook` and `Poller` say how it hears; one may be both.

    `name` is its URL, its settings table, its docs page, its fixture folder.
    """

    name: ClassVar[str]
    provider: ClassVar[str] = ""
    texts: bool = False
    """Whether it can write an SMS to any telephone number, from the `number` in its settings."""

    Settings: ClassVar[type[BaseModel]]
    """A pydantic model of the channel's settings, read from BALAGH_<NAME>__<KEY>. Secrets are SecretStr.

    Two fields are filled by the house: `public_url` from BALAGH_PUBLIC_URL, the address under which the provider knows
    us, and `signing_key` (SecretStr), a key for what the channel must sign and know again, derived from
    BALAGH_SECRET_KEY.
    """

    def __init__(self, settings: Any) -> None:
        """Take the channel's settings: an instance of its `Settings`."""
        self.settings = settings

    async def close(self) -> None:  # noqa: B027 - most channels hold nothing open
        """Let go of what is open: sessions, connections."""


class Poller(Adapter):
    """A channel that goes out to fetch. A subclass fills `fetch`, and `lines` when it has more than one.

    The role `pollers` runs each line in one process at a time, under a lease.
    """

    interval: float = 60.0
    """Seconds between the end of a fetch and the next; 0 when a fetch itself waits for what is new."""

    def lines(self) -> Sequence[str]:
        """Name what is fetched separately: mailboxes, binds. By default one."""
        return ("",)

    @abc.abstractmethod
    def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what is new. Code after a `yield` runs only once that Inbound is on disk: there the cursor moves.

        When it cannot be stored, the generator is closed at that `yield` and begun again later. Raises Busy when the
        provider is away, Barred when it does not let us in.
        """


class Webhook(Adapter):
    """A channel that the provider calls. A subclass fills `verify` and `parse`, and may fill `answer`.

    The subclass lists its paths below /channels/<name> in `paths`; each hears POST. Add routes of another method in
    `extend`. Everything else, from reading bytes to answering errors, happens here, once.
    """

    max_body: ClassVar[int] = 1024 * 1024  # bytes
    paths: ClassVar[Sequence[str]] = ("",)
    reads: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What is heard by GET, added in `extend`: path -> what for, in a line for the description of the API."""

    signs_body: ClassVar[bool] = True
    """False where a provider proves itself by a secret in a header alone, so that its bytes can be changed on the way.
    """

    # To fill in:

    @abc.abstractmethod
    def verify(self, request: web.Request, body: bytes) -> None:
        """Prove on the raw bytes that the provider sent this. Raises Forged; there is no default that permits."""

    @abc.abstractmethod
    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read the Inbounds in a genuine request: none when it is not for us. Raises Unreadable.

        It must be a pure function of the bytes: the same payload yields the same `external_id` at every delivery.
        """

    @abc.abstractmethod
    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that the provider would send with this body to this URL.

        `balagh replay` and the contract test speak through it; that it agrees with the provider's own SDK is for
        the channel's tests to show.
        """

    def answer(self, receipts: Sequence[Receipt]) -> web.Response:
        """Say thank you in the provider's way. By default an empty 200."""
        del receipts
        return web.Response()

    async def respond(self, request: web.Request, body: bytes, receipts: Sequence[Receipt]) -> web.Response:
        """Answer what is on disk. By default `answer`; a telephone call goes on with what the caller hears next."""
        del request, body
        return self.answer(receipts)

    def apologise(self, request: web.Request, body: bytes) -> web.Response | None:
        """Answer what could not be stored. By default None: the provider hears 503 and tries again.

        Only where somebody waits for the answer, and would be cut off by an error, is there anything better.
        """
        del request, body
        return None

    def extend(self, app: web.Application) -> None:
        """Add what the provider needs besides POST, such as a verification by GET."""

    # HTTP; a subclass has no need to touch it:

    def app(self, accept: Accept) -> web.Application:
        """Build the application that hears this provider."""
        app = web.Application()

        async def hear(request: web.Request) -> web.Response:
            return await self._hear(request, accept)

        for path in self.paths:
            app.router.add_post(path or "", hear)
        self.extend(app)
        return app

    async def _hear(self, request: web.Request, accept: Accept) -> web.Response:
        try:
            body = await self._read(request)
            self.verify(request, body)
            try:
                inbounds = tuple(self.parse(request, body))
            except Unreadable as error:
                inbounds = (self.unreadable(body, str(error)),)
            except Exception as error:  # noqa: BLE001 - a bug in parse() must not cost a genuine message
                inbounds = (self.unreadable(body, f"{type(error).__name__} while reading it"),)
            try:
                receipts = [await accept(inbound) for inbound in inbounds]
            except Exception:
                sorry = self.apologise(request, body)
                if sorry is None:
                    raise
                return sorry
        except Forged as error:
            raise web.HTTPForbidden(text="") from error
        except TooLarge as error:
            raise web.HTTPRequestEntityTooLarge(self.max_body, self.max_body, text="") from error
        except TooSlow as error:
            raise web.HTTPRequestTimeout(text="") from error
        except Malformed as error:
            raise web.HTTPBadRequest(text="") from error
        return await self.respond(request, body, receipts)

    async def _read(self, request: web.Request) -> bytes:
        # Not request.read(): below a parent application that applies the parent's limit, not the channel's.
        body = bytearray()
        if (request.content_length or 0) > self.max_body:
            raise TooLarge(str(self.max_body))
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self.max_body:
                        raise TooLarge(str(self.max_body))
        except TimeoutError as error:
            raise TooSlow from error
        except (web.RequestPayloadError, HttpProcessingError) as error:
            raise Malformed from error
        return bytes(body)

    def unreadable(self, body: bytes, why: str) -> Inbound:
        """Keep a genuine request that nobody could read, under the digest of its bytes."""
        return Inbound(
            channel=self.name,
            account="",
            external_id=f"raw:{hashlib.sha256(body).hexdigest()}",
            sender=Address(Scheme.UNKNOWN, ""),
            purpose=Purpose.UNREADABLE,
            provider=self.provider,
            note=why,
            raw=raw_body(body),
        )


def public_url(base: str, request: web.Request) -> str:
    """Return the URL as the provider knows it: the configured base and the request's path, escapes untouched.

    Never derived from Host or X-Forwarded-*: whoever replays a signed request would choose those.
    """
    return base.rstrip("/") + request.raw_path
