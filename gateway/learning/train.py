"""Make the model: a logistic regression over words and letters, and the factors that join it with the city's words.

Needs scikit-learn, the extra `learn`; nothing that runs a gateway imports this. The same material gives the same model.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from gateway.learning.danger import weighed
from gateway.learning.material import Text
from normalizer.category import NOTHING, OTHER, Matcher, Model
from normalizer.category.features import of_pairs, of_word, words
from normalizer.category.joint import EXCLUDED, Factors, danger_signs
from normalizer.category.model import quantized
from normalizer.guess import ACT, ENQUIRY, IDLE, SUGGESTION
from normalizer.stem import tokens
from normalizer.vocabulary import Vocabulary

FOLDS = 4
KINDS = (ACT, ENQUIRY, SUGGESTION, IDLE)
_TWO = 2
_COMMON = 2  # texts that a feature must stand in
_MOST_FEATURES = 40_000
_WORD, _PAIR, _RUN = 1.0, 1.0, 0.6  # what a feature of each sort counts
_SCALE = 10.0
_SMOOTH = 8.0  # the regression's C
_SMOOTH_DANGER = 4.0  # of what there are two classes of, and few texts of one
_OF_WORDS = 0.5  # what a word of the city's lists weighs beside an example
_AS_ACTS = 10  # one phrase in so many says that something is to be done
_ROUNDS = 12  # through all the texts, where there are many classes
_STEPS = 40  # where there are few
_EXACT = 1e-5  # to where danger is fitted: stopped earlier, it comes out a little different with every feature more
_MOST_STEPS = 400
_LEAST = 1e-9  # keeps a logarithm finite

Matrix = Any  # scipy's sparse matrices have no types
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a model is made from: the city's phrases, as its matcher reads them, and texts of known category.

    `told_of` says what the city's words of danger say of a text: that it speaks of danger, and that this is over.
    """

    matcher: Matcher
    texts: Sequence[Text]
    told_of: Callable[[str], tuple[bool, bool]]

    @property
    def vocabulary(self) -> Vocabulary:
        """The city's words."""
        return self.matcher.vocabulary

    def phrases(self) -> Iterator[Text]:
        """Yield each phrase of the city as a small text of its category."""
        for table in (self.vocabulary.strong, self.vocabulary.words):
            for category, listed in table.items():
                yield from (Text(phrase, (category,)) for phrase in listed)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and for each text of the material what was thought of it by a model that had not seen it."""

    model: Model
    unseen: Sequence[Model]  # one for each fold
    fold_of: Sequence[int]  # of each text


def train(material: Material) -> Trained:
    """Make a model of all the material, and one for each fold without the texts of that fold. Takes a few seconds."""
    bench = _Bench(material)
    folds = _folds(material.texts)
    parts = [bench.fit(folds != fold) for fold in range(FOLDS)]
    opinions = np.zeros((len(material.texts), len(bench.labels) + len(KINDS) + 1))
    for fold, part in enumerate(parts):
        opinions[folds == fold] = part.logits(bench.features[bench.first_text :][folds == fold])
    everything = np.ones(len(material.texts), dtype=bool)
    unseen = [bench.model(part, opinions, folds != fold) for fold, part in enumerate(parts)]
    return Trained(bench.model(bench.fit(everything), opinions, everything), unseen, folds.tolist())


@dataclass(frozen=True, slots=True)
class _Part:
    """A regression's outcome: a weight for each feature and label, and what each label has without any."""

    weights: Scores
    bias: Scores

    def logits(self, features: Matrix) -> Scores:
        found: Scores = features @ self.weights + self.bias
        return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the model sees of a text: how often each feature, and the root of how many words there are."""

    counts: Mapping[str, int]
    length: float


class _Bench:
    """The material laid out in numbers: phrases first, then texts."""

    def __init__(self, material: Material) -> None:
        self.matcher = material.matcher
        phrases = list(material.phrases())
        self.first_text, self.texts = len(phrases), material.texts
        everything = [*phrases, *material.texts]
        self.labels = tuple(sorted({*material.vocabulary.categories, OTHER, NOTHING}))
        self._place = {label: place for place, label in enumerate(self.labels)}
        readings = [self.matcher.reading(text.text) for text in material.texts]
        seen = [
            *(_seen(tokens(self.matcher.in_both_letters(phrase.text))) for phrase in phrases),
            *map(_seen, readings),
        ]
        self.names, rarity = _vocabulary(seen)
        self.shares = np.array([_share(name) for name in self.names]) * rarity / _SCALE
        self.features = _matrix(seen, self.names, self.shares)
        self.right = np.array([self._place[text.categories[0]] for text in everything])
        self.weight = np.where(np.arange(len(everything)) < self.first_text, _OF_WORDS, 1.0)
        self.kinds = np.array([KINDS.index(text.kind) for text in material.texts])
        self.danger = np.array([-1 if text.danger is None else int(text.danger) for text in material.texts])
        self.everyday = np.array([not text.alike for text in material.texts])
        self._evidence = self._laid_out(readings)
        self._told_of = [material.told_of(text.text) for text in material.texts]

    def fit(self, included: NDArray[np.bool_]) -> _Part:
        """Fit the regression on all phrases and on the texts that are included."""
        chosen = np.concatenate([np.ones(self.first_text, dtype=bool), included])
        categories = _regression(self.features[chosen], self.right[chosen], self.weight[chosen], len(self.labels))
        texts = self.features[self.first_text :]
        # The city's phrases, short as they are, ask for something to be done; without them "طفح المجاري" would not.
        acts = np.concatenate([np.full(self.first_text, KINDS.index(ACT)), self.kinds])
        some = chosen & ((np.arange(len(acts)) >= self.first_text) | (np.arange(len(acts)) % _AS_ACTS == 0))
        kinds = _regression(self.features[some], acts[some], None, len(KINDS))
        told = included & (self.danger >= 0)
        danger = _binary(texts[told], self.danger[told])
        return _Part(*(np.concatenate(parts, axis=-1) for parts in zip(categories, kinds, danger, strict=True)))

    def factors(self, opinions: Scores, included: NDArray[np.bool_]) -> Factors:
        """Fit how words and model are joined, on texts that the model of `opinions` had not seen."""
        chances = _log_softmax(opinions[included][:, : len(self.labels)])
        weight, strong, excluded, right = (table[included] for table in self._evidence)
        nothing = np.zeros_like(chances)
        nothing[:, self._place[NOTHING]] = 1.0
        said = (chances, weight, strong, nothing)

        def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            joint = sum(value * table for value, table in zip(values, said, strict=True)) - EXCLUDED * excluded
            told = np.exp(_log_softmax(joint))
            well = (told * right).sum(axis=1, keepdims=True)
            slope = told * (well - right) / (well + _LEAST) / len(told)  # of the loss, by each joint score
            return float(-np.log(well + _LEAST).mean()), np.array([(slope * table).sum() for table in said])

        # To the digits that are kept and a few more, so that another processor's last bits do not show in them.
        found = minimize(loss, np.array([1.0, 1.0, 0.5, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-7})
        return Factors(*(round(float(value), 4) for value in found.x))

    def danger_line(self, opinions: Scores, included: NDArray[np.bool_]) -> tuple[tuple[float, ...], float]:
        """Fit how the signs of danger are weighed, and from which probability a text is one of danger."""
        acting = np.exp(_log_softmax(opinions[:, len(self.labels) : -1]))[:, KINDS.index(ACT)]
        danger = 1 / (1 + np.exp(-opinions[:, -1]))
        places = np.flatnonzero(included & (self.danger >= 0)).tolist()
        signs = [
            danger_signs(told=told, over=over, danger=float(danger[place]), acting=float(acting[place]))
            for place in places
            for told, over in [self._told_of[place]]
        ]
        return weighed(signs, self.danger[places], self.everyday[places])

    def model(self, part: _Part, opinions: Scores, included: NDArray[np.bool_]) -> Model:
        """Write a regression as the model that a gateway asks: rarity and scale are within its weights.

        `opinions` are those of models that had not seen the texts; what is fitted on them looks at `included` alone.
        """
        factors = self.factors(opinions, included)
        danger, alarm = self.danger_line(opinions, included)
        weights, scale = quantized(part.weights * self.shares[:, None])
        fitted = (*factors.values(), *danger, round(alarm, 4))  # models that differ in these alone judge otherwise
        stamp = "\n".join((*self.names, *map(str, fitted)))
        return Model(
            self.labels,
            KINDS,
            tuple(self.names),
            weights,
            scale,
            part.bias.astype(np.float32),
            factors.values(),
            danger,
            alarm,
            hashlib.sha256(weights.tobytes() + stamp.encode()).hexdigest()[:12],
        )

    def _laid_out(self, readings: Sequence[Sequence[str]]) -> tuple[Scores, Scores, Scores, Scores]:
        """Return for each text and label what the city's words say, and whether the label is a right one."""
        shape = (len(self.texts), len(self.labels))
        weight, strong, excluded, right = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for row, (text, reading) in enumerate(zip(self.texts, readings, strict=True)):
            evidence, against = self.matcher.evidence(reading)
            for category, found in evidence.items():
                weight[row, self._place[category]] = math.log1p(found.weight)
                strong[row, self._place[category]] = found.strong
            excluded[row, [self._place[category] for category in against]] = 1.0
            right[row, [self._place[category] for category in text.categories]] = 1.0
        return weight, strong, excluded, right


