"""Hot reload: a valid change is taken while the gateway runs, an invalid one is refused and the old stays in force."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gateway.city.city
from gateway.city.city import City, load
from gateway.city.reload import NOTE, Follower, needs_restart, refused
from tests.gateway.walk import metric
from tests.servers.waiting import until

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"


class Town:
    """A copy of the sample city, and who follows it."""

    def __init__(self, folder: Path, city: City) -> None:
        self.folder, self.city = folder, city
        self.follower = Follower(str(folder), lambda: self.city, self.take, folder / ".." / NOTE, look=0.02)
        self.taken: list[City] = []

    def take(self, city: City) -> None:
        self.city = city
        self.taken.append(city)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.follower.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture(scope="module")
def baghdad() -> City:
    """Read the sample city once: a copy of its folder is the same to the byte."""
    return load("baghdad")


@pytest.fixture
def town(tmp_path: Path, baghdad: City) -> Town:
    """A city whose clerk is about to change something."""
    return Town(Path(shutil.copytree(BAGHDAD, tmp_path / "town")), baghdad)


async def test_a_valid_change_is_taken_without_a_restart(town: Town) -> None:
    """A clerk saves rules.toml, and seconds later the next complaint goes by it, under another version."""
    before = town.city.rules.version
    async with town.followed():
        town.edit("rules.toml", 'notice = "citizens"', 'notice = "inspector"')
        await until(lambda: bool(town.taken))

    assert ("inspector",) == town.city.rules.rules[0].notice
    assert before != town.city.rules.version
    assert () == town.follower.refused


async def test_an_invalid_change_is_refused_and_said_once(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """While a file holds a mistake the old rules stay in force; the log says which and where."""
    before = town.city
    async with town.followed():
        town.edit("rules.toml", 'department = "water"', 'department = "watr"')
        await until(lambda: bool(town.follower.refused))
        said = capsys.readouterr().out
        assert before is town.city
        assert 1 == metric("balagh_city_problems")
        assert "rule[water].department: 'watr' is not known (did you mean 'water'?)" in said

        town.edit("rules.toml", 'department = "watr"', 'department = "water"')
        await until(lambda: not town.follower.refused)

    assert [] == refused(town.folder.parent)
    assert before is town.city  # it is as it was, to the byte
    assert 0 == metric("balagh_city_problems")


async def test_what_only_a_start_can_change_is_refused(town: Town) -> None:
    """A new department would need a queue: the change waits for a restart, and a sentence says so."""
    async with town.followed():
        with (town.folder / "departments.toml").open("a", encoding="utf-8") as file:
            file.write(
                '\n[[department]]\nid = "harbour"\nnames = { ar = "الميناء", en = "Harbour" }\n'
                'delivery = "amqp"\nwithhold_contact = false\n'
            )
        await until(lambda: bool(town.follower.refused))

    assert "harbour" not in town.city.departments
    assert [str(problem) for problem in town.follower.refused] == refused(town.folder.parent)
    assert "'harbour' is new; its queue is made at the start: restart the service" in str(town.follower.refused[0])


def test_each_thing_that_needs_a_restart_is_named(town: Town) -> None:
    """Another city, other languages, a department gone or delivered otherwise, a hotline closed."""
    city = town.city
    water = replace(city.departments["water"], delivery="pull")
    rest = {name: one for name, one in city.departments.items() if name != "parks"}
    changed = replace(city, id="basra", languages=("ar",), departments={**rest, "water": water}, line=None)

    assert ["city.toml", "city.toml", "departments.toml", "departments.toml", "hotline.toml"] == [
        what.partition(":")[0] for what in needs_restart(city, changed)
    ]
    assert [] == list(needs_restart(city, replace(city, triage="water")))


@pytest.mark.parametrize("lost", ["danger.toml", "model.npz", "places.csv", "districts.geojson"])
async def test_a_file_that_vanishes_takes_no_sense_from_a_running_gateway(town: Town, lost: str) -> None:
    """An editor that moves danger.toml away, or a clerk who does, leaves nobody deaf to danger until it is noticed."""
    async with town.followed():
        (town.folder / lost).rename(town.folder.parent / lost)
        await until(lambda: bool(town.follower.refused))
        assert f"{lost}: is gone, and messages would be read without it" in str(town.follower.refused[0])

        (town.folder.parent / lost).rename(town.folder / lost)
        await until(lambda: not town.follower.refused)

    assert [] == town.taken


async def test_a_folder_that_nobody_foresaw_ends_no_following(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose name is no UTF-8 is refused with its name, and the next good change is taken all the same."""
    odd = os.fsencode(town.folder / "words") + b"/\xff.toml"
    async with town.followed():
        with open(odd, "wb") as file:  # noqa: ASYNC230, PTH123 - a name that no Path should be given
            file.write(b"no TOML")
        await until(lambda: bool(town.follower.refused))
        assert "udcff.toml:1: is not valid TOML" in refused(town.folder.parent)[0]
        assert "city refused" in capsys.readouterr().out

        os.unlink(odd)  # noqa: PTH108
        town.edit("rules.toml", 'notice = "citizens"', 'notice = "inspector"')
        await until(lambda: bool(town.taken))


def test_a_folder_that_changes_while_it_is_read_is_read_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version tells of the rules that are in force, never of those saved a moment after they were read."""
    version = gateway.city.city._version

    def saving(*asked: Any) -> str:
        if 'notice = "citizens"' in (town.folder / "rules.toml").read_text("utf-8"):
            town.edit("rules.toml", 'notice = "citizens"', 'notice = "inspector"')
        return version(*asked)

    monkeypatch.setattr(gateway.city.city, "_version", saving)

    assert ("inspector",) == load(str(town.folder)).rules.rules[0].notice
