"""May two complaints be of one cause? Asked of what they are about, where and when: their words say little of that.

Two people who write of one burst pipe share hardly a phrase, and two who write of two pipes may share every one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from normalizer.complaint import Complaint, Contact
from normalizer.personal import conceal, find

EVERYTHING = "*"
"""The name of the habit of every category that has none of its own."""

_EARTH = 6_371_000.0  # metres
_STRAYED = 3  # times the reach: two pins further apart are two causes, whatever the place is called
_LONGEST_NAME = 60  # characters; more is a description, which nobody else writes alike


@dataclass(frozen=True, slots=True)
class Spot:
    """What a complaint is about, where, and when the city first heard of it.

    `place` is a place by its name; `latitude` and `longitude` are WGS 84 degrees, both there or neither.
    """

    category: str
    at: datetime
    district: str | None = None
    place: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def family(self) -> str:
        """The category up to its dot."""
        return family(self.category)


@dataclass(frozen=True, slots=True)
class Habit:
    """How one cause of a category shows itself.

    Its complaints come at most `window` apart and their pins lie within `reach` metres. `named` says that the same
    named place is near enough, `area` that the same district is while the district has a burst. `shared` is False for
    what is everybody's own matter, such as a bill.
    """

    window: timedelta = timedelta(hours=2)
    reach: float = 800.0
    named: bool = True
    area: bool = False
    shared: bool = True

    def narrowed(self, other: Habit) -> Habit:
        """Return what holds for both."""
        return Habit(
            window=min(self.window, other.window),
            reach=min(self.reach, other.reach),
            named=self.named and other.named,
            area=self.area and other.area,
            shared=self.shared and other.shared,
        )


@dataclass(frozen=True, slots=True)
class IncidentTable:
    """A city's table of causes.

    `habits` are by category, by family, or for EVERYTHING. `neighbours` are sets of categories that one cause may
    show itself in although their families differ. A district has a burst with `burst` complaints of one family within
    `burst_window` from as many as half that many senders. `confirmed` is how many members a person must have
    confirmed before others join by themselves.
    """

    habits: Mapping[str, Habit] = field(default_factory=lambda: MappingProxyType({EVERYTHING: Habit()}))
    neighbours: tuple[frozenset[str], ...] = ()
    burst: int = 10
    burst_window: timedelta = timedelta(hours=1)
    confirmed: int = 5

    @property
    def longest(self) -> timedelta:
        """The longest window of any category: what is older is not looked at."""
        return max(habit.window for habit in self.habits.values())

    def habit(self, category: str) -> Habit:
        """Return how a category shows itself."""
        for name in (category, family(category), EVERYTHING):
            if name in self.habits:
                return self.habits[name]
        return Habit()

    def akin(self, one: str, other: str) -> bool:
        """Tell whether two categories may have one cause."""
        return family(one) == family(other) or any(one in names and other in names for names in self.neighbours)

    def families(self, category: str) -> frozenset[str]:
        """Return the families in which the cause of a category may show itself."""
        near = (name for names in self.neighbours if category in names for name in names)
        return frozenset({family(category), *map(family, near)})


def family(category: str) -> str:
    """Return a category up to its dot: water, of water.outage."""
    return category.partition(".")[0]


def spot(complaint: Complaint) -> Spot:
    """Return where and when a complaint is. A long text of a place describes it, and is no name.

    Nor is one that leads to a citizen: the names of places are shown to whoever counts causes.
    """
    place = complaint.place
    if place is None:
        return Spot(complaint.category, complaint.received_at)
    named = " ".join((place.text or "").split())
    pinned = place.latitude is not None and place.longitude is not None
    return Spot(
        category=complaint.category,
        at=complaint.received_at,
        district=place.district,
        place=named if 0 < len(named) <= _LONGEST_NAME and _nobodys(named, complaint.contact) else None,
        latitude=place.latitude if pinned else None,
        longitude=place.longitude if pinned else None,
    )


def _nobodys(named: str, contact: Contact | None) -> bool:
    return not find(named) and (contact is None or conceal(named, contact) == named)


def metres(one: Spot, other: Spot) -> float | None:
    """Return how far apart two pins are; None when one of them has none."""
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    south, north = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(east / 2) ** 2
    return 2 * _EARTH * math.asin(math.sqrt(min(1.0, half)))


def same_cause(one: Spot, other: Spot, table: IncidentTable, *, bursts: Collection[tuple[str, str]] = ()) -> str | None:
    """Say what makes it likely that two complaints are of one cause: pin, place or district; None when nothing does.

    `bursts` are the (family, district) that have one now.
    """
    if not table.akin(one.category, other.category):
        return None
    habit = table.habit(one.category).narrowed(table.habit(other.category))
    if not habit.shared or abs(one.at - other.at) > habit.window:
        return None
    apart = metres(one, other)
    if apart is not None and (apart <= habit.reach or apart > _STRAYED * habit.reach):
        return "pin" if apart <= habit.reach else None
    if habit.named and one.place is not None and one.place == other.place and not _elsewhere(one, other):
        return "place"
    shared = one.district if one.district == other.district else None
    many = shared is not None and (one.family, shared) in bursts
    return "district" if habit.area and many and apart is None else None


def _elsewhere(one: Spot, other: Spot) -> bool:
    """Tell whether two places of one name are in two districts: every city has more than one Market Street."""
    return one.district is not None and other.district is not None and one.district != other.district


def bursts(spots: Sequence[tuple[str, Spot]], table: IncidentTable, now: datetime) -> frozenset[tuple[str, str]]:
    """Return the (family, district) that have a burst: many complaints lately, each with a digest of who sent it."""
    counts: dict[tuple[str, str], int] = {}
    senders: dict[tuple[str, str], set[str]] = {}
    for sender, seen in spots:
        if seen.district is None or not now - table.burst_window <= seen.at <= now:
            continue
        here = seen.family, seen.district
        counts[here] = counts.get(here, 0) + 1
        senders.setdefault(here, set()).add(sender)
    return frozenset(
        here for here, count in counts.items() if count >= table.burst and 2 * len(senders[here]) >= table.burst
    )


def gather(
    spots: Mapping[str, Spot], table: IncidentTable, *, bursts: Collection[tuple[str, str]] = ()
) -> list[tuple[str, ...]]:
    """Put complaints, by id, together that may have one cause: groups of two or more, each with the oldest first.

    A group grows from member to member, but its pins stay near its first one: a chain of neighbours does not become
    one cause across the whole city.
    """
    groups: list[list[str]] = []
    near: dict[_Corner, list[int]] = {}
    for name, seen in sorted(spots.items(), key=lambda item: (item[1].at, item[0])):
        candidates = sorted(
            {number for corner in _around(seen, table, bursts) for number in near.get(corner, ())}, reverse=True
        )
        joined = next((one for one in candidates if _belongs(seen, groups[one], spots, table, bursts)), None)
        if joined is None:
            joined = len(groups)
            groups.append([])
        groups[joined].append(name)
        for corner in _corners(seen, table):
            numbers = near.setdefault(corner, [])
            if joined not in numbers:
                numbers.append(joined)
    return [tuple(group) for group in groups if len(group) > 1]


_Corner = tuple[str, str, str] | tuple[str, int, int]
_CELL = 100  # cells to a degree: a little over a kilometre, so that what is within reach is in the next one at most


def _corners(seen: Spot, table: IncidentTable) -> list[_Corner]:
    """Return under what a complaint is found again, of what may count: its place's name, district, square of the map.

    What does not count for its category is left out: everybody in a district would be compared with everybody.
    """
    habit = table.habit(seen.category)
    found: list[_Corner] = []
    if habit.shared and habit.named and seen.place:
        found.append((seen.family, "place", seen.place))
    if habit.shared and habit.area and seen.district:
        found.append((seen.family, "district", seen.district))
    if habit.shared and seen.latitude is not None and seen.longitude is not None:
        found.append((seen.family, math.floor(seen.latitude * _CELL), math.floor(seen.longitude * _CELL)))
    return found


def _around(seen: Spot, table: IncidentTable, bursts: Collection[tuple[str, str]]) -> list[_Corner]:
    """Return under what complaints near this one are found."""
    found: list[_Corner] = []
    families = table.families(seen.category)
    for _, one, other in _corners(seen, table):
        if isinstance(one, int) and isinstance(other, int):
            around = [(one + up, other + across) for up in (-1, 0, 1) for across in (-1, 0, 1)]
            found += [(family, row, column) for family in families for row, column in around]
        elif isinstance(one, str) and isinstance(other, str) and (one == "place" or (seen.family, other) in bursts):
            found += [(family, one, other) for family in families]
    return found


def _belongs(
    seen: Spot,
    group: Sequence[str],
    spots: Mapping[str, Spot],
    table: IncidentTable,
    bursts: Collection[tuple[str, str]],
) -> bool:
    first = next((spots[name] for name in group if spots[name].latitude is not None), None)
    apart = metres(seen, first) if first else None
    if apart is not None and apart > 2 * table.habit(seen.category).reach:
        return False
    return any(same_cause(seen, spots[name], table, bursts=bursts) for name in reversed(group))
