"""`balagh rules`, as an operator types it: look at the rules, make them a sheet, try a change before it goes live."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.city.city import load
from tests.gateway.walk import CITIZEN, OUTAGE, Walk
from tests.servers.waiting import until

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"
CASES = (
    "id,text,kind,category,department,district,channel\n"
    f"c1,{OUTAGE},complaint,water.outage,water,,sms\n"
    "c2,الكهرباء مقطوعة عن المحلة من البارحة,complaint,electricity.outage,electricity|lighting,,whatsapp\n"
    "c3,مرحبا شلونكم,greeting,other,citizens,dora,web\n"
)

WATER = 'id = "water"\ncategory = "water.*"\n'

Run = Callable[..., Result]


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A copy of the sample city with three cases."""
    folder = Path(shutil.copytree(BAGHDAD, tmp_path / "town"))
    (folder / "cases.csv").write_text(CASES, "utf-8")
    return folder


@pytest.fixture
def balagh(tmp_path: Path, town: Path) -> Run:
    """The command, on that city and a store of its own."""

    def run(*words: str) -> Result:
        env = {"BALAGH_DATA_DIR": str(tmp_path / "data"), "BALAGH_CITY": str(town)}
        return CliRunner().invoke(app, ["rules", *words], env=env, catch_exceptions=False)

    return run


def edited(town: Path, old: str, new: str) -> Path:
    """Return a file of rules beside the city in which something is otherwise."""
    text = (town / "rules.toml").read_text("utf-8")
    assert old in text
    path = town.parent / "tried.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


def test_check_says_what_is_wrong_and_what_may_surprise(balagh: Run, town: Path) -> None:
    """0 when the rules hold, with a note on each that goes before others; 1 and a line for each mistake."""
    done = balagh("check")
    assert (0, True) == (done.exit_code, bool(re.match(r"ok    \d+ rules, version [0-9a-f]{12}\n", done.stdout)))
    assert "note  the rule 'bribery-words' (inspector) goes before 'water', 'sewage'" in done.stdout

    done = balagh("check", str(edited(town, 'department = "water"', 'department = "watr"')))
    assert 1 == done.exit_code
    assert "tried.toml:" in done.stdout and "rule[water].department: 'watr' is not known" in done.stdout


def test_a_sheet_made_by_export_is_the_same_table(balagh: Run, tmp_path: Path) -> None:
    """What is exported says which version it is, and checks as that version in both forms."""
    sheet, text = tmp_path / "rules.csv", tmp_path / "rules.toml"
    done = balagh("export", "--csv", str(sheet), "--toml", str(text))
    version = done.stdout.split("version ")[1][:12]

    assert 0 == done.exit_code and sheet.read_bytes().startswith(b"\xef\xbb\xbfid,category,words,")
    for path in (sheet, text):
        assert f"version {version}" in balagh("check", str(path)).stdout
    assert 2 == balagh("export").exit_code


def test_a_change_that_spoils_a_case_is_said_and_fails(balagh: Run, town: Path) -> None:
    """The case, from which department and rule to which, and exit code 1: nothing goes live unseen."""
    worse = edited(
        town,
        'id = "water"\ncategory = "water.*"\ndepartment = "water"',
        'id = "water"\ncategory = "water.*"\ndepartment = "roads"',
    )
    done = balagh("test", "--rules", str(worse))

    assert 1 == done.exit_code
    assert "3 cases of cases.csv: 1 would move:" in done.stdout
    assert re.search(r"c1 +water → roads +rule water → water +WRONG, and it was right", done.stdout)
    assert "WRONG 1 cases that were right would go to a wrong department" in done.stdout
    assert re.search(r"together +2 +1 +0\n", done.stdout)


def test_a_change_that_moves_nothing_wrongly_passes(balagh: Run, town: Path) -> None:
    """An acceptable department, or a person instead of a rule, is shown and is no failure."""
    other = edited(town, 'id = "electricity"\ncategory = "electricity.*"\ndepartment = "electricity"',
                   'id = "current"\ncategory = "electricity.*"\ndepartment = "lighting"')  # fmt: skip
    done = balagh("test", "--rules", str(other))

    assert 0 == done.exit_code
    assert re.search(r"c2 +electricity → lighting +rule electricity → current\n", done.stdout)
    assert 0 == balagh("test").exit_code


def test_a_notice_that_changes_is_said_although_nothing_goes_elsewhere(balagh: Run, town: Path) -> None:
    """Same department, same rule: the line names who would be told, since nothing else in it differs."""
    told = f'{WATER}notice = ["roads", "lighting"]\n'
    done = balagh("test", "--rules", str(edited(town, WATER, told)))

    assert re.search(r"water → water +rule water → water, notice - → roads, lighting\n", done.stdout), done.stdout


async def heard(tmp_path: Path, town: Path, *texts: str) -> list[str]:
    """File complaints in a house of that city, route them, and return their references."""
    walk = Walk(tmp_path, load(str(town)))
    await walk.open()
    references = []
    for place, text in enumerate(texts):
        receipt = await walk.hear(text, sender=f"{CITIZEN[:-1]}{place}")
        references.append(receipt.reference)
    await walk.publish()

    async def routed() -> bool:
        return len(await walk.rows("SELECT 1 FROM complaints WHERE route IS NOT NULL")) == len(texts)

    await until(routed)
    await walk.close()
    return references


def test_past_complaints_are_shown_by_their_reference_alone(balagh: Run, tmp_path: Path, town: Path) -> None:
    """A past period is put to both tables; nothing of what citizens said or who they are is printed or changed."""
    water, light = asyncio.run(heard(tmp_path, town, OUTAGE, "الكهرباء مقطوعة عن المحلة من البارحة"))
    store = tmp_path / "data" / "balagh.db"
    before = store.read_bytes()
    other = edited(town, f'{WATER}department = "water"', 'id = "piped"\ncategory = "water.*"\ndepartment = "roads"')
    done = balagh("test", "--rules", str(other), "--since", "2026-11-20", "--until", "2026-11-22")

    assert "2 complaints from 2026-11-20 to 2026-11-22: 1 would move:" in done.stdout
    assert re.search(rf"{water} +water → roads +rule water → piped", done.stdout)
    assert light not in done.stdout
    past = done.stdout.partition("complaints from")[2]
    assert CITIZEN not in past and "الماء" not in past
    assert before == store.read_bytes()
    assert "0 would move" in balagh("test", "--since", "2026-11-20").stdout.partition("complaints from")[2]
    assert "0 complaints" in balagh("test", "--since", "2026-11-24", "--until", "2026-11-25").stdout


def test_a_period_that_cannot_be_is_told(balagh: Run) -> None:
    """A day that is none, an end without a beginning or before it: exit code 2 and the option's name."""
    for words in (
        ("--since", "yesterday"),
        ("--until", "2026-11-22"),
        ("--since", "2026-11-22", "--until", "2026-11-20"),
    ):
        done = balagh("test", *words)
        assert (2, True) == (done.exit_code, words[-2] in done.stderr or "--until" in done.stderr)
