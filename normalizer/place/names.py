"""One line of the city's list of places, and what it teaches the matcher."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Need(IntEnum):
    """How much must point at a place before its name is believed."""

    NOTHING = 0  # a name and nothing else: الكاظمية
    CUE = 1  # also an ordinary word (الحرية): only behind حي, شارع, قرب, ب and the like
    HOME = 2  # hardly ever meant as a place (الجامعة): only behind حي, منطقة, أهالي or "we live in"


@dataclass(frozen=True, slots=True)
class Named:
    """A place as the city writes it: its spellings, and the districts it may lie in, the likeliest first.

    A # in a spelling stands for one digit: قطاع ## is every sector of two digits. Without districts the place lies
    outside the city. `never` are words that look like the name and mean something else.
    """

    name: str
    variants: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    need: Need = Need.NOTHING
    never: tuple[str, ...] = ()
