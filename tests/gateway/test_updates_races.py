"""Answers that come at the same moment, to several processes on one PostgreSQL: one after the other, each once."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from gateway.city.city import City
from gateway.incidents import Incidents
from gateway.store import complaints
from gateway.store.accounts import gaps
from gateway.updates import Update
from normalizer.complaint import Status
from tests.gateway.walk import Walk
from tests.servers.postgres import Database

pytestmark = pytest.mark.servers


async def test_the_same_answers_in_many_hands(tmp_path: Path, city: City, postgres: Database) -> None:
    """Twelve copies of two answers to the lead of an incident, in any order: each is done once, each citizen told once.

    Whichever comes first, the complaint is resolved in the end; the followers with it.
    """
    walks = [Walk(tmp_path / name, city, BALAGH_STORE_URL=postgres.url) for name in ("one", "two")]
    first = walks[0]
    await first.open()
    receipts = [await first.hear(sender=f"+96477012345{number:02}") for number in range(3)]
    await first.publish()
    references = [receipt.reference for receipt in receipts]
    await Incidents(first.house, clock=first.clock).create(references, "huda")
    found = await first.house.store.read(partial(complaints.load_many, references=references))
    [(leading,)] = await first.rows("SELECT lead FROM incidents")
    (lead,) = (case for case in found.values() if case.complaint.id == leading)

    def say(verb: str) -> Update:
        return Update(verb, "water", verb, lead.complaint.reference, lead.offer or "", {}, first.clock())

    outcomes = await asyncio.gather(
        *(walk.updates.answer(say(verb)) for _ in range(3) for walk in walks for verb in ("accepted", "resolved"))
    )
    assert 10 == sum(outcome.duplicate for outcome in outcomes)
    assert all(outcome.done for outcome in outcomes if outcome.status == "resolved")
    now = await first.house.store.read(partial(complaints.load_many, references=references))
    assert {Status.RESOLVED} == {case.complaint.status for case in now.values()}
    [(told,)] = await first.rows("SELECT count(*) FROM replies WHERE purpose = 'resolved'")
    assert 3 == told
    events = await first.rows(
        "SELECT type FROM events WHERE reference = :reference", reference=lead.complaint.reference
    )
    assert (1, 1) == tuple(sum(row.type == verb for row in events) for verb in ("accepted", "resolved"))
    await first.publish()
    assert [] == await first.house.store.read(lambda c: list(gaps(c, None, first.clock())))
    for walk in walks:
        await walk.close()


async def test_a_mended_answer_in_many_hands(tmp_path: Path, city: City, postgres: Database) -> None:
    """One id, refused, and then sent with three different bodies to two processes at once: one is done, no other."""
    walks = [Walk(tmp_path / name, city, BALAGH_STORE_URL=postgres.url) for name in ("one", "two")]
    first = walks[0]
    await first.open()
    reference = (await first.hear()).reference
    await first.publish()
    offer = (await first.case(reference)).offer or ""

    def say(**data: str) -> Update:
        return Update("one", "water", "accepted", reference, offer, data, first.clock())

    assert "due_at" == (await first.updates.answer(say(due_at="soon"))).field
    outcomes = await asyncio.gather(
        *(walk.updates.answer(say(officer=name)) for name in ("a", "b", "c") for walk in walks)
    )
    assert [False, True] == sorted(one.duplicate for one in outcomes if one.done)
    assert {"id"} == {one.field for one in outcomes if not one.done}
    [(accepted,)] = await first.rows("SELECT count(*) FROM events WHERE type = 'accepted'")
    assert 1 == accepted
    for walk in walks:
        await walk.close()


async def test_answers_to_the_lead_while_people_join_and_leave(tmp_path: Path, city: City, postgres: Database) -> None:
    """Everybody at once: in the end each follower is as far as its lead, and whoever left is as it is by itself."""
    walks = [Walk(tmp_path / name, city, BALAGH_STORE_URL=postgres.url) for name in ("one", "two")]
    first = walks[0]
    await first.open()
    references = [(await first.hear(sender=f"+96477012345{number:02}")).reference for number in range(8)]
    await first.publish()
    desks = [Incidents(walk.house, clock=first.clock) for walk in walks]
    name = (await desks[0].create(references[:6], "huda")).incident.id
    lead = await first.case((await desks[0].get(name)).incident.reference)
    others = [one for one in references if one != lead.complaint.reference]

    def say(verb: str, **data: str) -> Update:
        return Update(verb, "water", verb, lead.complaint.reference, lead.offer or "", data, first.clock())

    answers = [say("accepted", due_at="2026-11-23T14:00:00Z"), say("progressed", note="بدأنا")]
    await asyncio.gather(
        *(walk.updates.answer(one) for walk in walks for one in answers),
        *(desk.leave(name, [one], "a") for desk, one in zip(desks, others, strict=False)),
        *(desk.join(name, [one], "b") for desk in desks for one in references[6:]),
        desks[1].leave(name, [others[2]], "c"),
    )
    staying = {member.reference for member in (await desks[0].get(name)).members}
    found = [await first.case(one) for one in references]
    now = {case.complaint.reference: (case.complaint.status, case.due_at) for case in found}
    assert {now[lead.complaint.reference]} == {now[one] for one in staying}
    assert Status.IN_PROGRESS is now[lead.complaint.reference][0]
    assert {(Status.OFFERED, None)} == {now[one] for one in references if one not in staying}
    await desks[1].leave(name, [lead.complaint.reference], "d")
    later = [await first.case(one) for one in staying - {lead.complaint.reference}]
    assert {(Status.OFFERED, None)} == {(case.complaint.status, case.due_at) for case in later}
    await first.publish()
    assert [] == await first.house.store.read(lambda c: list(gaps(c, None, first.clock())))
    for walk in walks:
        await walk.close()
