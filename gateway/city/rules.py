"""The rules of a city: rules.toml or rules.csv, and groups.toml; what a clerk may write, and what is made of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, tzinfo
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway.city.files import Confidence, Id, Names, Way, Word
from gateway.city.hotline import Season
from gateway.city.problems import Problem
from gateway.city.rules_sheet import Sheet
from gateway.city.source import Source
from normalizer.complaint import Kind, Priority
from router.rules import WEEK, Calendar, Days, Group, Period, Rule, RuleTable, minutes

TOML, CSV, GROUPS = "rules.toml", "rules.csv", "groups.toml"
MOST_RULES: Final = 500
LONGEST: Final = 800  # days of one period
HOLIDAY: Final = "holiday"

_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?")
_CATEGORY = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*(\.\*)?")
_DOMAIN = re.compile(r"([a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}")
_MAILBOX = re.compile(r"[^\s@|]{1,64}@([a-z0-9-]{1,63}\.){0,8}[a-z]{2,24}")


def _listed(value: Any) -> Any:
    """Let one value stand for a list of one, and leave out the blanks around each."""
    values = [value] if isinstance(value, str) else value
    return [one.strip() if isinstance(one, str) else one for one in values] if isinstance(values, list) else values


def _hours(value: str) -> str:
    span(value)
    return value


def _day(value: str) -> str:
    if value not in {*WEEK, HOLIDAY}:
        period(value)
    return value


def _category(value: str) -> str:
    if not _CATEGORY.fullmatch(value):
        raise ValueError(f"{value!r} is no category, such as water.leak, and no family of them, such as water.*")
    return value


def _raising(value: Priority) -> Priority:
    if value is Priority.NORMAL:
        raise ValueError("must be high or distress: a rule only raises")
    return value


def span(written: str) -> tuple[int, int]:
    """Read 22:00-06:00 as minutes of the day. Raises ValueError that says how to write it."""
    found = _SPAN.fullmatch(written)
    if not found:
        raise ValueError(f"{written!r} is no span of hours: write 08:00-15:00, or 22:00-06:00 past midnight")
    hours = [int(part) for part in found.groups() if part]
    begins, until = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if begins == until:
        raise ValueError(f"{written!r} begins when it ends; for the whole day leave hours out")
    return begins, until


def period(written: str) -> Period:
    """Read 2027-02-08..2027-03-09, or one date, as first and last day. Raises ValueError that says how to write it."""
    found = _PERIOD.fullmatch(written)
    try:
        first, last = (date.fromisoformat(part) for part in (found[1], found[2] or found[1])) if found else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        days = f"{', '.join(WEEK)}, {HOLIDAY}"
        raise ValueError(f"{written!r} is no day: write {days}, 2027-02-08, or 2027-02-08..2027-03-09")
    if not 0 <= (last - first).days <= LONGEST:
        raise ValueError(f"{written!r}: the last day must not lie before the first, nor more than {LONGEST} days after")
    return first, last


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RuleRow(_Row):
    """One rule: conditions, and what follows. Without a department it stands beside, and the reading goes on."""

    id: Id
    category: Annotated[list[Annotated[str, AfterValidator(_category)]], BeforeValidator(_listed)] = []
    words: Annotated[list[Word], BeforeValidator(_listed)] = []
    district: Annotated[list[Id], BeforeValidator(_listed)] = []
    kind: Annotated[list[Annotated[Kind, Field(strict=False)]], BeforeValidator(_listed)] = []
    channel: Annotated[list[Way], BeforeValidator(_listed)] = []
    hours: Annotated[list[Annotated[str, AfterValidator(_hours)]], BeforeValidator(_listed)] = []
    days: Annotated[list[Annotated[str, AfterValidator(_day)]], BeforeValidator(_listed)] = []
    group: Annotated[list[Id], BeforeValidator(_listed)] = []
    priority: Annotated[list[Annotated[Priority, Field(strict=False)]], BeforeValidator(_listed)] = []
    public: bool | None = None
    vulnerable: bool | None = None
    is_confidential: bool | None = None
    min_confidence: Confidence | None = None
    department: Id | None = None
    set_priority: Annotated[Priority, Field(strict=False), AfterValidator(_raising)] | None = None
    notice: Annotated[list[Id], BeforeValidator(_listed)] = []
    confidential: bool = False
    reason: Names = {}


class RulesFile(_Row):
    """rules.toml, and rules.csv just as well."""

    min_confidence: Confidence
    rule: Annotated[list[RuleRow], Field(min_length=1, max_length=MOST_RULES)]


def _domain(value: str) -> str:
    found = value.strip().lower().removeprefix("@")
    if not _DOMAIN.fullmatch(found):
        raise ValueError("is no e-mail domain, such as moe.gov.iq")
    return found


def _mailbox(value: str) -> str:
    found = value.strip().lower()
    if not _MAILBOX.fullmatch(found):
        raise ValueError("is no e-mail address")  # without the address: it is somebody's
    return found


class GroupRow(_Row):
    """Senders whom rules may treat apart."""

    id: Id
    phones: list[str] = []
    emails: list[Annotated[str, AfterValidator(_mailbox)]] = []
    domains: list[Annotated[str, AfterValidator(_domain)]] = []
    inboxes: list[str] = []


class GroupsFile(_Row):
    """groups.toml. What is wrong in it is logged, so nothing of it is quoted: it is a list of people."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    group: list[GroupRow]


