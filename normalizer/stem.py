"""Words as programs compare them: a folded text's tokens, and the light stems under which its words are known.

An Arabic word is written together with its article, with "and", "in", "to", "like", and with endings of person and
number. A clerk writes the bare word; `forms` tells under which bare words each word of a message may be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from normalizer.text import fold

MARKS = frozenset(".!?؟…،؛,;:\n")
"""The tokens that are no words, for whoever goes through very many."""

ENDS = MARKS - frozenset("،,:")
"""The marks at which a sentence ends. A comma ends nothing: people who dictate or hurry put one anywhere."""

# Words, and the marks at which a phrase ends. What is longer than anybody's word is cut: words are remembered.
_TOKEN = re.compile(r"[^\W_]{1,64}|[.!?؟…،؛,;:\n]")
_ARABIC = re.compile("[\u0621-\u064a]")
_ARTICLE = "ال"
_CLINGING = (
    "ال",
    "لل",
    "بال",
    "وال",
    "كال",
    "فال",
    "عال",
    "هال",
    "شال",
    "وبال",
    "ولل",
    "وعال",
    "وهال",
    "و",
    "ب",
    "ل",
    "ف",
    "وب",
    "ول",
)
_ENDINGS = ("ات", "ين", "ون", "ها", "هم", "نا", "كم", "يه", "ه", "ي", "ء")
_OWNERS = frozenset(("ها", "هم", "نا", "كم", "ه", "ي"))
_LEAST = 3  # letters that must be left of an Arabic word
_LEAST_PLURAL = 4  # letters of an English word whose final s is dropped
_REMEMBERED = 16_384  # words; a city's citizens use a few thousand
# Texts are cut once for the questions that are asked of one in a row. Letters are kept apart, being large, and because
# between two questions each of a letter's sentences may be asked about.
_LETTER = 2000  # characters
_LETTERS, _MESSAGES = 8, 128


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text, folded, with the marks at which a phrase ends between them."""
    return _of_a_letter(text) if len(text) > _LETTER else _of_a_message(text)


def _cut(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(fold(text)))


_of_a_letter, _of_a_message = lru_cache(maxsize=_LETTERS)(_cut), lru_cache(maxsize=_MESSAGES)(_cut)


def is_word(token: str) -> bool:
    """Tell a word from a mark."""
    return token not in MARKS


@lru_cache(maxsize=_REMEMBERED)
def stem(token: str) -> str:
    """Reduce a folded word as a clerk wrote it: no article, no common ending."""
    return _without_ending(token[2:] if token.startswith(_ARTICLE) and len(token) - 2 >= _LEAST else token)


@lru_cache(maxsize=_REMEMBERED)
def forms(token: str) -> tuple[str, ...]:
    """Return every stem that a folded word of a message may stand for, since و or ب may belong to it or cling to it."""
    return tuple(dict.fromkeys(map(_without_ending, _without_clinging(token))))


def _without_clinging(token: str) -> Iterator[str]:
    yield token
    for prefix in _CLINGING:
        if token.startswith(prefix) and len(token) - len(prefix) >= _LEAST:
            yield token[len(prefix) :]


def _without_ending(token: str) -> str:
    if not _ARABIC.match(token):
        plural = token.endswith("s") and not token.endswith("ss") and len(token) > _LEAST_PLURAL
        return token[:-1] if plural else token
    for ending in _ENDINGS:
        if token.endswith(ending) and len(token) - len(ending) >= _LEAST:
            bare = token[: -len(ending)]
            # Before "our" and "their" a ta marbuta is written open: سيارتنا is سيارة.
            return bare[:-1] if ending in _OWNERS and bare.endswith("ت") and len(bare) > _LEAST else bare
    return token
