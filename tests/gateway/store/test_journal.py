"""The journal: one row and one reference for each message, whatever arrives however often, in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psycopg
import pytest
from sqlalchemy import text

from gateway.store import journal
from gateway.store.engine import Connection, DatabaseError, Store
from gateway.store.journal import Entry, Kept
from gateway.store.visits import Round
from tests.gateway.store.making import NOW, entry, finish, later, refer, set_aside
from tests.servers.postgres import Database
from tests.servers.waiting import until


async def keep(store: Store, *entries: Entry) -> list[Kept]:
    return await store.write(partial(journal.append, entries=entries))


async def pending(store: Store) -> list[journal.Row]:
    return await store.read(partial(journal.pending, limit=10_000, per_sender=10_000))


async def test_a_redelivery_gets_the_reference_of_the_first_delivery(store: Store) -> None:
    """The provider sends it again a day later: one row, one id, one reference, and we know that it is a copy."""
    first = (await keep(store, entry("SM1", fingerprint="first")))[0]
    again = (await keep(store, entry("SM1", at=later(days=1), fingerprint="second")))[0]

    assert not first.duplicate
    assert Kept(first.id, first.reference, "first", duplicate=True) == again
    assert [first.id] == [row.id for row in await pending(store)]


async def test_a_hundred_deliveries_at_once_are_one_message(store: Store) -> None:
    """A hundred requests carry the same message at the same moment: one is the first, ninety-nine are copies."""
    kept = [found for (found,) in await asyncio.gather(*(keep(store, entry("SM1")) for _ in range(100)))]

    assert 1 == len({(found.id, found.reference) for found in kept})
    assert Counter({True: 99, False: 1}) == Counter(found.duplicate for found in kept)
    assert 1 == len(await pending(store))


async def test_copies_within_one_batch_are_one_message(store: Store) -> None:
    """The same message stands three times in one batch: the first of them counts."""
    kept = await keep(store, entry("SM1", fingerprint="first"), entry("SM2"), entry("SM1"), entry("SM1"))

    assert [False, False, True, True] == [found.duplicate for found in kept]
    assert 1 == len({kept[number].reference for number in (0, 2, 3)})
    assert ["first", "first", "first"] == [kept[number].fingerprint for number in (0, 2, 3)]
    assert 2 == len(await pending(store))


async def test_batches_that_cross_each_other_keep_every_message_once(store: Store) -> None:
    """Batches with the same messages in opposite order run at once: each message is there once, none is refused."""
    entries = [entry(f"SM{number}") for number in range(40)]
    batches = [entries if turn % 2 else entries[::-1] for turn in range(8)]

    answers = await asyncio.gather(*(keep(store, *batch) for batch in batches))

    assert 40 == len(await pending(store))
    references = {(one.id, kept.reference) for batch, kepts in zip(batches, answers, strict=True)
                  for one, kept in zip(batch, kepts, strict=True)}  # fmt: skip
    assert 40 == len(references)
    assert 40 == sum(not kept.duplicate for kepts in answers for kept in kepts)


@pytest.mark.servers
async def test_batches_that_cross_each_other_never_wait_for_each_other(
    postgres_store: Store, postgres: Database
) -> None:
    """A slow node holds one of three messages, two nodes get all three in opposite order: no deadlock, no retry."""
    low, middle, high = sorted((entry(f"SM{number}") for number in range(3)), key=lambda one: one.id)
    runs: list[int] = []

    def crossing(*entries: Entry) -> Callable[[Connection], list[Kept]]:
        def job(connection: Connection) -> list[Kept]:
            runs.append(len(entries))
            return journal.append(connection, entries)

        return job

    with psycopg.connect(postgres.url) as slow:
        slow.execute(
            "INSERT INTO journal (id, channel, account, external_id, sender, purpose, received_at)"
            " VALUES (%s, 'sms', %s, %s, '', 'message', now())",
            (middle.id, middle.account, middle.external_id),
        )
        crossed = asyncio.gather(
            postgres_store.write(crossing(low, middle, high)), postgres_store.write(crossing(high, middle, low))
        )
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        await until(lambda: postgres_store.read(lambda found: found.execute(waiting).scalar() == 2))
        slow.rollback()
    answers = await crossed

    assert [3, 3] == runs
    assert 3 == sum(kept.duplicate for kepts in answers for kept in kepts)
    assert 3 == len(await pending(postgres_store))


async def test_a_batch_is_numbered_in_order_of_arrival(store: Store) -> None:
    """Twenty messages in one batch: they are understood in the order in which they came."""
    entries = [entry(f"SM{number}") for number in range(20)]
    await keep(store, *entries)

    assert [one.id for one in entries] == [row.id for row in await pending(store)]


async def test_accounts_and_channels_are_part_of_the_identity(store: Store) -> None:
    """The same provider's id at another number of ours, or on another channel, is another message."""
    kept = await keep(store, entry("SM1"), entry("SM1", account="+9647800000999"), entry("SM1", channel="whatsapp"))

    assert [False, False, False] == [found.duplicate for found in kept]
    assert 3 == len({found.reference for found in kept})


