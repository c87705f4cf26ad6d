"""Which rules can never be reached, and which take complaints from a rule that stands below them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from normalizer.complaint import Kind, Priority
from router.rules.moment import DAY, Days
from router.rules.rule import Rule, parts

Side = frozenset[object]
"""What a rule asks for in one respect, as a set."""

_EITHER: Final = frozenset({True, False})
_WHOLE: Final[dict[str, Side]] = {
    "kinds": frozenset(Kind),
    "priorities": frozenset(Priority),
    "hours": frozenset(range(DAY)),
    "days": frozenset(range(7)),
    "public": _EITHER,
    "vulnerable": _EITHER,
    "hidden": _EITHER,
}
"""The respects in which all that there can be is known: whoever names all of it asks for nothing."""

_SEVERAL: Final = frozenset({"words", "groups"})  # a complaint can have two of them at once


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule that goes before others with another department: what fits both is the upper one's."""

    above: Rule
    below: tuple[Rule, ...]


def unreachable(rules: Sequence[Rule]) -> dict[int, tuple[Rule, ...]]:
    """Find the rules that no complaint ever reaches: position -> the rules above that take everything from it.

    It is told only of what is certain: one rule above fits all that this one fits, or several do that differ from it in
    one respect.
    """
    found = {}
    for position, rule in enumerate(rules):
        above = [one for one in rules[:position] if one.department is not None]
        alone = next((one for one in above if covers(one, rule)), None)
        if taken := (alone,) if alone else _together(above, rule):
            found[position] = taken
    return found


def shadows(rules: Sequence[Rule]) -> list[Shadow]:
    """Find the rules that take some of what a rule below them, with another department, would get.

    The last rule, which takes what is left, is not counted: it is there for that.
    """
    found = []
    for position, above in enumerate(rules):
        if above.department is None:
            continue
        below = tuple(
            one
            for one in rules[position + 1 :]
            if one.department not in {None, above.department}
            and not (one.unconditional or covers(one, above))
            and not apart(above, one)
        )
        if below:
            found.append(Shadow(above, below))
    return found


def covers(wide: Rule, narrow: Rule) -> bool:
    """Tell whether a rule fits every complaint that another fits."""
    return not _differing(wide, narrow)


def apart(one: Rule, other: Rule) -> bool:
    """Tell whether no complaint can fit both."""
    mine, theirs = _sides(one), _sides(other)
    return any(
        name not in _SEVERAL and mine[name] and theirs[name] and not mine[name] & theirs[name]
        for name in mine
        if name != "days" or _alike(mine[name] | theirs[name])
    )


def _differing(wide: Rule, narrow: Rule) -> list[str]:
    """Name the respects in which the wide rule does not take all that the narrow one asks for."""
    mine, theirs = _sides(wide), _sides(narrow)
    return [name for name in mine if mine[name] and not (theirs[name] and theirs[name] <= mine[name])]


def _together(above: Iterable[Rule], rule: Rule) -> tuple[Rule, ...]:
    """Return rules that, differing from this one in one and the same respect, leave nothing of it together."""
    by_name: dict[str, list[Rule]] = {}
    for one in above:
        if len(names := _differing(one, rule)) == 1 and names[0] not in _SEVERAL:
            by_name.setdefault(names[0], []).append(one)
    for name, several in by_name.items():
        asked = _sides(rule)[name] or _WHOLE.get(name, frozenset())
        if asked and asked <= frozenset().union(*(_sides(one)[name] for one in several)):
            return tuple(several)
    return ()


def _sides(rule: Rule) -> dict[str, Side]:
    """Return what a rule asks for in each respect; the empty set where it asks for nothing."""
    found: dict[str, Side] = {
        "categories": frozenset(rule.categories),
        "districts": frozenset(rule.districts),
        "channels": frozenset(rule.channels),
        "groups": frozenset(rule.groups),
        "words": frozenset(map(parts, rule.words)),
        "kinds": frozenset(rule.kinds),
        "priorities": frozenset(rule.priorities),
        "hours": frozenset(rule.hours),
        "days": _days(rule.days),
        "public": frozenset() if rule.public is None else frozenset({rule.public}),
        "vulnerable": frozenset() if rule.vulnerable is None else frozenset({rule.vulnerable}),
        "hidden": frozenset() if rule.hidden is None else frozenset({rule.hidden}),
    }
    return {name: frozenset() if side >= _WHOLE.get(name, frozenset({None})) else side for name, side in found.items()}


def _days(days: Days) -> Side:
    """Return the weekdays as numbers, single dates as dates, and holidays, which move, as a word."""
    dates = (
        first + timedelta(days=offset) for first, last in days.periods for offset in range((last - first).days + 1)
    )
    holiday = {"holiday"} if days.holidays else set()
    return frozenset({*days.weekdays, *dates, *holiday})


def _alike(days: Side) -> bool:
    """Tell whether days are all of one sort, so that two sets of them can be told apart."""
    return len({type(day) for day in days}) == 1
