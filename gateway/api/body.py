"""Read what a program sends: one JSON document, or a multipart form whose files go to disk as they arrive."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException
from pydantic import BaseModel, ValidationError

from channels.message import Media
from gateway.api.problem import INVALID, MEDIA, TOO_LARGE, TOO_SLOW, UNREADABLE, Fault, Problem
from gateway.files import Empty, Files, NotAllowed, TooBig

Model = TypeVar("Model", bound=BaseModel)

MOST_FILES: Final = 8
LARGEST_FILE: Final = 16 * 1024 * 1024  # bytes
LARGEST_DOCUMENT: Final = 512 * 1024  # bytes: the longest text, with every character written as an escape, and the rest
LARGEST_REQUEST: Final = MOST_FILES * LARGEST_FILE + 2 * LARGEST_DOCUMENT  # bytes
MOST_PARTS: Final = 64
PATIENCE: Final = 300.0  # seconds for a request to arrive: the largest one over 4 Mbit/s
DOCUMENT: Final = "complaint"
"""The part of a form that holds the whole report as JSON."""

_CHUNK: Final = 64 * 1024
_LONGEST_FILENAME: Final = 255  # characters
_NUMBER: Final = re.compile(r"[+-]?\d{1,10}(?:\.\d{1,20})?", re.ASCII)
_NUMBERS: Final = {"place.latitude", "place.longitude"}
_TRUTHS: Final = {"true": True, "false": False}
# What aiohttp raises for a form that is not well-formed, warnings that somebody made errors among them.
_BROKEN: Final = (
    ValueError,
    RuntimeError,
    AssertionError,
    HttpProcessingError,
    RuntimeWarning,
    web.RequestPayloadError,
)

# The warning's text is the header, which has the name of a citizen's file in it. The part is refused in any case.
warnings.filterwarnings("ignore", category=BadContentDispositionHeader)
warnings.filterwarnings("ignore", category=BadContentDispositionParam)


@dataclass(slots=True)
class Sent:
    """What arrived: the document, the files that are on disk, and what was wrong with other files."""

    document: Any = None
    media: list[Media] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


async def read_body(request: web.Request, files: Files) -> Sent:
    """Read a request. Raises Problem 400, 408, 413 or 415, and OSError when the disk takes no file."""
    if request.content_length is not None and request.content_length > LARGEST_REQUEST:
        raise _too_large(LARGEST_REQUEST)
    try:
        async with asyncio.timeout(PATIENCE):
            match request.content_type:
                case "application/json":
                    return Sent(read_json(await _whole(request, LARGEST_DOCUMENT)))
                case "multipart/form-data":
                    return await _form(request, files)
    except TimeoutError:
        raise Problem(TOO_SLOW) from None
    raise Problem(MEDIA, "Send application/json or multipart/form-data.")


async def read_document(request: web.Request, types: Collection[str], limit: int) -> Any:
    """Read a request that is one JSON document of a media type, `limit` bytes at most.

    Raises Problem 400, 408, 413 or 415.
    """
    if request.content_type not in types:
        raise Problem(MEDIA, f"Send {' or '.join(sorted(types))}.")
    try:
        async with asyncio.timeout(PATIENCE):
            return read_json(await _whole(request, limit))
    except TimeoutError:
        raise Problem(TOO_SLOW) from None


def read_as(model: type[Model], document: Any) -> Model:
    """Read a document as what a model says. Raises Problem 422 that names every wrong field."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = [
            Fault(field=".".join(str(part) for part in row["loc"]) or "body", detail=row["msg"])
            for row in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Problem(INVALID, errors=faults) from None


