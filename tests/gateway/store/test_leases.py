"""Leases: one holder at a time, whoever of them is alive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from gateway.store import leases
from gateway.store.engine import Store
from tests.servers.waiting import until

TERM = timedelta(seconds=15)


async def hold(store: Store, holder: str, *, at: datetime | None = None, term: timedelta = TERM) -> bool:
    now = at or datetime.now(UTC)
    return await store.write(partial(leases.hold, name="relay", holder=holder, now=now, term=term))


async def test_of_ten_that_want_it_one_has_it(store: Store) -> None:
    """Ten nodes start at once: one relay."""
    got = await asyncio.gather(*(hold(store, str(number)) for number in range(10)))

    assert 1 == sum(got)


async def test_the_holder_renews_and_the_other_waits(store: Store) -> None:
    """While the holder is alive, nobody else gets it."""
    assert await hold(store, "a")
    assert not await hold(store, "b")
    assert await hold(store, "a")
    assert not await hold(store, "b")


async def test_names_do_not_hinder_each_other(store: Store) -> None:
    """The relay of one node and the sealer of another."""
    assert await hold(store, "a")
    assert await store.write(partial(leases.hold, name="sealer", holder="b", now=datetime.now(UTC), term=TERM))


async def test_a_holder_that_died_is_succeeded(store: Store) -> None:
    """Its term runs out: the next one takes it, and the dead one, come back, waits."""
    assert await hold(store, "a", term=timedelta(seconds=2))
    assert not await hold(store, "b")
    await until(lambda: hold(store, "b"))
    assert not await hold(store, "a")


async def test_who_leaves_in_order_keeps_nobody_waiting(store: Store) -> None:
    """Released: the next one has it at once. Somebody else's lease cannot be released."""
    assert await hold(store, "a")
    await store.write(partial(leases.release, name="relay", holder="b", now=datetime.now(UTC)))
    assert not await hold(store, "b")
    await store.write(partial(leases.release, name="relay", holder="a", now=datetime.now(UTC)))
    assert await hold(store, "b")


@pytest.mark.servers
async def test_a_node_whose_clock_is_wrong_neither_steals_nor_keeps(postgres_store: Store) -> None:
    """A clock an hour fast: it does not take what is held, and what it releases is free; the server's clock decides."""
    fast = datetime.now(UTC) + timedelta(hours=1)
    assert await hold(postgres_store, "a")
    assert not await hold(postgres_store, "fast", at=fast)
    await postgres_store.write(partial(leases.release, name="relay", holder="a", now=fast))

    assert await hold(postgres_store, "b")