@pytest.mark.parametrize("together", [True, False])
async def test_two_messages_that_would_share_a_number_get_two(store: Store, *, together: bool) -> None:
    """By rare chance two messages make the same reference: both are kept, the later under its next number."""
    one = replace(entry("SM1"), refer=refer("1000000005"))
    two = replace(entry("SM2"), refer=refer("1000000005", "1000000013"))
    if together:
        kept = await keep(store, one, two)
    else:
        kept = await keep(store, one) + await keep(store, two)

    assert ["1000000005", "1000000013"] == [found.reference for found in kept]
    assert [False, False] == [found.duplicate for found in kept]
    assert ["1000000013"] == [found.reference for found in await keep(store, two)]
    assert ["1000000005", "1000000013"] == [row.reference for row in await pending(store)]


async def test_what_can_never_be_a_complaint_takes_no_number(store: Store) -> None:
    """Delivery reports have no reference, and many without one do not hinder each other."""
    kept = await keep(store, *(replace(entry(f"SM{number}"), refer=None) for number in range(3)))

    assert ["", "", ""] == [found.reference for found in kept]
    assert 3 == len(await pending(store))


async def test_a_message_that_finds_no_free_number_is_refused_and_not_half_kept(store: Store) -> None:
    """Every number it could get is another's: it is not kept at all, so that the provider sends it again."""
    await keep(store, replace(entry("SM1"), refer=lambda _counter: "1000000005"))

    with pytest.raises(DatabaseError):
        await keep(store, replace(entry("SM2"), refer=lambda _counter: "1000000005"))
    assert 1 == len(await pending(store))


async def test_messages_wait_in_the_order_in_which_they_came(store: Store) -> None:
    """One after the other or in one batch: they are understood in the order of arrival."""
    await keep(store, entry("SM7"))
    await keep(store, *(entry(f"SM{number}") for number in (3, 9, 1, 3)))
    await keep(store, entry("SM2"))

    ids = {entry(f"SM{number}").id: number for number in (1, 2, 3, 7, 9)}
    assert [7, 3, 9, 1, 2] == [ids[row.id] for row in await pending(store)]
    assert [7, 3] == [ids[row.id] for row in await store.read(partial(journal.pending, limit=2, per_sender=2))]


async def test_a_message_that_was_dealt_with_waits_no_more(store: Store) -> None:
    """Done and set aside are both out of the queue; what a person reopens comes back, once."""
    await keep(store, *(entry(f"SM{number}") for number in range(3)))
    rows = await pending(store)
    await store.write(partial(finish, seq=rows[0].seq, outcome="complaint", now=NOW, complaint_id=rows[0].id))
    await store.write(partial(set_aside, seq=rows[1].seq, reason="broken", now=NOW))

    assert [rows[2].id] == [row.id for row in await pending(store)]
    assert not await store.write(partial(journal.reopen, journal_id=rows[0].id))
    assert await store.write(partial(journal.reopen, journal_id=rows[1].id))
    assert not await store.write(partial(journal.reopen, journal_id=rows[1].id))
    assert [rows[1].id, rows[2].id] == [row.id for row in await pending(store)]


async def test_a_message_that_a_person_drops_is_closed_with_the_reason(store: Store) -> None:
    """Only what is in quarantine can be dropped."""
    await keep(store, entry("SM1"), entry("SM2"))
    first, second = await pending(store)
    await store.write(partial(set_aside, seq=first.seq, reason="broken", now=NOW))
    for row in (first, second):
        await store.write(partial(journal.drop, journal_id=row.id, reason="dropped: a test", now=NOW))

    assert [second.id] == [row.id for row in await pending(store)]
    assert not await store.write(partial(journal.reopen, journal_id=first.id))


async def test_the_backlog_says_how_many_wait_and_since_when(store: Store) -> None:
    """The figures of the health page: none and never, or how many and the oldest."""
    assert (0, None) == await store.read(journal.backlog)
    await keep(store, entry("SM1", at=later(minutes=5)), entry("SM2"))

    assert (2, NOW) == await store.read(journal.backlog)


