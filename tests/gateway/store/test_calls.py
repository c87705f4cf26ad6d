"""Lines, codes and unended calls in the store, on either kind of store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.store import calls
from gateway.store.engine import Store

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def take(store: Store, call: str, now: datetime = NOW) -> asyncio.Task[bool]:
    job = partial(calls.take_line, channel="voice", call=call, lines=5, since=now - HOUR, now=now)
    return asyncio.ensure_future(store.write(job, urgent=True))


async def test_however_many_call_at_once_five_get_a_line(store: Store) -> None:
    """Lines are counted and taken in one go, so that two who come together never share the last."""
    taken = await asyncio.gather(*(take(store, f"CA{index}") for index in range(12)))
    assert 5 == sum(taken)
    mine = f"CA{taken.index(True)}"
    assert await take(store, mine), "the same call once more keeps its line"
    await store.write(partial(calls.free_line, channel="voice", call=mine))

    assert [True, False] == [await take(store, "CA100"), await take(store, "CA101")]


async def test_a_line_is_free_after_an_hour(store: Store) -> None:
    """Whatever became of the call."""
    await asyncio.gather(*(take(store, f"CA{index}") for index in range(5)))

    assert not await take(store, "CA100", NOW + HOUR - timedelta(seconds=1))
    assert await take(store, "CA100", NOW + HOUR)


async def test_calls_are_remembered_until_they_end(store: Store) -> None:
    """A call without an end is found, the oldest first; one that ended leaves nothing behind."""
    for minute, call in enumerate(("CA1", "CA2", "CA_2", "CA3")):
        await store.write(partial(calls.begin, channel="voice", call=call, now=NOW + timedelta(minutes=minute)))
    await store.write(partial(calls.keep_code, channel="voice", call="CA2", code={"tries": 1}, now=NOW))
    await store.write(partial(calls.end, channel="voice", call="CA2"))
    before = NOW + timedelta(minutes=3)
    left = await store.read(partial(calls.unended, channel="voice", before=before))

    assert ["CA1", "CA_2"] == [found.call for found in left]
    assert {} == await store.read(partial(calls.code, channel="voice", call="CA2"))
