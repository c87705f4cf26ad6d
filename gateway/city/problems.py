"""What is wrong with a city's files, said so that a clerk finds the place and knows what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: the file, the line (from 1; 0 when the file as a whole is meant), the key, and what is wrong."""

    path: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.key}: {self.what}" if self.key else f"{place}: {self.what}"


class CityError(Exception):
    """The city's files cannot be used as they are. Its text is one line for each of `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def unknown(found: str, allowed: Iterable[str]) -> str:
    """Say that `found` is none of what is allowed, and which of those was probably meant."""
    names = sorted(allowed)
    near = difflib.get_close_matches(found, names, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{found!r} is not known{meant}; allowed: {', '.join(names)}"
