"""Two opinions made one: the city's words and the statistical model, each right where the other is blind.

The joint score of a category is `model` x the logarithm of the model's probability, plus `words` x the logarithm of
what the city's phrases weigh, plus `strong` where one of them decides; the scores' softmax is the probability. The
three factors, and how much `nothing` weighs (the label of what is no complaint), are fitted on texts that the model had
not seen, so that what it calls 0.9 is right nine times in ten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass

import numpy as np

from normalizer.category.model import Vector
from normalizer.category.words import Evidence

EXCLUDED = 5.0  # taken from the score of a category whose `never` phrase stands in the text
_LEAST = 1e-6  # no probability is nought


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


def softmax(scores: Vector) -> Vector:
    """Return probabilities that stand to each other as the scores' exponentials."""
    raised = np.exp(scores - scores.max())
    shares: Vector = raised / raised.sum()
    return shares


def joined(
    logits: Vector,
    evidence: Mapping[int, Evidence],
    excluded: Collection[int],
    factors: Factors,
    nothing: int,
) -> Vector:
    """Return the joint score of each label; `nothing` is the place of the label `none`."""
    scores: Vector = factors.model * np.log(softmax(logits) + _LEAST)
    for place, found in evidence.items():
        scores[place] += factors.words * np.log1p(found.weight) + factors.strong * found.strong
    for place in excluded:
        scores[place] -= EXCLUDED
    scores[nothing] += factors.nothing
    return scores
