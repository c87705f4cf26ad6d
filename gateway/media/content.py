"""What bytes are, told from the bytes alone.

Nobody's word is taken for it: providers pass on whatever the citizen's telephone claimed, and a page of HTML that is
called image/jpeg would run in the browser of whoever opens it at the desk.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

import filetype

HEAD = 8192
"""How many bytes the first batch must hold, unless there are fewer: what the signatures are looked for in."""

TAKEN: frozenset[str] = frozenset(
    {
        "image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/tiff",
        "application/pdf", "text/plain",
        "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/amr-wb", "audio/wav", "audio/3gpp",
        "audio/webm",
        "video/mp4", "video/3gpp", "video/webm", "video/quicktime",
    }
)  # fmt: skip
"""What citizens send and an officer can open: telephones, messengers, scanners, voicemail. All else is refused."""

UNKNOWN = "application/octet-stream"

# filetype's names for things that have a registered or a more usual one.
_CANONICAL = {"audio/x-wav": "audio/wav", "image/apng": "image/png", "video/x-m4v": "video/mp4"}

# Brands of ISO base media files (ISO/IEC 14496-12, the list of mp4ra.org). filetype 1.2.0 knows M4A only as a major
# brand, misses "iso5" (what Safari records) and looks for 3gp in the wrong place, so this family is read here.
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_M4A = frozenset({b"M4A ", b"M4B "})
_MP4 = frozenset(
    {b"isom", *(b"iso%d" % n for n in range(2, 10)), b"mp41", b"mp42", b"avc1", b"dash", b"MSNV", b"M4V ", b"mmp4"}
)
_STILL = frozenset({b"mif1", b"msf1"})
_SMALLEST_FTYP = 16  # bytes: length, "ftyp", major brand, minor version

# Sound or picture is said by the handler of each track, which a telephone writes at the very end of the file.
_TRACK = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)
_MATROSKA_PICTURE = re.compile(rb"V_(?:VP8|VP9|AV1|MPEG)")
_OVERLAP = 16  # bytes: as long as the longest of the two

# filetype takes two bytes for an MP3; a frame header says more: layer III, and a bit rate that exists.
_MP3 = re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", re.DOTALL)

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|script|svg|iframe|object|embed|meta)\b|javascript:", re.IGNORECASE)


def _base_media(head: bytes) -> frozenset[str]:
    size = int.from_bytes(head[:4], "big")
    if size < _SMALLEST_FTYP or size > len(head):
        return frozenset({UNKNOWN})
    major = head[8:12]
    brands = {major, *(head[at : at + 4] for at in range(16, size, 4))}
    if major in _HEIC or (major in _STILL and brands & _HEIC):
        return frozenset({"image/heic"})
    if major == b"qt  ":
        return frozenset({"video/quicktime"})
    if major in _M4A:
        return frozenset({"audio/mp4"})
    if major[:2] == b"3g":
        return frozenset({"video/3gpp", "audio/3gpp"})
    return frozenset({"video/mp4", "audio/mp4"}) if brands & _MP4 else frozenset({UNKNOWN})


def _ogg(head: bytes) -> frozenset[str]:
    # The first packet of each stream names its codec (RFC 5334). Pictures in Ogg come from no telephone.
    page = head[:512]
    sound = any(codec in page for codec in (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC"))
    return frozenset({"audio/ogg" if sound and b"theora" not in page else "application/ogg"})


def _matroska(head: bytes) -> frozenset[str]:
    return frozenset({"video/webm", "audio/webm"} if b"webm" in head[:64] else {"video/x-matroska"})


def _signature(head: bytes) -> frozenset[str]:
    kind = filetype.guess(head)
    if kind is None:
        return frozenset({"text/plain"})
    if kind.mime == "audio/mpeg" and not _MP3.match(head):
        return frozenset({UNKNOWN})
    return frozenset({_CANONICAL.get(kind.mime, kind.mime)})


def _recognise(head: bytes) -> frozenset[str]:
    """Name what the first bytes allow it to be. What bears no signature can only be text."""
    if head[4:8] == b"ftyp":
        return _base_media(head)
    for start, look in _OWN:
        if head.startswith(start):
            return look(head)
    return frozenset({"audio/mpeg"}) if _MP3.match(head) else _signature(head)


_OWN: tuple[tuple[bytes, Callable[[bytes], frozenset[str]]], ...] = (
    (b"OggS", _ogg),
    (b"\x1a\x45\xdf\xa3", _matroska),
    (b"#!AMR-WB\n", lambda _: frozenset({"audio/amr-wb"})),
    (b"#!AMR\n", lambda _: frozenset({"audio/amr"})),
    (b"#!", lambda _: frozenset({"text/x-script"})),
)


class Sniffer:
    """Reads content in batches, the first of at least HEAD bytes unless there are fewer, and says what it is.

    `candidates` are the types that it may still turn out to be: when none of them is wanted, reading on is useless.
    """

    def __init__(self) -> None:
        self.candidates: frozenset[str] = frozenset()
        self._fed = False
        self._tail = b""
        self._picture = self._sound = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def feed(self, batch: bytes) -> None:
        """Look at the next bytes. Never raises, whatever they are."""
        if not self._fed:
            self._fed = True
            self.candidates = _recognise(batch[:HEAD])
            if self.candidates == {"text/plain"} and _MARKUP_START.match(batch):
                self.candidates = frozenset({"text/html"})
        window = self._tail + batch
        if self.candidates == {"text/plain"}:
            self._read_text(batch, window)
        elif len(self.candidates) > 1 and not self._picture:
            self._look_for_tracks(window)
        self._tail = window[-_OVERLAP:]

    def finish(self) -> str:
        """Name the type, now that all of it was seen."""
        if self.candidates == {"text/plain"}:
            try:
                self._utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                return UNKNOWN
        if len(self.candidates) > 1:
            wanted = "audio/" if self._sound and not self._picture else "video/"
            return next(candidate for candidate in self.candidates if candidate.startswith(wanted))
        return next(iter(self.candidates), UNKNOWN)

    def _read_text(self, batch: bytes, window: bytes) -> None:
        if _MARKUP.search(window):
            self.candidates = frozenset({"text/html"})
        elif _CONTROL.search(batch):
            self.candidates = frozenset({UNKNOWN})
        else:
            try:
                self._utf8.decode(batch)
            except UnicodeDecodeError:
                self.candidates = frozenset({UNKNOWN})

    def _look_for_tracks(self, window: bytes) -> None:
        if "video/webm" in self.candidates:
            self._picture = _MATROSKA_PICTURE.search(window) is not None
            self._sound = True
            return
        for track in _TRACK.finditer(window):
            self._picture |= track[1] == b"vide"
            self._sound |= track[1] == b"soun"
