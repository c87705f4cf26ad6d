"""What a city teaches from: CSV files as spreadsheets write them, and each mistake named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.city.problems import CityError
from gateway.learning.material import Text, kind_of, read_cases, read_examples
from normalizer.guess import ACT, ENQUIRY, IDLE

CATEGORIES = ("water.outage", "roads.damage", "other")
RESPONSIBLE = {"water.outage": "water", "roads.damage": "roads", "other": "citizens"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_spreadsheets_own_way_is_read(tmp_path: Path, separator: str, mark: str) -> None:
    """Commas, semicolons or tabs, with a byte order mark or without, CR LF and quotes: the same cases."""
    rows = [("text", "category", "danger", "kind"), ('"ماكو ماي\nمن أمس"', "water.outage", "yes", "complaint")]
    file = tmp_path / "cases.csv"
    file.write_bytes((mark + "\r\n".join(separator.join(row) for row in rows) + "\r\n").encode())
    (case,) = read_cases(file, CATEGORIES, RESPONSIBLE)

    assert ("ماكو ماي\nمن أمس", ("water.outage",), ("water",), True) == (
        case.text,
        case.categories,
        case.departments,
        case.danger,
    )


def test_a_mistake_is_named_by_file_line_and_column(tmp_path: Path) -> None:
    """Every mistake at once, so that one look mends the file."""
    file = tmp_path / "cases.csv"
    rows = (
        "id,text,category,department",
        "1,ماكو ماي,water.outtage,",
        "2,  ,roads.damage,",
        "2,حفرة,,rods",
        "3,حفرة,,",
    )
    file.write_text("\n".join(rows), "utf-8")
    with pytest.raises(CityError) as caught:
        read_cases(file, CATEGORIES, RESPONSIBLE)

    assert [
        (2, "category", "'water.outtage' is not known"),
        (3, "text", "is empty"),
        (4, "department", "'rods' is not known"),
        (4, "id", "'2' stands there for the second time"),
        (
            5,
            "category",
            "is empty, and so is department: name one of them, or the kind of what is nobody's (thanks, spam)",
        ),
    ] == [(problem.line, problem.key, problem.what) for problem in caught.value.problems]


def test_a_file_without_its_first_line_is_told(tmp_path: Path) -> None:
    """The columns are named in the first line; without it nothing is guessed."""
    file = tmp_path / "cases.csv"
    file.write_text("ماكو ماي,water.outage\n", "utf-8")
    with pytest.raises(CityError, match="names the columns"):
        read_cases(file, CATEGORIES, RESPONSIBLE)


@pytest.mark.parametrize("head", ["text,category\n", ""])
def test_a_quotation_mark_that_is_never_closed_is_told(tmp_path: Path, head: str) -> None:
    """A cell that swallows the rest of a large file is a mistake with a line, and no traceback."""
    file = tmp_path / "cases.csv"
    file.write_text(head + '"' + "ماكو ماي,water.outage\n" * 10_000, "utf-8")
    with pytest.raises(CityError, match=f'cases.csv:{2 if head else 1}: is not CSV: .*; is a " missing'):
        read_cases(file, CATEGORIES, RESPONSIBLE)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    """Excel's older CSV is windows-1256: said in words, and nothing of it taken."""
    file = tmp_path / "cases.csv"
    file.write_bytes("text,category\nماكو ماي,water.outage\n".encode("windows-1256"))
    with pytest.raises(CityError, match="UTF-8"):
        read_cases(file, CATEGORIES, RESPONSIBLE)


def test_what_is_not_there_teaches_nothing(tmp_path: Path) -> None:
    """A city may have neither cases nor examples."""
    assert [] == read_cases(tmp_path / "cases.csv", CATEGORIES, RESPONSIBLE)
    assert [] == read_examples(tmp_path / "examples", CATEGORIES)


def test_examples_say_category_kind_and_danger(tmp_path: Path) -> None:
    """Columns that a file lacks leave open what they would say."""
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "a.csv").write_text("category,text\nwater.outage,ماكو ماي\nnone,شكرا\n", "utf-8")
    (folder / "b.csv").write_text(
        "category,text,danger,kind\nroads.damage,حفرة وكع بيها ولد,yes,request\nnone,شوكت الدوام,,enquiry\n"
        "none,شفت فيلم عن حريق,no,\n",
        "utf-8",
    )

    assert [
        Text("ماكو ماي", ("water.outage",), ACT, None),
        Text("شكرا", ("none",), IDLE, None),
        Text("حفرة وكع بيها ولد", ("roads.damage",), ACT, True),
        Text("شوكت الدوام", ("none",), ENQUIRY, False),
        Text("شفت فيلم عن حريق", ("none",), IDLE, False, alike=True),
    ] == read_examples(folder, CATEGORIES)


def test_what_a_person_should_decide_teaches_nothing(tmp_path: Path) -> None:
    """A case for the desk, because its words do not tell, must not teach the model to tell all the same."""
    file = tmp_path / "cases.csv"
    file.write_text(
        "text,category,department\nبعدها نفس الشي,roads.damage,roads|citizens\nالانترنت,other,citizens\n", "utf-8"
    )
    open_case, clear = read_cases(file, CATEGORIES, RESPONSIBLE)

    assert open_case.lesson("citizens") is None
    assert Text("الانترنت", ("other",), ACT, False) == clear.lesson("citizens")
    assert (IDLE, ACT, ENQUIRY) == (kind_of("thanks"), kind_of(" Request "), kind_of("enquiry"))
