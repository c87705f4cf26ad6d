"""The city's words: phrases that speak for a category, found however people write them.

A phrase is found whatever clings to its words in Arabic and however they are spelled, in its order, with at most one
other word between two of its own: "ماي مقطوع" stands in "الماي صار مقطوع". A strong phrase nearly always means its
category; a supporting one speaks for it; where a `never` phrase stands, the category is not meant although its words
are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from normalizer.stem import forms, is_word, stem
from normalizer.stem import tokens as tokens_of

_WORD_WEIGHT = 1.0
_FURTHER_WORD = 1.5  # a phrase of n words weighs 1 + 1.5 (n - 1): words that stand together say more than words apart
_STRONG = 3.0  # what a strong phrase weighs at the least
_STRETCHED = 0.7  # of its weight is left to a phrase that another word stands within
_GAP = 1  # other words between two of a phrase
_REMEMBERED = 8192  # words


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the city; `owner` is the place of its category, `stems` its words as they are compared.

    Where one stands that is `never`, its category is not meant.
    """

    owner: int
    stems: tuple[str, ...]
    never: bool
    strong: bool = field(compare=False)
    written: str = field(compare=False)  # "مجاري" and "المجاري" are one phrase
    weight: float = field(compare=False)


class Match(NamedTuple):
    """Where a phrase stands: the places of its first token and of the one after its last."""

    start: int
    end: int
    phrase: Phrase

    @property
    def weight(self) -> float:
        """What it weighs here."""
        return self.phrase.weight * (_STRETCHED if self.end - self.start > len(self.phrase.stems) else 1.0)


@dataclass(slots=True)
class Evidence:
    """What speaks for one category: the weight of its phrases, whether one is strong, and how the city writes them."""

    weight: float = 0.0
    strong: bool = False
    words: list[str] = field(default_factory=list)


_Longer = Mapping[str, Sequence[tuple[int, Phrase]]]
"""Phrases of one first word by their second one, each with its number among them."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a token may be: phrases of one word, the first word of longer ones, and further words of any.

    The longer ones are told for each stem that it may stand for, by their second word.
    """

    single: tuple[Phrase, ...] = ()
    longer: tuple[_Longer, ...] = ()
    further: frozenset[str] = frozenset()


_UNKNOWN, _MARK = _Known(), _Known()  # told apart by what they are: a phrase runs over a word, and over no mark