def _regression(features: Matrix, right: NDArray[np.int64], weight: Scores | None, count: int) -> tuple[Scores, Scores]:
    """Return weights and bias for each of `count` classes; what no text has, is less likely than what any has."""
    fitted = _fitted(features, right, weight)
    if len(fitted.classes_) == _TWO:  # told by one column, of the second class
        coefficients, intercepts = (
            np.vstack([-fitted.coef_, fitted.coef_]) / 2,
            np.r_[-fitted.intercept_, fitted.intercept_] / 2,
        )
    else:
        coefficients, intercepts = fitted.coef_, fitted.intercept_
    weights, bias = np.zeros((features.shape[1], count)), np.full(count, float(intercepts.min()) - 1.0)
    weights[:, fitted.classes_], bias[fitted.classes_] = coefficients.T, intercepts
    return weights, bias


def _fitted(features: Matrix, right: NDArray[np.int64], weight: Scores | None) -> LogisticRegression:
    # A step of lbfgs goes through the weights of all classes several times over, one of sag through those of the few
    # features that a text has: with many classes it is there in a quarter of the time. It draws its texts at random,
    # from the same seed every time.
    many = len(np.unique(right)) > len(KINDS)
    how = {"solver": "sag", "max_iter": _ROUNDS, "random_state": 0} if many else {"max_iter": _STEPS}
    with warnings.catch_warnings(), threadpool_limits(1):  # what there is to multiply is too little to share out
        # It stops before the last digit on purpose: what follows changes nothing but the time it takes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=_SMOOTH, tol=1e-3, **how).fit(features, right, sample_weight=weight)


