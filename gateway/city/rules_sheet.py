"""rules.csv: the rules as a spreadsheet keeps them, one to a row, there and back without loss.

What spreadsheets do to a file is undone: a byte order mark, semicolons or tabs for commas, CR LF, a decimal comma, and
the apostrophe that keeps a cell from being run as a formula or read as a date.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, Final

from gateway.city.lines import Place
from gateway.city.problems import Problem, unknown
from gateway.city.source import Model, Source, read_text

COLUMNS: Final = (
    "id", "category", "words", "district", "kind", "channel", "hours", "days", "group", "priority", "public",
    "vulnerable", "is_confidential", "min_confidence", "department", "set_priority", "notice", "confidential",
)  # fmt: skip
"""The columns before the reasons; those are reason_ar, reason_en, one for each of the city's languages."""

SEVERAL: Final = frozenset(
    {"category", "words", "district", "kind", "channel", "hours", "days", "group", "priority", "notice"}
)
_YES: Final = frozenset({"yes", "true", "1", "نعم"})
_NO: Final = frozenset({"no", "false", "0", "لا"})
_ASKED: Final = frozenset({"public", "vulnerable", "is_confidential", "confidential"})
_REASON: Final = "reason_"
_STRANGE: Final = "?"  # stands for a name that no column has: that is said once, and not of each cell
# What a spreadsheet would not leave as it is: a formula, and figures alone, of which it makes a date or a number.
_CHANGED: Final = re.compile(r"'*(?:[=+\-@\t\r]|[\s.,]*\d[\d\s./:,eE+-]*$)")
_MARKED: Final = re.compile(rf"'{_CHANGED.pattern}")
_BETWEEN: Final = re.compile(r"(?:[^|\\]|\\.?)+", re.DOTALL)
_DECIMAL: Final = re.compile(r"(\d{1,3}(?:[.,]\d{1,6})?) ?(%?)")


@dataclass(frozen=True)
class Sheet(Source):
    """A file of rules in its other form: it says on which row something stands, and in which column."""

    rows: Mapping[Place, int] = field(default_factory=dict)
    whole: bool = True  # nothing had to be left out

    @classmethod
    def read(cls, file: Traversable, problems: list[Problem]) -> Source | None:
        """Read a sheet, or add to `problems` why it is none. What else is wrong is added, and left out."""
        text = read_text(file, problems)
        if text is None:
            return None
        found: list[Problem] = []
        grid = _grid(str(file), text, found)
        header = grid[0][1] if grid else []
        columns = _columns(str(file), header, grid[0][0] if grid else 1, found)
        if not columns:
            problems += found
            return None
        rules: list[dict[str, Any]] = []
        rows: dict[Place, int] = {}
        for line, cells in grid[1:]:
            place: Place = ("rule", len(rules))
            rows[place] = line
            rules.append(_rule(str(file), line, columns, cells, found))
        problems += found
        data: dict[str, Any] = {"rule": rules}
        if rules and "min_confidence" in rules[-1]:
            data["min_confidence"] = rules[-1].pop("min_confidence")
        rows["min_confidence",] = rows.get(("rule", len(rules) - 1), 1)
        return cls(str(file), text, data, rows, whole=not found)

    def checked(self, model: type[Model], problems: list[Problem]) -> Model | None:
        """Return the rules as `model`; None also when something was left out, for then they are not what was meant."""
        fitting = super().checked(model, problems)
        return fitting if self.whole else None

    @property
    def lines(self) -> Mapping[Place, int]:
        """Where everything stands."""
        return self.rows

    def problem(self, place: Place, what: str) -> Problem:
        """Say what is wrong in a column of a row."""
        if place == ("min_confidence",) and what == "is missing":
            what = "is missing: in the last row it is the city's own; it has no condition, new rules go above it"
        found = super().problem(place, what)
        return Problem(found.path, found.line or 1, re.sub(r"\.reason\.", f".{_REASON}", found.key), what)


def _grid(path: str, text: str, problems: list[Problem]) -> list[tuple[int, list[str]]]:
    """Return the rows that say something, each with the line on which it begins."""
    skipped = 0
    if text[:4].lower() == "sep=":  # what a spreadsheet writes to remember how it divides
        text, skipped = text.partition("\n")[2], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_divider(text), strict=True)
    rows, begins = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                rows.append((begins + skipped, [_unmarked(cell.strip()) for cell in cells]))
            begins = reader.line_num + 1
    except csv.Error:
        said = 'is not valid CSV: is a " missing, or one too many? What holds a quotation mark stands within two'
        problems.append(Problem(path, begins + skipped, "", said))
        return []
    return rows


