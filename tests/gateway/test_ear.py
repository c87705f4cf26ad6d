"""Who speaks of danger does not stand in the line."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from functools import partial

from gateway.acknowledge import Acknowledger
from gateway.city.city import City
from gateway.ear import CALLERS
from gateway.interpret import BATCH, Interpreter
from gateway.signals import Signal
from gateway.store import complaints, journal
from gateway.store.engine import Connection, Store
from gateway.store.journal import Entry
from gateway.store.tables import journal as journal_table
from tests.gateway.store.making import IDENTITIES, NOW, entry

DANGER = "حريق في البيت وأطفال داخل"


async def keep(store: Store, *entries: Entry) -> None:
    await store.write(partial(journal.append, entries=entries))


def interpreter(store: Store, city: City) -> Interpreter:
    acknowledger = Acknowledger(lambda: city, IDENTITIES, frozenset())
    return Interpreter(store, lambda: city, acknowledger, Signal(), (), clock=lambda: NOW + timedelta(minutes=1))


def crowd(count: int, first: int = 0) -> list[Entry]:
    return [entry(f"SM-{first + number}", sender=f"+96479{first + number:08d}") for number in range(count)]


async def understood(store: Store, *sids: str) -> list[str]:
    """Which of these messages are understood, in the order of their numbers."""

    def job(connection: Connection) -> list[str]:
        rows = connection.execute(
            journal_table.select().where(journal_table.c.state == "done").order_by(journal_table.c.seq)
        )
        return [row.external_id for row in rows if row.external_id in sids]

    return await store.read(job)


async def test_a_cry_for_help_behind_a_thousand_others_is_understood_in_the_next_batch(
    store: Store, city: City
) -> None:
    """After an outage: who cries last goes first, and what they had written before goes before it."""
    before = entry("before", "السلام عليكم", sender="+9647777777777")
    await keep(store, *crowd(400), before, *crowd(100, 1_000), entry("cry", DANGER, sender="+9647777777777"))

    await interpreter(store, city).step()
    assert ["before", "cry"] == await understood(store, "before", "cry")


async def test_a_cry_that_comes_while_a_backlog_drains_does_not_wait_for_it(store: Store, city: City) -> None:
    """The ear hears what arrives behind what it has heard already."""
    await keep(store, *crowd(300))
    working = interpreter(store, city)
    await working.step()
    await keep(store, entry("cry", DANGER, sender="+9647777777777"))
    await working.step()
    assert ["cry"] == await understood(store, "cry")


async def test_a_hundred_false_alarms_leave_room_for_the_others(store: Store, city: City) -> None:
    """A flood that cries wolf takes part of each batch, and one sender's of it only a few: the line moves too."""
    wolves = [entry(f"wolf-{number}", DANGER, sender=f"+96478{number % 50:08d}") for number in range(200)]
    await keep(store, *crowd(100), *wolves)
    working = interpreter(store, city)
    for _ in range(3):
        await working.step()
    first = await understood(store, *(f"SM-{number}" for number in range(100)))
    assert 3 * (BATCH - 4 * CALLERS) <= len(first)


async def test_everything_is_understood_and_each_sender_in_order(store: Store, city: City) -> None:
    """With calls all over the backlog, nothing is left, and no sender's later words come before their earlier ones."""
    entries = [
        entry(f"m-{number}", f"{DANGER if number % 7 == 0 else 'رسالة'} {number}", sender=f"+96478{number % 30:08d}")
        for number in range(400)
    ]
    await keep(store, *entries)
    working = interpreter(store, city)
    async with asyncio.timeout(30):
        while await working.step():
            pass

    assert (0, None) == await store.read(journal.backlog)
    senders = {one.sender for one in entries}
    cases = await store.write(partial(complaints.open_of, senders=senders, since=NOW - timedelta(days=1)))
    said = [[int(number) for number in re.findall(r"\d+", case.complaint.text)] for case in cases.values()]
    assert 30 == len(said)
    assert [sorted(numbers) for numbers in said] == said
    assert list(range(400)) == sorted(number for numbers in said for number in numbers)
