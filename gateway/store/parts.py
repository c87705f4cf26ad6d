"""Long lists, some of them to a statement: neither database takes any number of parameters at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 5_000  # SQLite takes 32,766, PostgreSQL 65,535, and a statement may have others beside these


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Divide values into parts that a statement takes, in order; there is none of nothing."""
    return (values[first : first + MOST] for first in range(0, len(values), MOST))
