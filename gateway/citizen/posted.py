"""A form as it came in: its fields read with limits, its files streamed to the disk as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from channels.message import Media
from gateway import observe
from gateway.files import Empty, Files, FilesError, NotAllowed, Stored, TooBig
from normalizer.text import clean

FILES = 8
FILE_SIZE = 16 * 1024 * 1024  # bytes
BODY_SIZE = FILES * FILE_SIZE + 32 * 1024 * 1024  # bytes; room for one file too large, so that we can still name it
PARTS = 96  # fields and files together; the form has about a dozen fields
LONG_FIELD = 256 * 1024  # bytes kept of the text, far more than is allowed, so that what is too long is shown again
SHORT_FIELD = 8 * 1024  # bytes kept of any other field
CHUNK = 64 * 1024  # bytes
PATIENCE = 600.0  # seconds for a form to arrive: the largest one over 2.1 Mbit/s
UPLOADS = 32  # files written at once: each holds a place on the disk for as long as its sender likes
TURN = 10.0  # seconds to wait for a place among them
GRACE = 30.0  # seconds after which a file that comes slower than …
SLOWEST = 8 * 1024  # … so many bytes a second gives up its place to somebody who waits
NAME_LENGTH = 100  # characters of a file's name

FIELDS = frozenset(
    {
        *("nonce", "text", "where", "district", "danger", "kind", "category", "name", "phone", "email", "confidential"),
        *("website", "reference", "pin"),
    }
)

log = observe.logger("citizen")


class Unreadable(Exception):
    """It is not a form that we could read."""


class TooMuch(Exception):
    """There is more of it than we take. `posted` is what came before that."""

    def __init__(self, posted: Posted) -> None:
        super().__init__("the form is larger than we take")
        self.posted = posted


class TooSlow(Exception):
    """It did not arrive in time. `posted` is what came until then."""

    def __init__(self, posted: Posted) -> None:
        super().__init__("the form took longer than we wait")
        self.posted = posted


class Full(Exception):
    """As many files are being written as we take at once."""


class Shelf:
    """Where files are put, so many at once and no more. A form without files needs no place on it.

    A place is kept for as long as the file takes to arrive; but who sends a byte now and then loses it when it is
    wanted, or a few idle connections would keep everybody's photos out.
    """

    def __init__(self, files: Files) -> None:
        self._files, self._places = files, asyncio.Semaphore(UPLOADS)
        self._turns: set[_Turn] = set()

    async def put(self, chunks: AsyncIterator[bytes]) -> Stored:
        """Write a file. Raises Full when no place comes free in time or ours was wanted, and what Files raises."""
        if self._places.locked():
            self._make_room()
        try:
            async with asyncio.timeout(TURN):
                await self._places.acquire()
        except TimeoutError:
            raise Full from None
        turn = _Turn(asyncio.get_running_loop().time(), asyncio.timeout(None))
        self._turns.add(turn)
        try:
            async with turn.end:
                return await self._files.write(turn.counted(chunks), limit=FILE_SIZE)
        except TimeoutError:
            if turn.end.expired():
                raise Full from None
            raise
        finally:
            self._turns.discard(turn)
            self._places.release()

    def _make_room(self) -> None:
        """End the turn of the slowest, if it is too slow."""
        now = asyncio.get_running_loop().time()
        slow = [turn for turn in self._turns if now - turn.began > GRACE and turn.pace(now) < SLOWEST]
        if slow:
            slowest = min(slow, key=lambda turn: turn.pace(now))
            self._turns.discard(slowest)  # the next who waits ends another's
            slowest.end.reschedule(now)


@dataclass(slots=True, eq=False)
class _Turn:
    """A file on its way to the shelf."""

    began: float
    end: asyncio.Timeout
    size: int = 0

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.size += len(chunk)
            yield chunk

    def pace(self, now: float) -> float:
        """Return the bytes a second so far."""
        return self.size / (now - self.began)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not kept. `why` is one of type, big, empty, many."""

    why: str
    name: str = field(repr=False)


@dataclass(slots=True)
class Posted:
    """What a citizen filled in and attached. A field that did not come is an empty string."""

    fields: dict[str, str] = field(default_factory=dict, repr=False)
    kept: list[str] = field(default_factory=list, repr=False)  # tokens of files that came with an earlier try
    files: list[Media] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    skipped: bool = False  # files came and were not read, because nothing may be stored now
    full: bool = False  # and that is so because too many files of others are arriving
    disk_broken: bool = False
    known: frozenset[str] = FIELDS  # the fields that it may have

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


