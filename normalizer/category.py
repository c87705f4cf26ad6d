"""The city's plain word table: what a message is about, and whether it speaks of danger.

A clerk writes words and phrases; nobody writes patterns. A phrase is found whatever clings to its words in Arabic
(و ف ب ك ل, the article, the commonest endings) and however they are spelled (see `normalizer.text.fold`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from channels.message import Purpose
from normalizer.text import fold
from normalizer.vocabulary import Vocabulary

OTHER = "other"

_TOKEN = re.compile(r"[^\W_]+|[.!?؟…،؛,;:\n]")  # words, and the marks at which a phrase ends
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
    "وبال",
    "ولل",
    "وعال",
    "و",
    "ب",
    "ل",
    "ف",
    "ك",
    "وب",
    "ول",
)
_ENDINGS = ("ات", "ين", "ون", "ها", "هم", "نا", "كم", "يه", "ه", "ي", "ء")
_LEAST = 3  # letters that must be left of an Arabic word
_LEAST_PLURAL = 4  # letters of an English word whose final s is dropped
_REMEMBERED = 512  # guesses, and the words they were made of
_SUGGESTIONS = 3  # how many categories are worth showing to a person

_WORD_WEIGHT = 1.0
_FURTHER_WORD = 1.5  # a phrase of n words weighs 1 + 1.5 (n - 1): words that stand together say more than words apart
_HALF = 0.5  # the weight at which half of the certainty is reached
_CEILING = 0.95  # words alone never prove it
_TIE = 0.4  # what is left of the certainty when two categories weigh the same

# "ماكو خطر", "لا يوجد اي خطر", "there is no danger": denied directly before, not somewhere in the sentence, because
# "ماكو كهرباء وسلك مكشوف" is as dangerous as it sounds.
_DENIALS = frozenset(
    map(fold, ("ماكو", "مافي", "مافيه", "مفيش", "بدون", "بلا", "ليس", "لا", "مو", "مش", "no", "not", "without"))
)
_DENIED_VERBS = frozenset(map(fold, ("يوجد", "توجد", "هناك", "في", "فيه", "اي", "any", "اكو")))


@dataclass(frozen=True, slots=True)
class Guess:
    """What a message seems to be about. `scores` are the likeliest categories, best first; `words` spoke for the best.

    A confidence of 1.0 never comes from words: it is kept for what somebody stated outright.
    """

    category: str
    confidence: float
    scores: tuple[tuple[str, float], ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Phrase:
    owner: int  # the place of its category in the vocabulary
    stems: tuple[str, ...]
    written: str = field(compare=False)  # "مجاري" and "المجاري" are one phrase
    weight: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    phrase: _Phrase

    @property
    def end(self) -> int:
        return self.start + len(self.phrase.stems)


class Matcher:
    """A city's vocabulary, compiled once and asked for every message."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._categories = tuple(vocabulary.words)
        self._topics = _index((i, word) for i, name in enumerate(self._categories) for word in vocabulary.words[name])
        self._dangers = _index((0, word) for word in vocabulary.danger)
        self._opt_out = frozenset(map(_whole, vocabulary.opt_out))
        self._opt_in = frozenset(map(_whole, vocabulary.opt_in))
        # Interpreting and dispatching ask about the same words, a moment apart.
        self._guess = lru_cache(maxsize=_REMEMBERED)(self._weigh)

    def guess(self, text: str) -> Guess:
        """Weigh the words that speak for each category. Without any it is `other`, with confidence 0."""
        return self._guess(text)

    def _weigh(self, text: str) -> Guess:
        matches = _longest(_find(_read(text)[1], self._topics))
        weights: dict[int, float] = {}
        for phrase in dict.fromkeys(match.phrase for match in matches):  # said twice is not twice as true
            weights[phrase.owner] = weights.get(phrase.owner, 0.0) + phrase.weight
        if not weights:
            return Guess(OTHER, 0.0)
        ranked = sorted(weights, key=lambda owner: -weights[owner])  # stable: of equals the first in the text
        best, second = weights[ranked[0]], weights[ranked[1]] if ranked[1:] else 0.0
        scores = tuple((self._categories[owner], _confidence(weights[owner], best, second)) for owner in ranked)
        words = dict.fromkeys(match.phrase.written for match in matches if match.phrase.owner == ranked[0])
        return Guess(*scores[0], scores[:_SUGGESTIONS], tuple(words))

    def dangerous(self, text: str) -> bool:
        """Say whether the text names a danger without denying it in the same breath. Words only ever raise priority."""
        tokens, forms = _read(text)
        return any(not _denied(tokens, match.start) for match in _find(forms, self._dangers))

    def asks(self, text: str) -> Purpose:
        """Say whether a whole message is one of the city's words for "send me nothing more" or its opposite."""
        whole = _whole(text)
        if whole in self._opt_out:
            return Purpose.OPT_OUT
        return Purpose.OPT_IN if whole in self._opt_in else Purpose.MESSAGE


