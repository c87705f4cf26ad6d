"""Names in Sorani Kurdish, which writes the vowels that Arabic leaves out: "کەرادە" is كرادة, "لە" is "in".

What such a text says is told in the letters that the names are known by: a cue as the Arabic word for it, any other
word marked and without its vowels.
"""

from __future__ import annotations

import re
from functools import lru_cache

from normalizer.place.cues import KINDS
from normalizer.text import fold

MARK = "\u06d5"  # before a word of Sorani; folding leaves none of these in any other word

_WRITTEN = re.compile("[\u06ce\u06c6\u06b5\u0695]|\u06d5(?=[\u0621-\u06d5])")
_ARTICLE = re.compile("[وف]?[بلعك]?ال|[وف]?لل")
_TWICE = re.compile(r"(.)\1+")
_AT_FRONT = re.compile("^ئ(?=[\u06d5اۆوێی])\u06d5?ا?")
_IN = "لە"  # glued to the front: in
_ENDINGS = re.compile("(?<=..ە)(?:دا|وە|ی|یدا)$|(?<=...)دا$")
_SHORTEST = 3
_REMEMBERED = 8192  # words

_HEARD = str.maketrans("ظضذثصط", "زززسست")
_CUES = {
    "لە": "في", "لەناو": "في", "نزیک": "قرب", "نزیکی": "قرب", "لای": "يم", "پشت": "ورا",
    "پشتی": "ورا", "بەرامبەر": "مقابل", "تەنیشت": "جنب", "گەڕەک": "حي", "گەڕەکی": "حي",
    "شەقام": "شارع", "شەقامی": "شارع", "بازاڕ": "سوق", "بازاڕی": "سوق", "پرد": "جسر", "پردی": "جسر",
    "ناوچە": "منطقه", "ناوچەی": "منطقه", "شاری": "مدينه", "مەیدانی": "ساحه", "گۆڕەپانی": "ساحه",
    "نەخۆشخانەی": "مستشفي", "کەرتی": "قطاع", "خەڵکی": "اهالي", "دانیشتووانی": "اهالي",
    "دانیشتوانی": "اهالي", "بەڵام": "بس", "کێشەکە": "مشكله",
}  # fmt: skip


def written(text: str) -> bool:
    """Say whether a text holds Sorani: its own letters, or its a within a word."""
    return bool(_WRITTEN.search(text))


@lru_cache(maxsize=_REMEMBERED)
def retold(word: str, folded: str) -> str:
    """Return what a word of such a text is looked up by. `folded` is the word folded; what is Arabic stays that."""
    raw = word.replace("ك", "ک").replace("ي", "ی")
    if cue := _CUES.get(raw):
        return cue
    if raw.startswith(_IN) and len(raw) >= len(_IN) + _SHORTEST:
        return _CUES.get(raw[len(_IN) :]) or f"ب{MARK}{_consonants(raw[len(_IN) :])}"
    arabic = _ARTICLE.match(folded) or folded in KINDS or folded[0].isascii()
    return folded if arabic else MARK + _consonants(raw)


def heard(folded: str) -> str:
    """Return a folded Arabic word without article in the letters that Sorani has for it."""
    return _TWICE.sub(r"\1", folded.translate(_HEARD))


def _consonants(raw: str) -> str:
    stem = _ENDINGS.sub("", _AT_FRONT.sub("ا", raw))
    last = "ه" if stem.endswith(MARK) else ""
    return heard(fold(stem.replace(MARK, "")) + last)
