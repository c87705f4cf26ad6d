"""The statistical model as the gateway asks it: a table of weights, one row for each feature of a text.

It is made by `balagh learn`, and read from a file of plain arrays that can hold nothing but numbers and text. A message
costs a few dozen look-ups, for what a word contributes is added up once and remembered.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from normalizer.category.features import of_pairs, of_word

FORMAT = 2
_STEP = 127  # weights are kept in steps of the largest / 127
_REMEMBERED = 8192  # words whose contribution is kept; 0.25 kB each

Vector = NDArray[np.float32]


class ModelError(Exception):
    """A file is no model, or one that this version cannot read. Says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights of features for labels, and how the model's opinion is joined with the city's words.

    `labels` are category ids, with `none` for what is no complaint; behind them stand the scores of each kind of
    message, and one for danger. A text of n words has the scores bias + (sum of its features' weights) / sqrt(n).
    `joint` and `danger` are the factors fitted on texts that the model had not seen (see `normalizer.category.joint`),
    `alarm` is the probability from which a text is one of danger; without `danger`, because nobody has told which texts
    are, the city's words alone decide it. `version` names the training: twelve hex digits.
    """

    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    features: tuple[str, ...] = field(repr=False)
    weights: NDArray[np.int8] = field(repr=False)
    scale: Vector = field(repr=False)  # of each label
    bias: Vector = field(repr=False)
    joint: tuple[float, ...]
    danger: tuple[float, ...]
    alarm: float
    version: str


class Scorer:
    """A model in use."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._rows = {feature: row for row, feature in enumerate(model.features)}
        self._word = lru_cache(maxsize=_REMEMBERED)(self._contribution)

    def logits(self, words: Sequence[str]) -> Vector:
        """Return the scores of labels, kinds and danger, in the order of the model's; of no words, the bias."""
        if not words:
            return self.model.bias
        total = sum(map(self._word, words[1:]), self._word(words[0]))
        pairs = [row for pair in of_pairs(words) if (row := self._rows.get(pair)) is not None]
        if pairs:
            total = total + self._weighed(pairs)
        return self.model.bias + total / np.float32(math.sqrt(len(words)))

    def _contribution(self, word: str) -> Vector:
        rows = [row for feature in of_word(word) if (row := self._rows.get(feature)) is not None]
        return self._weighed(rows)

    def _weighed(self, rows: list[int]) -> Vector:
        summed: Vector = self.model.weights[rows].sum(axis=0, dtype=np.int32) * self.model.scale
        return summed


def pack(model: Model) -> bytes:
    """Write a model as an .npz file. The same model gives the same bytes."""
    about = {
        "format": FORMAT,
        "labels": model.labels,
        "kinds": model.kinds,
        "alarm": round(model.alarm, 6),
        "joint": [round(factor, 6) for factor in model.joint],
        "danger": [round(factor, 6) for factor in model.danger],
        "version": model.version,
    }
    file = io.BytesIO()
    np.savez_compressed(
        file,
        about=_text(json.dumps(about, sort_keys=True)),
        features=_text("\n".join(model.features)),
        weights=model.weights,
        scale=model.scale,
        bias=model.bias,
    )
    return file.getvalue()


def unpack(content: bytes) -> Model:
    """Read what `pack` wrote. Raises ModelError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            features = tuple(arrays["features"].tobytes().decode().split("\n"))
            weights, scale, bias = arrays["weights"], arrays["scale"], arrays["bias"]
        if about["format"] != FORMAT:
            raise ModelError(f"it has the format {about['format']}, and this version reads {FORMAT}: train it anew")
        model = Model(
            tuple(map(str, about["labels"])),
            tuple(map(str, about["kinds"])),
            features,
            weights.astype(np.int8, casting="safe"),
            scale.astype(np.float32),
            bias.astype(np.float32),
            tuple(map(float, about["joint"])),
            tuple(map(float, about["danger"])),
            float(about["alarm"]),
            str(about["version"]),
        )
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged archive makes zipfile, json or numpy raise
        raise ModelError(f"it is no model ({type(error).__name__})") from error
    shape = (len(model.features), len(model.labels) + len(model.kinds) + 1)
    if model.weights.shape != shape or model.scale.shape != shape[1:] or model.bias.shape != shape[1:]:
        raise ModelError("its tables do not fit each other")
    return model


def quantized(weights: NDArray[np.float64]) -> tuple[NDArray[np.int8], Vector]:
    """Return weights as steps of one byte, and the width of a step for each label."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / _STEP
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def _text(content: str) -> NDArray[np.uint8]:
    return np.frombuffer(content.encode(), dtype=np.uint8)
