"""rules.csv: one rule to a row, there and back through a spreadsheet, and each mistake by its row and column."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.city import rules_sheet, rules_toml
from gateway.city.city import City, load
from gateway.city.problems import CityError, Problem
from gateway.city.rules import WEEK, RulesFile
from gateway.city.rules_candidate import candidate, read_rules
from gateway.city.rules_sheet import Sheet

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"
LANGUAGES = ("ar", "en")


@pytest.fixture(scope="module")
def city() -> City:
    """Read the sample city once."""
    return load("baghdad")


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "rules.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def mistakes(tmp_path: Path, content: str | bytes) -> list[str]:
    """Read a sheet that must be refused, and return what is said, without the path."""
    with pytest.raises(CityError) as caught:
        read_rules(written(tmp_path, content))
    return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def rows(rules: RulesFile) -> list[dict[str, Any]]:
    return [row.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for row in rules.rule]


HEADER = "id,category,words,department,min_confidence\n"
REST = "rest,,,citizens,0.9\n"


def test_both_forms_of_the_shipped_rules_are_the_same_table(city: City, tmp_path: Path) -> None:
    """Exported as a sheet or as text, Baghdad's rules decide the same: their version does not change."""
    shipped = read_rules(BAGHDAD / "rules.toml")
    sheet = written(tmp_path, rules_sheet.write(shipped.min_confidence, rows(shipped), LANGUAGES))
    text = tmp_path / "rules.toml"
    text.write_text(rules_toml.write(shipped.min_confidence, rows(shipped)), "utf-8")

    assert shipped == read_rules(sheet) == read_rules(text)
    assert city.rules.version == candidate(city, sheet).version == candidate(city, text).version


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)
FIGURES = ("2027-02-08", "0770 123", "1/2", "'07", "''1.2", "1e5", "08:00-15:00", "٣-٤")
WORD = (
    CELL | st.sampled_from(["=1+1", "@cmd", "-x", "+1", "a|b", "'=x", "''-y", "\\", 'say "x"', "a,b;c\td", "x\\"])
).map(lambda word: f"{word}ماء") | st.sampled_from(FIGURES)
RULES = st.lists(
    st.fixed_dictionaries(
        {"id": st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)},
        optional={
            "category": st.lists(st.sampled_from(["water.leak", "waste.*"]), min_size=1, max_size=2),
            "words": st.lists(WORD, min_size=1, max_size=3),
            "days": st.lists(
                st.sampled_from([*WEEK, "holiday", "2027-04-01", "2027-02-08..2027-03-09"]), min_size=1, max_size=3
            ),
            "hours": st.just(["22:00-06:00"]),
            "public": st.booleans(),
            "vulnerable": st.booleans(),
            "min_confidence": st.floats(0, 1).map(lambda sure: round(sure, 4)),
            "department": st.just("water"),
            "set_priority": st.just("high"),
            "notice": st.just(["sewage", "roads"]),
            "confidential": st.just(value=True),
            "reason": st.fixed_dictionaries({"ar": WORD, "en": WORD}),
        },
    ),
    max_size=4,
).map(lambda found: [*found, {"id": "rest", "department": "citizens"}])


