"""The books: every message is counted once, and whatever is missing is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import delete, update

from gateway.store import accounts, journal, outbox, quarantine
from gateway.store.accounts import ChannelAccount, DepartmentAccount, Passage
from gateway.store.engine import Connection, Store
from gateway.store.tables import complaints, events, relay
from gateway.store.tables import journal as journal_table
from gateway.store.tables import quarantine as quarantine_table
from tests.gateway.store.making import NOW, amend, complaint, entry, file, finish, later, offer, refer, set_aside

REFERENCE = complaint("one").reference


async def accept(store: Store, name: str, *, at: datetime = NOW, channel: str = "sms") -> int:
    """Journal a message and return its place."""
    made = entry(name, at=at, channel=channel)
    made = replace(made, id=f"id-{name}", refer=refer(complaint(name).reference))
    await store.write(partial(journal.append, entries=[made]))
    rows = await store.read(partial(journal.pending, limit=99, per_sender=99))
    return rows[-1].seq


async def whole(store: Store, name: str) -> None:
    """A message that went the whole way: journaled, filed, offered, published."""
    seq = await accept(store, name)
    await file(store, name)
    await store.write(partial(finish, seq=seq, outcome="complaint", now=NOW, complaint_id=f"id-{name}"))
    await offer(store, name)
    await publish(store)


async def publish(store: Store) -> None:
    while letters := await store.read(partial(outbox.unpublished, now=NOW, limit=99)):
        await store.write(partial(outbox.published, seqs=[letter.event.seq for letter in letters], now=NOW))


async def gaps(
    store: Store, *, settled_before: datetime | None = None, since: datetime | None = None
) -> dict[str, tuple[int, tuple[str, ...]]]:
    before = settled_before or later(hours=1)
    found = await store.read(lambda connection: list(accounts.gaps(connection, since, before)))
    return {gap.what: (gap.count, gap.references) for gap in found}


async def test_a_house_in_order_misses_nothing(store: Store) -> None:
    """Three messages went the whole way: no gap. An empty house has none either."""
    assert {} == await gaps(store)
    for name in ("one", "two", "three"):
        await whole(store, name)

    assert {} == await gaps(store)


def _forget_complaint(connection: Connection) -> None:
    connection.execute(update(journal_table).values(complaint_id="id-nobody"))


def _cut_story(connection: Connection) -> None:
    last = connection.execute(events.select().order_by(events.c.seq.desc())).first()
    assert last is not None
    connection.execute(delete(relay).where(relay.c.event_seq == last.seq))
    connection.execute(delete(events).where(events.c.seq == last.seq))


def _hole_in_story(connection: Connection) -> None:
    first = connection.execute(events.select().order_by(events.c.seq)).first()
    assert first is not None
    connection.execute(delete(relay).where(relay.c.event_seq == first.seq))
    connection.execute(delete(events).where(events.c.seq == first.seq))


def _no_story(connection: Connection) -> None:
    connection.execute(delete(relay))
    connection.execute(delete(events))


def _forget_outbox(connection: Connection) -> None:
    connection.execute(delete(relay).where(relay.c.event_seq == 2))


def _unconfirm(connection: Connection) -> None:
    connection.execute(update(relay).where(relay.c.event_seq == 2).values(published_at=None))


def _take_from_department(connection: Connection) -> None:
    connection.execute(update(complaints).values(department=None))


def _leave_waiting(connection: Connection) -> None:
    connection.execute(update(journal_table).values(state="pending"))


def _hide_from_triage(connection: Connection) -> None:
    set_aside(connection, 1, "broken", NOW)
    number = quarantine.add(connection, stage="interpret", subject="id-one", reason="x", body="{}", now=NOW)
    connection.execute(delete(quarantine_table).where(quarantine_table.c.id == number))


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (_leave_waiting, "accepted, but not understood yet"),
        (_forget_complaint, "understood as a complaint, but there is none"),
        (_hide_from_triage, "set aside, but nobody is shown it"),
        (_cut_story, "a complaint with a hole in its events"),
        (_hole_in_story, "a complaint with a hole in its events"),
        (_no_story, "a complaint with a hole in its events"),
        (_forget_outbox, "an event that the outbox does not know"),
        (_unconfirm, "an event that the broker has not confirmed"),
        (_take_from_department, "a complaint that no department has"),
    ],
)
async def test_every_kind_of_loss_is_found(store: Store, harm: Callable[[Connection], None], what: str) -> None:
    """Somebody, or a bug, takes a piece away: the books name the kind of gap and the reference, and nothing else."""
    await whole(store, "one")
    await store.write(harm)

    assert {what: (1, (REFERENCE,))} == await gaps(store)


async def test_what_a_person_is_shown_is_not_missing(store: Store) -> None:
    """In quarantine with an open row: accounted for. Settled without a retry that put it back: missing."""
    seq = await accept(store, "one")
    await store.write(partial(set_aside, seq=seq, reason="broken", now=NOW))
    number = await store.write(
        partial(quarantine.add, stage="interpret", subject="id-one", reason="broken", body="{}", now=NOW)
    )
    assert {} == await gaps(store)
    await store.write(partial(quarantine.settle, number=number, state="dropped", by="amal", now=NOW))
    assert {"set aside, but nobody is shown it": (1, (REFERENCE,))} == await gaps(store)


async def test_what_is_still_on_its_way_is_no_gap(store: Store) -> None:
    """Accepted a moment ago and not understood, or filed and not published: that is work, not loss."""
    await accept(store, "one")
    await file(store, "two")

    assert {} == await gaps(store, settled_before=NOW)
    assert 3 == len(await gaps(store, settled_before=later(seconds=1)))


async def test_only_what_came_since_is_looked_at(store: Store) -> None:
    """Asked from a day on: what was accepted before it is left out."""
    await accept(store, "one")

    assert {} == await gaps(store, since=later(minutes=1))
    assert {"accepted, but not understood yet": (1, (REFERENCE,))} == await gaps(store, since=later(minutes=-1))


async def test_a_hundred_gaps_are_counted_and_twenty_named(store: Store) -> None:
    """A person needs the number and somewhere to begin."""
    for number in range(25):
        await accept(store, str(number))

    ((count, named),) = (await gaps(store)).values()
    assert (25, 20) == (count, len(named))


async def test_every_message_is_in_one_column(store: Store) -> None:
    """Channel by channel: accepted is the sum of what the messages became."""
    outcomes = ("complaint", "complaint", "amendment", "nothing to file: empty", "opt_out", "delivery: sent")
    for number, outcome in enumerate(outcomes):
        seq = await accept(store, str(number))
        await store.write(partial(finish, seq=seq, outcome=outcome, now=NOW))
    await store.write(partial(set_aside, seq=await accept(store, "broken"), reason="broken", now=NOW))
    await accept(store, "waiting")
    await accept(store, "other", channel="whatsapp", at=later(days=1))

    sms = ChannelAccount("sms", 8, complaints=2, amendments=1, nothing=1, others=2, waiting=1, quarantined=1)
    whatsapp = ChannelAccount("whatsapp", 1, 0, 0, 0, 0, waiting=1, quarantined=0)
    assert [sms, whatsapp] == await store.read(lambda connection: accounts.by_channel(connection, None))
    assert [whatsapp] == await store.read(lambda connection: accounts.by_channel(connection, later(hours=1)))


async def test_every_channel_s_complaints_are_followed_to_their_department(store: Store) -> None:
    """Filed, confirmed by the broker, offered: each channel's complaints are counted at every stage of the way."""
    await whole(store, "one")
    for name in ("two", "three"):
        seq = await accept(store, name, channel="whatsapp", at=later(hours=2))
        await file(store, name)
        await store.write(partial(finish, seq=seq, outcome="complaint", now=NOW, complaint_id=f"id-{name}"))
    await publish(store)
    await offer(store, "two")
    await amend(store, "three", "more")
    more = await accept(store, "more")
    await store.write(partial(finish, seq=more, outcome="amendment", now=NOW, complaint_id="id-one"))

    whatsapp = Passage("whatsapp", filed=2, confirmed=0, offered=0)
    assert [Passage("sms", 1, 1, 1), whatsapp] == await store.read(partial(accounts.passages, since=None))
    await publish(store)
    assert [Passage("whatsapp", 2, 2, 1)] == await store.read(partial(accounts.passages, since=later(hours=1)))


async def test_every_department_s_events_are_counted(store: Store) -> None:
    """What a department was sent, what it has not been sent yet, and of how many complaints."""
    for name in ("one", "two"):
        await whole(store, name)
    await amend(store, "one", "more")
    await offer(store, "two", "sewage")

    found = await store.read(lambda connection: accounts.by_department(connection, None))
    assert [DepartmentAccount("sewage", 0, 1, 1), DepartmentAccount("water", 2, 2, 2)] == found
