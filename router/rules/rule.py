"""One rule of the table: its conditions, what follows when they hold, and what it sees of a complaint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from normalizer.complaint import Complaint, FoundBy, Priority
from normalizer.text import fold
from router.rules.moment import ANY_DAY, Days, Moment

# What may be written together with an Arabic word: and, so; in, to, like, on, this; the. A clerk writes the bare word.
_CLITICS = "(?:[وف]?(?:[بلكعه]?ال|لل|[بل])?)?"


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at: a complaint, its text folded once for all of them, when it came, and the sender's groups."""

    complaint: Complaint
    folded: str
    moment: Moment
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. It fits when every condition that is not empty holds; without conditions it fits all.

    `department` is None for a rule that stands beside: it adds its notice, priority or secrecy, and reading goes on.
    `words` are words or phrases of which one must stand in the text, however it is spelled. `hours` are minutes of
    the city's day. `min_confidence` (0 to 1) counts only where the rule asks for a category. `raises` is a priority
    that the complaint gets unless it has a higher one. `notice` are ids of departments or phrases: who is told beside
    the department. `confidential` keeps from the department who complains. `reason` maps a language to what the
    officer shall read instead of the conditions.
    """

    id: str
    department: str | None
    categories: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    hours: frozenset[int] = frozenset()
    days: Days = ANY_DAY
    public: bool | None = None
    vulnerable: bool | None = None
    hidden: bool | None = None  # whether the complaint is confidential already
    min_confidence: float | None = None
    raises: Priority | None = None
    notice: tuple[str, ...] = ()
    confidential: bool = False
    reason: Mapping[str, str] = field(default_factory=_nothing)
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _needles: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", _pattern(self.words))
        object.__setattr__(self, "_needles", tuple({_needle(word) for word in self.words} - {""}))

    @property
    def unconditional(self) -> bool:
        """Whether it fits every complaint."""
        asked = (self.public, self.vulnerable, self.hidden)
        return not (self.words or any(self._sets()) or self.days) and asked == (None, None, None)

    def fits(self, facts: Facts) -> bool:
        """Tell whether every condition holds. The words come last: they are the slowest to look for."""
        complaint, place = facts.complaint, facts.complaint.place
        # A name that may lie in several districts is good enough for a list, and not for a rule.
        district = place.district if place and place.found_by is not FoundBy.LIKELY else None
        return (
            (not self.categories or complaint.category in self.categories)
            and (not self.channels or complaint.channel in self.channels)
            and (not self.kinds or complaint.kind in self.kinds)
            and (not self.priorities or complaint.priority in self.priorities)
            and (not self.districts or district in self.districts)
            and (not self.groups or not self.groups.isdisjoint(facts.groups))
            and (not self.hours or facts.moment.minute in self.hours)
            and (not self.days or self.days.hold(facts.moment))
            and self.public in {None, complaint.source.public}
            and self.vulnerable in {None, complaint.vulnerable}
            and self.hidden in {None, complaint.confidential}
            and (not self.words or self._said(facts.folded))
        )

    def word(self, folded: str) -> str:
        """Return the first of the words that stands in a folded text; empty when none does."""
        return next((word for word in self.words if _stands(word, folded)), "")

    def _said(self, folded: str) -> bool:
        """Tell whether one of the words stands in the text. The pattern is slow, and most texts have none of them."""
        if self._pattern is None or not any(needle in folded for needle in self._needles):
            return False
        return self._pattern.search(folded) is not None

    def _sets(self) -> Iterable[frozenset[str] | frozenset[int]]:
        return (
            self.categories,
            self.districts,
            self.channels,
            self.kinds,
            self.priorities,
            self.groups,
            self.hours,
        )


def parts(word: str) -> tuple[str, ...]:
    """Return the words of a phrase as they are compared."""
    return tuple(re.findall(r"\w+", fold(word)))


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Compile words into one pattern over folded text: whole words, whatever is written together with them in front."""
    phrases = sorted({phrase for word in words if (phrase := _phrase(word))}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)") if phrases else None


def _phrase(word: str) -> str:
    return r"\W+".join(_CLITICS + re.escape(part) for part in parts(word))


def _needle(word: str) -> str:
    """Return the longest part of a phrase as it must stand in a folded text for the phrase to stand there."""
    return max(parts(word), key=len, default="")


def _stands(word: str, folded: str) -> bool:
    pattern = _pattern([word])
    return pattern is not None and pattern.search(folded) is not None
