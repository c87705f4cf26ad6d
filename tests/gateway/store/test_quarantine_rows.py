"""The quarantine: kept whole, listed once, and closed by a person."""

from __future__ import annotations

import asyncio
from functools import partial

from gateway.store import quarantine
from gateway.store.engine import Store
from tests.gateway.store.making import NOW


async def put(store: Store, subject: str = "x", *, stage: str = "interpret", reason: str = "broken") -> int:
    return await store.write(
        partial(quarantine.add, stage=stage, subject=subject, reason=reason, body='{"text":"\\u0000"}', now=NOW)
    )


async def test_the_same_thing_is_listed_once_while_it_is_open(store: Store) -> None:
    """Twenty workers meet the same broken message at once: one row, under one number."""
    numbers = await asyncio.gather(*(put(store) for _ in range(20)))

    assert 1 == len(set(numbers))
    assert 1 == await store.read(quarantine.count)
    assert 3 == len({numbers[0], await put(store, "y"), await put(store, stage="dispatch")})


async def test_what_a_person_settled_is_settled_once(store: Store) -> None:
    """Retried or dropped, by whom and when; a second hand comes too late."""
    number = await put(store)
    settle = partial(quarantine.settle, number=number, by="amal", now=NOW)

    assert await store.write(partial(settle, state="retried"))
    assert not await store.write(partial(settle, state="dropped"))
    row = await store.read(partial(quarantine.entry, number=number))
    assert row is not None
    assert ("retried", "amal", NOW) == (row.state, row.settled_by, row.settled_at)
    assert 0 == await store.read(quarantine.count)
    assert [] == list(await store.read(quarantine.entries))
    assert [number] == [row.id for row in await store.read(partial(quarantine.entries, state="retried"))]


async def test_what_breaks_again_is_listed_again(store: Store) -> None:
    """Retried, and broken as before: a new row, so that nobody believes it went well."""
    first = await put(store)
    await store.write(partial(quarantine.settle, number=first, state="retried", by="amal", now=NOW))

    assert first != await put(store)


async def test_the_body_is_kept_as_it_came(store: Store) -> None:
    """What broke may hold anything; a person sees exactly that. A reason as long as a book is cut."""
    number = await put(store, reason="x" * 10_000)

    row = await store.read(partial(quarantine.entry, number=number))
    assert row is not None
    assert '{"text":"\\u0000"}' == row.body
    assert 500 == len(row.reason)
    assert await store.read(partial(quarantine.entry, number=number + 1)) is None
