"""Spellings that are near each other: letters that sound alike, one slip of the finger, Arabic in Latin letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

# What Iraqis, and people in a hurry, write for one another. Folded letters only.
_SOUNDS = str.maketrans("ظذثصط", "ضزتست")
_DIGIT = re.compile(r"\d")
_TWICE = re.compile(r"(.)\1+")

_LONG = 8  # letters from which one wrong letter still leaves a name recognisable
_SHORT = 7

_ARABIZI = str.maketrans(
    {"3": "", "2": "", "'": "", "’": "", "7": "h", "5": "x", "6": "t", "9": "s", "8": "q", "4": "a"}
)
_LATIN_SOUNDS = (
    ("kh", "x"), ("dh", "z"), ("th", "t"), ("sh", "s"), ("ch", "s"), ("gh", "g"), ("ph", "f"), ("ck", "k"),
    ("q", "k"), ("c", "k"), ("p", "b"), ("v", "f"),
)  # fmt: skip
_VOWELS = (
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("ei", "i"),
    ("ai", "a"),
    ("ay", "a"),
    ("y", "i"),
    ("w", "u"),
    ("o", "u"),
    ("e", "i"),
)
_NO_CONSONANT = re.compile(r"[aeiouh]+")
_FEW = 2  # consonants, which many a word has
_NEAR_LATIN, _NEAR_ENGLISH = 80.0, 88.0  # of 100: how alike two Latin spellings of equal consonants must be


def sound(word: str) -> str:
    """Return a folded Arabic word with one letter for those that the ear confuses (ظ and ض, a final ا and ة), once."""
    word = _TWICE.sub(r"\1", word.translate(_SOUNDS))
    return f"{word[:-1]}ه" if word.endswith("ا") else word


def shorter(word: str) -> Iterator[str]:
    """Yield the word, and the word without each of its letters: two words that share one are one slip apart."""
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def one_slip(written: str, name: str, *, given: int = 0, trusted: bool) -> bool:
    """Say whether a word is a name with one letter too many, too few, wrong, or two swapped. Both are `sound` forms.

    The first `given` letters ("street") say nothing of the name. The shorter what remains, the less a slip is
    believed; sooner where a place is to be expected (`trusted`), and of a wrong letter only there.
    """
    if not trusted and name == f"{written}ه" and written.endswith("ي"):
        return False  # a man of the place: الكاظمي
    if _DIGIT.search(name) or OSA.distance(written, name, score_cutoff=1) > 1:
        return False
    shortest = min(len(written), len(name)) - given
    slight = len(written) != len(name) or sorted(written) == sorted(name)
    return shortest >= _SHORT - trusted if slight else trusted and shortest >= _LONG


@lru_cache(maxsize=4096)
def latin(word: str) -> str:
    """Return one way of writing for the many of an Arabic word in Latin letters, vowels included."""
    if word.isdecimal():
        return word
    word = word.translate(_ARABIZI)
    for written, meant in (*_LATIN_SOUNDS, *_VOWELS):
        word = word.replace(written, meant)
    word = _TWICE.sub(r"\1", word)
    return word.removesuffix("h") if word.endswith("ah") else word


@lru_cache(maxsize=4096)
def consonants(latin_form: str) -> str:
    """Return what of a `latin` form does not depend on who writes it."""
    return latin_form[:1] + _NO_CONSONANT.sub("", latin_form[1:])


_LETTERS = {
    "ا": "a", "ب": "b", "ت": "t", "ث": "t", "ج": "j", "ح": "h", "خ": "x", "د": "d", "ذ": "z", "ر": "r", "ز": "z",
    "س": "s", "ش": "s", "ص": "s", "ط": "t", "ظ": "z", "غ": "g", "ف": "f", "ق": "k", "ك": "k", "ل": "l", "م": "m",
    "ن": "n", "ه": "h", "و": "u", "ي": "i",
}  # fmt: skip


def transliterated(name: str) -> tuple[str, ...]:
    """Return the `latin` forms of a folded Arabic name; the short vowels, which Arabic does not write, are missing."""
    if name.endswith("ه"):
        name = f"{name[:-1]}ا"
    ways = ("d", "z") if "ض" in name else ("",)
    spelt = ("".join(way if letter == "ض" else _LETTERS.get(letter, "") for letter in name) for way in ways)
    return tuple(_TWICE.sub(r"\1", form) for form in spelt)


def near_in_latin(written: str, name: str, *, english: bool) -> bool:
    """Say whether two `latin` forms with equal consonants are the same name, a single consonant being too few."""
    known = len(consonants(written).lstrip("aiu"))
    if known <= 1:
        return False
    enough = _NEAR_ENGLISH if english or known <= _FEW else _NEAR_LATIN
    return fuzz.ratio(written, name, score_cutoff=enough) > 0
