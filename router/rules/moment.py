"""When a complaint came, by the city's own clock and calendar, and the hours and days that a rule may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

DAY = 24 * 60  # minutes
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The days of the week as a clerk writes them, in the order of `date.weekday`."""

Period = tuple[date, date]
"""A first and a last day, both within."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A minute of the city's own day: `minute` counts from its midnight; `holiday` is the calendar's word."""

    day: date
    minute: int
    holiday: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """The city's clock and its holidays."""

    zone: tzinfo = UTC
    holidays: tuple[Period, ...] = ()

    def at(self, instant: datetime) -> Moment:
        """Return what the city's clock and calendar show at an instant, which must carry a time zone."""
        local = instant.astimezone(self.zone)
        day = local.date()
        return Moment(day, local.hour * 60 + local.minute, any(first <= day <= last for first, last in self.holidays))


@dataclass(frozen=True, slots=True)
class Days:
    """Days on which a rule holds: of these weekdays, or a holiday, or within one of these periods."""

    weekdays: frozenset[int] = frozenset()  # 0 is Monday
    holidays: bool = False
    periods: tuple[Period, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.weekdays or self.holidays or self.periods)

    def hold(self, moment: Moment) -> bool:
        """Tell whether a moment lies on one of them."""
        return (
            moment.day.weekday() in self.weekdays
            or (self.holidays and moment.holiday)
            or any(first <= moment.day <= last for first, last in self.periods)
        )


ANY_DAY = Days()
"""No condition on the day."""

PLAIN = Calendar()
"""UTC, and no holidays."""


def minutes(spans: Iterable[tuple[int, int]]) -> frozenset[int]:
    """Return every minute of the day within some spans; one that ends before it begins goes past midnight."""
    found: set[int] = set()
    for begins, until in spans:
        found.update(range(begins, until) if begins < until else (*range(begins, DAY), *range(until)))
    return frozenset(found)
