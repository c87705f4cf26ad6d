"""Hide telephone numbers and e-mail addresses in words that leave the complaint itself: lists, subjects, statistics."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from normalizer.complaint import Contact

HIDDEN = "•••"

# Possessive quantifiers and a look-behind: every character is read once, so a hostile letter costs no more than
# an honest one.
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]++[@＠][\w-]++(?:\.[\w-]++)++")

# Seven digits or more of any script. Between two of them up to three blanks, dashes, dots, brackets, slashes, bidi
# marks or the parts of a keycap emoji; commas, colons and line breaks separate one figure from the next.
_NUMBER = re.compile(r"[+＋(]{0,2}+(?<!\d)\d(?:(?:[^\w\n,;:،؛]|[_\u0640]){0,3}+\d){6,}+[\ufe0f\u20e3]*+")
_OWN = 8  # last digits by which a number is known, whichever way its beginning is dialled


def mask(text: str) -> str:
    """Return the text with every e-mail address and every run of seven or more digits replaced by dots.

    It rather hides a date too many than a number too few. Names are not hidden.
    """
    return _NUMBER.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))


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


def _values(contact: Contact) -> Iterator[str]:
    yield contact.phone or ""
    yield from (address.value for address in contact.addresses)


def _phrases(contact: Contact) -> Iterator[str]:
    yield from filter(None, {contact.email, *(address.value for address in contact.addresses)})
    if contact.name and len(contact.name.split()) > 1:
        yield contact.name


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())
