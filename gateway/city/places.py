"""A city's places as its files tell them: places.csv, the names, and districts.geojson, the map. Both may be absent."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import NamedTuple

from gateway.city.outlines import OUTLINES, read_outlines
from gateway.city.problems import Problem, unknown
from gateway.city.source import read_text
from normalizer.place import Areas, Gazetteer, Named, Need
from normalizer.text import fold

PLACES = "places.csv"
OF_PLACES = (PLACES, OUTLINES)  # a city without them finds no places

_COLUMNS = ("name", "variants", "districts", "word", "never")
_WITHIN = "|"  # between the values of one cell
_NEEDS: Mapping[str, Need] = {"": Need.NOTHING, "yes": Need.CUE, "home": Need.HOME}
_NUMBERED = re.compile(r"[^#]*\w[^#]*[ /][0-9]*#{1,3}")


class Places(NamedTuple):
    """What the two files teach; None for one that is not there."""

    gazetteer: Gazetteer | None
    areas: Areas | None


def read_places(folder: Traversable, districts: frozenset[str], problems: list[Problem]) -> Places:
    """Read both files, or add to `problems` what is wrong with them.

    `districts` are the ids that the city has; when it is empty, as after a mistake in districts.toml, none is checked.
    """
    names, outlines = folder.joinpath(PLACES), folder.joinpath(OUTLINES)
    return Places(
        _gazetteer(names, districts, problems) if names.is_file() else None,
        read_outlines(outlines, districts, problems) if outlines.is_file() else None,
    )


def _gazetteer(file: Traversable, districts: frozenset[str], problems: list[Problem]) -> Gazetteer | None:
    text = read_text(file, problems)
    return None if text is None else Gazetteer(_Sheet(str(file), text, districts, problems).places())


class _Sheet:
    """places.csv, row by row. Spreadsheets part the columns by commas, semicolons or tabs: all are read."""

    def __init__(self, path: str, text: str, districts: frozenset[str], problems: list[Problem]) -> None:
        self._path, self._districts, self._problems = path, districts, problems
        head = text.partition("\n")[0]
        self._text, self._parted_by = text, max(",;\t", key=head.count)

    def places(self) -> Iterator[Named]:
        """Read every row that can be read, and say what is wrong with the others."""
        rows = csv.reader(io.StringIO(self._text), delimiter=self._parted_by, strict=True)
        seen: dict[str, int] = {}
        try:
            columns = self._columns(next(rows, []))
            for cells in rows:
                if columns and any(cell.strip() for cell in cells):
                    yield from self._place(dict(zip(columns, cells, strict=False)), len(cells), rows.line_num, seen)
        except csv.Error as error:
            self._wrong(rows.line_num, "", f"is not CSV: {error}")

    def _columns(self, head: Sequence[str]) -> list[str]:
        columns = [name.strip().lower() for name in head]
        for name in columns:
            if name not in _COLUMNS:
                self._wrong(1, name, unknown(name, _COLUMNS))
        if "name" not in columns:
            self._wrong(1, "name", f"is missing; the first line names the columns: {', '.join(_COLUMNS)}")
            return []
        return columns

    def _place(self, row: Mapping[str, str], cells: int, line: int, seen: dict[str, int]) -> Iterator[Named]:
        name = row["name"].strip()
        districts = _values(row.get("districts", ""))
        word = row.get("word", "").strip().lower()
        before = len(self._problems)
        if len(row) < cells:
            self._wrong(
                line, name, f"has {cells} cells, more than there are columns; put a cell with a comma in quotes"
            )
        if name in seen:
            self._wrong(line, name, f"stands in line {seen[name]} already; write its districts there, parted by |")
        if word not in _NEEDS:
            self._wrong(line, "word", unknown(word, [need for need in _NEEDS if need]))
        for district in districts:
            if self._districts and district not in self._districts:
                self._wrong(line, "districts", unknown(district, self._districts))
        variants, never = _values(row.get("variants", "")), _values(row.get("never", ""))
        self._spellings(line, {"name": (name,), "variants": variants, "never": never})
        seen.setdefault(name, line)
        if len(self._problems) == before:
            yield Named(name, variants, districts, _NEEDS[word], never)

    def _spellings(self, line: int, written: Mapping[str, Sequence[str]]) -> None:
        for column, spellings in written.items():
            for spelling in spellings:
                if not re.search(r"\w", fold(spelling)):
                    self._wrong(line, column, f"{spelling!r} holds no letter or digit, so no text can ever match it")
                elif "#" in spelling and (column == "never" or not _NUMBERED.fullmatch(spelling)):
                    said = "# stands for a digit, at the end of a name and at most three times: قطاع ##"
                    self._wrong(line, column, f"{spelling!r} is not allowed: {said}")

    def _wrong(self, line: int, key: str, what: str) -> None:
        self._problems.append(Problem(self._path, line, key, what))


def _values(cell: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in cell.split(_WITHIN) if value.strip())
