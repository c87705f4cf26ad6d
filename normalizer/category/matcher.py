"""The reader of categories: a whole message, a long letter, or two problems in one breath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from channels.message import Purpose
from normalizer.arabizi import Transliterator
from normalizer.category.features import words as words_of
from normalizer.category.joint import Factors, joined, logistic, softmax
from normalizer.category.model import Model, Scorer, Vector
from normalizer.category.pieces import at_marks, in_pieces
from normalizer.category.words import Evidence, WordTable
from normalizer.guess import ACT, Guess
from normalizer.language import ARABIZI, language
from normalizer.personal import mask
from normalizer.stem import is_word, tokens
from normalizer.vocabulary import Vocabulary

OTHER = "other"
NOTHING = "none"
"""The model's label of what is no complaint at all; it never leaves this package."""

_REMEMBERED = 512  # guesses: interpreting and dispatching ask about the same words, a moment apart
_SCORED = 8  # texts: how dangerous one sounds is asked beside what it is about
_SUGGESTIONS = 8
_SUREST = 0.9999  # certainty is kept for what somebody stated
_NAMED = 0.25  # the least probability at which a category is named at all
_SUBJECT = 2.0  # the first line of a letter weighs so much more than another sentence
_FAINT = 0.02  # what a sentence weighs at the least
_SECOND = 0.5  # the probability of a sentence's own department at which it is a further problem
_PART = 0.6  # the same of a part of a short message, or of what is left of it without the words of the first
_REST = 0.3  # the same where a phrase of the further one decides by itself
_PASSING = 0.01  # what a whole message gives a department that is no more than named in passing

# Without a model: an honest figure from the words alone.
_HALF = 0.5  # the weight at which half of the certainty is reached
_CEILING = 0.95  # words alone never prove it
_TIE = 0.4  # what is left of the certainty when two categories weigh the same


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What one piece of a text says: a probability of each label, the phrases found, and the model's own opinions."""

    chances: Vector
    evidence: Mapping[int, Evidence]
    alone: Vector
    kinds: Vector
    danger: float


@dataclass(frozen=True, slots=True)
class _Scored:
    """A text cut into what is read at once, and what the model alone scores each piece, a row for each."""

    pieces: Sequence[Sequence[str]]
    scores: Vector


