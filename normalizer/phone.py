"""Telephone numbers and e-mail addresses, as far as they can be read with certainty.

phonenumbers skips letters and reads only the first number of several, so that a sender called MUN91234567 becomes a
valid Omani mobile. Everything doubtful is therefore refused before its parser sees it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    is_valid_number,
    number_type,
    parse,
)

from normalizer.text import ascii_digits


class Doubt(StrEnum):
    """Why no telephone number could be read."""

    EMPTY = "empty"
    WITHHELD = "withheld"
    TOO_LONG = "too_long"
    LETTERS = "letters"
    SHORT_CODE = "short_code"
    KIND = "kind"
    INVALID = "invalid"

    @property
    def sentence(self) -> str:
        """Say it to a clerk."""
        return _SENTENCES[self]


_SENTENCES = {
    Doubt.EMPTY: "There is no number.",
    Doubt.WITHHELD: "The caller withheld the number.",
    Doubt.TOO_LONG: "It is too long to be a telephone number.",
    Doubt.LETTERS: "It has letters in it, so it may be a name; ask for the number.",
    Doubt.SHORT_CODE: "It is a short code, which cannot be called back.",
    Doubt.KIND: "It is a number with a special tariff, not a person's.",
    Doubt.INVALID: "No such number exists in the city's country, or the country code is missing.",
}

_LONGEST = 64  # characters; no honest number comes near it
_SHORT_CODE = 6  # digits at most
_PEOPLES = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.UAN,
}

# Twilio's From of a caller who hides: a word, or the word typed on a telephone's keys (ANONYMOUS, RESTRICTED,
# BLOCKED, UNKNOWN, UNAVAILABLE).
_WITHHELD_WORDS = {
    "anonymous",
    "restricted",
    "blocked",
    "unknown",
    "unavailable",
    "private",
    "withheld",
    "مجهول",
    "محجوب",
}
_WITHHELD_KEYS = {"266696687", "7378742833", "2562533", "8656696", "86282452253"}

_SCHEME = re.compile(r"(?:whatsapp|tel|sms):\s*", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;،؛|\n]|\s(?:أو|او|or)\s")
_EXTENSION = re.compile(r"(?<=\d)[\s.,(]*(?:ext(?:ension)?|x|#|تحويل[ةه]?|داخلي|فرعي)\W*\d{1,7}\W*$", re.IGNORECASE)
_DASH = re.compile("[\u2010-\u2015\u2212\u2043\u30fc]")
_WRITTEN = re.compile(r"[+(\d][\d\s()+./-]*")
_INTERNATIONAL = re.compile(r"\+?\d+")


def phone(value: str, region: str, fallback_regions: tuple[str, ...] = ()) -> str | None:
    """Return the one number that was written, as E.164, or None; `why_not` says why.

    `region` is the ISO 3166 country whose dialling habits citizens have. Where a number without a country code is
    not valid there, the `fallback_regions` are tried in order, and no others. Of several numbers the first is taken.
    Extensions are dropped: E.164 has no place for them.
    """
    found = _read(value, (region, *fallback_regions))
    return None if isinstance(found, Doubt) else found


def why_not(value: str, region: str, fallback_regions: tuple[str, ...] = ()) -> Doubt | None:
    """Return the reason for which `phone` found nothing, or None if it did find a number."""
    found = _read(value, (region, *fallback_regions))
    return found if isinstance(found, Doubt) else None


def international(value: str) -> str | None:
    """Return the E.164 number in what a messenger calls its user: digits with their country code, with or without +.

    WhatsApp's wa_id has no plus, and its business-scoped ids (OM.91234567…) are no numbers at all.
    """
    digits = _SCHEME.sub("", value.strip(), count=1)
    if not _INTERNATIONAL.fullmatch(digits):
        return None
    return phone("+" + digits.removeprefix("+"), "ZZ")


_EMAIL = re.compile(
    r"(?P<local>[^\s\x00-\x1f\x7f@<>()\[\],;:\"\\]{1,64})@(?P<domain>(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63})"
)
_LONGEST_EMAIL = 254  # characters, RFC 5321


def email(value: str) -> str | None:
    """Return the one e-mail address that was written, its domain in lower case, or None."""
    address = unicodedata.normalize("NFC", _visible(value)).strip().removeprefix("mailto:")
    found = _EMAIL.fullmatch(address) if len(address) <= _LONGEST_EMAIL else None
    if not found or found["local"].startswith(".") or found["local"].endswith(".") or ".." in found["local"]:
        return None
    return f"{found['local']}@{found['domain'].lower()}"


def _read(value: str, regions: tuple[str, ...]) -> str | Doubt:
    if len(value) > _LONGEST:
        return Doubt.TOO_LONG
    doubt = Doubt.EMPTY
    for part in _SEVERAL.split(_plain(value)):
        found = _one(part.strip(), regions)
        if not isinstance(found, Doubt):
            return found
        if doubt is Doubt.EMPTY:
            doubt = found
    return doubt


def _plain(value: str) -> str:
    """Write it with ASCII digits, a plain plus and plain hyphens, without anything invisible or any tatweel."""
    return _DASH.sub("-", ascii_digits(unicodedata.normalize("NFKC", _visible(value))))


def _visible(value: str) -> str:
    return "".join(c for c in value if unicodedata.category(c) not in {"Cf", "Cs"} and c != "\u0640")


def _one(written: str, regions: tuple[str, ...]) -> str | Doubt:
    number = _EXTENSION.sub("", _SCHEME.sub("", written, count=1) if _SCHEME.match(written) else written).strip()
    if not number:
        return Doubt.EMPTY
    if number.casefold() in _WITHHELD_WORDS or re.sub(r"\D", "", number) in _WITHHELD_KEYS:
        return Doubt.WITHHELD
    if any(c.isalpha() for c in number):
        return Doubt.LETTERS
    doubt = Doubt.INVALID
    for reading in _readings(number):
        found = _parsed(reading, regions)
        if not isinstance(found, Doubt):
            return found
        if found is Doubt.KIND:
            doubt = found
    digits = re.sub(r"\D", "", number)
    return Doubt.SHORT_CODE if 0 < len(digits) <= _SHORT_CODE else doubt


def _readings(number: str) -> Iterator[str]:
    """Yield the ways in which it may be meant, the likeliest first."""
    if number.endswith("+"):  # typed from right to left: the plus belongs before the last group, or before them all
        groups = number[:-1].split()
        yield "+" + " ".join(groups[-1:] + groups[:-1])
        yield "+" + " ".join(reversed(groups))
        return
    yield number
    if "/" in number:  # 0790/1234567 is one number, 07901234567 / 07701234567 are two
        yield from (part.strip() for part in number.split("/"))


def _parsed(number: str, regions: tuple[str, ...]) -> str | Doubt:
    if not _WRITTEN.fullmatch(number):
        return Doubt.INVALID
    doubt = Doubt.INVALID
    for region in regions:
        try:
            parsed = parse(number, region)
        except NumberParseException:
            continue
        if not is_valid_number(parsed):
            continue
        if number_type(parsed) in _PEOPLES:
            return str(format_number(parsed, PhoneNumberFormat.E164))
        doubt = Doubt.KIND
    return doubt
