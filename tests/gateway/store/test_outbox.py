"""The outbox: what goes next, what waits behind it, and what a refusal holds up."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime
from functools import partial

from gateway.store import outbox, quarantine
from gateway.store.engine import Store
from gateway.store.outbox import Letter
from normalizer.complaint import Priority, Status
from tests.gateway.store.making import NOW, amend, complaint, file, later, offer


async def heads(store: Store, *, now: datetime = NOW, limit: int = 100) -> list[Letter]:
    return await store.read(partial(outbox.unpublished, now=now, limit=limit))


async def names(store: Store, *, now: datetime = NOW, limit: int = 100) -> list[str]:
    return [f"{letter.complaint.id[3:]}.{letter.event.sequence}" for letter in await heads(store, now=now, limit=limit)]


async def confirm(store: Store, letters: list[Letter]) -> None:
    await store.write(partial(outbox.published, seqs=[letter.event.seq for letter in letters], now=NOW))


async def park(store: Store, letter: Letter, until: datetime, reason: str = "no queue takes it") -> None:
    await store.write(partial(outbox.park, seq=letter.event.seq, reason=reason, until=until))


async def test_of_each_complaint_only_the_first_event_goes(store: Store) -> None:
    """The second event of a complaint is not shown before the first is confirmed."""
    await file(store, "a")
    await file(store, "b")
    await amend(store, "a", "more")

    assert ["a.1", "b.1"] == await names(store)
    await confirm(store, (await heads(store))[:1])
    assert ["b.1", "a.2"] == await names(store)


async def test_every_complaint_s_events_leave_in_their_order(store: Store) -> None:
    """Twenty complaints, changed at once and published in windows of seven: each is told from beginning to end."""
    for number in range(20):
        await file(store, str(number))
    await asyncio.gather(*(amend(store, str(number % 20), str(number)) for number in range(60)))

    told: dict[str, list[int]] = defaultdict(list)
    while found := await heads(store, limit=7):
        assert len(found) == len({letter.event.complaint_id for letter in found})
        for letter in found:
            told[letter.event.complaint_id].append(letter.event.sequence)
        await confirm(store, found)
    assert [[1, 2, 3, 4]] * 20 == list(told.values())


async def test_danger_to_life_goes_first(store: Store) -> None:
    """A backlog of a hundred, then a danger: it is in the next window, however small that is."""
    for number in range(30):
        await file(store, str(number))
    await file(store, "danger", priority=Priority.DISTRESS)

    assert ["danger.1", "0.1"] == await names(store, limit=2)


async def test_a_danger_told_in_a_second_message_does_not_wait_behind_the_backlog(store: Store) -> None:
    """A harmless message is not out yet, the next says that a wire is down: both go before the rest, in order."""
    for number in range(30):
        await file(store, str(number))
    await amend(store, "29", "سلك مكشوف", priority=Priority.DISTRESS)

    assert ["29.1", "0.1"] == await names(store, limit=2)
    await confirm(store, (await heads(store))[:1])
    assert ["29.2", "0.1"] == await names(store, limit=2)


async def test_a_refused_event_holds_up_its_own_complaint_alone(store: Store) -> None:
    """The broker refuses one: what follows it waits, the other complaints pass, and later it is tried again."""
    await file(store, "a")
    await file(store, "b")
    await amend(store, "a", "more")
    (refused, _) = await heads(store)
    await park(store, refused, later(seconds=5))

    assert ["b.1"] == await names(store)
    assert ["b.1"] == await names(store, now=later(seconds=4.9))
    assert ["b.1", "a.1"] == await names(store, now=later(seconds=5))  # after what was never refused
    assert [0, 1] == sorted(letter.attempts for letter in await heads(store, now=later(seconds=5)))
    assert [(refused.event.reference, 1, "no queue takes it")] == await store.read(outbox.parked)
    assert (3, 1, NOW) == await store.read(outbox.backlog)

    await confirm(store, [refused])
    assert ["b.1", "a.2"] == await names(store)
    assert [] == await store.read(outbox.parked)
    assert (2, 0, NOW) == await store.read(outbox.backlog)


async def test_when_the_broker_is_mended_everything_parked_is_tried_at_once(store: Store) -> None:
    """A missing queue was made again: nobody waits for the pause to end."""
    await file(store, "a")
    await park(store, (await heads(store))[0], later(hours=1))
    assert [] == await names(store)
    await store.write(outbox.unpark)

    assert ["a.1"] == await names(store)


async def test_a_letter_tells_the_complaint_as_the_event_saw_it(store: Store) -> None:
    """The first event goes out after the complaint was amended, raised and offered: it speaks of its own time."""
    await file(store, "a", text="first")
    await amend(store, "a", "second", priority=Priority.DISTRESS)
    await offer(store, "a", "water")

    letters = []
    while found := await heads(store):
        letters += found
        await confirm(store, found)
    assert ["first", "first\nsecond", "first\nsecond"] == [letter.complaint.text for letter in letters]
    assert [Priority.NORMAL, Priority.DISTRESS, Priority.DISTRESS] == [letter.complaint.priority for letter in letters]
    assert [Status.RECEIVED, Status.RECEIVED, Status.OFFERED] == [letter.complaint.status for letter in letters]
    assert [None, None, "water"] == [letter.route and letter.route.department for letter in letters]
    assert complaint("a").contact == letters[0].complaint.contact


async def test_an_event_is_published_once_more_under_its_own_name(store: Store) -> None:
    """What went to quarantine at dispatch is retried by a person: the same event, the same id."""
    await file(store, "a")
    (letter,) = await heads(store)
    await confirm(store, [letter])
    assert [] == await names(store)

    assert not await store.write(partial(outbox.republish, event_id="no such event"))
    assert await store.write(partial(outbox.republish, event_id=letter.event.id))
    assert [letter.event.id] == [again.event.id for again in await heads(store)]


async def test_copies_of_the_quarantine_are_owed_until_the_broker_has_them(store: Store) -> None:
    """What went to quarantine is copied to balagh.dead: owed, and after confirmation owed no more."""
    number = await store.write(
        partial(quarantine.add, stage="interpret", subject="x", reason="broken", body="{}", now=NOW)
    )
    assert [number] == [row.id for row in await store.read(partial(outbox.uncopied, limit=9))]
    await store.write(partial(outbox.copied, ids=[number], now=NOW))

    assert [] == await store.read(partial(outbox.uncopied, limit=9))


async def test_nothing_to_confirm_is_no_mistake(store: Store) -> None:
    """The connection was lost before the first confirm: the relay records an empty list."""
    await store.write(partial(outbox.published, seqs=[], now=NOW))
    await store.write(partial(outbox.copied, ids=[], now=NOW))

    assert (0, 0, None) == await store.read(outbox.backlog)


async def test_however_many_are_parked_the_others_pass(store: Store) -> None:
    """A department's queue is missing and a hundred events wait for it: they come a few at a time, behind the rest."""
    for number in range(60):
        await file(store, f"stuck-{number}")
    for letter in await heads(store, limit=99):
        await park(store, letter, NOW)
    await file(store, "fresh")

    found = await names(store, now=later(seconds=1), limit=10)
    assert "fresh.1" == found[0]
    assert 1 + outbox.RETRIED == len(found)