class WordTable:
    """Every phrase of a city, compiled once."""

    def __init__(
        self,
        categories: Sequence[str],
        strong: Mapping[str, Sequence[str]],
        words: Mapping[str, Sequence[str]],
        never: Mapping[str, Sequence[str]],
    ) -> None:
        places = {name: place for place, name in enumerate(categories)}
        index: dict[str, list[Phrase]] = {}
        for name, phrases in strong.items():
            _add(index, places[name], phrases, strong=True)
        for name, phrases in words.items():
            _add(index, places[name], phrases)
        for name, phrases in never.items():
            _add(index, places[name], phrases, never=True)
        every = chain.from_iterable(index.values())
        self._further = frozenset(further for phrase in every for further in phrase.stems[1:])
        self._index = index
        self._longer = lru_cache(maxsize=_REMEMBERED)(self._by_second)
        self._known = lru_cache(maxsize=_REMEMBERED)(self._looked_up)

    def told(self, tokens: Sequence[str]) -> tuple[dict[int, Evidence], set[int]]:
        """Weigh what speaks for each category among the tokens of a text, in the order of the text.

        Returned with it are the categories that the text is not about although it may have their words.
        """
        matches = list(self._find(tokens))
        if not matches:
            return {}, set()
        excluded = {match.phrase.owner for match in matches if match.phrase.never}
        found: dict[int, Evidence] = {}
        seen: set[Phrase] = set()
        for match in longest([match for match in matches if not match.phrase.never]):
            if match.phrase in seen:  # said twice is not twice as true
                continue
            seen.add(match.phrase)
            evidence = found.setdefault(match.phrase.owner, Evidence())
            evidence.weight += match.weight
            evidence.strong = evidence.strong or match.phrase.strong
            evidence.words.append(match.phrase.written)
        return found, excluded

    def without(self, tokens: Sequence[str], told: Callable[[int], bool]) -> list[str]:
        """Return the tokens of a text but for the phrases of the owners that `told` says yes to."""
        gone: set[int] = set()
        for match in longest([match for match in self._find(tokens) if not match.phrase.never]):
            if told(match.phrase.owner):
                gone.update(range(match.start, match.end))
        return [token for place, token in enumerate(tokens) if place not in gone]

    def _find(self, tokens: Sequence[str]) -> Iterator[Match]:
        """Find every phrase, in the order of the text."""
        known = [*map(self._known, tokens), *(_MARK,) * (_GAP + 1)]
        for start, word in enumerate(known[: len(tokens)]):
            for phrase in word.single:
                yield Match(start, start + 1, phrase)
            if word.longer:
                # A text has few of the many words that a common one may be followed by.
                near = known[start + 1].further.union(known[start + 2].further)
                for longer in word.longer:
                    for phrase in _begun(longer, near):
                        if end := _end(phrase.stems, known, start):
                            yield Match(start, end, phrase)

    def _looked_up(self, token: str) -> _Known:
        if not is_word(token):
            return _MARK
        meant = forms(token)
        begun = [form for form in meant if form in self._index]
        single = tuple(phrase for form in begun for phrase in self._index[form] if len(phrase.stems) == 1)
        longer = tuple(filter(None, map(self._longer, begun)))
        further = self._further.intersection(meant)
        return _Known(single, longer, further) if begun or further else _UNKNOWN

    def _by_second(self, first: str) -> _Longer:
        longer: dict[str, list[tuple[int, Phrase]]] = {}
        for number, phrase in enumerate(self._index[first]):
            if len(phrase.stems) > 1:
                longer.setdefault(phrase.stems[1], []).append((number, phrase))
        return longer


def _add(
    index: dict[str, list[Phrase]], owner: int, phrases: Iterable[str], *, strong: bool = False, never: bool = False
) -> None:
    for written in phrases:
        stems = tuple(stem(token) for token in tokens_of(written) if is_word(token))
        weight = _WORD_WEIGHT + _FURTHER_WORD * (len(stems) - 1)
        phrase = Phrase(owner, stems, never, strong, written, max(weight, _STRONG) if strong else weight)
        if stems and phrase not in index.setdefault(stems[0], []):  # what is strong comes first and stays
            index[stems[0]].append(phrase)


def _begun(longer: _Longer, near: frozenset[str]) -> Iterable[Phrase]:
    """Return the phrases that may go on with one of the words, in their order."""
    found = [candidate for second in near if second in longer for candidate in longer[second]]
    return [phrase for _, phrase in (sorted(found, key=_number) if len(found) > 1 else found)]


def _number(candidate: tuple[int, Phrase]) -> int:
    return candidate[0]


def _end(stems: Sequence[str], known: Sequence[_Known], start: int) -> int:
    """Return where a phrase ends whose first word is known to stand at `start`; 0 where the others do not follow."""
    place = start
    for wanted in stems[1:]:
        for following in range(place + 1, place + _GAP + 2):
            if known[following] is _MARK:
                return 0  # a phrase does not run over the end of a sentence
            if wanted in known[following].further:
                break
        else:
            return 0
        place = following
    return place + 1


def longest(matches: Sequence[Match]) -> list[Match]:
    """Drop what lies within a longer match: in "ماء وسخ" the phrase counts, its "ماء" does not count again."""
    kept: list[Match] = []
    reach = -1  # the end of the widest match so far; sorted so, whoever ends before it lies within one
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.end > reach or any(
            (match.start, match.end) == (other.start, other.end) for other in reversed(kept[-4:])
        ):
            kept.append(match)
            reach = max(reach, match.end)
    return kept
