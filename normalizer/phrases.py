"""A city's words and phrases found in a text, in whatever form a citizen wrote them, each under the lists it is in.

A clerk writes the bare word. A ~ before a word means a verb in all its persons, tenses and dialects: "~وكع" is also
يوكع, توكعون, ديوكع, وكعت. A = before a word keeps its ending: "=امي" is not "ام".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from normalizer.stem import forms, is_word, stem, tokens
from normalizer.text import fold

VERB = "~"
EXACT = "="

_LEAST = 3  # letters that must be left of a verb
_REMEMBERED = 8192  # words
# What stands before a verb: "and", then the marks of the present and the future in the dialects, then the person, then
# the letter of the passive ("ديتكهرب", "بتنحرك", "حيتشقق"). Ordered so that each is tried once.
_AND = ("", "و", "ف")
_TENSES = ("", "ب", "د", "ه", "ح", "س", "ك", "ل", "عم", "غ")
_PERSONS = ("ي", "ت", "ن", "ا")
_PASSIVES = ("", "ت", "ن")
_BEFORE = tuple(
    dict.fromkeys(
        conjunction + rest
        for conjunction in _AND
        for rest in (
            "",
            *(tense + person + passive for tense in _TENSES for person in _PERSONS for passive in _PASSIVES),
        )
    )
)
# What may stand before a word whose ending counts; the rest of what clings would make other words of it.
_CLINGING = ("", "و", "ف", "ل", "ب", "ال", "وال", "بال", "لل", "هال", "ول", "وب")
_LONGEST_BEFORE = max(map(len, _BEFORE))
_BEGINNINGS = frozenset(_BEFORE)
_AFTER = frozenset(
    (
        "",
        *("ت", "تو", "توا", "وا", "و", "ون", "ين", "نا", "نه", "ن", "ان", "ا", "ه", "ها", "هم", "ني", "كم", "ك", "ي"),
        *("ته", "تها", "تهم", "تني", "تنا", "تنه", "وه", "وها", "وهم", "ونه", "وني", "تكم", "وك"),
    )
)
_LONGEST_AFTER = max(map(len, _AFTER))


class Found(NamedTuple):
    """A phrase in a text: its place among the words (from `start`, before `end`), as the clerk wrote it, its lists."""

    start: int
    end: int
    written: str
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Phrase:
    stems: tuple[str, ...]
    written: str
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What one word of a text may be: phrases of one word, all that it begins, and words further on in one."""

    single: tuple[_Phrase, ...]
    begun: tuple[_Phrase, ...]
    further: frozenset[str]


_UNKNOWN = _Known((), (), frozenset())


class Phrases:
    """Lists of words, compiled once and looked for in every text at the same price however many they are."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        belongs: dict[tuple[str, ...], tuple[str, set[str]]] = {}
        for name, entries in lists.items():
            for written in entries:
                stems = tuple(_entry_stems(written))
                if stems:
                    belongs.setdefault(stems, (bare(written), set()))[1].add(name)
        self._phrases: dict[str, list[_Phrase]] = {}
        for stems, (written, names) in belongs.items():
            self._phrases.setdefault(stems[0], []).append(_Phrase(stems, written, frozenset(names)))
        self._further = frozenset(further for stems in belongs for further in stems[1:])
        self._known = lru_cache(maxsize=_REMEMBERED)(self._looked_up)

    def find(self, words: Sequence[str]) -> list[Found]:
        """Find every phrase among the folded words of a text, in their order."""
        known = [*map(self._known, words), _UNKNOWN]
        return [
            Found(start, start + len(phrase.stems), phrase.written, phrase.lists)
            for start, (word, following) in enumerate(pairwise(known))
            # Few words go on with any phrase, so that most need not be looked at for the longer ones.
            for phrase in (word.begun if following.further else word.single)
            if len(phrase.stems) == 1 or _stands(phrase.stems, known, start)
        ]

    def _looked_up(self, word: str) -> _Known:
        meant = stems(word)
        begun = tuple(phrase for stem in meant for phrase in self._phrases.get(stem, ()))
        further = self._further.intersection(meant)
        if not begun and not further:
            return _UNKNOWN
        return _Known(tuple(phrase for phrase in begun if len(phrase.stems) == 1), begun, further)


def _stands(stems: Sequence[str], known: Sequence[_Known], start: int) -> bool:
    """Tell whether the further words of a phrase that begins at `start` follow one another there."""
    if stems[1] not in known[start + 1].further or start + len(stems) >= len(known):
        return False
    return all(stem in known[start + step].further for step, stem in enumerate(stems[2:], 2))


@lru_cache(maxsize=_REMEMBERED)
def stems(word: str) -> tuple[str, ...]:
    """Return all that a folded word may stand for: bare words, after a ~ verbs, after a = with its ending."""
    whole = (EXACT + word.removeprefix(clinging) for clinging in _CLINGING)
    return tuple(dict.fromkeys((*whole, *forms(word), *_verbs(word))))


def bare(written: str) -> str:
    """Return an entry without the signs that say how it is to be found."""
    return " ".join(part.lstrip(VERB + EXACT) for part in written.split())


def inflected(entry: str) -> Iterator[str]:
    """Return the commonest written forms of what a clerk wrote, for whatever needs whole words to compare with."""
    for part in entry.split():
        word = bare(part)
        yield word
        if part.startswith(VERB):
            yield from (f"ي{word}", f"ت{word}", f"{word}ت")


def _entry_stems(written: str) -> Iterator[str]:
    for part in written.split():
        if part[0] in (VERB, EXACT):
            yield part[0] + fold(part[1:])
        else:
            yield from (stem(token) for token in tokens(part) if is_word(token))


def _verbs(word: str) -> Iterator[str]:
    for before in range(min(_LONGEST_BEFORE, len(word) - _LEAST) + 1):
        if word[:before] in _BEGINNINGS:
            for after in range(min(_LONGEST_AFTER, len(word) - before - _LEAST) + 1):
                if word[len(word) - after :] in _AFTER:
                    yield VERB + word[before : len(word) - after]
