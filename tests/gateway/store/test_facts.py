"""What a store knows of itself: its key, and the broker that has confirmed its events."""

from __future__ import annotations

from functools import partial

import pytest

from gateway.store import facts, outbox
from gateway.store.engine import Store, StoreMismatch
from tests.gateway.store.making import NOW, file


async def settle(store: Store, key: str = "k", broker: str | None = "embedded") -> int:
    return await store.write(partial(facts.settle, key=key, broker=broker))


async def test_a_store_is_held_to_its_key(store: Store) -> None:
    """Another secret key would give new references to old messages: the start is refused, and says what to do."""
    await settle(store)
    await settle(store)
    with pytest.raises(StoreMismatch, match="another BALAGH_SECRET_KEY"):
        await settle(store, key="another")


async def test_what_only_the_embedded_broker_had_is_published_to_rabbitmq(store: Store) -> None:
    """The city outgrows the trial: what was filed before the move reaches the departments' queues too, once."""
    await settle(store)
    await file(store, "one")
    await store.write(partial(outbox.published, seqs=[1], now=NOW))

    assert 0 == await settle(store, broker=None)  # a process that publishes nothing decides nothing
    assert 1 == await settle(store, broker="rabbitmq")
    assert (1, 0, NOW) == await store.read(outbox.backlog)
    await store.write(partial(outbox.published, seqs=[1], now=NOW))
    assert 0 == await settle(store, broker="rabbitmq")
    assert (0, 0, None) == await store.read(outbox.backlog)
