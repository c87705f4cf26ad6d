"""Two opinions made one: the city's words and the statistical model, each right where the other is blind.

The joint score of a category is `model` x the logarithm of the model's probability, plus `words` x the logarithm of
what the city's phrases weigh, plus `strong` where one of them decides; the scores' softmax is the probability. The
three factors, and how much `nothing` weighs (the label of what is no complaint), are fitted on texts that the model had
not seen, so that what it calls 0.9 is right nine times in ten.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from normalizer.category.model import Vector
from normalizer.category.words import Evidence

EXCLUDED = 5.0  # taken from the score of a category whose `never` phrase stands in the text
_LEAST = 1e-6  # no probability is nought
_FAINTEST = 0.01  # less likely than this to ask for an act is no reason to doubt a danger further
_STEEPEST = 30.0  # a score beyond which a probability is all but 0 or 1


@dataclass(frozen=True, slots=True)
class Factors:
    """How much each opinion counts. `nothing` is added to the score of the label `none`."""

    model: float = 1.0
    words: float = 1.0
    strong: float = 1.0
    nothing: float = 0.0

    def values(self) -> tuple[float, ...]:
        """Return the four, in their order."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class DangerFactors:
    """How much each sign of danger counts: the city's words, the model, that an act is asked for, that it is over.

    They are fitted on texts that the model had not seen. Words that tell of danger are taken back only where the model
    is all but sure of the contrary: in the news, in thanks, in a question about what is long past.
    """

    words: float
    model: float
    act: float
    over: float
    bias: float

    def values(self) -> tuple[float, ...]:
        """Return the five, in their order."""
        return astuple(self)

    def chance(self, *, told: bool, over: bool, danger: float, acting: float) -> float:
        """Return how probable danger is: `told` and `over` by the city's words, the two probabilities by the model."""
        signs = danger_signs(told=told, over=over, danger=danger, acting=acting)
        score = self.bias + sum(factor * sign for factor, sign in zip(self.values(), signs, strict=False))
        return logistic(score)

    def most(self, *, told: bool, over: bool, danger: float) -> float:
        """Return how probable danger is at the most, whether an act is asked for or not."""
        return self.chance(told=told, over=over, danger=danger, acting=float(self.act > 0))


def danger_signs(*, told: bool, over: bool, danger: float, acting: float) -> tuple[float, float, float, float]:
    """Return the signs that the first four of the factors weigh."""
    sure = min(max(danger, _LEAST), 1.0 - _LEAST)
    return float(told), math.log(sure / (1.0 - sure)), math.log(max(acting, _FAINTEST)), float(over)


def logistic(score: float) -> float:
    """Return the probability that a score of one thing, yes or no, stands for."""
    return 1.0 / (1.0 + math.exp(-min(max(score, -_STEEPEST), _STEEPEST)))


def softmax(scores: Vector) -> Vector:
    """Return probabilities that stand to each other as the scores' exponentials, row by row."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Vector = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def joined(
    logits: Vector, said: Sequence[tuple[Mapping[int, Evidence], Collection[int]]], factors: Factors, nothing: int
) -> Vector:
    """Return the joint score of each label, a row for each text.

    `said` is what the city's words say of it: the evidence for labels, and the labels that they exclude. `nothing` is
    the place of the label `none`.
    """
    scores: Vector = factors.model * np.log(softmax(logits) + _LEAST)
    for row, (evidence, excluded) in zip(scores, said, strict=True):
        for place, found in evidence.items():
            row[place] += factors.words * math.log1p(found.weight) + factors.strong * found.strong
        for place in excluded:
            row[place] -= EXCLUDED
    scores[:, nothing] += factors.nothing
    return scores
