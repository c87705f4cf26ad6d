"""Hide telephone numbers and e-mail addresses in words that leave the complaint itself: lists, subjects, statistics."""

from __future__ import annotations

import re

HIDDEN = "•••"

# Possessive quantifiers and a look-behind: every character is read once, so a hostile letter costs no more than
# an honest one.
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]++[@＠][\w-]++(?:\.[\w-]++)++")

# Seven digits or more of any script. Between two of them up to three blanks, dashes, dots, brackets, slashes, bidi
# marks or the parts of a keycap emoji; commas, colons and line breaks separate one figure from the next.
_NUMBER = re.compile(r"[+＋(]{0,2}+(?<!\d)\d(?:(?:[^\w\n,;:،؛]|[_\u0640]){0,3}+\d){6,}+[\ufe0f\u20e3]*+")


def mask(text: str) -> str:
    """Return the text with every e-mail address and every run of seven or more digits replaced by dots.

    It rather hides a date too many than a number too few. Names are not hidden.
    """
    return _NUMBER.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))
