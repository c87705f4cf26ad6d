"""incidents.toml: what complaints of one cause have in common in this city. Without the file the defaults hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway.city.problems import Problem, unknown
from gateway.city.source import Source
from router.incident import EVERYTHING, Habit, IncidentTable, family

INCIDENTS = "incidents.toml"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _listed(value: Any) -> Any:
    """Let one value stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _several(value: list[str]) -> list[str]:
    if len(set(value)) < 2:  # noqa: PLR2004 - nothing is its own neighbour
        raise ValueError("must name at least two categories")
    return value


class CauseRow(_Row):
    """How one cause of some categories shows itself."""

    category: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
    shared: bool = True
    hours: Annotated[float, Field(gt=0, le=24 * 30, strict=False)] = 2.0
    metres: Annotated[float, Field(ge=0, le=1000, strict=False)] = 800.0
    named_place: bool = True
    whole_district: bool = False


class BurstRow(_Row):
    """When a district has a burst, and when complaints may join by themselves."""

    complaints: Annotated[int, Field(ge=2)] = 10
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    confirmed: Annotated[int, Field(ge=2)] = 5


class IncidentsFile(_Row):
    """incidents.toml."""

    neighbours: list[Annotated[list[str], AfterValidator(_several)]] = []
    burst: BurstRow = BurstRow()
    cause: list[CauseRow] = []


def read_incidents(folder: Traversable, categories: Source | None, problems: list[Problem]) -> IncidentTable:
    """Read the file, or add to `problems` what is wrong with it. `categories` is categories.toml, if that is TOML."""
    file = folder.joinpath(INCIDENTS)
    source = Source.read(file, problems) if file.is_file() else None
    read = source.checked(IncidentsFile, problems) if source else None
    if source is None or read is None:
        return IncidentTable()
    problems += _problems(source, read, categories.ids("category") if categories else ())
    return _build(read)


def _problems(source: Source, file: IncidentsFile, categories: Collection[str]) -> Iterable[Problem]:
    """Find names that are no category, no family of one and not `*`, and what is spoken for twice."""
    families = {family(name) for name in categories}
    known = {*categories, *families, EVERYTHING}
    seen: set[str] = set()
    for position, row in enumerate(file.cause):
        for name in row.category:
            place = ("cause", position, "category")
            if categories and name not in known:
                yield source.problem(place, unknown(name, known))
            if name in seen:
                yield source.problem(place, f"{name!r} stands there for the second time")
            seen.add(name)
    for position, names in enumerate(file.neighbours):
        for name in names:
            if categories and name not in categories:
                yield source.problem(("neighbours", position), unknown(name, categories))


def _build(file: IncidentsFile) -> IncidentTable:
    """Return the table that the router asks; families and categories of which nothing is said have the default."""
    habits = {EVERYTHING: Habit()}
    for row in file.cause:
        habit = Habit(timedelta(hours=row.hours), row.metres, row.named_place, row.whole_district, row.shared)
        habits |= dict.fromkeys(row.category, habit)
    return IncidentTable(
        habits=MappingProxyType(habits),
        neighbours=tuple(frozenset(names) for names in file.neighbours),
        burst=file.burst.complaints,
        burst_window=timedelta(minutes=file.burst.minutes),
        confirmed=file.burst.confirmed,
    )
