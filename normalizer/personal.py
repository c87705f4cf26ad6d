"""Personal data in a citizen's words: telephones, addresses, names at networks, ids, cards, accounts, passwords.

Whatever leaves a complaint is masked: lists, subjects, events, exports, statistics. In doubt a number is hidden. It
stays where the words beside it say that it is none of a person: a meter's, a date, a sum, the complaint's own.
Names are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stdnum import damm, iban, luhn

from normalizer.address import addresses
from normalizer.complaint import Contact
from normalizer.spoken import spoken_numbers
from normalizer.text import ascii_digits, fold

HIDDEN = "•••"
_DOT = HIDDEN[0]


class Kind(StrEnum):
    """What was found; `NUMBER` is one too long for a house and without anything that says what it is."""

    PHONE = "phone"
    EMAIL = "email"
    NATIONAL_ID = "national_id"
    CARD = "card"
    IBAN = "iban"
    LOGIN = "login"
    HANDLE = "handle"
    LINK = "link"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data from `start` to before `end`."""

    kind: Kind
    start: int
    end: int


# Possessive quantifiers and look-behinds, as in `normalizer.address`: every character is read once.
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}+")

# Seven digits or more of any script. Between two of them up to three blanks, dashes, dots, brackets, slashes, bidi
# marks or the parts of a keycap emoji; commas, colons and line breaks separate one figure from the next.
_NUMBER = re.compile(r"[+＋(]{0,2}+(?<!\d)\d(?:(?:[^\w\n,;:،؛•]|[_\u0640]){0,3}+\d){6,}+[\ufe0f\u20e3]*+")
_DIGITS = re.compile(r"\d")
_GROUP = re.compile(r"\d+")
_LEAST = 7  # digits of a number that may lead to somebody
_OWN = 8  # last digits by which a number is known, whichever way its beginning is dialled

_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d"
    r"|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d)(?!\d)"
)
_MOBILE = re.compile(
    r"(?:00)?(?:964)?0?7[3-9]\d{8}"  # Iraq
    r"|(?:00)?(?:20)?0?1[0125]\d{8}"  # Egypt
    r"|(?:00)?(?:962)?0?7[789]\d{7}"  # Jordan
    r"|(?:00)?(?:966|971|970|972)?0?5\d{8}"  # Saudi Arabia, the Emirates, Palestine
    r"|(?:00)?(?:968|965|974|973)[2-9]\d{7}"  # Oman, Kuwait, Qatar, Bahrain
    r"|[79]\d{7}|0[1-9]\d{6,9}"  # Oman as it is dialled there; anything dialled with a nought
)
# A mobile number told in pieces, as people dictate it and machines write it down: "0770, 123, 4567".
_PIECES = re.compile(r"(?:07[3-9]\d{8}|01[0125]\d{8}|07[789]\d{7}|05\d{8})")
_BEGUN = re.compile(r"0(?:[157]\d*)?")
_BETWEEN = re.compile(r"[\s,،]{1,6}")
_LEAST_PIECE, _MOST_PIECES = 2, 11  # digits