def read_json(content: bytes | bytearray) -> Any:
    """Read one JSON document, strictly: no name twice, no NaN, UTF-8. Raises Problem 400."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(UNREADABLE, "It must be JSON in UTF-8, with every name once in its object.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(_name: str) -> float:
    raise ValueError("NaN and Infinity are no JSON")


async def _whole(request: web.Request, limit: int) -> bytearray:
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():  # what was compressed arrives here unpacked
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except (web.RequestPayloadError, HttpProcessingError):
        raise _broken() from None
    return body


async def _form(request: web.Request, files: Files) -> Sent:
    form = _Form(files)
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise Problem(UNREADABLE, "A form within a form is not taken.")
            await form.add(part)
    except (Problem, HTTPException):
        raise
    except _BROKEN:
        raise _broken() from None
    return form.sent()


class _Form:
    """A form in the reading."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._fields: dict[str, str] = {}
        self._sent = Sent()
        self._parts = self._seen = 0
        self._left = 2 * LARGEST_DOCUMENT  # bytes that fields may still have

    async def add(self, part: BodyPartReader) -> None:
        """Take the next part."""
        self._parts += 1
        name, filename = part.name, part.filename
        if self._parts > MOST_PARTS:
            raise Problem(UNREADABLE, f"A form has at most {MOST_PARTS} parts.")
        if not name:
            raise Problem(UNREADABLE, "A part of the form has no name, or the form is cut off.")
        if part.headers.get("Content-Transfer-Encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
            raise Problem(UNREADABLE, "Files are taken as they are, without a transfer encoding.")
        if filename is not None and name != DOCUMENT:
            await self._keep(part, filename)
        elif name in self._fields:
            raise Problem(UNREADABLE, "A field is there twice.")
        else:
            self._fields[name] = await self._field(part)

    async def _field(self, part: BodyPartReader) -> str:
        value = bytearray()
        async for chunk in _chunks(part):
            value += chunk
            self._left -= len(chunk)
            if self._left < 0:
                raise _too_large(2 * LARGEST_DOCUMENT)
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem(UNREADABLE, "Every field of a form must be UTF-8.") from None

    async def _keep(self, part: BodyPartReader, filename: str) -> None:
        number, self._seen = self._seen, self._seen + 1
        name = f"attachments.{number}"
        if number >= MOST_FILES:
            raise Problem(TOO_LARGE, f"At most {MOST_FILES} files are taken.")
        chunks = _Counted(_chunks(part))
        try:
            stored = await self._files.write(chunks, limit=LARGEST_FILE)
        except TooBig:
            raise _too_large(LARGEST_FILE) from None
        except Empty:
            if filename:  # a form that was sent without choosing a file has a part without a name
                self._sent.faults.append(Fault(field=name, detail="The file is empty."))
            else:
                self._seen -= 1
            return
        except NotAllowed as error:
            self._sent.faults.append(Fault(field=name, detail=f"A file of the type {error.content_type} is not taken."))
            async for _ in chunks:  # its rest is counted all the same
                if chunks.size > LARGEST_FILE:
                    raise _too_large(LARGEST_FILE) from None
            return
        self._sent.media.append(
            Media(
                content_type=stored.content_type,
                filename=filename[:_LONGEST_FILENAME],
                sha256=stored.sha256,
                size=stored.size,
            )
        )

    def sent(self) -> Sent:
        """Put together what was read: the one JSON part, or the fields by their names."""
        if DOCUMENT not in self._fields:
            self._sent.document = _nested(self._fields)
        elif len(self._fields) > 1:
            raise Problem(UNREADABLE, f"Beside the part {DOCUMENT} there can only be files.")
        else:
            self._sent.document = read_json(self._fields[DOCUMENT].encode())
        return self._sent


class _Counted:
    """Chunks of a part, counted, that can be read on after a reader gave up."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self.size = chunks, 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self.size += len(chunk)
        return chunk


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while not part.at_eof():
        chunk = await part.read_chunk(_CHUNK)
        if chunk:
            yield bytes(chunk)


def _nested(fields: dict[str, str]) -> dict[str, Any]:
    """Lay the fields of a form out as the document they mean; an optional one that was left empty was not said."""
    document: dict[str, Any] = {}
    for name, value in fields.items():
        if not value and name != "text":
            continue
        outer, dot, inner = name.partition(".")
        if dot and outer in {"place", "contact"}:
            document.setdefault(outer, {})[inner] = _typed(name, value)
        else:
            document[name] = _typed(name, value)
    return document


def _typed(name: str, value: str) -> Any:
    if name in _NUMBERS and _NUMBER.fullmatch(value):
        return float(value)
    return _TRUTHS.get(value, value) if name == "confidential" else value


def _too_large(limit: int) -> Problem:
    return Problem(TOO_LARGE, f"The limit here is {limit} bytes.")


def _broken() -> Problem:
    return Problem(UNREADABLE, "The request is cut off, or not what its headers say.")
