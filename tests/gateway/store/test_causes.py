"""What keeps coming back where; and what people taught."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from gateway.store import causes, lessons
from gateway.store.causes import Cause
from gateway.store.engine import Store
from gateway.store.lessons import Lesson
from gateway.store.tables import sightings
from normalizer.complaint import Place
from tests.gateway.store.making import NOW, amend, file, later, offer


async def complain(store: Store, count: int, name: str, *, senders: int = 9, days: float = 1, **fields: Any) -> None:
    """File complaints of some senders, a while ago."""
    for one in range(count):
        at = NOW - timedelta(days=days) + timedelta(minutes=one)
        await file(store, f"{name}{one}", sender=f"s{one % senders}", received_at=at, **fields)


async def found(store: Store, **more: Any) -> list[Cause]:
    return list(await store.read(partial(causes.coming_back, now=NOW, **more)))


async def test_a_place_that_keeps_coming_back_is_surfaced(store: Store) -> None:
    """Six about water in one neighbourhood: counted by week, month and quarter, with how it grows."""
    here = Place(text="حي الجامعة", district="mansour")
    await complain(store, 4, "new", place=here, days=2)
    await complain(store, 2, "old", place=here, days=40)

    (cause,) = await found(store)
    assert ("water", "mansour", "حي الجامعة") == (cause.family, cause.district, cause.place)
    assert (4, 4, 6, 2, 2.0) == (cause.week, cause.month, cause.quarter, cause.before, cause.growth)
    assert 4 == cause.senders


async def test_a_district_of_many_places_is_one_too(store: Store) -> None:
    """No single street stands out, but the district does."""
    for one in range(5):
        await complain(store, 1, f"p{one}", place=Place(text=f"شارع {one}", district="dora"), category="roads.damage")
        await file(store, f"q{one}", sender=f"t{one}", place=Place(district="dora"), category="roads.sidewalk")

    (cause,) = await found(store)
    assert ("roads", "dora", None, 10) == (cause.family, cause.district, cause.place, cause.quarter)


@pytest.mark.parametrize(
    ("count", "fields"),
    [
        (4, {"place": Place(district="dora")}),
        (9, {"place": Place(district="dora"), "senders": 2}),
        (9, {"place": Place(district="dora"), "days": 91}),
        (9, {"place": Place(district="dora"), "confidential": True}),
        (9, {}),
    ],
)
async def test_what_is_no_pattern_is_not_told(store: Store, count: int, fields: dict[str, Any]) -> None:
    """Too few, of two people only, long ago, confidential, or nobody knows where."""
    await complain(store, count, "x", **fields)
    assert [] == await found(store)


async def test_only_what_came_back_lately_and_has_a_common_cause_is_told(store: Store) -> None:
    """`since` leaves out what has rested; bills are everybody's own."""
    await complain(store, 6, "w", place=Place(district="dora"), days=20)
    await complain(store, 6, "b", place=Place(district="dora"), category="revenue.fees")

    assert ["revenue", "water"] == [cause.family for cause in await found(store)]
    assert ["water"] == [cause.family for cause in await found(store, besides=["revenue"])]
    assert [] == await found(store, besides=["revenue"], since=NOW - timedelta(days=10))


async def test_a_sighting_follows_its_complaint(store: Store) -> None:
    """A new pin, another category by a decision: what is searched is what the complaint says."""
    await file(store, "one", place=Place(district="dora"), category="other")
    await amend(store, "one", "وما زال", place=Place(district="karkh", latitude=33.3, longitude=44.4))
    await offer(store, "one")

    row = await store.read(lambda connection: connection.execute(select(sightings)).one())
    assert ("water", "karkh", 33.3, 44.4) == (row.family, row.district, row.latitude, row.longitude)


async def test_a_complaint_of_the_version_before_gets_its_sighting(store: Store) -> None:
    """A gateway that was not started anew yet filed it: the next change of it makes up for that."""
    await file(store, "one", place=Place(district="dora"))
    await store.write(lambda connection: connection.execute(sightings.delete()) and None)
    await amend(store, "one", "وما زال")

    row = await store.read(lambda connection: connection.execute(select(sightings)).one())
    assert ("id-one", "water", "dora") == (row.complaint_id, row.family, row.district)


async def test_lessons_are_kept_once_and_read_in_order(store: Store) -> None:
    """The same decision told twice is one lesson; those since a moment are read alone."""
    one = Lesson("desk:1:2", "الماء مقطوع", "water.outage", "water", lessons.DESK, "sara", NOW, "1")
    two = replace(one, id="desk:2:2", at=later(hours=1), category=None)
    assert [True, False, True] == [await store.write(partial(lessons.add, lesson=each)) for each in (one, one, two)]
    await store.write(partial(lessons.mark_used, ids=[one.id]))

    assert [replace(one, used=True), two] == await store.read(lessons.all)
    assert [two] == await store.read(partial(lessons.all, since=later(minutes=30)))


async def test_the_searches_use_their_indexes(sqlite_store: Store) -> None:
    """A year of complaints must not be read to find those of the last hours in one place."""

    def plan(connection: Any) -> str:
        wanted = "family = 'water' AND place = 'x' AND at > '2026'"
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT 1 FROM sightings WHERE {wanted}").all()
        return " ".join(row[3] for row in rows)

    assert "sightings_place" in await sqlite_store.read(plan)