class Matcher:
    """A city's vocabulary and model, compiled once and asked for every message."""

    def __init__(self, vocabulary: Vocabulary, model: Model | None = None) -> None:
        self.vocabulary = vocabulary
        known = tuple(dict.fromkeys((*vocabulary.words, *vocabulary.strong)))
        self._labels = (*(name for name in known if name != OTHER), OTHER, NOTHING)
        self._words = WordTable(self._labels, vocabulary.strong, vocabulary.words, vocabulary.never)
        self._real, self._nothing = len(self._labels) - 2, len(self._labels) - 1  # before these two: categories
        self._departments = tuple(vocabulary.departments.get(name, name) for name in self._labels)
        self._of_department = {
            one: [place for place, other in enumerate(self._departments) if other == one] for one in self._departments
        }
        self._transliterator = Transliterator(
            phrase
            for table in (vocabulary.strong, vocabulary.words)
            for phrases in table.values()
            for phrase in phrases
        )
        self._opt_out = frozenset(map(_whole, vocabulary.opt_out))
        self._opt_in = frozenset(map(_whole, vocabulary.opt_in))
        self._take(model)

    def _take(self, model: Model | None) -> None:
        self.model = model
        self._guess = lru_cache(maxsize=_REMEMBERED)(self._read)
        self._scored = lru_cache(maxsize=_SCORED)(self._score)
        if model:
            self._scorer, self._kinds = Scorer(model), model.kinds
            self._factors = Factors(*model.joint)
            places = {label: place for place, label in enumerate(model.labels)}
            self._learned = len(model.labels)
            self._order = np.array([places.get(label, -1) for label in self._labels])

    def with_model(self, model: Model) -> Matcher:
        """Return one of the same words that another model stands beside."""
        other = copy(self)
        other._take(model)  # noqa: SLF001 - of its own kind
        return other

    def guess(self, text: str) -> Guess:
        """Say what a text seems to be about; of one that says nothing known it is `other`."""
        return self._guess(text)

    def danger(self, text: str) -> float:
        """Return the model's probability that a text tells of danger, as `guess` does, for less; 0 without a model."""
        if self.model is None or not (scored := self._scored(text)).pieces:
            return 0.0
        return logistic(float(scored.scores[:, -1].max()))

    def asks(self, text: str) -> Purpose:
        """Say whether a whole message is one of the city's words for "send me nothing more" or its opposite."""
        whole = _whole(text)
        if whole in self._opt_out:
            return Purpose.OPT_OUT
        return Purpose.OPT_IN if whole in self._opt_in else Purpose.MESSAGE

    def arabic(self, text: str) -> str:
        """Return a text in Arabic letters if it is Arabic in Latin ones, and itself otherwise."""
        return self._transliterator.arabic(text) if language(text) == ARABIZI else text

    def legible(self, text: str) -> str:
        """Return what of a text says what it is about: no telephone numbers and addresses, Arabizi in Arabic too."""
        return self.in_both_letters(mask(text))

    def in_both_letters(self, text: str) -> str:
        """Return a text, and behind it in Arabic letters what of it is Arabic in Latin ones."""
        spoken = self.arabic(text)
        return text if spoken is text else f"{text} . {spoken}"

    def reading(self, text: str) -> tuple[str, ...]:
        """Return what is read of a text: the tokens of what is legible of it."""
        return tokens(self.legible(text))

    def evidence(self, reading: Sequence[str]) -> tuple[Mapping[str, Evidence], frozenset[str]]:
        """Return what the city's words say for each category, and the categories they say it is not about."""
        found, excluded = self._said(reading)
        told = {self._labels[place]: evidence for place, evidence in found.items()}
        return told, frozenset(self._labels[place] for place in excluded)

    def _said(self, tokens: Sequence[str]) -> tuple[dict[int, Evidence], set[int]]:
        """Return what speaks for each category, without those that a `never` phrase excludes, and these."""
        found, excluded = self._words.told(tokens)
        return {place: told for place, told in found.items() if place not in excluded}, excluded

    def _read(self, text: str) -> Guess:
        if self.model is None:
            return self._by_words(self._words.told(self.reading(text))[0])
        scored = self._scored(text)
        if not scored.pieces:
            return Guess(OTHER, 0.0)
        opinions = self._opinions(scored)
        if len(opinions) == 1:
            return self._concluded(opinions[0], self._also_said(opinions[0], scored.pieces[0]))
        letter = self._of_a_letter(opinions)
        return self._concluded(letter, self._also_told(letter, opinions))

    def _score(self, text: str) -> _Scored:
        return self._scored_pieces(in_pieces(self.reading(text)))

    def _scored_pieces(self, pieces: Sequence[Sequence[str]]) -> _Scored:
        return _Scored(pieces, np.array([self._scorer.logits(words_of(piece)) for piece in pieces]))

    def _opinions(self, scored: _Scored) -> list[_Opinion]:
        """Return the opinion of each piece of a text; numpy is asked once for all, for its calls cost the most."""
        scores = scored.scores
        known = scores[:, : self._learned]
        logits = np.where(self._order >= 0, known[:, self._order], known.min(axis=1, keepdims=True))
        said = [self._said(piece) for piece in scored.pieces]
        chances = softmax(joined(logits, said, self._factors, self._nothing))
        kinds = softmax(scores[:, self._learned : -1])
        dangers = map(logistic, scores[:, -1].tolist())
        evidence = (found for found, _ in said)
        return [_Opinion(*opinion) for opinion in zip(chances, evidence, softmax(logits), kinds, dangers, strict=True)]

    def _of_a_letter(self, pieces: Sequence[_Opinion]) -> _Opinion:
        """Weigh the sentences of a letter: the subject more, and those more that say something definite."""
        chances = np.array([piece.chances for piece in pieces])
        weights = (1.0 - chances[:, self._real :].sum(axis=1)) * chances.max(axis=1)
        weights[0] *= _SUBJECT
        weights += _FAINT
        evidence: dict[int, Evidence] = {}
        for piece in pieces:
            for place, found in piece.evidence.items():
                told = evidence.setdefault(place, Evidence())
                told.weight += found.weight
                told.strong = told.strong or found.strong
                told.words += (word for word in found.words if word not in told.words)
        return _Opinion(
            np.average(chances, axis=0, weights=weights),
            evidence,
            np.average([piece.alone for piece in pieces], axis=0, weights=weights),
            np.average([piece.kinds for piece in pieces], axis=0, weights=weights),
            max(piece.danger for piece in pieces),
        )

    def _concluded(self, opinion: _Opinion, further: Sequence[int]) -> Guess:
        chances = opinion.chances
        ranked = [int(place) for place in np.argsort(-chances, kind="stable")]
        real = [place for place in ranked if place < self._real][:_SUGGESTIONS]
        scores = tuple((self._labels[place], min(round(float(chances[place]), 4), _SUREST)) for place in real)
        second = tuple(self._labels[place] for place in further)
        kind = self._kinds[int(opinion.kinds.argmax())]
        acting = float(opinion.kinds[self._kinds.index(ACT)])
        if ranked[0] >= self._real or chances[ranked[0]] < _NAMED:
            return Guess(OTHER, 0.0, scores, second=second, kind=kind, danger=opinion.danger, acting=acting)
        found = opinion.evidence.get(ranked[0])
        agreed = kind == ACT and self._agree(opinion)
        spoke = tuple(found.words) if found else ()
        return Guess(*scores[0], scores, spoke, agreed, second, kind, opinion.danger, acting)

    def _agree(self, opinion: _Opinion) -> bool:
        """Tell whether the words alone and the model alone name the department that both together name."""
        if not opinion.evidence:
            return False
        by_words: dict[str, float] = {}
        for place, found in opinion.evidence.items():
            department = self._departments[place]
            by_words[department] = by_words.get(department, 0.0) + found.weight
        by_model: dict[str, float] = {}
        for place, chance in enumerate(opinion.alone[: self._real]):
            by_model[self._departments[place]] = by_model.get(self._departments[place], 0.0) + float(chance)
        together = self._departments[int(opinion.chances[: self._real].argmax())]
        return together == max(by_words, key=by_words.__getitem__) == max(by_model, key=by_model.__getitem__)

    def _also_said(self, opinion: _Opinion, said: Sequence[str]) -> list[int]:
        """Find further problems in a short message, of other departments than the first.

        One is told where a part between two marks, or all that is left without the words of the first, is plainly
        about it; a phrase that decides by itself needs less beside it. A word in passing is none.
        """
        mine = self._departments[int(opinion.chances[: self._real].argmax())]
        others = {
            place
            for place, found in opinion.evidence.items()
            if place < self._real
            and self._departments[place] != mine
            and (found.strong or self._share(opinion, place) >= _PASSING)
        }
        if not others:
            return []
        rest = self._words.without(said, lambda owner: self._departments[owner] == mine)
        pieces = self._opinions(self._scored_pieces([rest, *at_marks(said)]))
        named = {place for place in others if opinion.evidence[place].strong and self._share(pieces[0], place) >= _REST}
        return sorted(named | others.intersection(self._plainly(pieces, _PART)))

    def _also_told(self, letter: _Opinion, pieces: Sequence[_Opinion]) -> list[int]:
        """Find further problems in a letter: what one of its sentences is surely about, for another department."""
        mine = self._departments[int(letter.chances[: self._real].argmax())]
        told = Counter(place for place in self._plainly(pieces, _SECOND) if self._departments[place] != mine)
        return [place for place, _ in told.most_common()]

    def _plainly(self, pieces: Iterable[_Opinion], least: float) -> Iterator[int]:
        """Yield what each piece is about, where a word of the city says so and its department is so likely."""
        for piece in pieces:
            place = int(piece.chances.argmax())
            if place < self._real and place in piece.evidence and self._share(piece, place) >= least:
                yield place

    def _share(self, opinion: _Opinion, place: int) -> float:
        """Return how likely it is that a text is for the department of a category."""
        return float(opinion.chances[self._of_department[self._departments[place]]].sum())

    def _by_words(self, evidence: Mapping[int, Evidence]) -> Guess:
        """Guess without a model: sure when many words speak for one category and none for another."""
        if not evidence:
            return Guess(OTHER, 0.0)
        ranked = sorted(evidence, key=lambda place: -evidence[place].weight)  # stable: of equals the first in the text
        best, second = evidence[ranked[0]], evidence[ranked[1]].weight if ranked[1:] else 0.0
        scores = tuple(
            (self._labels[place], _confidence(evidence[place].weight, best.weight, second)) for place in ranked
        )
        return Guess(*scores[0], scores[:_SUGGESTIONS], tuple(best.words), agreed=True)


def _whole(text: str) -> str:
    return " ".join(token for token in tokens(text) if is_word(token))


def _confidence(weight: float, best: float, second: float) -> float:
    certainty = _CEILING * weight / (weight + _HALF)
    if weight < best:
        return round(certainty * _TIE * weight / best, 3)
    return round(certainty * (_TIE + (1 - _TIE) * (best - second) / best), 3)