@lru_cache(maxsize=32)
def _read(text: str) -> tuple[Sequence[str], Sequence[tuple[str, ...]]]:
    """Return the tokens of a text and what each may stand for: read once for the few questions asked in a row."""
    tokens = _TOKEN.findall(fold(text))
    return tokens, [_forms(token) for token in tokens]


def _whole(text: str) -> str:
    return " ".join(token for token in _read(text)[0] if token[0].isalnum())


def _index(words: Iterable[tuple[int, str]]) -> dict[str, list[_Phrase]]:
    """Sort phrases by their first stem."""
    index: dict[str, list[_Phrase]] = {}
    for owner, written in words:
        stems = tuple(_stem(token) for token in _read(written)[0] if token[0].isalnum())
        phrase = _Phrase(owner, stems, written, _WORD_WEIGHT + _FURTHER_WORD * (len(stems) - 1))
        if stems and phrase not in index.setdefault(stems[0], []):
            index[stems[0]].append(phrase)
    return index


def _find(forms: Sequence[tuple[str, ...]], index: dict[str, list[_Phrase]]) -> list[_Match]:
    """Find every phrase of the index among the forms of the words, in the order of the text."""
    return [
        _Match(start, phrase)
        for start, candidates in enumerate(forms)
        for stem in candidates
        if stem in index
        for phrase in index[stem]
        if len(phrase.stems) == 1 or _follows(phrase.stems, forms, start)
    ]


def _follows(stems: tuple[str, ...], forms: Sequence[tuple[str, ...]], start: int) -> bool:
    """Tell whether the words after the first, which is known to fit, are the phrase's."""
    if start + len(stems) > len(forms):
        return False
    return all(stems[step] in forms[start + step] for step in range(1, len(stems)))


def _longest(matches: Sequence[_Match]) -> list[_Match]:
    """Drop what lies within a longer match: in "ماء وسخ" the phrase counts, its "ماء" does not count again."""
    reach: dict[int, int] = {}
    for match in matches:
        reach[match.start] = max(match.end, reach.get(match.start, 0))
    longest = max((match.end - match.start for match in matches), default=0)

    def within_longer(match: _Match) -> bool:
        starts = range(match.start - longest, match.start + 1)
        return any(reach.get(s, 0) >= match.end and reach[s] - s > match.end - match.start for s in starts)

    return [match for match in matches if not within_longer(match)]


def _denied(tokens: Sequence[str], start: int) -> bool:
    before = start - 1
    while before > 0 and tokens[before] in _DENIED_VERBS:
        before -= 1
    return before >= 0 and tokens[before] in _DENIALS


def _confidence(weight: float, best: float, second: float) -> float:
    """Turn weights into an honest figure: sure when many words speak for one category and none for another."""
    certainty = _CEILING * weight / (weight + _HALF)
    if weight < best:
        return round(certainty * _TIE * weight / best, 3)
    return round(certainty * (_TIE + (1 - _TIE) * (best - second) / best), 3)


def _stem(token: str) -> str:
    """Reduce a word as a clerk wrote it: no article, no common ending."""
    return _without_ending(token[2:] if token.startswith(_ARTICLE) and len(token) - 2 >= _LEAST else token)


@lru_cache(maxsize=4096)
def _forms(token: str) -> tuple[str, ...]:
    """Return every stem that a word of a message may stand for, since و or ب may belong to it or cling to it."""
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
            return token[: -len(ending)]
    return token
