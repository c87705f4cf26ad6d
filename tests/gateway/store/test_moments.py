"""Moments that a clock set ahead has left behind: nothing waits for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import update

from gateway.store import leases, moments, outbox
from gateway.store.engine import Connection, Store
from gateway.store.tables import leases as lease_table
from gateway.store.tables import relay
from gateway.timepiece import Timepiece
from tests.gateway.store.making import NOW, file

YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("until", "righted"),
    [(NOW + YEAR, 1), (NOW + timedelta(hours=2), 1), (NOW + timedelta(minutes=15), 0), (NOW - YEAR, 0)],
    ids=["in a year", "in hours", "in a pause", "long ago"],
)
async def test_a_parked_event_waits_for_no_mistaken_year(store: Store, until: datetime, righted: int) -> None:
    """Parked while the clock was a year ahead, it is tried again at once; one that has a pause keeps it."""
    await file(store, "one")

    def park(connection: Connection) -> None:
        connection.execute(update(relay).values(parked_until=until, parked_reason="no queue"))

    await store.write(park)
    before = await store.read(partial(outbox.unpublished, now=NOW, limit=9))

    assert righted == await store.write(partial(moments.set_right, now=NOW))
    after = await store.read(partial(outbox.unpublished, now=NOW, limit=9))
    assert len(before) + righted == len(after)


@pytest.mark.parametrize(("until", "taken"), [(timedelta(hours=5), True), (timedelta(seconds=10), False)])
async def test_a_lease_of_a_future_holds_nobody_up(store: Store, until: timedelta, taken: bool) -> None:
    """The clock was hours ahead when a node took the lease and died: another takes it, and none that is alive."""
    now = datetime.now(UTC)  # as PostgreSQL's own clock has it, which decides there
    hold = partial(leases.hold, name="relay", term=timedelta(seconds=15), now=now)
    assert await store.write(partial(hold, holder="a"))

    def ahead(connection: Connection) -> None:
        connection.execute(update(lease_table).values(until=now + until))

    await store.write(ahead)
    assert taken == await store.write(partial(hold, holder="b"))


def test_a_clock_that_is_set_is_noticed_and_one_that_is_slewed_is_not() -> None:
    """Ahead by an hour, back by two; a second gained here and there is no step."""
    wall, steady = [1000.0], [5.0]
    timepiece = Timepiece(now=lambda: wall[0], steady=lambda: steady[0])
    seen = []
    for by in (0.0, 3600.0, 1.0, -7200.0, -1.0):
        wall[0] += 2 + by
        steady[0] += 2
        seen.append(timepiece.stepped())
    assert [0.0, 3600.0, 0.0, -7200.0, 0.0] == seen
