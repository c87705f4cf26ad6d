"""The base of the channels that a provider calls: from the bytes of a request to what the provider is told."""

from __future__ import annotations

import abc
import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from channels.base.adapter import Adapter
from channels.base.endings import Forged, Malformed, TooLarge, TooSlow, Unreadable
from channels.message import Address, Inbound, Purpose, Receipt, Scheme, raw_body

GROUP = 64  # messages of one request that are put on disk together
PATIENCE = 20.0  # seconds for a body to arrive; it is a megabyte at most, and providers hang up after 15

Accept = Callable[[Inbound], Awaitable[Receipt]]
"""Put an Inbound on disk and return its receipt. Raises when it could not be stored; then nothing was accepted."""


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
                receipts = await _all(accept, inbounds)
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


async def _all(accept: Accept, inbounds: Sequence[Inbound]) -> list[Receipt]:
    """Accept what one request brought, in order, a group at a time: those of a group share a commit."""
    receipts: list[Receipt] = []
    for start in range(0, len(inbounds), GROUP):
        receipts += await asyncio.gather(*(accept(inbound) for inbound in inbounds[start : start + GROUP]))
    return receipts


def public_url(base: str, request: web.Request) -> str:
    """Return the URL as the provider knows it: the configured base and the request's path, escapes untouched.

    Never derived from Host or X-Forwarded-*: whoever replays a signed request would choose those.
    """
    return base.rstrip("/") + request.raw_path
