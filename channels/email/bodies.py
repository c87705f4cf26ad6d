"""What a mail says and what it brings along: which of its parts are the words, and which are attachments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from channels.email.markup import lift_pictures, words_in
from channels.email.parts import Node
from channels.email.tnef import unwrap
from channels.email.words import decode

MAX_ATTACHMENTS = 20
MAX_ATTACHMENT = 15 * 1024 * 1024  # bytes of one
MAX_TOTAL = 25 * 1024 * 1024  # bytes of all of a mail
MAX_TEXT = 100_000  # characters; a longer text is kept whole as an attachment

_CUT = "the text is cut; it is attached whole"
_LONGEST = 1024 * 1024  # bytes of one part that are read as words
_MOST_PASSAGES = 50
_MOST_MAILS = 5  # forwarded ones of a mail without words of its own
_ENOUGH = 300  # characters of plain text that no HTML beside it can be more than
_META = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_MARKUP = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype html|<html)\b", re.IGNORECASE)
_READABLE = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext", "text", "text/x-plain"})
_TWICE = frozenset({"text/x-amp-html", "text/watch-html"})  # the same words once more, for other programs
_REPORTS = frozenset({"delivery-status", "disposition-notification", "feedback-report", "tracking-status"})
_SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"})


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment: a photo, a scan, a forwarded mail, or a picture within the text (`inline`)."""

    filename: str = field(repr=False)  # as the sender wrote it, without a path; empty when it has none
    content_type: str  # as declared, in lower case; the bytes may be something else
    data: bytes = field(repr=False)
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """An attachment that was not taken along: `why` in words for a person, `size` in bytes (about)."""

    filename: str = field(repr=False)
    content_type: str
    size: int
    why: str


@dataclass(slots=True)
class Body:
    """The words of a mail, and what it brings along."""

    text: str = field(default="", repr=False)
    attachments: list[Part] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    _total: int = 0

    def take(self, part: Part) -> None:
        """Take an attachment along, or note why not."""
        size = len(part.data)
        if not size:
            self.leave(part.filename, part.content_type, 0, "it is empty")
        elif size > MAX_ATTACHMENT:
            self.leave(part.filename, part.content_type, size, f"it is larger than {MAX_ATTACHMENT} bytes")
        elif len(self.attachments) >= MAX_ATTACHMENTS:
            self.leave(part.filename, part.content_type, size, f"there are more than {MAX_ATTACHMENTS}")
        elif self._total + size > MAX_TOTAL:
            self.leave(part.filename, part.content_type, size, f"together they are larger than {MAX_TOTAL} bytes")
        else:
            self._total += size
            self.attachments.append(part)

    def leave(self, filename: str, content_type: str, size: int, why: str) -> None:
        """Note an attachment that is not taken along."""
        self.dropped.append(Dropped(filename, content_type, size, why))


def body_of(mail: Node) -> Body:
    """Read what a mail says and brings along."""
    reader = _Reader()
    reader.defects(mail)
    passages = reader.passages(mail)
    body = reader.body
    body.text = _join(reader.words(passage) for passage in passages[:_MOST_PASSAGES])
    body.text = reader.with_wrapped(body.text)
    if not body.text:
        body.text = reader.second_best()
    if len(body.text) > MAX_TEXT:
        if _CUT not in body.defects:
            body.defects.append(_CUT)
            body.take(Part("letter.txt", "text/plain", body.text.encode()))
        body.text = body.text[:MAX_TEXT]
    return body


