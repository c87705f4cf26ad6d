"""What a city's files teach about reading a message besides its words: danger, places, and the trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from gateway.city import danger
from gateway.city.danger import DANGER, DangerFile
from gateway.city.places import OF_PLACES, Places, read_places
from gateway.city.problems import Problem
from gateway.city.source import Source
from normalizer.category import Model, ModelError, unpack
from normalizer.urgency import DangerWords

MODEL = "model.npz"
OPTIONAL = (DANGER,)
"""TOML files that a city may have or lack."""


@dataclass(frozen=True)
class Senses:
    """What helps to read; None for what the city lacks. `found` are the files that were read."""

    model: Model | None
    danger: DangerWords | None
    places: Places
    found: Sequence[tuple[str, ...]]


def read_senses(
    folder: Traversable, categories: frozenset[str], districts: frozenset[str], problems: list[Problem]
) -> Senses:
    """Read the files that a city may have, or add to `problems` what is wrong with them.

    `categories` and `districts` are the ids that the city has; none, when they could not be read.
    """
    found = [(name,) for name in (MODEL, *OPTIONAL, *OF_PLACES) if folder.joinpath(name).is_file()]
    places = read_places(folder, districts, problems)
    return Senses(_model(folder, problems), _danger(folder, categories, problems), places, found)


def _danger(folder: Traversable, categories: frozenset[str], problems: list[Problem]) -> DangerWords | None:
    file = folder.joinpath(DANGER)
    source = Source.read(file, problems) if file.is_file() else None
    checked = source.checked(DangerFile, problems) if source else None
    if source is None or checked is None:
        return None
    problems += danger.problems(source, checked, categories=categories)
    return danger.build(checked)


def _model(folder: Traversable, problems: list[Problem]) -> Model | None:
    file = folder.joinpath(MODEL)
    if not file.is_file():
        return None
    try:
        return unpack(file.read_bytes())
    except (OSError, ModelError) as error:
        problems.append(
            Problem(str(file), 0, "", f"cannot be used: {error}; delete it, and `balagh learn --adopt` makes another")
        )
        return None
