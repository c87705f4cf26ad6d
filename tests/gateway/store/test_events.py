"""Complaints and their events: one unbroken story each, provable, and free of what identifies the citizen."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from gateway.store import complaints, outbox
from gateway.store.complaints import salted
from gateway.store.engine import Connection, DatabaseError, Store
from gateway.store.ledger import Ledger
from gateway.store.tables import complaints as complaint_table
from gateway.store.tables import events, personal, relay
from normalizer.complaint import Place, Priority, Status
from tests.gateway.store.making import ACCOUNT, NOW, PHONE, amend, complaint, file, later, offer, route

WINDOW = timedelta(minutes=15)


async def test_a_complaint_begins_with_its_received_event(store: Store) -> None:
    """Filed: its own row, its first event, and a place in the outbox, all at once."""
    await file(store, "one")

    (event,) = await store.read(partial(complaints.story, complaint_id="id-one"))
    assert ("received", 1, "sms", "normal", None) == (
        event.type, event.sequence, event.channel, event.priority, event.department,
    )  # fmt: skip
    assert NOW == event.time
    assert [event.seq] == [
        letter.event.seq for letter in await store.read(partial(outbox.unpublished, now=NOW, limit=9))
    ]


async def test_fifty_changes_at_once_make_a_story_without_a_hole(store: Store) -> None:
    """Amendments from everywhere at the same moment: numbered 1 to 51, none lost, none doubled, no words lost."""
    await file(store, "one", text="begin")
    await asyncio.gather(*(amend(store, "one", f"word{number}") for number in range(50)))

    story = await store.read(partial(complaints.story, complaint_id="id-one"))
    assert list(range(1, 52)) == [event.sequence for event in story]
    assert sorted(event.seq for event in story) == [event.seq for event in story]
    case = await store.read(partial(complaints.load_by_id, complaint_id="id-one"))
    assert case is not None
    assert (51, 51) == (case.sequence, case.version)
    assert {"begin", *(f"word{number}" for number in range(50))} == set(case.complaint.text.split("\n"))


async def test_an_event_cannot_take_another_s_place(store: Store) -> None:
    """Two events with one number in a complaint's story would be two truths."""
    await file(store, "one")
    row = await store.read(lambda found: found.execute(select(events)).mappings().one())

    with pytest.raises(DatabaseError):
        await store.write(lambda found: found.execute(events.insert(), {**row, "seq": 999, "id": "another"}))


async def test_every_version_of_the_words_is_kept_and_proved_by_its_event(store: Store) -> None:
    """The digest in an event is that of the words as they were then; other words do not fit it."""
    await file(store, "one")
    await amend(store, "one", "وما زال")
    await offer(store, "one")

    rows = await store.read(lambda found: found.execute(select(events).order_by(events.c.sequence)).all())
    kept = await store.read(lambda found: found.execute(select(personal).order_by(personal.c.version)).all())
    assert [("received", 1), ("amended", 2), ("offered", 2)] == [(row.type, row.version) for row in rows]
    assert [1, 2] == [row.version for row in kept]
    for row in rows:
        words = kept[row.version - 1]
        assert salted(words.salt, words.body) == row.digest
        assert salted(words.salt, words.body.replace("الماء", "النار")) != row.digest
    assert kept[0].salt != kept[1].salt


async def test_events_hold_nothing_of_what_the_citizen_said_or_who_they_are(store: Store) -> None:
    """An event outlives the erasure of what is personal, so no word, number, name or place may stand in it."""
    await file(store, "one", place=Place(text="قرب جامع الرحمن", latitude=33.3152, longitude=44.3661))
    await amend(store, "one", "اسمي سعاد ورقمي 07901234567", priority=Priority.DISTRESS)
    await offer(store, "one")
    await offer(store, "one", "sewage")

    rows = await store.read(lambda found: found.execute(select(events)).all())
    assert ["received", "amended", "offered", "recalled", "offered"] == [row.type for row in rows]
    for row in rows:
        written = json.dumps([str(value) for value in row], ensure_ascii=False)
        for secret in ("الماء", "سعاد", "الجبوري", "7901234567", "الرحمن", "33.3152", "44.3661", PHONE, ACCOUNT):
            assert secret not in written


