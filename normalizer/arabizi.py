"""Arabic in Latin letters, written back in Arabic ones: "el majari tafe7" is "المجاري طافح".

The digits stand for letters that Latin lacks (2 ء, 3 ع, 5 خ, 6 ط, 7 ح, 8 ق or غ, 9 ص); short vowels are sometimes
written and sometimes not, and one letter stands for several. So a word is looked for among those that the city knows,
by its consonants, and of those that fit the nearest is taken; a word that none fits is spelled out letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

from rapidfuzz.distance import Levenshtein

from normalizer.text import fold

_WORD = re.compile(r"[a-z0-9']{1,64}")  # what is longer than anybody's word is cut: words are remembered
_LETTERS = (  # the longest first
    ("ch", "ج"),
    ("sh", "ش"),
    ("kh", "خ"),
    ("gh", "غ"),
    ("th", "ث"),
    ("dh", "ذ"),
    ("7'", "خ"),
    ("3'", "غ"),
    ("9'", "ض"),
    ("6'", "ظ"),
    ("ou", "و"),
    ("oo", "و"),
    ("ee", "ي"),
    ("aa", "ا"),
    ("2", "ا"),
    ("3", "ع"),
    ("4", "ذ"),
    ("5", "خ"),
    ("6", "ط"),
    ("7", "ح"),
    ("8", "ق"),
    ("9", "ص"),
    ("a", ""),
    ("b", "ب"),
    ("c", "ك"),
    ("d", "د"),
    ("e", ""),
    ("f", "ف"),
    ("g", "ك"),
    ("h", "ه"),
    ("i", ""),
    ("j", "ج"),
    ("k", "ك"),
    ("l", "ل"),
    ("m", "م"),
    ("n", "ن"),
    ("o", "و"),
    ("p", "ب"),
    ("q", "ق"),
    ("r", "ر"),
    ("s", "س"),
    ("t", "ت"),
    ("u", "و"),
    ("v", "ف"),
    ("w", "و"),
    ("x", "كس"),
    ("y", "ي"),
    ("z", "ز"),
    ("'", ""),
)
_SPELLED = dict(_LETTERS)
_VOWELS = frozenset("aeiou")
_DOUBLED = re.compile(r"([bcdfghjklmnpqrstvwxyz])\1+")
_LONE_ARTICLE = re.compile(r"\b(3al|wel|wil|bel|bil|lel|lil|bl|el|al|il) (?=[a-z0-9])")
_LETTER = re.compile("|".join(re.escape(latin) for latin, _ in _LETTERS))
# One key for consonants that Latin letters do not tell apart, and none for what may be a vowel.
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("اويءةى", None),
        **dict.fromkeys("صث", "س"),
        "ط": "ت",
        "ض": "د",
        "ظ": "ز",
        "ذ": "ز",
        "ق": "ك",
        "غ": "ك",
        "ح": "ه",
        "خ": "ه",
        "ع": None,
    }
)
_ARTICLES = {  # the longest first
    "3al": "عال",
    "wel": "وال",
    "wil": "وال",
    "bel": "بال",
    "bil": "بال",
    "lel": "لل",
    "lil": "لل",
    "bl": "بال",
    "el": "ال",
    "al": "ال",
    "il": "ال",
    "l": "ال",
}
_LEAST = 3  # letters of a word that is looked for; a shorter one says too little
_NEAR = 0.5  # of a known word's letters may differ from what was spelled out
_HEARD_ALIKE = str.maketrans("صثطضظذقغحخ", "سستدززككهه")


class Transliterator:
    """Writes Arabizi in Arabic letters with the help of the words that a city knows."""

    def __init__(self, known: Iterable[str]) -> None:
        self._texts = tuple(known)
        self._word = lru_cache(maxsize=4096)(self._written)

    @cached_property
    def _known(self) -> Mapping[str, Sequence[str]]:
        """The known words by their consonants; sorted out once somebody writes so, for most people never do."""
        found: dict[str, list[str]] = {}
        for word in sorted({word for text in self._texts for word in fold(text).split() if len(word) >= _LEAST}):
            if word.isalpha() and not word.isascii() and len(key := _skeleton(word)) > 1:
                found.setdefault(key, []).append(word)
        return found

    def arabic(self, text: str) -> str:
        """Return the text with every word of Latin letters written in Arabic ones; the rest stays as it is."""
        return _WORD.sub(lambda word: self._word(word[0]), _LONE_ARTICLE.sub(r"\1", fold(text)))

    def _written(self, word: str) -> str:
        if word.isdigit():
            return word
        whole = self._nearest(word)
        if whole:
            return whole
        for article, arabic in _ARTICLES.items():
            rest = word.removeprefix(article)
            if rest != word and len(rest) >= _LEAST:
                return arabic + (self._nearest(rest) or spelled(rest))
        return spelled(word)

    def _nearest(self, word: str) -> str | None:
        if len(word) < _LEAST:
            return None
        letters = spelled(word)
        heard = letters.translate(_HEARD_ALIKE)
        best, least = None, 2.0
        for known in self._known.get(_skeleton(letters), ()):
            # What sounds alike counts half: a writer who means ح writes 7 or h.
            apart = Levenshtein.distance(heard, known.translate(_HEARD_ALIKE)) + 0.25 * Levenshtein.distance(
                letters, known
            )
            if apart / len(known) < least:
                best, least = known, apart / len(known)
        return best if least <= _NEAR else None


def spelled(word: str) -> str:
    """Write a folded word of Latin letters and digits in Arabic letters, as far as Arabic would write them.

    A vowel at the beginning is an alif and an a at the end a ta marbuta; one letter within is short and not written.
    """
    word = _DOUBLED.sub(r"\1", word)
    begins, ends = word[:1] in _VOWELS, word[-1:] == "a" and word[-2:] != "aa"
    inner = _LETTER.sub(lambda letter: _SPELLED[letter[0]], word[begins : len(word) - ends])
    return "ا" * begins + inner + "ه" * (ends and len(word) > 1)


def _skeleton(word: str) -> str:
    return word.translate(_ALIKE)
