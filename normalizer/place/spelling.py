"""Spellings that are near each other: letters that sound alike, one slip of the finger, Arabic in Latin letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

# What Iraqis, and people in a hurry, write for one another. Folded letters only.
_SOUNDS = str.maketrans("ظذزثصط", "ضضضسست")
_DIGIT = re.compile(r"\d")

_LONG = 9  # letters from which one wrong letter still leaves a name recognisable
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
_TWICE = re.compile(r"(.)\1+")
_NO_CONSONANT = re.compile(r"[aeiouh]+")
_NEAR_LATIN = 80.0  # of 100: how alike two Latin spellings with the same consonants must be


def sound(word: str) -> str:
    """Return a folded Arabic word with one letter for those that people confuse by ear (ظ and ض, a final ا and ة)."""
    word = word.translate(_SOUNDS)
    return f"{word[:-1]}ه" if word.endswith("ا") else word


def shorter(word: str) -> Iterator[str]:
    """Yield the word, and the word without each of its letters: two words that share one are one slip apart."""
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def one_slip(written: str, name: str, *, given: int = 0, trusted: bool) -> bool:
    """Say whether a word is a name with one letter too many, too few, wrong, or two swapped. Both are `sound` forms.

    The first `given` letters ("street") say nothing of the name. The shorter what remains, the less a slip is
    believed, and sooner where a place is to be expected (`trusted`).
    """
    if _DIGIT.search(name) or OSA.distance(written, name, score_cutoff=1) > 1:
        return False
    shortest = min(len(written), len(name)) - given
    slight = len(written) != len(name) or sorted(written) == sorted(name)
    return shortest >= (_SHORT if slight else _LONG) - trusted


@lru_cache(maxsize=4096)
def latin(word: str) -> str:
    """Return one way of writing for the many of an Arabic word in Latin letters, vowels included."""
    if word.isdecimal():
        return word
    word = word.translate(_ARABIZI)
    for written, meant in (*_LATIN_SOUNDS, *_VOWELS):
        word = word.replace(written, meant)
    return _TWICE.sub(r"\1", word)


@lru_cache(maxsize=4096)
def consonants(latin_form: str) -> str:
    """Return what of a `latin` form does not depend on who writes it."""
    return latin_form[:1] + _NO_CONSONANT.sub("", latin_form[1:])


def near_in_latin(written: str, name: str) -> bool:
    """Say whether two `latin` forms with equal consonants are the same name."""
    return fuzz.ratio(written, name, score_cutoff=_NEAR_LATIN) > 0