class _Reader:
    """Goes through the parts of one mail."""

    def __init__(self) -> None:
        self.body = Body()
        self._texts: list[Node] = []  # attachments that are texts
        self._mails: list[Node] = []  # mails within the mail
        self._wrapped: list[str] = []  # words out of a winmail.dat

    def defects(self, mail: Node) -> None:
        self.body.defects += dict.fromkeys(defect for node in mail.walk() for defect in node.defects)
        if any(node.content_type in _SEALED for node in mail.walk()):
            self.body.defects.append("it is encrypted or sealed")

    def passages(self, node: Node, *, root: bool = True, inline: bool = False) -> list[Node]:
        """Return the parts that hold the words, and take along the others."""
        kind = node.content_type
        if node.family == "multipart" and node.children:
            if kind == "multipart/alternative":
                return self._alternative(node)
            found: list[Node] = []
            for index, child in enumerate(node.children):
                beside = kind == "multipart/related" and index > 0
                found += self.passages(child, root=not beside and root, inline=inline or beside)
            return found
        if kind in {"message/rfc822", "message/global", "message/news"} and node.children:
            self._mail(node)
        elif kind.removeprefix("message/").removeprefix("global-") in _REPORTS:
            return []  # `bounces` reads them
        elif self._says(node, root=root):
            return [node]
        else:
            self._bring(node, inline=inline or node.disposition == "inline" or bool(node.content_id))
        return []

    def words(self, node: Node) -> str:
        """Return the words of a part that holds some."""
        data, markup = self._lift(node), node.content_type == "text/html"
        if len(data) > _LONGEST:
            self._whole(node)
            data = data[:_LONGEST]
        meta = _META.search(data[:4096]) if markup and not node.charset else None
        text = decode(data, meta[1].decode() if meta else node.charset)
        return words_in(text) if markup or _MARKUP.match(text) else text.strip("\n")

    def with_wrapped(self, text: str) -> str:
        """Add the words out of a winmail.dat that the text does not have already."""
        known = "".join(text.split())
        return _join((text, *(words for words in self._wrapped if "".join(words.split()) not in known)))

    def second_best(self) -> str:
        """Return words for a mail that has none of its own: a text beside, a mail within."""
        for node in self._texts:
            if node.content_type in _READABLE and (text := self.words(node)).strip():
                return text
        return _join(tuple(self._forwarded(node.children[0]) for node in self._mails[:_MOST_MAILS]))

    def _forwarded(self, inner: Node) -> str:
        text = _join(self.words(passage) for passage in self.passages(inner)[:_MOST_PASSAGES])
        return _join((inner.headers.text("subject"), text))

    def _alternative(self, node: Node) -> list[Node]:
        """Choose the plain text, unless it is less than what the HTML says."""
        plain: list[Node] = []
        rich: list[Node] = []
        for child in node.children:
            if child.content_type in _TWICE:
                continue
            found = self.passages(child)
            (plain if child.content_type == "text/plain" else rich).extend(found)
        text = _join(decode(part.data[:_LONGEST], part.charset) for part in plain)
        enough = len(text) >= _ENOUGH and not _MARKUP.match(text)
        # "This mail is best viewed as HTML" is no letter.
        if rich and not enough and len(_join(_shown(part) for part in rich)) > 2 * len(text) + 40:
            return rich
        if not plain:
            return rich
        for part in rich:
            self._lift(part)
        return plain

    def _lift(self, node: Node) -> bytes:
        """Take along the pictures within HTML, and return it without them."""
        if node.content_type != "text/html":
            return node.data
        data, pictures = lift_pictures(node.data)
        for picture in pictures:
            self.body.take(Part("", picture.content_type, picture.data, inline=True))
        return data

    def _says(self, node: Node, *, root: bool) -> bool:
        if node.family == "multipart":
            return True  # its boundary is missing, or never comes: what there is, is shown
        if node.content_type not in _READABLE or node.disposition == "attachment" or not root:
            return False
        return not node.filename

    def _mail(self, node: Node) -> None:
        self._mails.append(node)
        name = node.filename or f"{node.children[0].headers.text('subject')[:80].strip() or 'mail'}.eml"
        if node.size > MAX_ATTACHMENT:
            self.body.leave(name, node.content_type, node.size, f"it is larger than {MAX_ATTACHMENT} bytes")
            return
        self.body.take(Part(name, node.content_type, node.data, inline=False))

    def _bring(self, node: Node, *, inline: bool) -> None:
        name, kind = node.filename, node.content_type
        if node.size > MAX_ATTACHMENT + 1024 * 1024:  # an estimate; not decoded for nothing
            self.body.leave(name, kind, node.size, f"it is larger than {MAX_ATTACHMENT} bytes")
            return
        data = node.data
        if (kind in {"application/ms-tnef", "application/vnd.ms-tnef"} or name.lower() == "winmail.dat") and (
            self._unwrap(data)
        ):
            return
        if node.family == "text":
            self._texts.append(node)
        self.body.take(Part(name, kind, data, inline=inline))

    def _unwrap(self, data: bytes) -> bool:
        """Take what a winmail.dat holds in its place; say whether that was everything."""
        wrapping = unwrap(data)
        if wrapping is None:
            return False
        self._wrapped.append(wrapping.plain.strip("\n") or words_in(wrapping.html[:_LONGEST]))
        for wrapped in wrapping.attachments:
            name = re.split(r"[/\\]", wrapped.filename)[-1].strip()[-200:]
            self.body.take(Part(name, wrapped.content_type or "application/octet-stream", wrapped.data))
        if wrapping.rich:
            self.body.defects.append("the words in rich text are kept in winmail.dat")
        return not wrapping.rich and bool(wrapping.attachments or self._wrapped[-1])

    def _whole(self, node: Node) -> None:
        name = "letter.html" if node.content_type == "text/html" else "letter.txt"
        self.body.defects.append(_CUT)
        self.body.take(Part(node.filename or name, node.content_type, node.data))


def _shown(node: Node) -> str:
    markup = node.content_type == "text/html"
    data = lift_pictures(node.data)[0] if markup else node.data
    text = decode(data[:_LONGEST], node.charset)
    return words_in(text) if markup else text


def _join(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip()).strip("\n")
