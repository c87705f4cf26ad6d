"""What the broker was given and may have lost, and which of it is published again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from gateway.broker.bus import REFUSED
from gateway.store import complaints, outbox, quarantine, stranded
from gateway.store.engine import Connection, Store
from gateway.store.stranded import Depth
from tests.gateway.store.making import NOW, amend, file, later, offer

SOON = timedelta(seconds=60)


async def publish(store: Store, at: datetime = NOW) -> list[str]:
    """Publish everything, and say what that was: the complaint's name and the number of its event."""
    told: list[str] = []

    def job(connection: Connection) -> bool:
        letters = outbox.unpublished(connection, now=later(days=1), limit=100)
        outbox.published(connection, [letter.event.seq for letter in letters], at)
        told.extend(f"{letter.event.complaint_id[3:]}.{letter.event.sequence}" for letter in letters)
        return bool(letters)

    while await store.write(job):
        pass
    return told


async def counted(store: Store, after: int = 0) -> tuple[int, datetime | None]:
    return await store.read(partial(stranded.unrouted, after=after))


async def tell_again(store: Store, before: datetime, after: int = 0) -> Sequence[str]:
    return await store.write(partial(stranded.tell_again, after=after, before=before))


async def test_what_no_router_has_seen_is_counted_and_published_again(store: Store) -> None:
    """Published and undecided for too long: again, by the same event; one that is routed or still waits is not."""
    for name in ("lost", "routed"):
        await file(store, name)
    assert ["lost.1", "routed.1"] == await publish(store)
    await offer(store, "routed")
    await file(store, "waits")

    assert (1, NOW) == await counted(store)
    assert [] == await tell_again(store, before=NOW)
    assert 1 == len(await tell_again(store, before=later(seconds=1)))
    assert (0, None) == await counted(store)
    assert ["lost.1", "routed.2", "waits.1"] == sorted(await publish(store))


async def test_words_that_the_router_has_not_seen_are_published_again(store: Store) -> None:
    """A citizen adds to a routed complaint and the broker loses that: it counts until a router has seen it."""
    await file(store, "a")
    await offer(store, "a")
    await publish(store)
    assert (0, None) == await counted(store)
    await amend(store, "a", "ومازال مقطوعاً")
    await publish(store, later(seconds=5))

    assert (1, later(seconds=5)) == await counted(store)
    await tell_again(store, before=later(seconds=6))
    assert ["a.3"] == await publish(store)


async def test_what_broke_on_the_way_to_its_department_is_not_published_for_ever(store: Store) -> None:
    """It is in quarantine, where a person decides."""
    case = await file(store, "poison")
    await publish(store)
    [event] = await store.read(partial(_events, complaint=case.complaint.id))
    await store.write(partial(quarantine.add, stage="dispatch", subject=event, reason="a bug", body="", now=NOW))

    assert (0, None) == await counted(store)
    assert [] == await tell_again(store, before=later(days=1))


async def test_a_look_begins_where_the_last_one_ended(store: Store) -> None:
    """What is old and routed is not looked at again; what is young or undecided is, and keeps what follows."""
    for name in ("a", "b", "c"):
        await file(store, name)
    await publish(store)
    settled = partial(stranded.settled, before=NOW + SOON)
    assert 0 == await store.read(partial(settled, after=0))
    for name in ("a", "c"):
        await offer(store, name)
    assert 1 == await store.read(partial(settled, after=0))
    assert (1, NOW) == await counted(store, after=1)
    await offer(store, "b")
    assert 6 == await store.read(partial(settled, after=1))
    assert 1 == await store.read(partial(stranded.settled, after=1, before=NOW))  # all of it is young then

    assert 0 == await store.read(stranded.settled_before)
    for seq in (1, 6):
        await store.write(partial(stranded.keep_settled, seq=seq))
        assert seq == await store.read(stranded.settled_before)


async def test_a_lost_queue_is_filled_with_what_it_can_have_held(store: Store) -> None:
    """Two lay in it when it was last looked at, two came after that: those, and not what was taken long ago."""
    for number in range(6):
        await file(store, str(number))
        await offer(store, str(number), "water" if number != 4 else "roads")
        await publish(store, later(seconds=10 * number))
    depth = Depth(2, later(seconds=25))  # 0, 1 and 2 had been published, and one taken
    assert await store.read(partial(stranded.remembered, queue="department.water")) is None
    for known in (Depth(9, NOW), depth):
        await store.write(partial(stranded.remember, queue="department.water", depth=known))
    assert depth == await store.read(partial(stranded.remembered, queue="department.water"))

    again = partial(stranded.offer_again, department="water", depth=depth, until=later(seconds=45))
    assert 3 == await store.write(again)
    assert ["1.2", "2.2", "3.2"] == await publish(store)


async def test_the_oldest_in_a_queue_is_as_old_as_its_publication(store: Store) -> None:
    """Of three that were published the two latest lie there, so the second is the oldest."""
    for number in range(3):
        await file(store, str(number))
        await offer(store, str(number))
        await publish(store, later(minutes=number))

    assert later(minutes=1) == await store.read(partial(stranded.waits_since, department="water", messages=2))
    assert await store.read(partial(stranded.waits_since, department="water", messages=9)) is None


async def test_refused_departments_are_named(store: Store) -> None:
    """Only those that the broker refused, and the router where it was that; a missing queue is another matter."""
    for number, (department, reason) in enumerate((("water", REFUSED), ("roads", "no queue takes it"))):
        await file(store, str(number))
        await offer(store, str(number), department)
        await store.write(partial(_park_offer, complaint=f"id-{number}", reason=reason))

    assert {("water", False)} == await store.read(partial(stranded.refused, reason=REFUSED))

    await file(store, "new")
    fresh = await store.read(partial(outbox.unpublished, now=later(days=1), limit=100))
    [seq] = [letter.event.seq for letter in fresh if letter.event.complaint_id == "id-new"]
    await store.write(partial(outbox.park, seq=seq, reason=REFUSED, until=later(days=1)))
    assert {("water", False), (None, False)} == await store.read(partial(stranded.refused, reason=REFUSED))


async def test_the_copies_of_the_quarantine_are_made_again(store: Store) -> None:
    """balagh.dead was deleted: what is open goes there again, what a person has settled does not."""
    for subject in ("open", "dropped"):
        add = partial(quarantine.add, stage="interpret", subject=subject, reason="odd", body="{}", now=NOW)
        number = await store.write(add)
        await store.write(partial(outbox.copied, ids=[number], now=NOW))
    await store.write(partial(quarantine.settle, number=number, state="dropped", by="a person", now=NOW))

    assert 0 == await store.write(partial(stranded.copy_again, before=NOW))  # it was made before they were copied
    assert 1 == await store.write(partial(stranded.copy_again, before=later(seconds=1)))
    [row] = await store.read(partial(outbox.uncopied, limit=10))
    assert "open" == row.subject


def _events(connection: Connection, complaint: str) -> list[str]:
    return [event.id for event in complaints.story(connection, complaint)]


def _park_offer(connection: Connection, complaint: str, reason: str) -> None:
    [offered] = [event for event in complaints.story(connection, complaint) if event.type == "offered"]
    outbox.park(connection, offered.seq, reason, later(days=1))
