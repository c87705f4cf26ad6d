"""What a city's files teach about reading a message: words, danger, places, the trained model, made one `Reader`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from gateway.city.problems import Problem
from normalizer.category import Model, ModelError, unpack

MODEL = "model.npz"


@dataclass(frozen=True)
class Senses:
    """What helps to read besides the words; a city may lack each of them. `found` are the files that were read."""

    model: Model | None
    found: Sequence[tuple[str, ...]]


def read_senses(folder: Traversable, problems: list[Problem]) -> Senses:
    """Read the files that a city may have, or add to `problems` what is wrong with them."""
    return Senses(_model(folder, problems), [(name,) for name in (MODEL,) if folder.joinpath(name).is_file()])


def _model(folder: Traversable, problems: list[Problem]) -> Model | None:
    file = folder.joinpath(MODEL)
    if not file.is_file():
        return None
    try:
        return unpack(file.read_bytes())
    except (OSError, ModelError) as error:
        problems.append(Problem(str(file), 0, "", f"cannot be used: {error}; `balagh learn` makes it anew"))
        return None
