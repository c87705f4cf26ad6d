"""Who made a queue that was missing: one of those who found that at the same moment."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from gateway.store import stranded
from gateway.store.engine import Store
from tests.gateway.store.making import NOW, later

MOMENT = timedelta(seconds=5)


async def made(store: Store, by: str, at: datetime = NOW, queue: str = "department.water") -> bool:
    return await store.write(partial(stranded.first_to_make, queue=queue, by=by, at=at, within=MOMENT))


async def test_of_those_who_start_together_one_makes_a_queue(store: Store) -> None:
    """Eight processes on an empty broker all find it missing: what it held is published again by one of them."""
    first = await asyncio.gather(*(made(store, str(number), later(seconds=number / 10)) for number in range(8)))

    assert 1 == sum(first)


async def test_a_queue_that_is_lost_again_is_made_again(store: Store) -> None:
    """By another process a while later, or by the same one at any time; and every queue by itself."""
    assert await made(store, "a")
    assert not await made(store, "b", later(seconds=4))
    assert await made(store, "b", queue="department.roads")
    assert await made(store, "a", later(seconds=4))
    assert await made(store, "b", later(seconds=10))


async def test_the_first_queue_of_a_city_replaces_none(store: Store) -> None:
    """What is sent while a new city's queues are being made goes out once; one that was made anew is told apart."""
    await made(store, "a")
    await store.write(partial(stranded.remember, queue="department.water", depth=stranded.Depth(0, NOW)))
    assert {} == await store.read(stranded.made)

    await made(store, "a", later(seconds=60))
    once = await store.read(stranded.made)
    await made(store, "a", later(seconds=120))
    again = await store.read(stranded.made)

    assert {"department.water"} == set(once) == set(again)
    assert once != again
