"""Bytes to words: which alphabet a mail is written in, whatever its label says.

Labels lie, above all those of Arabic mails: UTF-8 labelled us-ascii, windows-1256 labelled iso-8859-1 or utf-8,
names that no registry knows. Decoding by the label then destroys the words without any error, so here the bytes
decide, and the label is one witness among others.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Labels that mailers write and Python does not know.
_ALIASES = {
    "iso88596i": "iso8859_6",
    "iso88596e": "iso8859_6",
    "xmacarabic": "mac_arabic",
    "macarabic": "mac_arabic",
    "dos720": "cp720",
    "dos864": "cp864",
    "utf8mb4": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode": "utf-16",
    "xsjis": "cp932",
    "shiftjis": "cp932",
    "ksc56011987": "cp949",
    "ksc5601": "cp949",
    "xgbk": "gbk",
    "gb2312": "gb18030",
    "iso88598i": "iso8859_8",
    "xunknown": "",
    "unknown8bit": "",
    "default": "",
    "binary": "",
}
_CODE_PAGE = re.compile(r"(?:x?cp|x?win(?:dows)?|ibm|ms)(\d{3,4})")
_NO_TEXT = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})

_ESCAPED = ("iso2022", "hz", "utf_7")  # seven-bit encodings, whose bytes look like ASCII
_WIDE = ("utf_16", "utf_32")
_LATIN = frozenset({"ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-8", ""})
_ARABIC = ("cp1256", "iso8859-6")
_OTHERS = [
    "cp1251", "koi8_r", "cp1252", "cp1253", "cp1254", "cp1255", "cp874", "gb18030", "big5", "cp932", "euc_jp", "cp949"
]  # fmt: skip
_SAMPLE = 4096  # bytes; charset-normalizer takes seconds for more

_LETTERS = re.compile("[\u0621-\u063a\u0640-\u0652\u067e\u0686\u0691\u0698\u06a9\u06af\u06cc،؛؟]")
_STRANGE = re.compile("[\u0080-\u009f\u00a1-\u00ff\u0152\u0153\u0192\u02c6\u02dc\ufffd]")
_HIGH = re.compile(rb"[\x80-\xff]")
_RUN = re.compile(rb"(?<![A-Za-z])[\xc0-\xff]{2,}(?![A-Za-z])")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def codec(label: str) -> str:
    """Return Python's name for the charset that a label means; empty when it means none that holds text."""
    bare = re.sub(r"[^a-z0-9]", "", label[:64].lower())
    if bare in _ALIASES:
        name = _ALIASES[bare]
    elif page := _CODE_PAGE.fullmatch(bare):
        name = f"cp{page[1]}"
    else:
        name = re.sub(r"[^A-Za-z0-9_.:-]", "", label[:64])
    if not name:
        return ""
    try:
        found = codecs.lookup(name)
        b"-".decode(found.name, "ignore")  # raises for a codec of bytes to bytes, such as hex
    except (LookupError, ValueError):
        return ""
    return "" if found.name.replace("-", "_") in _NO_TEXT else found.name


def decode(data: bytes, label: str = "") -> str:
    """Decode bytes by what they are. Never raises; what belongs to no alphabet becomes U+FFFD."""
    return clean(_decoded(data, label))


def clean(text: str) -> str:
    """End lines with LF and take out what no store and no page can hold: NUL and its like, halves of characters."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n"))


def _decoded(data: bytes, label: str) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    declared = codec(label)
    plain = declared.replace("-", "_")
    if plain.startswith(_WIDE) and (b"\x00" in data or b"\x06" in data):  # one of two bytes of ASCII, of Arabic
        return data.decode(declared, "replace")
    if plain.startswith(_ESCAPED) and (text := _strictly(data, declared)) is not None:
        return text
    if (text := _strictly(data, "utf-8")) is not None:
        return text
    if _mostly_utf8(data):
        # A footer or a quotation in another charset was glued on: each line for itself.
        return "".join(_by_guess(line, "") if _broken(line) else line.decode() for line in data.splitlines(True))
    return _by_guess(data, declared)


def _strictly(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, ValueError, LookupError):
        return None


def _mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for character in text if character > "\x7f") - bad
    return good > 2 * bad


def _broken(line: bytes) -> bool:
    return _strictly(line, "utf-8") is None


def _by_guess(data: bytes, declared: str) -> str:
    """Choose among the charsets of one byte, for bytes that are not UTF-8."""
    if _mostly_utf8(data):
        return data.decode("utf-8", "replace")  # one line of it, cut within a character
    if declared and declared not in _LATIN and declared not in _ARABIC:
        text = _strictly(data, declared)
        if text is not None:
            return text  # Cyrillic, Greek, Chinese: nobody labels Arabic so
    if _looks_arabic(data):
        return max(_arabic(data, declared), key=_likeness)
    if declared in _ARABIC:  # French within an Arabic charset, or too few letters to tell
        return data.decode(declared, "replace")
    if declared and declared != "ascii" and (text := _strictly(data, declared)) is not None:
        return text
    best = from_bytes(data[:_SAMPLE], cp_isolation=_OTHERS, enable_fallback=False).best()
    return data.decode(best.encoding if best else "cp1252", "replace")


def _arabic(data: bytes, declared: str) -> Iterator[str]:
    """Yield the readings in Arabic charsets, the likeliest first."""
    for name in sorted(_ARABIC, key=lambda name: name != declared):
        if (text := _strictly(data, name)) is not None:
            yield text
    yield data.decode("cp1256", "replace")


def _looks_arabic(data: bytes) -> bool:
    """Tell Arabic from European letters: these stand alone among ASCII letters, those in words of their own."""
    high = len(_HIGH.findall(data))
    runs = sum(len(run) for run in _RUN.findall(data))
    if 2 * runs < high:
        return False
    text = max(_arabic(data, ""), key=_likeness)
    return len(_LETTERS.findall(text)) >= 4 * len(_STRANGE.findall(text))


def _likeness(text: str) -> int:
    return len(_LETTERS.findall(text)) + 3 * text.count("ال") - 3 * len(_STRANGE.findall(text))