_EGYPTIAN_ID = re.compile(r"[23]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:0[1-4]|1[1-9]|2[1-9]|3[1-5]|88)\d{5}")
_EMIRATI_ID = re.compile(r"784(?:19|20)\d{10}")
_SAUDI_ID = re.compile(r"[12]\d{9}")
_KUWAITI_ID = re.compile(r"[23]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{5}")
_KUWAITI_WEIGHTS = (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CARD = re.compile(r"(?:4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6\d{15})")

_BEFORE = 48  # characters before a number in which words may say what it is
_NEAR = 4  # words before it
_ELSE = re.compile(r"[\d\n•]|[@＠] ?\S*")  # another number, hidden or not, another line, an address
_WORD = re.compile(r"[^\W\d_]+")
_PREFIXES = re.compile("^(?:و|ف)?(?:ال|لل|بال|ب|ل)?")


def _labels(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


_ID_LABELS = _labels("هوية هويتي بطاقة بطاقتي قومي مدنية مدني وطنية جنسية اقامة إقامة جواز passport identity id")
_PERSON_LABELS = _labels(
    "هاتف تلفون تليفون موبايل جوال نقال محمول رقمي تلفوني موبايلي اتصل اتصلوا phone mobile tel call"
)
_THING_LABELS = _labels(
    "مقياس مقياسي مقياسنا عداد عدادي عدادنا ساعة اشتراك اشتراكي مشترك قائمة قايمة قائمتي فاتورة فاتورتي فواتير وصل"
    " معاملة معاملتي اضبارة إضبارة اضبارتي عقار قطعة بلوك محلة زقاق دار عمود محولة مغذي مركبة"
    " meter subscription subscriber invoice bill plot block pole transformer"
)
_OWN_LABELS = _labels(
    "شكوى شكوتي شكواي بلاغ بلاغي طلب طلبي مرجع متابعة تتبع reference ref tracking complaint ticket request"
)
_MONEY = re.compile(
    r"\s?(?:ال)?(?:دينار|دنانير|جنيه|ريال|درهم|دولار|ليرة|ليره|الف|ألف|مليون|د\.ع|IQD|EGP|JOD|OMR|SAR|AED|USD|dinar|dollar|\$)",
    re.IGNORECASE,
)
_MOST_MONEY = 12  # digits
_MOST_OF_THING = 14  # digits of a meter's or an invoice's number
_OWN_DIGITS = 10  # of our references; the last is a check digit


def find(text: str) -> tuple[Found, ...]:
    """Return all personal data in a text, in its order; none lies upon another."""
    taken: list[Found] = []
    for look in (_addresses, _ibans, _numerals):  # what is known for an address or an account is part of no number
        fresh = _apart(look(text))
        text = _without(text, fresh)
        taken += fresh
    return tuple(sorted(taken, key=lambda found: found.start))


def mask(text: str) -> str:
    """Return the text with all personal data in it replaced by dots. Names are not hidden."""
    found = find(text)
    if not found:
        return text
    kept, last = [], 0
    for one in found:
        kept += [text[last : one.start], HIDDEN]
        last = one.end
    return "".join([*kept, text[last:]])


def conceal(text: str, contact: Contact) -> str:
    """Return the text without what leads to this one citizen: their numbers, their addresses, their full name.

    Other numbers stay, for a department may need them: a meter's, or the one to which a bribe was to be paid. A name of
    one word stays too; it is as likely a word of the complaint.
    """
    if _NUMBER.search(text):
        own = {digits[-_OWN:] for value in _values(contact) if len(digits := _digits(value)) >= _OWN}
        text = _NUMBER.sub(lambda run: HIDDEN if _digits(run[0])[-_OWN:] in own else run[0], text)
    for words in _phrases(contact):
        # Most addresses are digits, and most texts do not have them: compiling a pattern for each would cost the most.
        if words.lower() == words.upper() and words not in text:
            continue
        text = re.sub(rf"(?<!\w){re.escape(words)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def _apart(everything: Iterable[Found]) -> list[Found]:
    """Return what lies upon nothing before it: of what begins at one place the longest."""
    taken: list[Found] = []
    for found in sorted(everything, key=lambda found: (found.start, -found.end)):
        if not taken or found.start >= taken[-1].end:
            taken.append(found)
    return taken


def _without(text: str, found: Sequence[Found]) -> str:
    """Return a text of the same length in which something found reads as hidden."""
    kept, last = [], 0
    for one in found:
        kept += [text[last : one.start], _DOT * (one.end - one.start)]
        last = one.end
    return "".join([*kept, text[last:]]) if found else text


def _addresses(text: str) -> Iterator[Found]:
    yield from (Found(Kind(name), start, end) for name, start, end in addresses(text))


def _numerals(text: str) -> Iterator[Found]:
    yield from (Found(Kind.PHONE, start, end) for start, end in spoken_numbers(text))
    if _NUMBER.search(text):
        for run in _NUMBER.finditer(text):
            yield from _numbers(text, run.start(), run.end())
    yield from (Found(Kind.PHONE, start, end) for start, end in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Return where a mobile number is told in pieces with commas or wide gaps between them: from, and before."""
    groups = list(_GROUP.finditer(text))
    for place, first in enumerate(groups):
        digits, end = "", first.start()
        for piece in groups[place : place + _MOST_PIECES // _LEAST_PIECE]:
            if len(piece[0]) < _LEAST_PIECE or (digits and not _BETWEEN.fullmatch(text, end, piece.start())):
                break
            digits, end = digits + ascii_digits(piece[0][:_MOST_PIECES]), piece.end()
            if len(digits) > _MOST_PIECES or not _BEGUN.fullmatch(digits):
                break
            if _PIECES.fullmatch(digits):
                yield first.start(), end
                break


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(ascii_digits(text)):
        for end in _ends(match[0]):
            if iban.is_valid(match[0][:end], check_country=False):
                yield Found(Kind.IBAN, match.start(), match.start() + end)
                break


def _ends(run: str) -> Iterator[int]:
    """Go through the places at which an account number may end before the words that follow it, the longest first."""
    yield len(run)
    yield from (place for place in range(len(run) - 1, 14, -1) if run[place] in " -")


def _numbers(text: str, start: int, end: int) -> Iterator[Found]:
    """Cut the dates out of a run of digits and judge what is left."""
    run = ascii_digits(text[start:end])
    last = 0
    for date in _DATE.finditer(run):
        yield from _number(text, start + last, start + date.start())
        last = date.end()
    yield from _number(text, start + last, end)


def _number(text: str, start: int, end: int) -> Iterator[Found]:
    written = text[start:end]
    digits = _digits(written)
    if len(digits) < _LEAST:
        return
    labels = _said_before(text, start)
    kind = _kind(digits, written, labels)
    if kind is None:
        return
    if kind is Kind.NUMBER and len(digits) <= _MOST_MONEY and digits[0] != "0" and _MONEY.match(text, end):
        return
    stripped = written.strip()
    begins = start + written.index(stripped)
    yield Found(kind, begins, begins + len(stripped))


def _kind(digits: str, written: str, labels: frozenset[str]) -> Kind | None:
    """Say what a number is by its shape and check digits, then by the words before it. None: it leads to nobody."""
    if labels & _OWN_LABELS and not labels & _PERSON_LABELS and _is_reference(digits):
        return None
    if _CARD.fullmatch(digits) and luhn.is_valid(digits):
        return Kind.CARD
    if _is_national_id(digits) or labels & _ID_LABELS:
        return Kind.NATIONAL_ID
    if written.lstrip()[0] in "+＋(" or _MOBILE.fullmatch(digits) or labels & _PERSON_LABELS:
        return Kind.PHONE
    return None if labels & _THING_LABELS and len(digits) <= _MOST_OF_THING and _alone(written) else Kind.NUMBER


def _alone(written: str) -> bool:
    """Tell whether no part of a run of digits is itself somebody's: two numbers may stand side by side."""
    groups = _GROUP.findall(ascii_digits(written))
    return not any(_MOBILE.fullmatch(group) or _is_national_id(group) for group in groups)


def _is_reference(digits: str) -> bool:
    """Tell whether digits are a complaint's number: ours, or another desk's if too short to be a citizen's."""
    ours = len(digits) == _OWN_DIGITS and damm.is_valid(digits)
    return ours or (len(digits) < _OWN_DIGITS and not _MOBILE.fullmatch(digits))


def _is_national_id(digits: str) -> bool:
    return bool(
        _EGYPTIAN_ID.fullmatch(digits)
        or (_EMIRATI_ID.fullmatch(digits) and luhn.is_valid(digits))
        or (_SAUDI_ID.fullmatch(digits) and luhn.is_valid(digits))
        or (_KUWAITI_ID.fullmatch(digits) and _kuwaiti(digits))
    )


def _kuwaiti(digits: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_KUWAITI_WEIGHTS, digits, strict=False))
    return 11 - total % 11 == int(digits[-1])


def _said_before(text: str, start: int) -> frozenset[str]:
    """Return the few words between a number and whatever else was told before it, bare of what clings to them."""
    before = _ELSE.split(text[max(0, start - _BEFORE) : start])[-1]
    words = _WORD.findall(fold(before))[-_NEAR:]
    return frozenset(form for word in words for form in (word, _PREFIXES.sub("", word)))


def _values(contact: Contact) -> Iterator[str]:
    yield contact.phone or ""
    yield from (address.value for address in contact.addresses)


def _phrases(contact: Contact) -> Iterable[str]:
    yield from filter(None, {contact.email, *(address.value for address in contact.addresses)})
    if contact.name and len(contact.name.split()) > 1:
        yield contact.name


def _digits(text: str) -> str:
    return "".join(_DIGITS.findall(ascii_digits(text)))
