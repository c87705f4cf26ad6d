"""`balagh learn`: from a folder of words and examples to a model in force, with an honest account on the way."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.city.city import load
from gateway.city.problems import CityError
from gateway.learning.evaluate import Account, Share
from gateway.learning.material import Case
from gateway.learning.report import BEGIN, END, put_into
from gateway.learning.study import OUTCOMES, Outcome, before, changes, study, summary
from gateway.store import lessons
from gateway.store.engine import Store
from gateway.store.lessons import Lesson
from normalizer.category import pack

BAGHDAD = Path(__file__).parents[3] / "config" / "cities" / "baghdad"
KEPT = 24  # cases and examples of each file, and words of each list, that the small city learns from


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample city with few examples and no model, so that a training takes seconds."""
    folder = Path(shutil.copytree(BAGHDAD, tmp_path_factory.mktemp("city") / "town"))
    (folder / "model.npz").unlink()
    (folder / OUTCOMES).unlink()
    for hand in (folder / "examples").glob("hand_*.csv"):
        hand.unlink()
    for file in (folder / "cases.csv", *sorted((folder / "examples").glob("*.csv"))):
        with file.open(encoding="utf-8", newline="") as source:
            rows = list(csv.reader(source))
        rows = rows[: KEPT + 1]
        with file.open("w", encoding="utf-8", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows(rows)
    for file in sorted((folder / "words").glob("*.toml")):
        categories = tomllib.loads(file.read_text("utf-8"))["category"]
        lines = [
            line
            for row in categories
            for line in (
                "[[category]]",
                f'id = "{row["id"]}"',
                *(f"{kind} = {json.dumps(row[kind][:KEPT], ensure_ascii=False)}" for kind in ("strong", "words")),
            )
        ]
        file.write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def learn(city: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a clerk does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BALAGH_")} | {
        "BALAGH_CITY": str(city),
        "BALAGH_DATA_DIR": str(data),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "gateway", "learn", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)


def test_a_model_is_adopted_only_when_asked_and_says_what_it_changes(small: Path, tmp_path: Path) -> None:
    """The first run prints and leaves everything; --adopt writes the model; a lesson of the desk then counts.

    The lessons that people gave are read from the store, and marked as used by the model that was adopted. The city's
    history is kept beside them, also where it names departments alone; the next training reads it there.
    """
    looked = learn(small, tmp_path)
    assert (0, False) == (looked.returncode, (small / "model.npz").exists()), looked.stderr
    assert "each judged by a model that had not seen it" in looked.stdout
    assert "not adopted: say --adopt" in looked.stdout

    store = Store(f"sqlite:///{(tmp_path / 'balagh.db').absolute()}")
    store.migrate()
    taught = Lesson("l1", "الشط مال الحي خايس", "sewage.overflow", "sewage", lessons.DESK, "sara", datetime.now(UTC))
    with store.engine.begin() as connection:
        lessons.add(connection, taught)
    history = tmp_path / "history.csv"
    history.write_text("text,department,kind\nالكابسة ما تجي، رقمي 07701234567,waste,\nمبروك العيد,,thanks\n", "utf-8")
    adopted = learn(small, tmp_path, "--adopt", "--report", str(tmp_path / "page.md"), "--history", str(history))
    assert 0 == adopted.returncode, adopted.stdout + adopted.stderr
    assert "1 of them confirmed by people" in adopted.stdout
    assert "adopted: model.npz" in adopted.stdout
    with store.engine.begin() as connection:
        kept = lessons.all(connection)
    assert [("الشط مال الحي خايس", "sewage", True), ("الكابسة ما تجي، رقمي •••", "waste", True)] == [
        (lesson.text, lesson.department, lesson.used) for lesson in kept
    ]
    store.close()

    assert load(str(small)).reader.matcher.model is not None
    page = (tmp_path / "page.md").read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert "| stated confidence | cases | stated on average | right |" in page

    again = learn(small, tmp_path)
    assert "0 held cases change" in again.stdout  # the same material gives the same model


def test_without_anything_to_learn_from_it_says_so(small: Path, tmp_path: Path) -> None:
    """A city with words alone is told what to write."""
    bare = Path(shutil.copytree(small, tmp_path / "bare"))
    shutil.rmtree(bare / "examples")
    (bare / "cases.csv").unlink()
    told = learn(bare, tmp_path / "data")

    assert 2 == told.returncode
    assert "nothing to learn from" in told.stderr + told.stdout
    assert "Traceback" not in told.stderr


def test_the_same_material_gives_the_same_bytes(small: Path) -> None:
    """A training can be repeated: what was published can be checked."""
    city = load(str(small))

    assert pack(study(city, small).trained.model) == pack(study(city, small).trained.model)


def test_a_city_learns_from_its_own_history(small: Path, tmp_path: Path) -> None:
    """A CSV of closed cases, with departments only: judged before and after, by models that had not seen the case.

    Where no gateway has made a store yet there is nothing to remember it in, and whoever adopts it is told so.
    """
    file = tmp_path / "history.csv"
    rows = [("text", "department")]
    where = ("الكرادة", "المنصور", "الدورة", "الشعب", "زيونة", "الحرية")
    when = ("امس", "اليوم", "الظهر", "البارحة", "الصبح")
    rows += [(f"خط الماي الناقل يم {here} واكف والناس عطشانة من {now}", "water") for here in where for now in when]
    rows += [(f"تراكتور البلدية سوى حفرة بالطريق يم {here} {now} وراح", "roads") for here in where for now in when]
    rows += [("صندوق ازرق", "health")]
    with file.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)
    town = Path(shutil.copytree(small, tmp_path / "town"))
    (town / "model.npz").unlink(missing_ok=True)  # another test may have adopted one
    told = learn(town, tmp_path / "data", "--history", str(file), "--adopt", "--even-so")

    assert 0 == told.returncode, told.stderr
    assert "of the history 1 teach nothing" in told.stdout
    assert "the history is NOT kept for the next training" in told.stdout
    assert "history.csv, as the model in force reads it:" in told.stdout
    assert "history, each judged by a model that had not seen it:" in told.stdout
    after = told.stdout.split("history, each judged")[1]
    assert int(after.split("right department first: ")[1].split("/")[0]) >= 57


