"""Telephone numbers told in words, as people dictate them: "صفر سبعة سبعة صفر واحد ...", "zero seven seven zero"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import compress

_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 7  # words in a row of a number that is dictated digit by digit …
_LEAST_AFTER_ZERO = 4  # … and of one that begins with a nought, where "seventy-seven" may stand for two digits
_LONGEST = 12  # letters and marks of such a word
_APART = 4  # characters that may stand between two of the words
_TATWEEL = "\u0640"
_ALIKE = (("أ", "ا"), ("إ", "ا"), ("آ", "ا"), ("ة", "ه"), ("ى", "ي"))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ZEROS = _set("صفر سفر زيرو zero")
_NUMBERS = _ZEROS | _set(
    "واحد وحده واحده اثنين ثنين اتنين اثنان تنين ثلاثه ثلاث تلاته تلات ثلاثة اربعه اربع خمسه خمس سته ست سبعه سبع ثمانيه"
    " ثماني ثمان ثمنيه تمانيه تمنيه تمان تسعه تسع عشره عشر احدعش اطنعش عشرين ثلاثين تلاتين اربعين خمسين ستين سبعين"
    " ثمانين تمانين تسعين ميه مايه مئه ميتين مئتين ثلاثميه تلتميه اربعميه خمسميه ستميه سبعميه ثمانميه ثمنميه تسعميه"
    " one two three four five six seven eight nine oh double triple"
)
_TOLD = _NUMBERS | {f"و{word}" for word in _NUMBERS}
_IN_A_ROW = bytes([True] * _LEAST_AFTER_ZERO)


def spoken_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Return where a text tells a number that is long enough to lead to somebody: from, and before."""
    told = _plain("\n".join(_WORD.findall(text))).split("\n")
    numbers = bytes(map(_TOLD.__contains__, told))
    if _IN_A_ROW not in numbers:
        return  # as in nearly every text
    words = 0
    start = end = 0
    zero = False
    for match, word in compress(zip(_WORD.finditer(text), told, strict=True), numbers):
        if len(match[0]) > _LONGEST:
            continue
        if words and not _joined(text[end : match.start()]):
            if _enough(words, zero):
                yield start, end
            words = 0
        if not words:
            start, zero = match.start(), word.removeprefix("و") in _ZEROS
        words, end = words + 1, match.end()
    if _enough(words, zero):
        yield start, end


def _enough(words: int, zero: bool) -> bool:
    return words >= (_LEAST_AFTER_ZERO if zero else _LEAST)


def _joined(between: str) -> bool:
    return len(between) <= _APART and not any(sign.isalnum() or sign == "\n" for sign in between)


def _plain(text: str) -> str:
    """Return a text in which each word stands as it would among the numbers."""
    text = text.lower().replace(_TATWEEL, "")
    for written, meant in _ALIKE:
        text = text.replace(written, meant)
    return text