async def test_a_message_is_found_by_the_number_it_was_given(store: Store) -> None:
    """A citizen holds a receipt before the complaint is understood."""
    kept = (await keep(store, entry("SM1")))[0]

    found = await store.read(partial(journal.find, reference=kept.reference))
    assert found is not None
    assert entry("SM1").body == found.body
    assert await store.read(partial(journal.find, reference="1000000005")) is None


async def test_a_batch_with_a_value_that_no_store_takes_keeps_nothing(store: Store) -> None:
    """A half-kept batch would give receipts for what is not there."""
    with pytest.raises(Exception):  # noqa: B017 - each driver has its own word for a lone surrogate
        await keep(store, entry("SM1"), replace(entry("SM2"), external_id="SM\ud800"))

    assert [] == await pending(store)


@pytest.mark.servers
async def test_two_interpreters_never_hold_the_same_sender(postgres_store: Store) -> None:
    """While one has a sender's rows in hand, the other gets only those of other senders."""
    await keep(postgres_store, *(entry(f"SM{number}", sender=f"+964790000000{number % 3}") for number in range(9)))
    rows = await pending(postgres_store)

    def one(connection: Connection) -> list[int]:
        mine = [row.seq for row in journal.claim(connection, [row for row in rows if row.sender == rows[0].sender])]
        others = asyncio.run_coroutine_threadsafe(
            postgres_store.write(lambda other: [row.seq for row in journal.claim(other, rows)]), loop
        ).result(10)
        assert 6 == len(others)
        assert not set(mine) & set(others)
        return mine

    loop = asyncio.get_running_loop()
    assert 3 == len(await postgres_store.write(one))


async def test_a_flood_from_one_sender_hides_nobody_behind_it(store: Store) -> None:
    """Five thousand messages of one number came before a neighbour's: the neighbour's is in the next batch."""
    flood = [entry(f"SM{number}", sender="+9647901111111") for number in range(5000)]
    neighbour = [entry(f"SN{number}", sender="+9647902222222") for number in range(3)]
    await keep(store, *flood, *neighbour)

    few = [one.id for one in flood[: journal.PER_SENDER]]
    assert [*few, neighbour[0].id] == [row.id for row in await store.read(partial(journal.pending, limit=48))]
    besides = partial(journal.pending, limit=48, besides={neighbour[0].sender})
    assert few == [row.id for row in await store.read(besides)]


async def test_behind_a_flood_everybodys_turn_comes(store: Store) -> None:
    """Behind a flood wait more people than are looked at for one batch: each is understood, in order of arrival."""
    people = journal.VISITED + 300
    flood = [entry(f"SM{number}", sender="+9647905555555") for number in range(1000)]
    await keep(
        store, *flood, *(entry(f"SN{number}", sender=f"+96479{number % people:08d}") for number in range(2 * people))
    )
    left, visits, last = {row.id: row.sender for row in await pending(store)}, Round(), dict[str, int]()

    for _ in range(2 * people // 42 + 3):
        rows = await store.read(partial(journal.pending, limit=48, visits=visits))
        for row in rows:
            assert row.seq > last.get(row.sender, 0)
            last[row.sender] = row.seq
            del left[row.id]
        await store.write(partial(done, rows=rows))
    assert {flood[0].sender} == set(left.values())
    assert people + 1 == len(last)


@pytest.mark.servers
async def test_a_server_that_remembers_a_quiet_hour_finds_who_waits_behind_a_flood(postgres_store: Store) -> None:
    """Its statistics say that nothing ever waits; then a flood comes, and behind it two thousand people: no scans."""
    await keep(postgres_store, *(entry(f"SL{number}", sender=f"+96478{number:08d}") for number in range(2000)))
    await postgres_store.write(partial(done, rows=await pending(postgres_store)))
    await postgres_store.write(lambda connection: connection.execute(text("ANALYZE journal")))
    await keep(postgres_store, *(entry(f"SM{number}", sender="+9647905555555") for number in range(4000)))
    await keep(postgres_store, *(entry(f"SN{number}", sender=f"+96479{number:08d}") for number in range(2000)))

    def visit(connection: Connection) -> int:
        connection.execute(text("SET LOCAL statement_timeout = '1s'"))  # entry by entry it takes 0.02 s
        return len(Round().visit(connection, 5000))

    assert 2001 == await postgres_store.read(visit)


def done(connection: Connection, rows: list[journal.Row]) -> None:
    """Everything in a batch was understood."""
    for row in rows:
        finish(connection, seq=row.seq, outcome="complaint", now=NOW)
