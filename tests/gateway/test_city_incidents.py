"""A city's table of causes: read as it is written, and every mistake named by its line."""

from __future__ import annotations

import shutil
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.city.city import City, load
from gateway.city.problems import CityError
from router.incident import Habit, IncidentTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample city."""
    made = tmp_path / "baghdad"
    shutil.copytree(str(files("config").joinpath("cities", "baghdad")), made)
    return made


def test_the_sample_city_tells_a_pipe_from_a_pothole(city: City) -> None:
    """An outage is hours and streets, a hole is a week and steps; what is nobody else's has no common cause."""
    table = city.incidents
    assert (timedelta(hours=2), True) == (table.habit("water.outage").window, table.habit("water.outage").area)
    assert (timedelta(days=7), 60, False) == (
        table.habit("roads.damage").window, table.habit("roads.damage").reach, table.habit("roads.damage").named,
    )  # fmt: skip
    alone = [name for name in city.categories if not table.habit(name).shared]
    assert {"revenue.fees", "licensing.permits", "social.aid", "staff.conduct", "other"} == set(alone)
    assert table.akin("sewage.overflow", "drainage.flooding")
    assert not table.akin("water.outage", "electricity.outage")


def test_a_city_without_the_file_has_the_defaults(folder: Path) -> None:
    """Two hours, 800 metres, the same named place; everything else of the city is as it was."""
    before = load(str(folder))
    (folder / "incidents.toml").unlink()
    after = load(str(folder))
    assert IncidentTable() == after.incidents
    assert Habit() == after.incidents.habit("roads.damage")
    assert before.version != after.version


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[[cause]]\ncategory = ["watr"]', "cause[1].category", "'watr' is not known (did you mean 'water'?"),
        ('[[cause]]\ncategory = ["water", "water"]', "cause[1].category", "stands there for the second time"),
        ('[[cause]]\ncategory = "water"\nhours = 0', "cause[1].hours", "greater than 0"),
        ('[[cause]]\ncategory = "water"\nmetres = 5000', "cause[1].metres", "less than or equal to 1000"),
        ('[[cause]]\ncategory = "water"\nmeters = 5', "cause[1].meters", "did you mean 'metres'?"),
        ('neighbours = [["water.leak"]]', "neighbours[1]", "at least two"),
        ('neighbours = [["water.leak", "water"]]', "neighbours[1]", "'water' is not known"),
        ("[burst]\ncomplaints = 1", "burst.complaints", "greater than or equal to 2"),
        ("neighbours = [", "", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named(folder: Path, text: str, key: str, what: str) -> None:
    """The file, the line, the key, and what would be right."""
    (folder / "incidents.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CityError) as refused:
        load(str(folder))
    (problem, *_) = refused.value.problems
    assert (key, "incidents.toml") == (problem.key, Path(problem.path).name)
    assert what in problem.what
    assert problem.line > 0
