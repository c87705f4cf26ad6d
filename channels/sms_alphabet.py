"""What the bytes of an SMS say, when the network names its alphabet wrongly or not at all, and how to write one.

An SMS is in the GSM 7-bit alphabet (3GPP TS 23.038, here one septet to a byte), in UCS-2, or in an 8-bit set. Carriers
of Arab countries are known to hand over Arabic as ISO-8859-6 or windows-1256 under a code that says "default" or even
"Cyrillic", and UCS-2 under "default". So what is named is believed only as far as the bytes bear it out: an 8-bit text
whose letters are mostly Arabic in one of the two Arabic sets is Arabic. Whoever calls keeps the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from aiosmpplib.codec import (
    GSM_BASIC_DECODE_MAP,
    GSM_BASIC_ENCODE_MAP,
    GSM_EXTENDED_DECODE_MAP,
    GSM_EXTENDED_ENCODE_MAP,
)

Alphabet = Literal["gsm7", "latin1", "iso-8859-6", "windows-1256", "auto"]
"""What a carrier means by "default": one septet to a byte, an 8-bit set, or whatever the bytes look like."""

GSM7, UCS2 = 0x00, 0x08  # the data_coding of SMPP 3.4, section 5.2.19
SINGLE = {GSM7: 160, UCS2: 140}  # octets of user data that fit one SMS; a septet counts as one
JOINED = {GSM7: 153, UCS2: 134}  # the same beside the six octets that number the parts

_ESCAPE = 0x1B
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NAMED = {0x05: "iso2022_jp", 0x06: "iso8859_5", 0x07: "iso8859_8", 0x0A: "iso2022_jp", 0x0E: "euc_kr"}

# How often letters stand in Arabic text, in tenths of a percent, roughly: enough to tell the two sets apart, in which
# the same byte is a frequent letter of one and a rare letter, a vowel sign or a Latin letter of the other.
_FREQUENT: Mapping[str, int] = {
    letter: share
    for letters, share in (
        *(("ا", 130), ("ل", 120), ("ي", 75), ("م", 65), ("ون", 60), ("ر", 50), ("ت", 45), ("بة", 40), ("ع", 38)),
        *(("د", 35), ("سفه", 30), ("كق", 25), ("حأ", 22), ("جش", 15), ("صط", 12), ("ىخإ،", 10), ("ضذء؟", 8), ("ز", 7)),
        *(("ثئغ", 6), ("آ", 4), ("ظؤپچگ؛", 3), ("ژـ", 2)),
        *(("ک", 20), ("ےہں", 20), ("ھٹڈڑ", 10)),  # Persian and Urdu, as far as windows-1256 has them
    )
    for letter in letters
}
_STRANGE = -60  # a byte that the set does not have, or a letter that no Arabic text holds
_LIKELY = 20  # the least average of text that is named for another script; a Cyrillic word read as Arabic has about 10
_HALF = 0.5


def decode(data: bytes, coding: int, default: Alphabet = "auto") -> str:
    """Read the user data of an SMS under a data_coding. Never fails: what cannot be read becomes U+FFFD.

    Lone surrogates stay, so that the halves of an emoji that fell into two parts can meet when parts are joined first.
    """
    meaning = _meaning(coding)
    if meaning == UCS2:
        return _ucs2(data)
    if _looks_ucs2(data):
        return _ucs2(data)
    if meaning == GSM7 and default != "auto":
        return _gsm7(data) if default == "gsm7" else data.decode(default, "replace")
    arabic = _arabic(data, _LIKELY if meaning in _NAMED else 1)
    if arabic is not None:
        return arabic
    if meaning == GSM7 and all(byte < 0x80 for byte in data):  # noqa: PLR2004 - seven bits
        return _gsm7(data)
    return _eight_bit(data, _NAMED.get(meaning, "latin1"))


def is_gsm7(text: str) -> bool:
    """Tell whether a text can be written in the GSM 7-bit alphabet."""
    return all(character in GSM_BASIC_ENCODE_MAP or character in GSM_EXTENDED_ENCODE_MAP for character in text)


def encode(text: str, default: Alphabet = "auto") -> tuple[int, Sequence[bytes]]:
    """Write a text as the user data of one SMS or of several, and say their data_coding.

    Nothing is cut inside a character. Where the carrier's default is an 8-bit set, only ASCII is sent in it: what the
    carrier would make of its upper half on the way to a telephone, nobody can say.
    """
    septets = default in {"gsm7", "auto"}
    if septets and is_gsm7(text):
        units = [_septets(character) for character in text]
        coding = GSM7
    elif not septets and text.isascii():
        units = [character.encode("ascii") for character in text]
        coding = GSM7
    else:
        units = [character.encode("utf-16-be", "surrogatepass") for character in text]
        coding = UCS2
    if sum(map(len, units)) <= SINGLE[coding]:
        return coding, [b"".join(units)]
    parts, part = [], b""
    for unit in units:
        if len(part) + len(unit) > JOINED[coding]:
            parts.append(part)
            part = b""
        part += unit
    return coding, [*parts, part]


def _meaning(coding: int) -> int:
    """Reduce GSM's own groups, which some networks pass through as data_coding, to the code that means the same."""
    group = coding >> 4
    if group in {0x1, 0x2, 0x3}:  # with a message class, or packed by the network
        return {0: GSM7, 1: 0x04, 2: UCS2}.get((coding >> 2) & 0x03, 0x04)
    if group in {0xC, 0xD}:  # "a message waits"
        return GSM7
    if group == 0xE:  # noqa: PLR2004 - the same in UCS-2
        return UCS2
    if group == 0xF:  # noqa: PLR2004 - with a message class: seven or eight bits
        return 0x04 if coding & 0x04 else GSM7
    return coding


