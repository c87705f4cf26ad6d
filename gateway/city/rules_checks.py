"""What must hold between a city's rules and its other files, and what is allowed and may surprise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError

from gateway.city.files import CityFile
from gateway.city.phrases import PHRASES
from gateway.city.problems import Problem, unknown
from gateway.city.rules import GROUPS, GroupRow, GroupsFile, RuleRow, RulesFile, as_group, as_rule
from gateway.city.source import Source, repeated
from normalizer.phone import phone, why_not
from router.rules import Group, Rule, shadows, unreachable

_MANY = 6  # ids that are worth naming in one line


@dataclass(frozen=True)
class Known:
    """What rules may name. A file that could not be read has no ids, and then nothing is measured against it."""

    categories: Collection[str]
    departments: Collection[str]
    districts: Collection[str]
    groups: Collection[str]
    languages: Sequence[str]
    triage: str | None


def problems(source: Source, file: RulesFile | None, known: Known) -> Iterable[Problem]:
    """Find what is wrong with a city's rules; of those that do not fit their model (no `file`), the ids nobody has."""
    if file is None:
        rows = source.data.get("rule")
        for position, written in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(written, dict):
                yield from _unknown(source, ("rule", position), _legible(written), known)
        return
    yield from repeated(source, "rule", "id", [row.id for row in file.rule])
    for position, row in enumerate(file.rule):
        yield from _unknown(source, ("rule", position), row, known)
        yield from _reasons(source, ("rule", position), row, known.languages)
        if row.department is None and not (row.notice or row.set_priority or row.confidential):
            what = "decides nothing: give it a department, or at least a notice, a set_priority or confidential"
            yield source.problem(("rule", position), what)
    rules = [as_rule(row, known.categories) for row in file.rule]
    for position, above in unreachable(rules).items():
        yield source.problem(("rule", position), _never(above))
    yield from _last(source, file, rules[-1], known.triage)


def _legible(written: Mapping[str, Any]) -> RuleRow:
    """Read a rule without the keys that cannot be read. Its own id does not matter to what it names."""
    whole = {**written, "id": "rule"}
    try:
        return RuleRow.model_validate(whole)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False)}
        return RuleRow.model_validate({key: value for key, value in whole.items() if key not in wrong})


def _never(above: Sequence[Rule]) -> str:
    """Say by which rules a rule is never reached."""
    if len(above) > 1:
        return f"is never reached: the rules {_listed(above)} above it fit all that this one fits, together"
    why = "fits everything" if above[0].unconditional else "fits all that this one fits"
    return f"is never reached: the rule {above[0].id!r} above it {why}"


def _unknown(source: Source, here: tuple[str | int, ...], row: RuleRow, known: Known) -> Iterable[Problem]:
    departments = [row.department] if row.department else []
    for key, named, allowed in (
        ("department", departments, known.departments),
        ("category", [name for name in row.category if not name.endswith(".*")], known.categories),
        ("district", row.district, known.districts),
        ("group", row.group, known.groups),
    ):
        for name in named:
            if allowed and name not in allowed:
                yield source.problem((*here, key), unknown(name, allowed))
            elif not allowed and key == "group":  # of which a city may have none, and then there is none to name
                yield source.problem((*here, key), f"{name!r} is no group: there is none in {GROUPS}")
    for name in row.category:
        if name.endswith(".*") and known.categories and not any(one.startswith(name[:-1]) for one in known.categories):
            yield source.problem((*here, "category"), f"no category of categories.toml begins with {name[:-1]!r}")
    for name in row.notice:
        if known.departments and name not in known.departments and name not in PHRASES:
            yield source.problem((*here, "notice"), unknown(name, known.departments))


def _reasons(source: Source, here: tuple[str | int, ...], row: RuleRow, languages: Sequence[str]) -> Iterable[Problem]:
    if not row.reason or not languages:
        return
    for language in languages:
        if language not in row.reason:
            yield source.problem((*here, "reason", language), "is missing: city.toml names this language")
    for language in row.reason:
        if language not in languages:
            yield source.problem((*here, "reason", language), unknown(language, languages))


def _last(source: Source, file: RulesFile, rule: Rule, triage: str | None) -> Iterable[Problem]:
    last = ("rule", len(file.rule) - 1)
    if not rule.unconditional:
        yield source.problem(last, "is the last rule, so it must catch everything: leave out its conditions")
    elif triage and rule.department != triage:
        what = f"the last rule must go to the triage desk, {triage!r}, not to {rule.department!r}"
        yield source.problem((*last, "department"), what)


def read_groups(folder: Traversable, city: CityFile | None, found: list[Problem]) -> Mapping[str, Group] | None:
    """Read groups.toml, which a city need not have, or add to `found` what is wrong in it. No number is quoted."""
    path = folder.joinpath(GROUPS)
    source = Source.read(path, found) if path.is_file() else None
    file = source.checked(GroupsFile, found) if source else None
    if source is None or file is None or city is None:
        return None
    found.extend(repeated(source, "group", "id", [row.id for row in file.group]))
    region, fallback = city.region, tuple(city.fallback_regions)
    return {
        row.id: as_group(row, _read(source, position, row, region, fallback, found))
        for position, row in enumerate(file.group)
    }


def _read(
    source: Source, position: int, row: GroupRow, region: str, fallback: tuple[str, ...], found: list[Problem]
) -> Iterable[str]:
    if not (row.phones or row.emails or row.domains or row.inboxes):
        found.append(source.problem(("group", position), "names nobody: write phones, emails, domains or inboxes"))
    for at, written in enumerate(row.phones):
        number = phone(written, region, fallback)
        if number is None:
            doubt = why_not(written, region)
            why = doubt.sentence if doubt else "No such number exists in the city's country."
            found.append(source.problem(("group", position, "phones", at), f"is no telephone number. {why}"))
        else:
            yield number


def notes(rules: Sequence[Rule], holidays: bool) -> Iterable[str]:
    """Say what is allowed and may surprise: which rules go before which, and days that never come."""
    for found in shadows(rules):
        yield (
            f"the rule {found.above.id!r} ({found.above.department}) goes before {_listed(found.below)}: "
            "what fits both is the upper one's"
        )
    if not holidays:
        for rule in rules:
            if rule.days.holidays:
                what = 'no holiday is known: write them in hotline.toml, as a season with hours = "closed"'
                yield f"the rule {rule.id!r} asks for holidays, and {what}"


def _listed(rules: Sequence[Rule]) -> str:
    names = [repr(rule.id) for rule in rules[:_MANY]]
    more = f" and {len(rules) - _MANY} more" if len(rules) > _MANY else ""
    return f"{', '.join(names)}{more}"