@given(rules=RULES, sure=st.floats(0, 1).map(lambda sure: round(sure, 4)), divider=st.sampled_from(",;\t"))
def test_nothing_is_lost_between_the_two_forms(
    tmp_path_factory: pytest.TempPathFactory, rules: list[dict[str, Any]], sure: float, divider: str
) -> None:
    """Whatever words a clerk writes, a sheet saved again with commas, semicolons or tabs holds the same rules."""
    expected = RulesFile.model_validate({"min_confidence": sure, "rule": rules})
    text = rules_sheet.write(sure, rules, LANGUAGES)
    again = io.StringIO(newline="")
    csv.writer(again, delimiter=divider).writerows(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    folder = tmp_path_factory.getbasetemp()

    assert expected == read_rules(written(folder, text))
    assert expected == read_rules(written(folder, b"\xef\xbb\xbf" + again.getvalue().encode()))
    assert expected == RulesFile.model_validate(tomllib.loads(rules_toml.write(sure, rules)))


@given(rules=RULES)
@example(rules=[{"id": "e1", "words": [".5"]}])
def test_no_cell_runs_as_a_formula_or_becomes_a_date(rules: list[dict[str, Any]]) -> None:
    """Whatever a rule says, a spreadsheet that opens the file computes nothing, and saves a date as it was written."""
    text = rules_sheet.write(0.5, rules, LANGUAGES).removeprefix("\ufeff")

    header, *written = csv.reader(io.StringIO(text, newline=""))
    for row in written:
        del row[header.index("min_confidence")]
        assert not [cell for cell in row if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]
        assert not [cell for cell in row if re.fullmatch(r"[\s.,]*\d[\d\s./:,eE+-]*", cell)]


def test_what_spreadsheets_do_to_a_file_is_understood(tmp_path: Path) -> None:
    """A mark in front, a line that names the divider, semicolons, CR LF, decimal commas, per cent, an Arabic yes."""
    rules = read_rules(
        written(
            tmp_path,
            "\ufeffsep=;\r\nID;Words;Public;Department;Min_Confidence;Confidential;Reason_ar;Reason_en\r\n"
            '# a remark;;;;;;;\r\nr;"ماء | مي ";نعم;water;"0,85";no;"سطر\r\nوسطر";"one ""two"""\r\n;;;;;;;\r\n'
            "rest;;;citizens;90%;;;\r\n",
        )
    )

    assert 0.9 == rules.min_confidence
    [row, _] = rules.rule
    assert (["ماء", "مي"], True, 0.85, False) == (row.words, row.public, row.min_confidence, row.confidential)
    assert {"ar": "سطر\nوسطر", "en": 'one "two"'} == row.reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"{HEADER}r,water.leak,,watr x,\n{REST}", "rules.csv:2: rule[r].department: 'watr x' is not allowed"),
        (f'{HEADER}r,,"a\nb",water,\nx,Y,,water,\n{REST}', "rules.csv:4: rule[x].category[1]: 'Y' is no category"),
        (f"{HEADER}r,,ماء,water,lots\n{REST}", "rules.csv:2: rule[r].min_confidence: must be a number from 0 to 1"),
        (f"{HEADER}r,,ماء,water,7\n{REST}", "rules.csv:2: rule[r].min_confidence: input should be less than or equal"),
        (f"{HEADER}r,,ماء,water,,,surplus\n{REST}", "rules.csv:2: 'surplus' stands under no column"),
        (f"{HEADER},,ماء,water,\n{REST}", "rules.csv:2: rule[1].id: is missing"),
        (
            f"{HEADER}rest,,,citizens,\n",
            "rules.csv:2: min_confidence: is missing: in the last row it is the city's own",
        ),
        (
            f"{HEADER}{REST}late,,ماء,water,\n",
            "rules.csv:3: min_confidence: is missing: in the last row it is the city's own; it has no condition",
        ),
        (b"PK\x03\x04\x14\x00\xff", "rules.csv: is a packed file such as .xlsx; save a sheet as CSV UTF-8"),
        ("id,wurds,department\nr,x,water\n", "rules.csv:1: wurds: 'wurds' is not known (did you mean 'words'?)"),
        ("id,words,words\nr,x,y\n", "rules.csv:1: words: stands there for the second time"),
        ("name,words\nr,x\n", "rules.csv:1: id: is missing: the first row names the columns"),
        (f'{HEADER}r,,"ماء,water,\n{REST}', 'rules.csv:2: is not valid CSV: is a " missing'),
        (f'{HEADER}r,,"ماء" x,water,\n{REST}', 'rules.csv:2: is not valid CSV: is a " missing'),
        ("id,words,public,department\nr,x,maybe,water\n", "rules.csv:2: rule[r].public: must be yes, no or empty"),
        ("id,words,department,reason_xx!\nr,x,water,y\n", "rules.csv:1: reason_xx!: 'reason_xx!' is not known"),
        (
            "id,department\nr,المياه".encode("cp1256"),
            "rules.csv:2: is not UTF-8; save the file with the encoding UTF-8",
        ),
        ("", "rules.csv:1: id: is missing"),
        ("id,department\n", "rules.csv:1: min_confidence: is missing"),
    ],
)
def test_each_mistake_is_named_with_its_row_and_column(tmp_path: Path, content: str | bytes, expected: str) -> None:
    """A clerk reads the row, the column and what is wrong, though a cell above it took two lines."""
    said = mistakes(tmp_path, content)

    assert [] != [one for one in said if one.startswith(expected)], said


def test_ids_that_nobody_has_are_named_beside_cells_that_say_nothing(city: City, tmp_path: Path) -> None:
    """A clerk mends a sheet in one pass: unknown ids are named though a column, a cell and a key are wrong too.

    What follows from a cell that was left out is no mistake of its own: the last row still has its min_confidence.
    """
    sheet = written(
        tmp_path,
        "id,category,departmnt,department,notice,public,min_confidence\n"
        "r,water.lake,x,watr,roads,maybe,\ns,UPPER,,sewage,sewers,,\nrest,,,citizens,,,lots\n",
    )

    with pytest.raises(CityError) as caught:
        candidate(city, sheet)

    said = [(problem.line, problem.key, problem.what.partition(" is ")[0]) for problem in caught.value.problems]
    assert [
        (1, "departmnt", "'departmnt'"),
        (2, "rule[r].category", "'water.lake'"),
        (2, "rule[r].department", "'watr'"),
        (2, "rule[r].public", "must be yes, no or empty, not 'maybe'"),
        (3, "rule[s].category[1]", "'UPPER'"),
        (3, "rule[s].notice", "'sewers'"),
        (4, "rule[rest].min_confidence", "must be a number from 0 to 1, not 'lots'"),
    ] == said


def test_what_hangs_on_a_cell_that_says_nothing_is_not_guessed(city: City, tmp_path: Path) -> None:
    """A rule whose condition cannot be read fits not everything: those below it are not called out of reach."""
    sheet = written(tmp_path, "id,wurds,department,min_confidence\nr,ماء,water,\nrest,,citizens,0.9\n")

    with pytest.raises(CityError) as caught:
        candidate(city, sheet)

    assert [(1, "wurds")] == [(problem.line, problem.key) for problem in caught.value.problems]


@given(st.text() | st.binary())
def test_no_file_whatever_is_in_it_breaks_the_reading(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    """Anything saved under this name is read or refused in words, never an error of the program."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    found: list[Problem] = []
    sheet = Sheet.read(written(tmp_path_factory.getbasetemp(), raw), found)

    assert (sheet is None or not sheet.whole) == bool(found)


def test_a_sheet_that_a_city_keeps_is_as_good_as_the_text(tmp_path: Path) -> None:
    """A city whose rules are a sheet loads, and the version of its files changes with a row of it."""
    folder = Path(shutil.copytree(BAGHDAD, tmp_path / "town"))
    shipped = read_rules(folder / "rules.toml")
    (folder / "rules.toml").unlink()
    sheet = written(folder, rules_sheet.write(shipped.min_confidence, rows(shipped), LANGUAGES))
    before = load(str(folder))
    sheet.write_bytes(sheet.read_bytes().replace(b"staff-conduct", b"staff-first"))
    after = load(str(folder))

    assert (load("baghdad").rules.version, "staff-first") == (before.rules.version, after.rules.rules[3].id)
    assert before.version != after.version
