"""How well a city's cases are understood: each judged by a model that had not seen it, and put through the gate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.learning.material import Case
from normalizer.complaint import Complaint, Kind, Place, Priority, Source
from normalizer.guess import Guess
from normalizer.reader import Reader
from router.route import Route
from router.rules import RuleTable, route

_ANY_MOMENT = datetime(2026, 1, 5, 10, tzinfo=UTC)  # a Monday in the morning: rules may ask for the hour
_TEN = 10
_Z = 1.96  # of a normal distribution, 95 % lie within so many deviations
PUBLIC = frozenset({"facebook", "instagram", "x", "youtube"})


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a case. `stated` is how sure the house said it was of the department that it named first."""

    case: Case
    guess: Guess = field(repr=False)
    route: Route = field(repr=False)
    stated: float
    danger: bool
    district: str | None

    @property
    def automatic(self) -> bool:
        """Whether it went to a department without a person."""
        return self.route.automatic

    @property
    def right(self) -> bool:
        """Whether the department it went to, or would have been suggested first, is a right one."""
        return self.first in self.case.departments

    @property
    def first(self) -> str:
        """The department it went to, or the one that is suggested first."""
        return self.route.department if self.automatic else next(iter(self.offered), self.route.department)

    @property
    def offered(self) -> tuple[str, ...]:
        """The departments that a person at the desk would see, the likeliest first."""
        return tuple(dict.fromkeys(one.department for one in self.route.suggestions))

    def among(self, count: int) -> bool:
        """Tell whether a right department is among the first so many."""
        seen = dict.fromkeys((*((self.route.department,) if self.automatic else ()), *self.offered))
        return bool(set(list(seen)[:count]) & set(self.case.departments))


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95 % interval of Wilson."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds between which the true share lies, 19 times in 20."""
        if not self.of:
            return 0.0, 1.0
        share, square = self.count / self.of, _Z * _Z
        middle = (share + square / (2 * self.of)) / (1 + square / self.of)
        half = _Z * math.sqrt(share * (1 - share) / self.of + square / (4 * self.of**2)) / (1 + square / self.of)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{self.count}/{self.of} = {self.count / self.of:.1%} ({low:.1%}–{high:.1%})"


def judge(case: Case, reader: Reader, rules: RuleTable, *, public: bool = False) -> Judged:
    """Read a case as the house reads a message, and route it."""
    guess = reader.guess(case.text)
    danger = reader.danger(case.text) is not None
    found = reader.place(case.text)
    district = next(iter(found.districts), None) if found else None
    complaint = Complaint(
        id=case.id,
        reference="1000000000",
        kind=Kind.COMPLAINT,
        channel=case.channel or "sms",
        source=Source(public=public),
        text=case.text,
        category=guess.category,
        category_confidence=guess.confidence,
        priority=Priority.DISTRESS if danger else Priority.NORMAL,
        place=Place(district=district) if district else None,
        vulnerable=reader.vulnerable(case.text),
        received_at=_ANY_MOMENT,
    )
    decided = route(complaint, rules, guess)
    first = decided.department if decided.automatic else next((s.department for s in decided.suggestions), "")
    stated = sum(sure for name, sure in guess.scores if rules.responsible.get(name) == first)
    return Judged(case, guess, decided, stated, danger, district)


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that can be said of a set of judged cases."""

    judged: Sequence[Judged]

    def acted_on(self) -> list[Judged]:
        """The complaints and requests."""
        return [one for one in self.judged if one.case.acted_on]

    def coverage(self) -> Share:
        """How many of them went to a department without a person."""
        acted = self.acted_on()
        return Share(sum(one.automatic for one in acted), len(acted))

    def precision(self) -> Share:
        """How many of those went to a right one."""
        automatic = [one for one in self.acted_on() if one.automatic]
        return Share(sum(one.right for one in automatic), len(automatic))

    def first(self) -> Share:
        """How often the first department is right, automatic or suggested."""
        acted = [one for one in self.acted_on() if one.case.departments]
        return Share(sum(one.right for one in acted), len(acted))

    def among_three(self) -> Share:
        """How often a right department is among the first three."""
        acted = [one for one in self.acted_on() if one.case.departments]
        return Share(sum(one.among(3) for one in acted), len(acted))

    def idle(self) -> Share:
        """How much of what is nobody's complaint was routed as if it were."""
        others = [one for one in self.judged if not one.case.acted_on]
        return Share(sum(one.automatic for one in others), len(others))

    def danger_found(self) -> Share:
        """How many of those in danger were seen to be."""
        urgent = [one for one in self.judged if one.case.danger]
        return Share(sum(one.danger for one in urgent), len(urgent))

    def false_alarms(self) -> Share:
        """How many of the others were taken for danger."""
        calm = [one for one in self.judged if not one.case.danger]
        return Share(sum(one.danger for one in calm), len(calm))

    def districts(self) -> Share:
        """How many of those that name a place in the city were put into the right district."""
        placed = [one for one in self.judged if one.case.districts]
        return Share(sum(one.district in one.case.districts for one in placed), len(placed))

    def placed_wrongly(self) -> Share:
        """How many of those that name none were put into one all the same."""
        others = [one for one in self.judged if not one.case.districts]
        return Share(sum(one.district is not None for one in others), len(others))

    def by(self, group: Callable[[Case], Iterable[str]]) -> Mapping[str, Account]:
        """Split the account by what a case is; one may count in several groups."""
        groups: dict[str, list[Judged]] = {}
        for one in self.judged:
            for name in group(one.case):
                groups.setdefault(name, []).append(one)
        return {name: Account(groups[name]) for name in sorted(groups)}

    def calibration(self) -> Mapping[str, tuple[Share, float]]:
        """Say for each tenth of stated confidence how often it was right, and what was stated on average."""
        tenths: dict[int, list[Judged]] = {}
        for one in self.acted_on():
            if one.guess.scores:
                tenths.setdefault(min(int(one.stated * _TEN), _TEN - 1), []).append(one)
        return {
            f"{tenth / _TEN:.1f}–{(tenth + 1) / _TEN:.1f}": (
                Share(sum(one.right for one in found), len(found)),
                sum(one.stated for one in found) / len(found),
            )
            for tenth, found in sorted(tenths.items())
        }

    def confusion(self) -> Counter[tuple[str, str]]:
        """Count (right department, first department) of what was not right."""
        return Counter(
            (one.case.departments[0], one.first) for one in self.acted_on() if one.case.departments and not one.right
        )
