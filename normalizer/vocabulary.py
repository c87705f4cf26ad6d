"""What the normalizer needs to know of a city: handed in, never read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A city's words, ready for matching.

    `words` maps a category id to the words and phrases that speak for it, `strong` to those that decide alone, `never`
    to those with which it is not meant; `departments` to the department that is responsible. `region` is the ISO 3166
    country whose dialling habits citizens have, and `languages` the BCP 47 languages in which the city can answer, the
    first being its own.
    """

    region: str
    languages: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    strong: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    never: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    departments: Mapping[str, str] = field(default_factory=_nothing)
    confidential: frozenset[str] = field(default_factory=frozenset)  # category ids
    categories: frozenset[str] = field(default_factory=frozenset)
    districts: frozenset[str] = field(default_factory=frozenset)
    fallback_regions: tuple[str, ...] = ()
    opt_out: frozenset[str] = field(default_factory=frozenset)  # whole messages that mean "send me nothing"
    opt_in: frozenset[str] = field(default_factory=frozenset)
