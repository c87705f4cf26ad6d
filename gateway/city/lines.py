"""On which line of a TOML document each key and each list entry stands.

tomllib reads values and forgets where they stood. A clerk who is told of a mistake needs the line, so this walks the
same text once more. It only ever sees documents that tomllib has already accepted, and so it need not judge them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

Place = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists counted from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}\r\n#]*")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)


def lines(document: str) -> Mapping[Place, int]:
    """Map the way to every key, table and list entry to its line, counted from 1. The document must be valid TOML."""
    return _Walk(document).walk()


class _Walk:
    """One pass over one document."""

    def __init__(self, document: str) -> None:
        self.document, self.at = document, 0
        self.found: dict[Place, int] = {}
        self.last: dict[Place, int] = {}  # of every [[list of tables]], the position of its last table

    def walk(self) -> Mapping[Place, int]:
        table: Place = ()
        while self.blank() < len(self.document):
            if self.document.startswith("[[", self.at):
                table = self.header(2)
            elif self.document.startswith("[", self.at):
                table = self.header(1)
            else:
                self.pair(table)
        return self.found

    def blank(self) -> int:
        """Skip white space and comments, and say where that ends."""
        self.at = self.match(_BLANK).end()
        return self.at

    def match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.document, self.at)
        if found is None:
            raise ValueError(f"line {self.line()}: not the TOML that tomllib reads")
        return found

    def line(self) -> int:
        return self.document.count("\n", 0, self.at) + 1

    def header(self, brackets: int) -> Place:
        """Read [a.b] or [[a.b]], and step into the last table of every list on the way."""
        line = self.line()
        self.at += brackets
        table: Place = ()
        keys = self.keys()
        for depth, key in enumerate(keys, start=1):
            table = (*table, key)
            self.found.setdefault(table, line)
            if brackets == len("[[") and depth == len(keys):
                self.last[table] = self.last.get(table, -1) + 1
            if table in self.last:
                table = (*table, self.last[table])
                self.found.setdefault(table, line)
        self.at += brackets
        return table

    def keys(self) -> list[str]:
        """Read a key, dotted or not, up to what follows it."""
        keys = []
        while True:
            self.blank()
            if self.document[self.at] in "\"'":
                keys.append(self.string())
            else:
                found = self.match(_BARE_KEY)
                self.at = found.end()
                keys.append(found.group())
            self.blank()
            if self.document[self.at] != ".":
                return keys
            self.at += 1

    def string(self) -> str:
        """Read a quoted string and return what it says."""
        for pattern in _STRINGS:
            if found := pattern.match(self.document, self.at):
                self.at = found.end()
                return str(tomllib.loads(f"it = {found.group()}")["it"])
        raise ValueError(f"line {self.line()}: not the TOML that tomllib reads")

    def pair(self, table: Place) -> None:
        """Read key = value."""
        line = self.line()
        for key in self.keys():
            table = (*table, key)
            self.found.setdefault(table, line)
        self.at += len("=")
        self.value(table)

    def value(self, place: Place) -> None:
        """Step over a value, noting what stands inside it."""
        self.blank()
        match self.document[self.at]:
            case "[":
                self.entries(place)
            case "{":
                self.at += 1
                while self.document[self.blank()] != "}":
                    self.pair(place)
                    self.comma()
                self.at += 1
            case '"' | "'":
                self.quoted()
            case _:
                self.at = self.match(_BARE_VALUE).end()

    def quoted(self) -> None:
        """Step over a string without reading it: word lists hold thousands."""
        for pattern in _STRINGS:
            if found := pattern.match(self.document, self.at):
                self.at = found.end()
                return

    def entries(self, place: Place) -> None:
        self.at += 1
        position = 0
        while self.document[self.blank()] != "]":
            self.found[*place, position] = self.line()
            self.value((*place, position))
            self.comma()
            position += 1
        self.at += 1

    def comma(self) -> None:
        self.blank()
        if self.document[self.at] == ",":
            self.at += 1