def find(folder: Traversable, problems: list[Problem]) -> Traversable:
    """Return the file that holds a city's rules: one of the two forms, never both."""
    sheet = folder.joinpath(CSV)
    if not sheet.is_file():
        return folder.joinpath(TOML)
    if folder.joinpath(TOML).is_file():
        problems.append(Problem(str(sheet), 0, "", f"stands beside {TOML}: keep one of the two"))
    return sheet


def read(file: Traversable, problems: list[Problem]) -> Source | None:
    """Read a file of rules in either form, or add to `problems` why it cannot be read."""
    return Sheet.read(file, problems) if file.name.lower().endswith(".csv") else Source.read(file, problems)


def families(row: RuleRow, categories: Iterable[str]) -> frozenset[str]:
    """Return the categories that a rule asks for, with every member of a family such as water.*."""
    known = list(categories)
    whole = [name for name in row.category if not name.endswith(".*")]
    heads = tuple(name[:-1] for name in row.category if name.endswith(".*"))
    return frozenset(whole).union(name for name in known if heads and name.startswith(heads))


def as_rule(row: RuleRow, categories: Iterable[str]) -> Rule:
    """Make a line of the file the rule that the router knows. `categories` are the ids of the city's."""
    asked = families(row, categories)
    return Rule(
        id=row.id,
        department=row.department,
        # A family of which the city has no member fits nothing, and not everything.
        categories=asked or frozenset(row.category),
        words=tuple(row.words),
        districts=frozenset(row.district),
        channels=frozenset(row.channel),
        kinds=frozenset(row.kind),
        priorities=frozenset(row.priority),
        groups=frozenset(row.group),
        hours=minutes(map(span, row.hours)),
        days=_days(row.days),
        public=row.public,
        vulnerable=row.vulnerable,
        hidden=row.is_confidential,
        min_confidence=row.min_confidence,
        raises=row.set_priority,
        notice=tuple(row.notice),
        confidential=row.confidential,
        reason=MappingProxyType(row.reason),
    )


def _days(written: Iterable[str]) -> Days:
    named = list(written)
    return Days(
        weekdays=frozenset(WEEK.index(day) for day in named if day in WEEK),
        holidays=HOLIDAY in named,
        periods=tuple(period(day) for day in named if day not in {*WEEK, HOLIDAY}),
    )


def as_group(row: GroupRow, phones: Iterable[str]) -> Group:
    """Make a group the one that the router knows; `phones` are its numbers as E.164."""
    return Group(
        addresses=frozenset({*phones, *row.emails}),
        domains=frozenset(row.domains),
        inboxes=frozenset(inbox.strip().lower() for inbox in row.inboxes),
    )


def versioned(table: RuleTable) -> RuleTable:
    """Return a table with its version: twelve hex digits that change with whatever changes what it decides."""
    content = {
        "rules": [_content(rule) for rule in table.rules],
        "triage": table.triage,
        "sure": [table.min_confidence, table.public_min_confidence, sorted(table.thresholds.items())],
        "responsible": sorted(table.responsible.items()),
        "groups": [
            [name, *(sorted(side) for side in (group.addresses, group.domains, group.inboxes))]
            for name, group in sorted(table.groups.items())
        ],
        "calendar": [str(table.calendar.zone), [[str(day) for day in days] for days in table.calendar.holidays]],
    }
    written = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return replace(table, version=hashlib.sha256(written.encode()).hexdigest()[:12])


def _content(rule: Rule) -> list[Any]:
    """Write everything that a rule decides by, in an order that does not hang on how sets are kept."""
    sets = (rule.categories, rule.districts, rule.channels, rule.kinds, rule.priorities, rule.groups, rule.hours)
    days = [sorted(rule.days.weekdays), rule.days.holidays, [[str(day) for day in one] for one in rule.days.periods]]
    asked = [rule.public, rule.vulnerable, rule.hidden, rule.min_confidence]
    follows = [rule.department, rule.raises, list(rule.notice), rule.confidential, dict(rule.reason)]
    return [rule.id, [sorted(one) for one in sets], list(rule.words), days, asked, follows]


def calendar(zone: tzinfo, seasons: Iterable[Season]) -> Calendar:
    """Return the city's clock and calendar: a season in which nobody answers the hotline is a holiday."""
    return Calendar(zone, tuple((season.first, season.last) for season in seasons if not season.spans))
