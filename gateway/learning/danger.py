"""How the signs of danger are weighed against each other, and from where on a text is one of danger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from normalizer.category.joint import DangerFactors

_FALSE_ALARMS = 0.03  # of the texts that tell of no danger
_TWO = 2


def weighed(signs: Sequence[tuple[float, ...]], right: NDArray[Any]) -> tuple[tuple[float, ...], float]:
    """Fit the factors of `normalizer.category.joint` on the signs of each text, and choose the line.

    The line is the probability that leaves few false alarms among the texts that tell of no danger. Where nobody has
    told of any text that it is one of danger, or of none that it is not, there is nothing to weigh: no factors, and 1.
    """
    if len(set(right.tolist())) < _TWO:
        return (), 1.0
    table = np.array(signs)
    fitted = LogisticRegression(C=1.0).fit(table, right)
    factors = DangerFactors(*(round(float(factor), 4) for factor in (*fitted.coef_[0], *fitted.intercept_)))
    calm = np.sort(table[right == 0] @ np.array(factors.values()[:-1])) + factors.bias
    score = calm[min(len(calm) - 1, math.ceil(len(calm) * (1 - _FALSE_ALARMS)))]
    return factors.values(), float(1 / (1 + np.exp(-score)))
