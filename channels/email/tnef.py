"""winmail.dat: what Outlook wraps a mail and its attachments in when it takes the reader for one too (MS-OXTNEF).

Read here and not by a library: the one at hand believes the counts in the file, copies the rest of it for each piece,
and one that says four thousand million properties keeps it busy for many minutes, a line in the log for each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.email.words import clean, decode

_SIGNATURE = b"\x78\x9f\x3e\x22"
_MOST = 2000  # objects of a file, properties of an object

_TITLE, _DATA, _START, _PROPERTIES = 0x8010, 0x800F, 0x9002, 0x9005
_BODY, _MAIL_PROPERTIES, _CODE_PAGE = 0x800C, 0x9003, 0x9007

_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _MIME, _BYTES = 0x3707, 0x3704, 0x3001, 0x370E, 0x3701
_PLAIN, _HTML, _RICH, _INTERNET_CODE_PAGE = 0x1000, 0x1013, 0x1009, 0x3FDE

_SIZES = {0x02: 4, 0x0B: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_UNICODE = 0x1F
_EMBEDDED = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"  # precedes a mail within the mail


@dataclass(slots=True)
class Wrapped:
    """One attachment that was wrapped."""

    filename: str = field(default="", repr=False)
    content_type: str = ""
    data: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Wrapping:
    """What a winmail.dat holds. `rich` says that it has words in rich text, which are not read here."""

    plain: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    rich: bool = False
    attachments: list[Wrapped] = field(default_factory=list)


def unwrap(data: bytes) -> Wrapping | None:
    """Read a winmail.dat as far as it is whole; None when it is none. Never raises."""
    if not data.startswith(_SIGNATURE):
        return None
    found, charset = Wrapping(), "cp1252"
    for name, value in _objects(data):
        if name == _CODE_PAGE:
            charset = _code_page(value) or charset
        elif name == _BODY:
            found.plain = found.plain or decode(value.rstrip(b"\x00"), charset)
        elif name == _MAIL_PROPERTIES:
            _read_mail(found, dict(_properties(value)), charset)
        elif name == _START:
            found.attachments.append(Wrapped())
        elif found.attachments:
            _read_attachment(found.attachments[-1], name, value, charset)
    return found


def _read_mail(found: Wrapping, properties: dict[int, tuple[int, bytes]], charset: str) -> None:
    page = _code_page(properties.get(_INTERNET_CODE_PAGE, (0, b""))[1]) or charset
    kind, value = properties.get(_PLAIN, (0, b""))
    found.plain = _words(kind, value, page) or found.plain
    kind, value = properties.get(_HTML, (0, b""))
    found.html = _words(kind, value, page)
    found.rich = _RICH in properties


def _read_attachment(found: Wrapped, name: int, value: bytes, charset: str) -> None:
    if name == _TITLE:
        found.filename = found.filename or _words(0, value, charset)
    elif name == _DATA:
        found.data = value
    elif name == _PROPERTIES:
        properties = dict(_properties(value))
        for wanted in (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME):
            if wanted in properties:
                found.filename = _words(*properties[wanted], charset) or found.filename
                break
        found.content_type = _words(*properties.get(_MIME, (0, b"")), charset).lower()
        if _BYTES in properties:
            found.data = properties[_BYTES][1].removeprefix(_EMBEDDED)


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (name, value) of each object: level, name, type, length, value, checksum."""
    at = 6
    for _ in range(_MOST):
        if at + 11 > len(data):
            return
        _, name, _, length = struct.unpack_from("<BHHI", data, at)
        yield name, data[at + 9 : at + 9 + length]
        at += length + 11


def _properties(data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Yield (id, (type, value)) of each MAPI property; of several values the first."""
    try:
        (count,) = struct.unpack_from("<I", data)
        at = 4
        for _ in range(min(count, _MOST)):
            kind, identity = struct.unpack_from("<HH", data, at)
            at += 4
            if identity & 0x8000:  # a named one: its GUID, and a number or a name
                (named,) = struct.unpack_from("<I", data, at + 16)
                (length,) = struct.unpack_from("<I", data, at + 20)
                at += 24 + (_padded(length) if named else 0)
            values, at = _values(data, at, kind)
            yield identity, (kind & 0xFFF, values)
    except struct.error:
        return  # cut off: what came before stands


def _values(data: bytes, at: int, kind: int) -> tuple[bytes, int]:
    base, several = kind & 0xFFF, bool(kind & 0x1000)
    count = 1
    if several or base in _VARIABLE:
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
    if base not in _VARIABLE:
        size = _SIZES.get(base, 4)
        return data[at : at + size], at + size * count
    first = b""
    for index in range(min(count, _MOST)):
        (length,) = struct.unpack_from("<I", data, at)
        if index == 0:
            first = data[at + 4 : at + 4 + length]
        at += 4 + _padded(length)
    return first, at


def _padded(length: int) -> int:
    return (length + 3) // 4 * 4


def _code_page(value: bytes) -> str:
    number = int.from_bytes(value[:4], "little")
    return {0: "", 65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1", 28596: "iso-8859-6"}.get(
        number, f"cp{number}"
    )


def _words(kind: int, value: bytes, charset: str) -> str:
    if kind == _UNICODE:
        return clean(value.decode("utf-16-le", "replace"))
    return decode(value.partition(b"\x00")[0], charset)
