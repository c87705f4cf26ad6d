"""The headers of a mail, read so that no broken one can stop the reading.

They are taken raw, as bytes behind surrogates, and decoded here: the standard library's own decoding raises on
`Message-ID: <>`, knows no charset that is misspelt, and turns Arabic in plain 8-bit bytes into U+FFFD.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from urllib.parse import unquote_to_bytes

from channels.email.words import clean, decode

_LONGEST = 64 * 1024  # characters of one header that are looked at
_MOST = 100  # addresses or ids of one header

_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?(.*?)(?:\?=|$)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")
_ID = re.compile(r"<([^<>\s]{1,900})>")
_BARE_ID = re.compile(r"[^<>\s@]{1,200}@[^<>\s]{1,200}")
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:@\\]{1,64}@(?:[^\s<>()\[\]\",;:@\\]{1,253}|\[[0-9A-Fa-fIPv.:]{3,60}\])")
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))', re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, as its owner writes it, and a bare address. Either may be empty."""

    name: str = field(repr=False)
    address: str = field(repr=False)

    @property
    def domain(self) -> str:
        """What stands after the last @, in lower case."""
        return self.address.rpartition("@")[2]


class Headers:
    """The headers of one mail or of one part of it, by name, in their order."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._items: dict[str, list[str]] = {}
        for name, value in items:
            self._items.setdefault(name.lower(), []).append(str(value)[:_LONGEST])

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._items

    def names(self) -> Iterable[str]:
        """List the names that are there, in lower case."""
        return self._items.keys()

    def raw(self, name: str) -> str:
        """Return the topmost header of a name as it stands, unfolded; empty when there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Return every header of a name, topmost first, as they stand, unfolded."""
        return [_SPACE.sub(" ", value).strip() for value in self._items.get(name.lower(), ())]

    def text(self, name: str) -> str:
        """Return a header in words, in one line."""
        return words_of(self.raw(name))

    def word(self, name: str) -> str:
        """Return what stands before the first `;`, in lower case: a type, a yes or no."""
        return words_of(self.raw(name).partition(";")[0]).lower()

    def parameter(self, name: str, key: str) -> str:
        """Return a parameter of a header, such as `filename`, whichever of four ways it was written."""
        return _parameters(self.raw(name)).get(key, "")

    def mailboxes(self, *names: str) -> tuple[Mailbox, ...]:
        """Return the addresses of headers, without groups and comments."""
        found = [box for name in names for value in self.all(name) for box in _mailboxes(value)]
        if not any(box.address for box in found):  # swallowed by a comment that never ends, a quote that never closes
            found += [Mailbox("", _address(box)) for name in names for box in _ADDRESS.findall(self.raw(name))]
        return tuple(found[:_MOST])

    def addresses(self, *names: str) -> tuple[str, ...]:
        """Return the bare addresses of headers, each once."""
        return tuple(dict.fromkeys(box.address for box in self.mailboxes(*names) if box.address))

    def ids(self, name: str) -> tuple[str, ...]:
        """Return the ids of mails in a header, in their angle brackets; an id without any gets them."""
        value = _printable(self.raw(name))
        found = _ID.findall(value) or ([] if "<" in value else _BARE_ID.findall(value))
        return tuple(f"<{identity}>" for identity in dict.fromkeys(found))[-_MOST:]

    def date(self, name: str) -> datetime | None:
        """Return a date in UTC; None when it is missing, is no date, or lies beyond the calendar."""
        try:
            moment = parsedate_to_datetime(_printable(self.raw(name))[:200])
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
            return None


def words_of(value: str) -> str:
    """Decode a raw header: encoded words, plain bytes of any charset, folding; one line without invisible marks."""
    value = _SPACE.sub(" ", value)
    pieces: list[tuple[str, bytes]] = []  # a charset, or "" for what stands there plainly
    end = 0
    for match in _WORD.finditer(value):
        if (between := value[end : match.start()]).strip():
            pieces.append(("", bytes_of(between)))
        pieces.append((match[1].partition("*")[0].lower(), _unpacked(match[2], match[3])))
        end = match.end()
    pieces.append(("", bytes_of(value[end:])))
    # Mailers cut encoded words within a character: neighbours of one charset are decoded together.
    text = "".join(
        decode(b"".join(data for _, data in group), charset)
        for charset, group in groupby(pieces, key=lambda piece: piece[0])
    )
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()


def bytes_of(value: str) -> bytes:
    """Return the bytes that a raw header, or a raw body, was read from."""
    return value.encode("utf-8", "surrogateescape")


def _printable(value: str) -> str:
    return "".join(character for character in value if " " <= character <= "~")


def _unpacked(encoding: str, data: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(bytes_of(data), header=True)
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", bytes_of(data))
    if len(digits) % 4 == 1:
        digits = digits[:-1]  # cut off within a byte
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def _mailboxes(value: str) -> Iterator[Mailbox]:
    """Split a list of addresses. Comments, in which a second address may hide, count for nothing."""
    name, angle = "", None
    for kind, written in _tokens(value):
        if kind == "text" and written in {",", ";"}:
            yield from _mailbox(name, angle)
            name, angle = "", None
        elif kind == "text" and written == ":" and "@" not in name:
            name = ""  # a group's own name
        elif kind == "angle":
            angle = written if angle is None else angle
        elif kind != "comment":
            name += written
    yield from _mailbox(name, angle)


def _mailbox(name: str, angle: str | None) -> Iterator[Mailbox]:
    found = _ADDRESS.search(name if angle is None else angle)
    if angle is None:
        name = name.replace(found[0], "", 1) if found else name
    title = words_of(name).strip(" \"'")
    if found or title:
        yield Mailbox(title, _address(found[0]) if found else "")


def _address(value: str) -> str:
    local, _, domain = decode(bytes_of(value)).rpartition("@")
    return f"{_INVISIBLE.sub('', local)}@{_INVISIBLE.sub('', domain).lower().rstrip('.')}"


_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"|<([^<>]*)>|(=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)|([(),;:])|([^"<(),;:=]+|.)', re.DOTALL
)


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    depth = 0
    for match in _TOKEN.finditer(value):
        if match[4] == "(":
            depth += 1
        elif depth:
            depth -= match[4] == ")"
            yield "comment", match[0]
        elif match[1] is not None:
            yield "quoted", re.sub(r"\\(.)", r"\1", match[1])
        elif match[2] is not None:
            yield "angle", match[2]
        else:
            yield "text", match[0]


def _parameters(value: str) -> dict[str, str]:
    """Read the parameters of a header: plain, with encoded words, in sections, with a charset (RFC 2231)."""
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for match in _PARAMETER.finditer(value):
        # Only these two: `C:\photos\a.jpg` is written without the second backslash.
        raw = re.sub(r'\\(["\\])', r"\1", match[2]) if match[2] is not None else match[3].strip()
        parsed = _SECTION.fullmatch(match[1].lower())
        if parsed is None:
            continue
        key, number, star = parsed[1], parsed[2], parsed[3]
        if number is None and star is None:
            plain.setdefault(key, words_of(raw))
        else:
            sections.setdefault(key, {})[int(number or 0)] = (bytes_of(raw), bool(star))
    for key, parts in sections.items():
        plain[key] = _joined(parts)  # written both ways, this one is the exact one
    return plain


def _joined(parts: dict[int, tuple[bytes, bool]]) -> str:
    charset, data = "", b""
    for number in sorted(parts):
        piece, encoded = parts[number]
        if encoded and number == min(parts) and piece.count(b"'") >= 2:  # noqa: PLR2004 - charset'language'value
            label, _, piece = piece.split(b"'", 2)
            charset = label.decode("ascii", "replace")
        data += unquote_to_bytes(piece) if encoded else piece
    return clean(_INVISIBLE.sub("", decode(data, charset))).replace("\n", " ").strip()