async def read_posted(request: web.Request, shelf: Shelf | None, fields: frozenset[str] = FIELDS) -> Posted:
    """Read a form that has these fields. Without a shelf, what is attached is read past and not kept.

    Raises Unreadable, when the connection was lost too, TooMuch and TooSlow.
    """
    readers = {"multipart/form-data": _read_multipart, "application/x-www-form-urlencoded": _read_urlencoded}
    reader = readers.get(request.content_type)
    if reader is None:
        raise Unreadable
    posted = Posted(known=fields)
    try:
        async with asyncio.timeout(PATIENCE):
            await reader(request, posted, shelf)
    except TimeoutError as error:
        raise TooSlow(posted) from error
    except (ValueError, AssertionError, ConnectionError, HttpProcessingError, web.RequestPayloadError) as error:
        raise Unreadable from error  # what aiohttp raises for a body that is malformed or ends too soon
    return posted


async def _read_multipart(request: web.Request, posted: Posted, shelf: Shelf | None) -> None:
    budget, parts = _Budget(posted), 0
    async for part in await request.multipart():
        parts += 1
        if parts > PARTS or not isinstance(part, BodyPartReader):
            raise Unreadable
        await _read_part(part, posted, shelf, budget)


async def _read_urlencoded(request: web.Request, posted: Posted, _shelf: Shelf | None) -> None:
    """Read the kind of form that cannot bring files."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > 4 * LONG_FIELD:  # each byte of Arabic is written as three
            raise TooMuch(posted)
    for name, value in parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=PARTS, errors="replace"):
        if name in posted.known:
            posted.fields.setdefault(name, value.replace("\r\n", "\n"))
        elif name == "kept" and len(posted.kept) < FILES:
            posted.kept.append(value)


class _Budget:
    """What may still be read of the whole body."""

    def __init__(self, posted: Posted) -> None:
        self.left, self.posted = BODY_SIZE, posted

    async def chunks(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        while chunk := await part.read_chunk(CHUNK):
            self.left -= len(chunk)
            if self.left < 0:
                raise TooMuch(self.posted)
            yield chunk

    async def skip(self, part: BodyPartReader) -> None:
        async for _ in self.chunks(part):
            pass


async def _read_part(part: BodyPartReader, posted: Posted, shelf: Shelf | None, budget: _Budget) -> None:
    if part.name == "files":
        await _read_file(part, posted, shelf, budget)
    elif part.name == "kept" and len(posted.kept) < FILES:
        posted.kept.append(await _read_text(part, SHORT_FIELD, budget))
    elif part.name in posted.known and part.name not in posted.fields:
        limit = LONG_FIELD if part.name == "text" else SHORT_FIELD
        posted.fields[part.name] = await _read_text(part, limit, budget)
    else:
        await budget.skip(part)


async def _read_text(part: BodyPartReader, limit: int, budget: _Budget) -> str:
    read = bytearray()
    async for chunk in budget.chunks(part):
        read += chunk[: limit - len(read)]
    # A browser sends each line break as two characters, and the citizen typed one.
    return read.decode("utf-8", "replace").replace("\r\n", "\n")


async def _read_file(part: BodyPartReader, posted: Posted, shelf: Shelf | None, budget: _Budget) -> None:
    name = _name(part.filename or "")
    if not part.filename:  # what a browser sends when no file was chosen
        await budget.skip(part)
        return
    if shelf is None:
        posted.skipped = True
        await budget.skip(part)
        return
    if len(posted.files) + len(posted.kept) >= FILES:
        posted.refused.append(Refusal("many", name))
        await budget.skip(part)
        return
    try:
        stored = await shelf.put(budget.chunks(part))
    except (TooBig, NotAllowed, Empty) as error:
        posted.refused.append(Refusal(_WHY[type(error)], name))
        await budget.skip(part)
    except Full:
        posted.skipped = posted.full = True
        await budget.skip(part)
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        log.error("a file cannot be kept", reason=error.strerror or type(error).__name__)
        observe.ALARM.labels("files_broken").inc()
        posted.disk_broken = True
        await budget.skip(part)
    else:
        posted.files.append(
            Media(content_type=stored.content_type, filename=name, sha256=stored.sha256, size=stored.size)
        )


_WHY: dict[type[FilesError], str] = {TooBig: "big", NotAllowed: "type", Empty: "empty"}


def _name(filename: str) -> str:
    """Return a file's name as it can be shown: without folders, on one line, its ending kept when it is cut."""
    name = " ".join(clean(filename.replace("\\", "/").rpartition("/")[2]).split())
    if len(name) <= NAME_LENGTH:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = ending[:10] if dot else ""
    return f"{stem or name}"[: NAME_LENGTH - len(ending) - 1] + "…" + ending
