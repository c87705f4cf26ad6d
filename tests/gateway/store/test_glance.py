"""A glance at the store: an answer soon, and one question at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.glance import Glance


async def test_a_store_that_does_not_answer_is_asked_once(store: Store) -> None:
    """Locked tables, and a probe every moment: each hears in time that there is no answer, and one question waits."""
    gate, asked = threading.Event(), []

    def question(_connection: Connection) -> str:
        asked.append(1)
        gate.wait(20)
        return "well"

    glance = Glance(store, question, patience=0.7)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await glance.look()
    assert 1 == len(asked)
    gate.set()

    assert "well" == await Glance(store, question, patience=10).look()
    assert "well" == await asyncio.wait_for(glance.look(), 60)
    assert "well" == await glance.look()
    assert len(asked) >= 3


async def test_those_who_ask_together_hear_the_same(store: Store) -> None:
    """Ten probes at once cost one question; the next one is a new question."""
    asked = []

    def question(_connection: Connection) -> int:
        asked.append(1)
        return len(asked)

    glance = Glance(store, question, patience=10)
    assert [1] * 10 == await asyncio.gather(*(glance.look() for _ in range(10)))
    assert 2 == await glance.look()


async def test_a_store_that_is_away_is_said_every_time() -> None:
    """Nobody listens there: each look says so, and none of them an old answer."""
    store = Store("postgresql://balagh@127.0.0.1:1/db")
    glance = Glance(store, lambda _connection: None, patience=10)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await glance.look()
    store.close()