def _ucs2(data: bytes) -> str:
    if data[:2] in {b"\xfe\xff", b"\xff\xfe"}:
        order: Callable[[bytes], str] = _little if data[0] == 0xFF else _big  # noqa: PLR2004 - the mark's first byte
        return order(data[2:])
    # Big-endian by the standard; a carrier that has it the wrong way round turns Arabic into characters of no script.
    return _little(data) if _blocks(data[1::2]) > _blocks(data[0::2]) else _big(data)


def _big(data: bytes) -> str:
    even = len(data) & ~1
    return data[:even].decode("utf-16-be", "surrogatepass") + _REPLACEMENT * (len(data) - even)


def _little(data: bytes) -> str:
    even = len(data) & ~1
    return data[:even].decode("utf-16-le", "surrogatepass") + _REPLACEMENT * (len(data) - even)


def _blocks(halves: bytes) -> int:
    """Count the bytes that are the upper half of a character of the Arabic or the ASCII block."""
    return sum(byte in {0x00, 0x06} for byte in halves)


def _looks_ucs2(data: bytes) -> bool:
    """Tell Arabic in UCS-2 that is named otherwise: every other byte is 06, or 00 for the spaces between."""
    high = data[0::2]
    if len(data) < 4 or len(data) % 2:  # noqa: PLR2004 - one letter proves nothing
        return False
    return set(high) <= {0x00, 0x06, 0x20} and high.count(0x06) >= _HALF * len(high)


def _gsm7(data: bytes) -> str:
    text, at = [], 0
    while at < len(data):
        byte, at = data[at], at + 1
        if byte == _ESCAPE and at < len(data):
            # 3GPP TS 23.038: an extension that is not known shows as the character of the basic table.
            byte, at = data[at], at + 1
            text.append(GSM_EXTENDED_DECODE_MAP.get(byte) or GSM_BASIC_DECODE_MAP.get(byte, _REPLACEMENT))
        else:
            text.append(GSM_BASIC_DECODE_MAP.get(byte, _REPLACEMENT))
    return "".join(text)


def _septets(character: str) -> bytes:
    if character in GSM_BASIC_ENCODE_MAP:
        return bytes((GSM_BASIC_ENCODE_MAP[character],))
    return bytes((_ESCAPE, GSM_EXTENDED_ENCODE_MAP[character]))


def _arabic(data: bytes, least: int) -> str | None:
    """Read 8-bit text as Arabic when that is what most of its letters are, and on average so frequent; else None."""
    high = sum(byte >= 0x80 for byte in data)  # noqa: PLR2004 - beyond ASCII
    letters = high + sum(chr(byte).isalpha() for byte in data if byte < 0x80)  # noqa: PLR2004 - the same
    if not high or high < _HALF * letters:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        readings = [data.decode(name, "replace") for name in ("iso-8859-6", "windows-1256")]
    best = max(readings, key=_arabic_score)
    return best if _arabic_score(best) >= least * high else None


def _arabic_score(text: str) -> int:
    return sum(_FREQUENT.get(character, _STRANGE) for character in text if not character.isascii())


def _eight_bit(data: bytes, named: str) -> str:
    for name in ("utf-8", named):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin1")
