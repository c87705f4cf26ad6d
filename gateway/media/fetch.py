"""Fetching one attachment from its provider: where a link may lead, who sees the credentials, and how it can end.

    Stored        it is on disk, and its content says what it is
    FetchError
    ├── Unfetchable   for good: gone, not the provider's, too big, of a type that we do not take
    └── TryLater      not now: not there yet, overloaded, cut off on the way, or our own disk does not take it

No reason ever holds the link or a header: Telegram's links carry the bot's token, and S3's are keys themselves.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from channels.base import Source
from gateway.files import Empty, Files, FilesError, Mismatch, NotAllowed, Stored
from gateway.media.address import Door, Reachable, is_public
from gateway.media.content import TAKEN

_PIECE = 64 * 1024
_DAY = 24 * 3600.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Of the refusals these may pass by themselves: Twilio answers 404 for some seconds after a message, a token may be
# renewed, 408, 425 and 429 say so. The worker bounds how often it tries.
_PASSING = frozenset({401, 403, 404, 408, 425, 429})
_URL_SAFE = str.maketrans("-_", "+/")
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")


class FetchError(Exception):
    """The base of every way in which a fetch can end without a file. Its text is fit for logs and for the desk."""


class Unfetchable(FetchError):
    """It will never come: do not try again."""


class TryLater(FetchError):
    """It did not come this time. `retry_after` is in seconds, None leaves the pace to the caller.

    `ours` says that the fault is on our side of the wire (a full disk), `denied` that the provider does not accept what
    we showed it (a token that ended, or a file that is not of our account): neither should use up a try.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, ours: bool = False, denied: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after, self.ours, self.denied = retry_after, ours, denied


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a fetch may take, in seconds, and how many redirects it may follow."""

    connect: float = 5.0
    idle: float = 15.0
    total: float = 60.0
    redirects: int = 5


class Fetcher:
    """Fetches attachments into the folder of files.

    `allowed` holds the content types to take. `resolver`, `reachable` and `tls` replace the system's resolver, the
    rule that an address must be public, and the system's certificates, for a network with its own.
    """

    def __init__(
        self,
        files: Files,
        limits: Limits | None = None,
        *,
        allowed: AbstractSet[str] = TAKEN,
        resolver: AbstractResolver | None = None,
        reachable: Reachable = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._files, self._limits, self._allowed = files, limits or Limits(), allowed
        self._resolver, self._reachable, self._tls = resolver, reachable, tls

    async def fetch(self, source: Source, *, declared: str, limit: int, expected_sha256: str | None = None) -> Stored:
        """Fetch and keep an attachment of at most `limit` bytes.

        `declared` is the type that was announced: it is named beside the true one when that is refused, and believed
        in nothing. `expected_sha256` is the provider's checksum, in hex or base64 (WhatsApp's webhook has the one, its
        API the other). Raises Unfetchable or TryLater.
        """
        digest = _hex(expected_sha256) if expected_sha256 else None
        try:
            async with asyncio.timeout(self._limits.total), self._follow(source) as response:
                return await self._keep(response, declared, limit, digest)
        except TimeoutError:
            raise TryLater(f"it took longer than {self._limits.total:g} seconds") from None

    @asynccontextmanager
    async def _follow(self, source: Source) -> AsyncIterator[ClientResponse]:
        """Ask, follow redirects, judge the first answer that is none, and hand out what has a body."""
        url, headers = _read(source.url), source.headers
        for _ in range(self._limits.redirects + 1):
            async with self._ask(url, headers, private=_admit(url, source)) as response:
                if response.status not in _REDIRECTS:
                    _judge(response, shown=bool(headers))
                    yield response
                    return
                if "Location" not in response.headers:
                    raise Unfetchable("it redirects to nowhere")
                target = _read(response.headers["Location"], url)
            if (target.scheme, target.raw_host, target.port) != (url.scheme, url.raw_host, url.port):
                headers = {}  # and they stay off, even if the way leads back
            url = target
        raise Unfetchable(f"it redirects more than {self._limits.redirects} times")

    @asynccontextmanager
    async def _ask(self, url: URL, headers: Mapping[str, str], *, private: bool) -> AsyncIterator[ClientResponse]:
        """Send one request through a door of its own: no connection, cookie or look-up is shared with another."""
        door = Door((lambda _: True) if private else self._reachable)
        connector = TCPConnector(
            resolver=self._resolver, use_dns_cache=False, force_close=True, socket_factory=door, ssl=self._tls or True
        )
        session = ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=ClientTimeout(total=None, connect=self._limits.connect, sock_read=self._limits.idle),
            # Compression gains nothing on photos, and hides how large they are.
            headers={"User-Agent": "balagh", "Accept-Encoding": "identity"},
        )
        async with session:
            with _translated(door):
                response = await session.get(url, headers=headers, allow_redirects=False)
            async with response:
                yield response

    async def _keep(self, response: ClientResponse, declared: str, limit: int, digest: str | None) -> Stored:
        """Stream the body of an answer to the disk."""
        if (response.content_length or 0) > limit:
            raise Unfetchable(f"it is larger than {limit} bytes")
        async with aclosing(_body(response)) as body:
            try:
                return await self._files.write(body, limit=limit, allowed=self._allowed, expected_sha256=digest)
            except (Empty, Mismatch) as error:
                raise TryLater(str(error)) from None
            except NotAllowed as error:
                name = declared.partition(";")[0].strip().lower()
                called = f"; it was declared as {name}" if _TYPE.fullmatch(name) else ""
                raise Unfetchable(f"{error}{called}") from None
            except FilesError as error:
                raise Unfetchable(str(error)) from None
            except OSError as error:
                raise TryLater(f"our own disk does not take it: {error.strerror}", ours=True) from error


def _read(address: str, base: URL | None = None) -> URL:
    try:
        url = URL(address)
        return base.join(url) if base else url
    except ValueError:
        raise Unfetchable("its address cannot be read") from None


def _admit(url: URL, source: Source) -> bool:
    """Raise Unfetchable unless the source may lead here; say whether it is the one place that may be private."""
    host, port = (url.raw_host or "").lower().rstrip("."), url.port
    if url.user is not None or url.password is not None:
        raise Unfetchable("its address holds a user or a password")
    name, _, number = source.private.lower().rpartition(":")
    if (host, str(port)) == (name.strip("[]"), number) and url.scheme in {"http", "https"}:
        return True
    if url.scheme != "https":
        raise Unfetchable("its address is not https")
    for allowed in source.hosts:
        if host == allowed.lower() or (allowed.startswith("*.") and host.endswith(allowed[1:].lower())):
            return False
    raise Unfetchable("its address is not on one of the provider's hosts")


def _judge(response: ClientResponse, *, shown: bool) -> None:
    """Let a body pass, and raise what any other answer means to a request that did, or did not, show credentials."""
    status = response.status
    if status in {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}:
        return
    reason = f"the provider answered {status}"
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.MULTIPLE_CHOICES:
        after = _retry_after(response.headers.get("Retry-After", ""))
        # A storage that saw no credentials of ours and answers 401 speaks of its link, which has run out.
        raise TryLater(reason, after, denied=shown and status == HTTPStatus.UNAUTHORIZED)
    raise Unfetchable(reason)


def _retry_after(value: str) -> float | None:
    """Read seconds or a date, as RFC 9110 allows; at most a day, whatever the provider says."""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), _DAY)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _DAY)


def _hex(checksum: str) -> str:
    """Bring a SHA-256 in hex or base64 to lower-case hex."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", checksum):
        return checksum.lower()
    try:
        digest = base64.b64decode(checksum.translate(_URL_SAFE).rstrip("=") + "=", validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise Unfetchable("the checksum given for it cannot be read")
    return digest.hex()


@contextmanager
def _translated(door: Door | None = None) -> Iterator[None]:
    """Turn what goes wrong between us and the provider into our words, without the address that aiohttp's hold."""
    try:
        yield
    except ClientConnectorDNSError:
        raise TryLater("the provider's name could not be looked up") from None
    except ClientConnectorCertificateError:
        raise TryLater("the provider's certificate could not be verified") from None
    except ValueError:  # aiohttp's InvalidURL; a label that is no domain name; a header that cannot be sent
        raise Unfetchable("its address cannot be asked") from None
    except TimeoutError:
        raise TryLater("the provider was silent for too long") from None
    except (ClientError, OSError) as error:
        if door is not None and door.refused and not door.opened:
            raise Unfetchable("its address leads into a private network") from None
        raise TryLater(f"the connection to the provider broke ({type(error).__name__})") from None


async def _body(response: ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield the body, decompressed if need be: some stores send gzip whatever was asked for."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise Unfetchable("it is compressed in a way that was not asked for")
    inflate = _Gunzip() if encoding != "identity" else None
    while True:
        with _translated():
            chunk = await response.content.readany()
        if not chunk:
            break
        if inflate is None:
            yield chunk
        else:
            for piece in inflate.pieces(chunk):
                yield piece
    if inflate is not None:
        inflate.finish()


class _Gunzip:
    """Decompresses in small pieces, so that whoever counts them can stop long before a bomb has gone off."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with the header and the check sum of gzip

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, _PIECE bytes at a time."""
        full = True
        while chunk or full:
            try:
                piece = self._stream.decompress(chunk, _PIECE)
            except zlib.error:
                raise TryLater("its compression is damaged") from None
            if self._stream.unused_data:  # zlib would keep whatever follows the end, however much
                raise TryLater("its compression is damaged")
            yield piece
            chunk, full = self._stream.unconsumed_tail, len(piece) == _PIECE

    def finish(self) -> None:
        """Raise TryLater when the end is missing."""
        if not self._stream.eof:
            raise TryLater("it was cut off on the way")
