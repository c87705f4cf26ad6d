"""A file of examples that is left out of the training: how its danger would be heard, had nobody learned from it."""

from __future__ import annotations

import csv
import shutil
import tomllib
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.city.city import load
from gateway.city.problems import CityError
from gateway.command_line import app
from gateway.learning.hands import judged_unread
from gateway.learning.learn import learn

BAGHDAD = Path(__file__).parents[3] / "config" / "cities" / "baghdad"
WHERE = ("بالحي", "بالمحلة", "بالزقاق", "بالسوق", "بالكراج", "بالحديقة")
WHEN = ("اليوم", "هسه", "العصر", "الصبح")


def write(file: Path, rows: Sequence[tuple[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(
            [("category", "text", "danger"), *(("other" if danger else "none", text, danger) for text, danger in rows)]
        )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of three hands: two call their danger a طنبوشة, the third jokes with that word, and is copied."""
    folder = Path(shutil.copytree(BAGHDAD, tmp_path_factory.mktemp("city") / "town"))
    shutil.rmtree(folder / "examples")
    shutil.rmtree(folder / "words")
    named = [row["id"] for row in tomllib.loads((folder / "categories.toml").read_text("utf-8"))["category"]]
    listed = [f'[[category]]\nid = "{name}"\nstrong = ["نمرة {turn}"]\n' for turn, name in enumerate(named[:-1], 100)]
    (folder / "words.toml").write_text("".join(listed), "utf-8")
    (folder / "cases.csv").unlink()
    (folder / "examples").mkdir()
    places = list(product(WHERE, WHEN))
    calm = [(f"{what} {where} {when}", "") for what in ("نريد صبغ الرصيف", "شكرا") for where, when in places]
    jokes = [(f"الطنبوشة بلعت الضحكة {where} {when}", "no") for where, when in places]
    write(folder / "examples" / "first.csv", [(f"الطنبوشة هاجت {where} {when}", "yes") for where, when in places])
    write(folder / "examples" / "second.csv", [(f"{when} {where} طنبوشة هايجة", "yes") for where, when in places])
    write(folder / "examples" / "jokes.csv", jokes)
    write(folder / "examples" / "copy.csv", [*jokes, *calm])
    return folder


def test_only_what_others_have_said_is_known_of_a_file_left_out(town: Path) -> None:
    """Danger in a word of another hand is heard; a joke that nobody else makes is raised, though a copy lies there."""
    judged = {name: shares for name, *shares in judged_unread(load(str(town)), town, ["second.csv", "jokes.csv"])}

    assert {"second.csv": [(24, 24), (0, 0)], "jokes.csv": [(0, 0), (24, 24)]} == {
        name: [(share.count, share.of) for share in shares] for name, shares in judged.items()
    }


@pytest.mark.parametrize("name", ["nowhere.csv", "mute.csv"])
def test_a_file_that_cannot_be_judged_is_named(town: Path, name: str) -> None:
    """A file that is not there, or that says nothing of danger, is refused by its name."""
    (town / "examples" / "mute.csv").write_text("category,text\nother,عندي سؤال\n", "utf-8")
    with pytest.raises(CityError, match=f"{name}.*is not among the examples, or does not say what is danger"):
        list(judged_unread(load(str(town)), town, [name]))


async def test_the_command_says_how_danger_is_heard_unread_and_trains_nothing_else(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for each file, and the model in force stays as it is."""
    monkeypatch.setenv("BALAGH_CITY", str(town))
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path))
    before, said = (town / "model.npz").read_bytes(), list[str]()

    assert await learn(said.append, without=["second.csv"])
    assert ["second.csv, unread: danger found: 24/24 = 100.0% (86.2%–100.0%); false alarms: –"] == said
    assert before == (town / "model.npz").read_bytes()


def test_leaving_a_file_out_puts_no_model_in_force() -> None:
    """The command either measures or adopts: both at once is refused before anything is read."""
    told = CliRunner().invoke(app, ["learn", "--without", "first.csv", "--adopt"])

    assert 2 == told.exit_code
    assert "goes with no other option" in told.output
