"""`balagh causes`: what keeps coming back where, in the terminal. It counts, and quotes nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from gateway.city.city import City
from gateway.city.city import load as load_city
from gateway.opened import opened
from gateway.settings import load
from gateway.store import causes
from gateway.store.causes import Cause


async def show(since: datetime | None, say: Callable[[str], object]) -> None:
    """Print the causes, the latest first. Raises SettingsError, CityError, StoreUnavailable, StoreMismatch."""
    settings = load()
    city = load_city(settings.city)
    besides = [name for name, habit in city.incidents.habits.items() if not habit.shared]
    async with opened(settings, migrate=False) as store:
        found = await store.read(partial(causes.coming_back, now=datetime.now(UTC), since=since, besides=besides))
    for line in lines(found, city):
        say(line)


def lines(found: Sequence[Cause], city: City) -> list[str]:
    """Write the causes, one a line, with tabs between for a spreadsheet."""
    if not found:
        return ["nothing keeps coming back"]
    return [
        "family\tdistrict\tplace\t7 days\t30 days\t90 days\tgrowth\tsenders\tlast",
        *(_line(one, city) for one in found),
    ]


def _line(cause: Cause, city: City) -> str:
    zone = city.timezone
    growth = f"{cause.growth:.2f}" if cause.growth is not None else "new"
    place = " ".join((cause.place or "-").split())
    counts = (
        cause.week,
        cause.month,
        cause.quarter,
        growth,
        cause.senders,
        f"{cause.last_at.astimezone(zone):%F %H:%M}",
    )
    return "\t".join((cause.family, cause.district or "-", place, *map(str, counts)))