async def test_after_erasure_the_story_is_still_there(store: Store) -> None:
    """What is personal is erased: events, status and department remain, words and contact are gone for good."""
    await file(store, "one")
    await offer(store, "one")
    before = await store.read(partial(complaints.story, complaint_id="id-one"))
    await store.write(lambda found: found.execute(delete(personal)))

    assert before == await store.read(partial(complaints.story, complaint_id="id-one"))
    case = await store.read(partial(complaints.load_by_id, complaint_id="id-one"))
    assert case is not None
    assert ("", None, None) == (case.complaint.text, case.complaint.original_text, case.complaint.contact)
    assert (Status.OFFERED, "water") == (case.complaint.status, case.department)
    letters = await store.read(partial(outbox.unpublished, now=NOW, limit=9))
    assert [""] == [letter.complaint.text for letter in letters]


async def test_an_erased_complaint_can_still_move(store: Store) -> None:
    """Its department changes after erasure: the events say so, with no digest of what is not there."""
    await file(store, "one")
    await store.write(lambda found: found.execute(delete(personal)))
    await offer(store, "one")

    row = await store.read(lambda found: found.execute(select(events).where(events.c.type == "offered")).one())
    assert "" == row.digest


async def test_an_offer_to_another_department_recalls_it_from_the_first(store: Store) -> None:
    """The first department hears that it is out of its hands before the second one is asked."""
    await file(store, "one")
    await offer(store, "one", "water")
    await offer(store, "one", "sewage")

    story = await store.read(partial(complaints.story, complaint_id="id-one"))
    told = [(event.type, event.department, event.sequence) for event in story]
    assert [("received", None, 1), ("offered", "water", 2), ("recalled", "water", 3), ("offered", "sewage", 4)] == told
    assert (story[1].id, "sewage") == (story[2].data["offer"], story[2].data["moved_to"])
    case = await store.read(partial(complaints.load, reference=story[0].reference))
    assert case is not None
    assert ("sewage", story[3].id, 4) == (case.department, case.offer, case.sequence)
    assert route("sewage") == case.route


async def test_a_change_that_fails_leaves_no_trace(store: Store) -> None:
    """The transaction breaks after the event: no event, no words, no entry in the outbox, no number used up."""
    await file(store, "one")

    def job(connection: Connection) -> None:
        case = complaints.load_by_id(connection, "id-one", lock=True)
        assert case is not None
        with Ledger(connection, NOW) as ledger:
            ledger.amend(case, case.complaint, heard_at=NOW, facts={})
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(job)
    for table in (events, personal, relay):
        query = select(table)
        assert 1 == len(await store.read(lambda found, query=query: found.execute(query).all()))  # type: ignore[misc]
    await amend(store, "one", "again")
    assert [1, 2] == [event.sequence for event in await store.read(partial(complaints.story, complaint_id="id-one"))]


async def test_only_an_open_complaint_of_the_sender_within_the_window_is_found(store: Store) -> None:
    """A further message belongs to the sender's latest open complaint, to the window's last second, and to no other."""
    await file(store, "old", sender="anna")
    await file(store, "new", sender="anna", received_at=later(minutes=5))
    await file(store, "else", sender="omar", received_at=later(minutes=5))

    async def found(sender: str, minutes: float) -> str | None:
        since = later(minutes=minutes) - WINDOW
        cases = await store.write(partial(complaints.open_of, senders=[sender, "passer-by"], since=since))
        return cases[sender].complaint.id if sender in cases else None

    assert "id-new" == await found("anna", 6)
    assert "id-new" == await found("anna", 20)
    assert await found("anna", 20.02) is None
    assert await found("nobody", 6) is None
    assert "id-new" == await found("anna", -60)  # it waited in the spool while a later one was filed
    await store.write(lambda connection: connection.execute(
        update(complaint_table).where(complaint_table.c.id == "id-new").values(status="resolved")
    ))  # fmt: skip
    assert "id-old" == await found("anna", 6)
    assert complaint("old").reference != complaint("new").reference


@pytest.mark.servers
async def test_a_complaint_that_is_closed_at_that_moment_is_not_amended(postgres_store: Store) -> None:
    """Its department closes it while a further message waits for the row: that one becomes a complaint of its own."""
    await file(postgres_store, "one", sender="anna")
    loop = asyncio.get_running_loop()

    def close(connection: Connection) -> Future[Any]:
        connection.execute(update(complaint_table).values(status="closed"))
        look = partial(complaints.open_of, senders=["anna"], since=NOW - WINDOW)
        waiting = asyncio.run_coroutine_threadsafe(postgres_store.write(look), loop)
        lock = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not connection.exec_driver_sql(lock).scalar():
            connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        return waiting

    assert {} == await asyncio.wrap_future(await postgres_store.write(close))