def _divider(text: str) -> str:
    """Return what divides the cells, by the first row that is no remark: the names of columns hold none of them."""
    header = next((line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    return max(",;\t", key=header.count)


def _columns(path: str, header: Sequence[str], line: int, problems: list[Problem]) -> list[str]:
    columns = [name.lower() for name in header]
    if "id" not in columns:
        problems.append(Problem(path, line, "id", "is missing: the first row names the columns, and id is one of them"))
        return []
    for place, name in enumerate(columns):
        if name and name not in COLUMNS and not re.fullmatch(rf"{_REASON}[a-z]{{2,3}}(-[a-z0-9]{{2,8}})*", name):
            problems.append(Problem(path, line, name, unknown(name, [*COLUMNS, f"{_REASON}ar", f"{_REASON}en"])))
            columns[place] = _STRANGE
        elif name and columns.count(name) > 1:
            problems.append(Problem(path, line, name, "stands there for the second time"))
    return columns


def _rule(
    path: str, line: int, columns: Sequence[str], cells: Sequence[str], problems: list[Problem]
) -> dict[str, Any]:
    """Read a row as the table that it would be in rules.toml."""
    row: dict[str, Any] = {}
    for place, cell in enumerate(cells):
        column = columns[place] if place < len(columns) else ""
        if not cell or column == _STRANGE:
            continue
        if not column:
            problems.append(Problem(path, line, "", f"{_shortened(cell)} stands under no column; is a cell too many?"))
        elif column.startswith(_REASON):
            row.setdefault("reason", {})[column.removeprefix(_REASON)] = cell
        else:
            try:
                row[column] = _value(column, cell)
            except ValueError as error:
                problems.append(Problem(path, line, f"rule[{row.get('id', '?')}].{column}", str(error)))
                if column == "min_confidence":
                    row[column] = 1.0  # it is not missing as well
    return row


def _value(column: str, cell: str) -> Any:
    """Read a cell. Raises ValueError."""
    if column in SEVERAL:
        return [
            _plain(found) for found in _BETWEEN.findall(cell) if found.strip()
        ]  # a bar after a backslash is a letter
    if column in _ASKED:
        if cell.lower() not in _YES | _NO:
            raise ValueError(f"must be yes, no or empty, not {_shortened(cell)}")
        return cell.lower() in _YES
    if column == "min_confidence":
        found = _DECIMAL.fullmatch(cell)
        if not found:
            raise ValueError(f"must be a number from 0 to 1, not {_shortened(cell)}")
        return float(found[1].replace(",", ".")) / (100 if found[2] else 1)
    return cell


def _plain(value: str) -> str:
    return re.sub(r"\\([\\|])", r"\1", value.strip())


def _shortened(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else f"{cell[:40]}…")  # noqa: PLR2004 - as much as fits on a line


def _unmarked(cell: str) -> str:
    return cell[1:] if _MARKED.match(cell) else cell


def _marked(cell: str) -> str:
    """Keep a cell from being run as a formula, or made another date or number, by whatever opens the file."""
    return f"'{cell}" if _CHANGED.match(cell) else cell


def write(min_confidence: float, rules: Iterable[Mapping[str, Any]], languages: Sequence[str]) -> str:
    """Write rules as a sheet that a spreadsheet opens with a double click: byte order mark, commas, CR LF.

    `rules` are tables as in rules.toml; the last must be the one that takes what is left.
    """
    rows = [dict(rule) for rule in rules]
    rows[-1]["min_confidence"] = min_confidence
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\r\n")
    sheet.writerow([*COLUMNS, *(f"{_REASON}{language}" for language in languages)])
    for row in rows:
        reasons = row.get("reason", {})
        cells = [_cell(row.get(column)) for column in COLUMNS]
        sheet.writerow([*cells, *(_marked(reasons.get(language, "")) for language in languages)])
    return f"\ufeff{text.getvalue()}"


def _cell(value: Any) -> str:
    match value:
        case None | []:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return str(value)  # a number to the spreadsheet too
        case list():
            return _marked("|".join(re.sub(r"([\\|])", r"\\\1", str(one)) for one in value))
        case _:
            return _marked(str(value))
