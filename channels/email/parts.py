"""A mail as a tree of parts, and the bytes of each, whatever is broken about it."""

from __future__ import annotations

import binascii
import re
import time
from collections.abc import Iterator
from email import policy
from email.errors import MessageDefect
from email.message import Message
from email.parser import BytesFeedParser
from functools import cached_property
from quopri import decodestring

from channels.email.headers import Headers, bytes_of

_DEEPEST = 20  # each level makes every line be compared with one more boundary
_MOST = 500  # parts
_DEEPEST_ENCODED = 3
_ENCODINGS = frozenset({"base64", "quoted-printable"})
_HEAD = 64 * 1024  # bytes
_LARGE, _BITE, _REST = 1024 * 1024, 32 * 1024, 0.002  # bytes, bytes, seconds: a bite takes about half a millisecond
_UNFOLDED = re.compile(rb"(;[ \t]*\r?\n)(boundary=)", re.IGNORECASE)  # a folded header that lost its blank
_HEADER = re.compile(rb"^([!-9;-~]{1,100}):[ \t]*(.*(?:\r?\n[ \t].*)*)", re.MULTILINE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*")
_PADDED = re.compile(rb"=[=\s]*")


class Unparsable(Exception):
    """The structure of a mail is an attack, or too broken for the standard library."""


class _Bounded(Message):
    """A message that refuses to become too deep or too wide."""

    depth = 0
    counted: list[int] | None = None

    def attach(self, payload: Message) -> None:  # type: ignore[override]
        """Take a part, unless there are too many or it lies too deep. Raises Unparsable."""
        if isinstance(payload, _Bounded):
            payload.depth = self.depth + 1
            payload.counted = self.counted = self.counted or [0]
            self.counted[0] += 1
            if payload.depth > _DEEPEST or self.counted[0] > _MOST:
                raise Unparsable("too many parts within parts")
        super().attach(payload)


class Node:
    """One part of a mail: its headers, and either its own parts or its bytes."""

    def __init__(self, message: Message, level: int = 0) -> None:
        self._message = message
        self._level = level  # of mails that were encoded within mails
        self.headers = Headers((name, value) for name, value in message.raw_items())

    @cached_property
    def content_type(self) -> str:
        """The declared type in lower case; text/plain when there is none that makes sense."""
        declared = self.headers.word("content-type")
        if re.fullmatch(r"[!-.0-~]{1,100}/[!-.0-~]{1,100}", declared):
            return declared
        return self._message.get_default_type() if not declared or declared == "text" else "text/plain"

    @property
    def family(self) -> str:
        """What stands before the slash."""
        return self.content_type.partition("/")[0]

    @property
    def charset(self) -> str:
        """The declared charset; empty when there is none."""
        return self.headers.parameter("content-type", "charset")

    @property
    def disposition(self) -> str:
        """`attachment`, `inline`, or empty."""
        return self.headers.word("content-disposition")

    @property
    def filename(self) -> str:
        """The name that the sender gave, without a path; empty when it has none."""
        headers = self.headers
        name = headers.parameter("content-disposition", "filename") or headers.parameter("content-type", "name")
        return re.split(r"[/\\]", name)[-1].strip()[-200:]

    @property
    def content_id(self) -> str:
        """What HTML calls this part by, after `cid:`."""
        return self.headers.raw("content-id").strip("<> ")

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The parts within; a forwarded mail has one, which is that mail."""
        # A mail within a mail must not be encoded, and is: then what was parsed is the encoding of it.
        if self.family == "message" and self._encoding in _ENCODINGS and self._level < _DEEPEST_ENCODED:
            return (parse(_unpacked(b"".join(child.whole for child in self._parsed), self._encoding), self._level + 1),)
        return self._parsed

    @cached_property
    def _parsed(self) -> tuple[Node, ...]:
        payload = self._message.get_payload() if self._message.is_multipart() else ()
        return tuple(Node(child, self._level) for child in payload if isinstance(child, Message))

    @property
    def size(self) -> int:
        """About how many bytes `data` will have, without decoding it."""
        if self.children:
            return sum(child.size for child in self.children)
        length = len(self._payload)
        return length * 3 // 4 if self._encoding == "base64" else length

    @cached_property
    def data(self) -> bytes:
        """The decoded bytes; of a forwarded mail, the mail."""
        if self.children:
            return b"".join(child.whole for child in self.children)
        return _unpacked(bytes_of(self._payload), self._encoding)

    @property
    def whole(self) -> bytes:
        """This part as it stood in the mail, headers and all, but for the ends of lines.

        Written here, for the standard library's generator raises on bytes that its parser let through.
        """
        lines = [bytes_of(f"{name}: {value}") for name, value in self._message.raw_items()]
        if not self._parsed:
            body = bytes_of(self._payload)
        elif self.family == "multipart":
            mark = b"\r\n--" + self.headers.parameter("content-type", "boundary").encode()
            body = b"".join(mark + b"\r\n" + child.whole for child in self._parsed) + mark + b"--\r\n"
        else:
            body = b"".join(child.whole for child in self._parsed)
        return b"\r\n".join([*lines, b"", body])

    @property
    def defects(self) -> list[str]:
        """What the parser found wrong, by its own names."""
        return [type(defect).__name__ for defect in self._message.defects]

    def walk(self) -> Iterator[Node]:
        """Yield this part and all within, those of forwarded mails included."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def _payload(self) -> str:
        payload = self._message._payload  # type: ignore[attr-defined]  # noqa: SLF001 - get_payload() decodes by the label
        return payload if isinstance(payload, str) else ""

    @property
    def _encoding(self) -> str:
        # Some write `base64 ` or `quoted-printable;`.
        return re.split(r"[\s;]", self.headers.word("content-transfer-encoding") + " ")[0]


def parse(raw: bytes, level: int = 0) -> Node:
    """Take a mail apart. What the standard library cannot take is one text below its headers."""
    head = raw[:_HEAD]
    raw = _UNFOLDED.sub(rb"\1 \2", head) + raw[_HEAD:] if _UNFOLDED.search(head) else raw
    try:
        return Node(_parsed(raw), level)
    except Exception as error:  # noqa: BLE001 - hostile bytes find its bugs: a NUL in a charset, depth without end
        return Node(_flat(raw, error), level)


def _parsed(raw: bytes) -> Message:
    """Take a mail apart; of a large one, a bite at a time, with rests in which others run.

    It is Python that works through every line, so the thread it is in would slow every other of the process: beside a
    mail of 20 MB, acceptance took four times as long.
    """
    parser = BytesFeedParser(_Bounded, policy=policy.compat32)
    for start in range(0, len(raw), _BITE):
        parser.feed(raw[start : start + _BITE])
        if len(raw) > _LARGE:
            time.sleep(_REST)
    return parser.close()


def _flat(raw: bytes, why: Exception) -> Message:
    head, _, body = raw.partition(b"\n\n") if b"\r\n\r\n" not in raw else raw.partition(b"\r\n\r\n")
    message: Message = Message(policy.compat32)
    for name, value in _HEADER.findall(head[: 1024 * 1024]):
        if not name.lower().startswith(b"content-"):
            message._headers.append((name.decode("ascii"), value.decode("ascii", "surrogateescape")))  # type: ignore[attr-defined]  # noqa: SLF001
    message.set_payload(body.decode("ascii", "surrogateescape"))
    message.defects.append(MessageDefect(type(why).__name__))
    return message


def _unpacked(data: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return decodestring(data)
    if encoding == "base64":
        return _from_base64(data)
    if encoding in {"x-uuencode", "uuencode", "uue", "x-uue"}:
        return _from_uuencode(data)
    return data


def _from_base64(data: bytes) -> bytes:
    """Decode base64, also when it was cut, glued together, or has a list's footer below it in plain text."""
    first = _PADDED.search(data)
    if first is None or first.end() == len(data):
        return _quads(data)
    if not _BASE64.fullmatch(data):
        return _quads(data[: first.end()]) + b"\n" + data[first.end() :]
    return b"".join(_quads(block) for block in _PADDED.split(data))


def _quads(data: bytes) -> bytes:
    digits = data.translate(None, b"\r\n \t=")
    try:
        # Not strict: what is no digit is passed over, as every mail program does.
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error:
        try:
            return binascii.a2b_base64(digits[: len(digits) - len(digits) % 4])
        except binascii.Error:
            return data


def _from_uuencode(data: bytes) -> bytes:
    found = bytearray()
    for line in data.splitlines():
        if line.startswith(b"begin ") or not line.strip() or line == b"end":
            continue
        try:
            found += binascii.a2b_uu(line)
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3  # some encoders write too many characters
            try:
                found += binascii.a2b_uu(line[:length])
            except binascii.Error:
                return data
    return bytes(found)
