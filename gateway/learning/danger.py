"""How the signs of danger are weighed against each other, and from where on a text is one of danger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from normalizer.category.joint import DangerFactors

_FALSE_ALARMS = 0.03  # of the everyday texts that tell of no danger
_BELIEVED = 0.7  # of what the city's words of danger seem to be worth
_TWO = 2


def weighed(
    signs: Sequence[tuple[float, ...]], right: NDArray[Any], everyday: NDArray[np.bool_]
) -> tuple[tuple[float, ...], float]:
    """Fit the factors of `normalizer.category.joint` on the signs of each text, and choose the line.

    The line is the probability that leaves few false alarms among the `everyday` texts that tell of no danger: what
    was written to sound like danger teaches, but nobody sends so much of it that the line should be drawn by it. Where
    there is no everyday text, it is drawn by all.

    Where nobody has told of any text that it is one of danger, or of none that it is not, there is nothing to weigh: no
    factors, and 1.
    """
    if len(set(right.tolist())) < _TWO:
        return (), 1.0
    table = np.array(signs)
    fitted = LogisticRegression(C=1.0).fit(table, right)
    words, *others = fitted.coef_[0]
    # The model is judged here on texts that it had not seen, but whoever wrote the city's words had these in sight: on
    # what people send they are not as good as they look here.
    values = (words * _BELIEVED, *others, *fitted.intercept_)
    factors = DangerFactors(*(round(float(factor), 4) for factor in values))
    calm = (right == 0) & everyday if ((right == 0) & everyday).any() else right == 0
    scores = np.sort(table[calm] @ np.array(factors.values()[:-1])) + factors.bias
    line = scores[min(len(scores) - 1, math.ceil(len(scores) * (1 - _FALSE_ALARMS)))]
    return factors.values(), float(1 / (1 + np.exp(-line)))
