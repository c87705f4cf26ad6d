"""What a model is made from: the city's words and examples, its held cases, and what people decided at the desk."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from itertools import chain

from gateway.city.problems import CityError, Problem
from normalizer.category import NOTHING
from normalizer.guess import ACT, ENQUIRY, IDLE, SUGGESTION
from normalizer.personal import mask
from normalizer.text import fold

CASES = "cases.csv"
EXAMPLES = "examples"
_LISTED = "|"  # between several right answers in one cell
_ACTED_ON = frozenset({"", "complaint", "request"})  # kinds that go to a department
_NOBODYS = "is empty, and so is department: name one of them, or the kind of what is nobody's (thanks, spam)"
_WORD = re.compile(r"[^\W\d_]+")
_YES = frozenset({"yes", "true", "1", "نعم"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the categories that are right for it, the best first; `none` where nothing is to be done.

    `kind` is one of `normalizer.guess`; `danger` is None where nobody has said whether it tells of danger. `alike` is
    what somebody wrote because it only sounds like danger: there is far more of it here than among what people send.
    """

    text: str = field(repr=False)
    categories: tuple[str, ...]
    kind: str = ACT
    danger: bool | None = None
    alike: bool = False

    @property
    def said(self) -> str:
        """What is said, however it is spelled and whatever numbers stand in it."""
        return " ".join(_WORD.findall(fold(mask(self.text))))


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the city: a message, and what a careful person would make of it.

    `departments` are the right ones, the triage desk among them where a person should decide; `second` are further
    problems in the same message, `districts` where it is. `kind`, `channel`, `language` and `dialect` are as the city
    wrote them, for the account by group.
    """

    id: str
    text: str = field(repr=False)
    categories: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    danger: bool = False
    kind: str = ""
    channel: str = ""
    language: str = ""
    dialect: str = ""

    @property
    def acted_on(self) -> bool:
        """Whether a department has something to do: a complaint or a request."""
        return self.kind in _ACTED_ON

    def lesson(self, triage: str) -> Text | None:
        """Return what it teaches; None where a person should decide, because the words do not."""
        if not self.acted_on:
            return Text(self.text, (NOTHING,), kind_of(self.kind), self.danger)
        if triage in self.departments and self.departments != (triage,):
            return None
        return Text(self.text, self.categories, ACT, self.danger)


def read_cases(file: Traversable, categories: Iterable[str], responsible: Mapping[str, str]) -> list[Case]:
    """Read a CSV of cases (see docs/understanding.md for its columns); of a file that is not there, none.

    Only `text` and one of `category` and `department` must be there. Raises CityError with file and line.
    """
    if not file.is_file():
        return []
    known, problems, cases = frozenset(categories), list[Problem](), list[Case]()
    answering, ids = frozenset(responsible.values()), set[str]()
    for line, row in _rows(file, problems):
        named, told = _several(row.get("category")), _several(row.get("department"))
        for column, names, allowed in (("category", named, known), ("department", told, answering)):
            problems += (
                Problem(str(file), line, column, f"{name!r} is not known") for name in names if name not in allowed
            )
        if not (named or told) and row.get("kind", "").strip() in _ACTED_ON:  # no answer to it would be the right one
            problems.append(Problem(str(file), line, "category", _NOBODYS))
        if row.get("id") and row["id"] in ids:  # what it came to last time would be another case's
            problems.append(Problem(str(file), line, "id", f"{row['id']!r} stands there for the second time"))
        ids.add(row.get("id", ""))
        departments = told or tuple(dict.fromkeys(responsible[name] for name in named if name in responsible))
        if row.get("text", "").strip():
            cases.append(
                Case(
                    id=row.get("id") or f"line {line}",
                    text=row["text"],
                    categories=named,
                    departments=departments,
                    second=_several(row.get("second")),
                    districts=_several(row.get("district")),
                    danger=row.get("danger", "").strip().lower() in _YES,
                    kind=row.get("kind", "").strip(),
                    channel=row.get("channel", "").strip(),
                    language=row.get("language", "").strip(),
                    dialect=row.get("dialect", "").strip(),
                )
            )
        else:
            problems.append(Problem(str(file), line, "text", "is empty"))
    if problems:
        raise CityError(problems)
    return cases


def read_examples(folder: Traversable, categories: Iterable[str]) -> list[Text]:
    """Read every CSV of a folder of examples, with the columns category and text. Raises CityError."""
    return list(chain.from_iterable(read_example_files(folder, categories).values()))


def read_example_files(folder: Traversable, categories: Iterable[str]) -> dict[str, list[Text]]:
    """Read a folder of examples as `read_examples` does; returns the texts of each file by its name."""
    if not folder.is_dir():
        return {}
    known, problems, files = frozenset((*categories, NOTHING)), list[Problem](), dict[str, list[Text]]()
    for file in sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".csv")), key=lambda file: file.name
    ):
        texts = files.setdefault(file.name, [])
        for line, row in _rows(file, problems):
            category = row.get("category", "").strip()
            if category not in known:
                problems.append(Problem(str(file), line, "category", f"{category!r} is not known"))
            elif row.get("text", "").strip():
                kind = kind_of(row.get("kind") or ("" if category != NOTHING else IDLE))
                told = row.get("danger", "").strip().lower()
                danger = told in _YES if "danger" in row else None
                texts.append(Text(row["text"], (category,), kind, danger, alike=danger is False and bool(told)))
    if problems:
        raise CityError(problems)
    return files


def kind_of(written: str) -> str:
    """Return what a kind as people write it (complaint, request, thanks, spam, …) is to the model."""
    name = written.strip().lower()
    if name in _ACTED_ON:
        return ACT
    return name if name in {ENQUIRY, SUGGESTION} else IDLE


def _rows(file: Traversable, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV with the line on which each begins, whichever separator a spreadsheet wrote."""
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.append(Problem(str(file), 0, "", "is not UTF-8; save it as CSV UTF-8"))
        return
    head = content.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter=separator)
    begins = 1
    try:
        if "text" not in (reader.fieldnames or ()):
            problems.append(Problem(str(file), 1, "text", "is missing: the first line names the columns"))
            return
        begins = 2
        for row in reader:
            yield begins, {name: value or "" for name, value in row.items() if name is not None}
            begins = reader.line_num + 1
    except csv.Error as error:
        problems.append(Problem(str(file), begins, "", f'is not CSV: {error}; is a " missing?'))


def _several(cell: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (cell or "").split(_LISTED) if name.strip())