def test_a_message_that_came_twice_is_not_judged_by_a_model_that_has_read_it(small: Path) -> None:
    """A history repeats itself, in other spellings too, and what was adopted of it is a lesson: neither flatters."""
    text = "الزعفرجي مال قرنابيط يشلوط الطنبوشة رقمي {}"
    history = [Case(f"h{n}", text.format(f"077012345{n}"), ("parks.upkeep",), ("parks",)) for n in range(10, 18)]
    history += [Case("h18", text.format("").replace("ة", "ه"), ("parks.upkeep",), ("parks",))]
    taught = Lesson("l", text.format("•••"), "parks.upkeep", "parks", lessons.IMPORT, "history", datetime.now(UTC))

    assert 0 == study(load(str(small)), small, [taught], history).history.first().count


def test_a_case_that_gets_worse_is_named_first() -> None:
    """What changes on a held case is told case by case, and a wrong department is worse than a person's look."""
    was = {"a": Outcome("water", automatic=True, right=True), "b": Outcome("roads", automatic=False, right=False)}

    assert [] == changes(was, Account([]))
    assert "water" == str(was["a"])
    assert "roads (a person decides), wrong" == str(was["b"])


@pytest.mark.parametrize("spoiled", [b"id;department;automatic;right\n1;water;yes;yes\n", b"\xff\xfei\0d\0"])
def test_an_account_that_a_spreadsheet_changed_is_told(tmp_path: Path, spoiled: bytes) -> None:
    """model.csv saved by a spreadsheet compares with nothing, so that no case would seem to get worse: it is said."""
    (tmp_path / OUTCOMES).write_bytes(spoiled)
    with pytest.raises(CityError, match=r"model\.csv: is not as `balagh learn` wrote it"):
        before(tmp_path)


def test_a_share_says_how_far_it_can_be_trusted() -> None:
    """97 of 100 may be anything from 91.5 to 99.0 in a hundred."""
    low, high = Share(97, 100).interval

    assert (0.915, 0.990) == (round(low, 3), round(high, 3))
    assert "97/100 = 97.0% (91.5%–99.0%)" == str(Share(97, 100))
    assert "–" == str(Share(0, 0))


def test_figures_replace_those_of_last_time() -> None:
    """A page keeps its words; what stands between the marks is written anew."""
    page = put_into(f"# Understanding\n\n{BEGIN}\nold\n{END}\n\nMore.\n", "new")

    assert f"# Understanding\n\n{BEGIN}\nnew\n{END}\n\nMore.\n" == page
    assert put_into("# Page\n", "x").startswith("# Page\n")


def test_the_shipped_model_is_the_city_files(tmp_path: Path) -> None:
    """What the sample city ships came from its own words, examples and cases: nothing is listed that is not there."""
    outcomes = before(BAGHDAD)
    with (BAGHDAD / "cases.csv").open(encoding="utf-8", newline="") as source:
        ids = {row["id"] for row in csv.DictReader(source)}

    assert ids == set(outcomes)
    assert summary(Account([])) == []
    assert Case("x", "y", kind="thanks").acted_on is False
