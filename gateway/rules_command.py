"""`balagh rules`: look at a city's rules, turn them into the other form, and try a change before it goes live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from pathlib import Path

import typer

from gateway import rules_replay
from gateway.city import rules_sheet, rules_toml
from gateway.city.city import City, folder_of
from gateway.city.city import load as load_city
from gateway.city.problems import CityError
from gateway.city.rules import find
from gateway.city.rules_candidate import candidate, read_rules
from gateway.city.rules_checks import notes
from gateway.learning.material import CASES, read_cases
from gateway.opened import opened
from gateway.rules_replay import Moved
from gateway.settings import load
from gateway.store import past
from gateway.store.complaints import Case
from gateway.store.engine import Connection, Store
from router.rules import RuleTable

PAGE = 500  # complaints read at once
A_MONDAY = datetime(2026, 1, 5, 10)  # noqa: DTZ001 - by the city's own clock: when the cases are taken to have come

Say = Callable[[str], object]


def check(file: Path | None, say: Say) -> bool:
    """Say what is wrong with the city's rules, or with those of a file, and what may surprise. False when any is."""
    settings = load()
    try:
        city = load_city(settings.city)
        table = candidate(city, file) if file else city.rules
    except CityError as error:
        for problem in error.problems:
            say(f"WRONG {problem}")
        return False
    say(f"ok    {len(table.rules)} rules, version {table.version}")
    for note in notes(table.rules, bool(table.calendar.holidays)):
        say(f"note  {note}")
    return True


def export(sheet: Path | None, toml: Path | None, say: Say) -> None:
    """Write the city's rules as CSV, as TOML, or as both. Raises CityError, typer.BadParameter."""
    city = load_city(load().city)
    rules = read_rules(find(folder_of(load().city), []))
    rows = [row.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for row in rules.rule]
    written = (
        (sheet, rules_sheet.write(rules.min_confidence, rows, city.languages)),
        (toml, rules_toml.write(rules.min_confidence, rows)),
    )
    for path, text in written:
        if path is not None:
            try:
                path.write_bytes(text.encode())
            except OSError as error:
                raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint=str(path)) from error
            say(f"{path}: {len(rows)} rules, version {city.rules.version}")
    say("A city keeps one of the two: rules.toml or rules.csv.")


async def trial(file: Path | None, since: str, until: str, say: Say) -> bool:
    """Say what the city's rules, or those of a file, would move. False when a case that was right becomes wrong.

    Raises CityError, SettingsError, StoreUnavailable, StoreMismatch, typer.BadParameter.
    """
    days = _days(since, until)
    settings = load()
    city = load_city(settings.city)
    then = candidate(city, file) if file else city.rules
    say(f"in force: {len(city.rules.rules)} rules, version {city.rules.version}")
    if file:
        say(f"{file.name}: {len(then.rules)} rules, version {then.version}")
    well = _cases(settings.city, city, then, say)
    if days:
        async with opened(settings, migrate=False) as store:
            await _past(store, city, city.rules if file else None, then, *_period(city.timezone, *days), say)
    return well


def _cases(name: str, city: City, then: RuleTable, say: Say) -> bool:
    held = read_cases(folder_of(name).joinpath(CASES), city.categories, city.rules.responsible)
    moved, tally = rules_replay.cases(held, city.reader, city.rules, then, A_MONDAY.replace(tzinfo=city.timezone))
    _show(f"{len(held)} cases of {CASES}", moved, say)
    for line in tally.lines():
        say(f"  {line}")
    worse = sum(one.worse for one in moved)
    if worse:
        say(f"WRONG {worse} cases that were right would go to a wrong department")
    return not worse


async def _past(
    store: Store, city: City, present: RuleTable | None, then: RuleTable, since: datetime, until: datetime, say: Say
) -> None:
    """Put the store's complaints of a period to both tables. Nothing of them is shown but the reference."""
    moved: list[Moved] = []
    count, after = 0, ""
    while found := await store.read(partial(_page, since=since, until=until, after=after)):
        count, after = count + len(found), found[-1].complaint.reference
        moved += rules_replay.past(found, city.reader, present, then)
    _show(f"{count} complaints from {since:%Y-%m-%d} to {until - timedelta(days=1):%Y-%m-%d}", moved, say)


def _page(connection: Connection, *, since: datetime, until: datetime, after: str) -> list[Case]:
    return past.page(connection, since, until, after=after, limit=PAGE)


def _show(what: str, moved: list[Moved], say: Say) -> None:
    say(f"{what}: {len(moved)} would move" + (":" if moved else ""))
    for one in moved:
        say(f"  {one}")


def _days(since: str, until: str) -> tuple[date, date | None] | None:
    """Read a first and a last day; None without a first. Raises typer.BadParameter."""
    first, last = _day(since, "--since"), _day(until, "--until")
    if first is None and last is not None:
        raise typer.BadParameter("goes with --since", param_hint="--until")
    if first is not None and last is not None and last < first:
        raise typer.BadParameter("lies before --since", param_hint="--until")
    return (first, last) if first else None


def _day(written: str, name: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError as error:
        raise typer.BadParameter("must be a day, e.g. 2026-11-21", param_hint=name) from error


def _period(zone: tzinfo, first: date, last: date | None) -> tuple[datetime, datetime]:
    """Return the midnights between which the days lie, by the city's clock; without a last one, until today."""
    ends = (last or datetime.now(zone).date()) + timedelta(days=1)
    return datetime.combine(first, time(), zone), datetime.combine(ends, time(), zone)
