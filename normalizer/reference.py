"""The tracking number, the PIN that proves who holds it, and the ids that follow from what arrived.

All are HMACs of the message's identity under the gateway's secret key, each under a word of its own, so that a
redelivery gets the same ones on whichever node, and nobody can guess one from another.
"""

from __future__ import annotations

import hmac
import json
import re
import uuid
from functools import lru_cache

from stdnum import damm

from normalizer.text import ascii_digits

_DIGITS = 10  # nine and a check digit
_SMALLEST = 10**8  # so that the first digit is never 0, which spreadsheets and people drop
_PIN_DIGITS = 6

# What people put between the digits: blanks, hyphens and dashes, dots, underscores, tatweel, and the bidi marks and
# joiners that phones add by themselves. A line break or anything else ends the number.
_BETWEEN = (
    r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
    r"\-\u00ad\u058a\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"
    r"._\u00b7\u06d4\uff0e\u0640\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_RUN = re.compile(rf"[+＋]?\d+(?:{_BETWEEN}{{1,8}}\d+)*")
_GROUP = re.compile(r"\d+")


def identity(channel: str, account: str, external_id: str) -> str:
    """Write a message's identity so that no two different ones can look alike: the three as a JSON list in ASCII."""
    return json.dumps([channel, account, external_id], separators=(",", ":"))


def make(key: bytes, identity: str, counter: int = 0) -> str:
    """Return the ten-digit reference of a message.

    Two messages share one about once in 900 million pairs; whoever reserves it then asks again with the next counter.
    """
    number = int.from_bytes(_mac(key, "reference", identity, counter))
    nine = str(_SMALLEST + number % (9 * _SMALLEST))
    return nine + str(damm.calc_check_digit(nine))


def pin(key: bytes, reference: str) -> str:
    """Return the six digits that the receipt tells beside the reference."""
    return f"{int.from_bytes(_mac(key, 'pin', reference)) % 10**_PIN_DIGITS:0{_PIN_DIGITS}}"


def uuid_for(key: bytes, identity: str) -> str:
    """Return the UUID of a message's complaint: version 8 (RFC 9562, a meaning of our own), from an HMAC."""
    number = int.from_bytes(_mac(key, "uuid", identity)[:16])
    number = number & ~(0xF << 76) | 8 << 76  # the version
    number = number & ~(0x3 << 62) | 0x2 << 62  # the variant
    return str(uuid.UUID(int=number))


def read(text: str) -> str | None:
    """Find a reference in what a citizen typed, in any digits and with whatever stands between them.

    None when there is none, or only one whose check digit is wrong. A number with a plus before it is a telephone's.
    When there are several the first is taken; one that spans whole groups of digits is never cut out of a longer group.
    """
    for run in _RUN.finditer(ascii_digits(text)):
        groups = () if run[0][0] in "+＋" else tuple(_GROUP.findall(run[0]))
        for first in range(len(groups)):
            found = _whole(groups[first : first + _DIGITS])
            if found:
                return found
    return None


def show(reference: str) -> str:
    """Write a reference in groups that can be spoken and typed: 4821 093 756."""
    return f"{reference[:4]} {reference[4:7]} {reference[7:]}"


def _whole(groups: tuple[str, ...]) -> str | None:
    """Return the reference that these groups begin with, if they add up to exactly ten digits."""
    digits = ""
    for group in groups:
        digits += group
        if len(digits) >= _DIGITS:
            break
    valid = len(digits) == _DIGITS and digits[0] != "0" and damm.is_valid(digits)
    return digits if valid else None


def _mac(key: bytes, purpose: str, *parts: str | int) -> bytes:
    mac = keyed(key).copy()
    mac.update(json.dumps(["balagh", purpose, *parts], separators=(",", ":")).encode("ascii"))
    return mac.digest()


@lru_cache(maxsize=8)
def keyed(key: bytes) -> hmac.HMAC:
    """Return an HMAC-SHA-256 that has read the key: a copy of it reads a message at half the price.

    hmac.digest() would let go of the interpreter at every call, and get it back only when other threads allow.
    """
    return hmac.new(key, digestmod="sha256")
