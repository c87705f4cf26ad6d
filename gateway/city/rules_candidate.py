"""A file of rules that is not in force: read and checked against the city as it is, to be tried before it goes live."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources.abc import Traversable

from gateway.city.city import City
from gateway.city.problems import CityError, Problem
from gateway.city.rules import RulesFile, as_rule, families, read, versioned
from gateway.city.rules_checks import Known, problems
from router.rules import RuleTable


def read_rules(file: Traversable) -> RulesFile:
    """Read a file of rules by itself, in either form. Raises CityError."""
    found: list[Problem] = []
    source = read(file, found)
    rules = source.checked(RulesFile, found) if source else None
    if found or rules is None:
        raise CityError(found)
    return rules


def candidate(city: City, file: Traversable) -> RuleTable:
    """Return the table that the city would have with these rules. Raises CityError, as loading it with them would."""
    found: list[Problem] = []
    source = read(file, found)
    rules = source.checked(RulesFile, found) if source else None
    if source is None:
        raise CityError(found)
    known = Known(
        categories=city.categories,
        departments=city.departments,
        districts=city.districts,
        groups=city.rules.groups,
        languages=city.languages,
        triage=city.triage,
    )
    found += problems(source, rules, known)
    if rules is None:
        raise CityError(found)
    for category in city.categories.values():
        if category.department != city.triage and not any(
            category.id in families(row, [category.id]) for row in rules.rule
        ):
            what = f"no rule names {category.id!r}, so it would never reach {category.department!r}"
            found.append(Problem(source.path, 0, "", what))
    if found:
        raise CityError(found)
    table = tuple(as_rule(row, city.categories) for row in rules.rule)
    return versioned(replace(city.rules, rules=table, min_confidence=rules.min_confidence))
