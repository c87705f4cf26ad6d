"""The city's words: phrases that speak for a category, found however people write them.

A phrase is found whatever clings to its words in Arabic and however they are spelled, in its order, with at most one
other word between two of its own: "ماي مقطوع" stands in "الماي صار مقطوع". A strong phrase nearly always means its
category; a supporting one speaks for it; where a `never` phrase stands, the category is not meant although its words
are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from normalizer.stem import is_word, stem
from normalizer.stem import tokens as tokens_of

_WORD_WEIGHT = 1.0
_FURTHER_WORD = 1.5  # a phrase of n words weighs 1 + 1.5 (n - 1): words that stand together say more than words apart
_STRONG = 3.0  # what a strong phrase weighs at the least
_STRETCHED = 0.7  # of its weight is left to a phrase that another word stands within
_GAP = 1  # other words between two of a phrase


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the city; `owner` is the place of its category, `stems` its words as they are compared."""

    owner: int
    stems: tuple[str, ...]
    strong: bool = field(compare=False)
    written: str = field(compare=False)  # "مجاري" and "المجاري" are one phrase
    weight: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Match:
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
        self._index: dict[str, list[Phrase]] = {}
        for table, decisive in ((strong, True), (words, False)):
            for name, phrases in table.items():
                self._add(self._index, places[name], phrases, strong=decisive)
        self._never: dict[str, list[Phrase]] = {}
        for name, phrases in never.items():
            self._add(self._never, places[name], phrases, strong=False)

    @staticmethod
    def _add(index: dict[str, list[Phrase]], owner: int, phrases: Iterable[str], *, strong: bool) -> None:
        for written in phrases:
            stems = tuple(stem(token) for token in tokens_of(written) if is_word(token))
            weight = _WORD_WEIGHT + _FURTHER_WORD * (len(stems) - 1)
            phrase = Phrase(owner, stems, strong, written, max(weight, _STRONG) if strong else weight)
            if stems and phrase not in index.setdefault(stems[0], []):  # what is strong comes first and stays
                index[stems[0]].append(phrase)

    def evidence(self, tokens: Sequence[str], forms: Sequence[tuple[str, ...]]) -> dict[int, Evidence]:
        """Weigh what speaks for each category among the tokens of a text, in the order of the text."""
        found: dict[int, Evidence] = {}
        seen: set[Phrase] = set()
        for match in longest(find(tokens, forms, self._index)):
            if match.phrase in seen:  # said twice is not twice as true
                continue
            seen.add(match.phrase)
            evidence = found.setdefault(match.phrase.owner, Evidence())
            evidence.weight += match.weight
            evidence.strong = evidence.strong or match.phrase.strong
            evidence.words.append(match.phrase.written)
        return found

    def excluded(self, tokens: Sequence[str], forms: Sequence[tuple[str, ...]]) -> set[int]:
        """Return the categories that a text is not about although it may have their words."""
        return {match.phrase.owner for match in find(tokens, forms, self._never)} if self._never else set()


def find(tokens: Sequence[str], forms: Sequence[tuple[str, ...]], index: Mapping[str, Sequence[Phrase]]) -> list[Match]:
    """Find every phrase of an index, in the order of the text."""
    said = frozenset(chain.from_iterable(forms))  # most phrases have a word that stands nowhere in the text
    return [
        Match(start, end, phrase)
        for start, candidates in enumerate(forms)
        for known in candidates
        for phrase in index.get(known, ())
        if said.issuperset(phrase.stems) and (end := _end(phrase.stems, tokens, forms, start))
    ]


def _end(stems: tuple[str, ...], tokens: Sequence[str], forms: Sequence[tuple[str, ...]], start: int) -> int:
    """Return where a phrase ends whose first word is known to stand at `start`; 0 where the others do not follow."""
    place = start
    for wanted in stems[1:]:
        for step in range(1, _GAP + 2):
            following = place + step
            if following >= len(forms) or not is_word(tokens[following]):
                return 0  # a phrase does not run over the end of a sentence
            if wanted in forms[following]:
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