def _binary(features: Matrix, right: NDArray[np.int64]) -> tuple[Scores, Scores]:
    """Return weights and bias of one column that tells danger; of nothing told, one that never does."""
    if len(set(right.tolist())) < _TWO:
        return np.zeros((features.shape[1], 1)), np.array([-30.0])
    with threadpool_limits(1):
        fitted = LogisticRegression(C=_SMOOTH_DANGER, tol=_EXACT, max_iter=_MOST_STEPS).fit(features, right)
    return fitted.coef_.T, fitted.intercept_


def _seen(found: Sequence[str]) -> _Seen:
    spoken = words(found)
    counts = Counter(chain.from_iterable(map(of_word, spoken)))
    counts.update(of_pairs(spoken))
    return _Seen(counts, math.sqrt(max(len(spoken), 1)))


def _vocabulary(seen: Sequence[_Seen]) -> tuple[list[str], Scores]:
    """Choose the features worth keeping, and say how rare each is."""
    common = Counter(chain.from_iterable(one.counts for one in seen))
    kept = sorted((name for name, count in common.items() if count >= _COMMON), key=lambda name: (-common[name], name))
    names = sorted(kept[:_MOST_FEATURES])
    return names, np.array([math.log(len(seen) / common[name]) for name in names])


def _matrix(seen: Sequence[_Seen], names: Sequence[str], shares: Scores) -> Matrix:
    """Lay out what each text has of the features, a row for each text."""
    places = {name: place for place, name in enumerate(names)}
    found = chain.from_iterable(one.counts for one in seen)
    columns = np.fromiter(map(places.get, found, repeat(-1)), dtype=np.int32)
    counts = np.fromiter(chain.from_iterable(one.counts.values() for one in seen), dtype=np.float64)
    rows = np.repeat(np.arange(len(seen)), [len(one.counts) for one in seen])
    kept = columns >= 0
    rows, columns = rows[kept], columns[kept]
    values = shares[columns] * counts[kept] / np.array([one.length for one in seen])[rows]
    # Half the width is less to carry, and the weights are rounded to a byte in the end.
    return csr_matrix((values.astype(np.float32), (rows, columns)), shape=(len(seen), len(names)))


def _share(name: str) -> float:
    if name[0] == "=":
        return _WORD
    return _PAIR if " " in name else _RUN


def _folds(texts: Sequence[Text]) -> NDArray[np.int64]:
    """Deal the texts of each category out in turn, in an order that only their words decide.

    What was said twice lies in one fold, however it was spelled and whatever numbers stood in it: a model that has read
    the one has seen the other.
    """
    order = sorted(
        range(len(texts)),
        key=lambda place: (texts[place].categories[0], hashlib.sha256(texts[place].text.encode()).digest()),
    )
    folds = np.zeros(len(texts), dtype=int)
    dealt: dict[str, int] = {}
    for turn, place in enumerate(order):
        folds[place] = dealt.setdefault(texts[place].said, turn % FOLDS)
    return folds


def _log_softmax(scores: Scores) -> Scores:
    raised = scores - scores.max(axis=1, keepdims=True)
    logarithms: Scores = raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))
    return logarithms
