"""A name seen in a text, before it is decided whether it is meant, and what is told of the one that is."""

from __future__ import annotations

from dataclasses import dataclass

from normalizer.place.names import Named, Need
from normalizer.place.tokens import Words


@dataclass(frozen=True, slots=True)
class Found:
    """A place of the city that a text names.

    `district` is its district, None when it may be several: `districts` has them all, the likeliest first. `name` is
    the city's own spelling, `how` is "name" or, for a misspelt one, "spelling"; it stands in the text from `start`
    to `end`.
    """

    district: str | None
    districts: tuple[str, ...]
    name: str
    how: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to write a place.

    `never` is one that must not be taken for it; a `pattern` stands for many numbers; an `alias` has another word for
    the kind of place ("منطقة الخضراء" for حي الخضراء), which then bears no article.
    """

    place: Named
    need: Need
    never: bool
    pattern: bool = False
    alias: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A spelling seen from word `first` up to, and without, word `last`.

    `glued` is the preposition glued to its front, or "". `cue` is how surely something points at it as at a place;
    `beside` says that it touches a name which is surely one, `heard` that it is misspelt but sounds the
    same, or says itself what kind of place it is.
    """

    spelling: Spelling
    first: int
    last: int
    exact: bool
    glued: str
    cue: Need = Need.NOTHING
    beside: bool = False
    heard: bool = False
    districts: tuple[str, ...] = ()

    @property
    def span(self) -> range:
        """The words that it takes."""
        return range(self.first, self.last)

    def found(self, words: Words) -> Found:
        """Tell of the place as it stands in a text."""
        start, end = words.starts[self.first], words.ends[self.last - 1]
        name = words.text[start:end] if self.spelling.pattern else self.spelling.place.name
        only = self.districts[0] if len(self.districts) == 1 else None
        return Found(only, self.districts, name, "name" if self.exact else "spelling", start, end)
