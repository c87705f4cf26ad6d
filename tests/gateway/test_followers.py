"""Who follows an incident sees the department at work on its lead, as long as they follow it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy.event import listen, remove

from channels.message import Pin
from gateway.citizen.story import tell
from gateway.incidents import Incidents
from gateway.schemas.event import ComplaintChanged
from gateway.store import complaints
from gateway.store.accounts import gaps
from gateway.store.complaints import Event
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from gateway.updates import Outcome, Update
from normalizer.complaint import Status
from tests.gateway.walk import EITHER_STORE, OUTAGE, Walk

HERE = Pin(latitude=33.3331, longitude=44.3331)
UNCLEAR = "ممكن تساعدوني"
WATER = {"category": "water.outage"}
SOON, LATER = "2026-11-23T14:00:00Z", "2026-11-25T14:00:00Z"


@pytest.fixture
def incidents(walk: Walk) -> Incidents:
    """The door to its incidents, on the same clock."""
    return Incidents(walk.house, clock=walk.clock)


async def reported(walk: Walk, count: int, first: int = 0, text: str = OUTAGE, **more: Any) -> list[str]:
    """Citizens write of the same, and the water department is offered each; returns their references."""
    found = []
    for one in range(first, first + count):
        receipt = await walk.hear(f"{text} وبيتنا رقم {one}", f"+96477012300{one:02}", **{"answers": WATER, **more})
        walk.clock.pass_by(minutes=1)
        found.append(receipt.reference)
    await walk.publish()
    return found


async def say(walk: Walk, reference: str, verb: str, **data: Any) -> Outcome:
    """Let the department that has a complaint answer its offer."""
    found = await walk.case(reference)
    name = f"{reference}-{verb}-{walk.clock.now.isoformat()}"
    update = Update(name, found.department or "", verb, reference, found.offer or "", data, walk.clock())
    outcome = await walk.updates.answer(update)
    walk.clock.pass_by(seconds=1)
    return outcome


async def stands(walk: Walk, reference: str) -> tuple[str, str | None]:
    """A complaint's status, and the date that was promised."""
    found = await walk.case(reference)
    due = found.due_at.astimezone(UTC).isoformat().replace("+00:00", "Z") if found.due_at else None
    return found.complaint.status.value, due


async def story(walk: Walk, reference: str) -> list[Event]:
    found = await walk.case(reference)
    return await walk.house.store.read(partial(complaints.story, complaint_id=found.complaint.id))


@contextlib.contextmanager
def statements(walk: Walk) -> Iterator[list[str]]:
    """Every statement that the store is given meanwhile; one for many rows is one."""
    given: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        given.append(statement)

    listen(walk.house.store.engine, "before_cursor_execute", note)
    yield given
    remove(walk.house.store.engine, "before_cursor_execute", note)


async def balanced(walk: Walk) -> None:
    """Everything is published, every event is as its schema says, and the books have no gap."""
    await walk.publish()
    for event in walk.tape.events():
        ComplaintChanged.model_validate({name: value for name, value in event.items() if name != "to"})
    assert [] == await walk.house.store.read(lambda c: list(gaps(c, None, walk.clock())))


@EITHER_STORE
async def test_who_follows_sees_the_department_at_work(walk: Walk, incidents: Incidents) -> None:
    """Accepted, put off, in progress: each follower has the status and the date, with events and numbers of its own."""
    lead, *others = await reported(walk, 3)
    made = await incidents.create([lead, *others], "sara")
    await say(walk, lead, "accepted", due_at=SOON, officer="م. سعاد")
    assert [("accepted", SOON)] * 3 == [await stands(walk, one) for one in (lead, *others)]
    await say(walk, lead, "accepted", due_at=LATER)
    await say(walk, lead, "progressed", note="فريق في الطريق")
    assert [("in_progress", LATER)] * 3 == [await stands(walk, one) for one in (lead, *others)]

    for one in others:
        events = (await story(walk, one))[3:]
        assert ["accepted", "accepted", "progressed"] == [event.type for event in events]
        assert [4, 5, 6] == [event.sequence for event in events]
        assert {lead} == {event.data["as"] for event in events}
        seen = await tell(walk.house.store, one)
        assert seen is not None
        assert (Status.IN_PROGRESS, "water", datetime.fromisoformat(LATER)) == (seen.status, seen.department, seen.due)
        assert ["event-accepted", "event-dated", "event-progressed"] == [step.phrase for step in seen.steps][-3:]
    await balanced(walk)
    told = walk.tape.events()
    assert 3 == sum(event["type"] == "balagh.complaint.offered.v1" for event in told)
    shared = [event for event in told if event["subject"] in others and "accepted" in event["type"]]
    assert {made.incident.id} == {event["data"]["incident"]["id"] for event in shared}


async def test_what_is_told_of_a_follower_says_whose_work_it_is(walk: Walk, incidents: Incidents) -> None:
    """Done with its lead, too: the event names the incident as every other one does, so that a program folds it."""
    lead, other = await reported(walk, 2)
    made = await incidents.create([lead, other], "sara")
    await say(walk, lead, "resolved")
    await balanced(walk)
    last = [event for event in walk.tape.events() if event["subject"] == other][-1]
    named = {"id": made.incident.id, "lead": lead, "followers": 1}
    assert ("balagh.complaint.resolved.v1", named) == (last["type"], last["data"]["incident"])


async def test_who_joins_later_is_as_far_as_the_lead(walk: Walk, incidents: Incidents) -> None:
    """Joined by a person, from its department or from the triage desk, or by the house before it is offered."""
    found = await reported(walk, 6, place=HERE)
    made = await incidents.create(found[:5], "sara")
    await say(walk, found[0], "progressed", note="بدأنا")
    await say(walk, found[0], "accepted", due_at=SOON)
    (unclear,) = await reported(walk, 1, first=50, answers={}, text=UNCLEAR)
    await incidents.join(made.incident.id, [found[5], unclear], "sara")
    (itself,) = await reported(walk, 1, first=20, place=HERE)

    assert [("in_progress", SOON)] * 3 == [await stands(walk, one) for one in (found[5], unclear, itself)]
    assert ["amended", "offered", "accepted", "progressed"] == [event.type for event in await story(walk, itself)][1:]
    await balanced(walk)


async def test_whoever_leaves_is_what_it_was(walk: Walk, incidents: Incidents) -> None:
    """A person takes it out: nobody has accepted it, its department hears that, and may accept it by itself."""
    lead, other = await reported(walk, 2)
    made = await incidents.create([lead, other], "sara")
    await say(walk, lead, "accepted", due_at=SOON)
    await incidents.leave(made.incident.id, [other], "omar")
    assert ("offered", None) == await stands(walk, other)
    assert ("accepted", SOON) == await stands(walk, lead)
    await balanced(walk)
    last = walk.tape.events()[-1]
    assert (other, "amended", "offered", None, None) == (
        last["subject"],
        last["type"].split(".")[2],
        last["data"]["complaint"]["status"],
        last["data"]["incident"],
        last["data"]["due_at"],
    )
    assert "accepted" == (await say(walk, other, "accepted", due_at=LATER)).status
    seen = await tell(walk.house.store, other)
    assert seen is not None
    assert ["event-accepted", "event-accepted"] == [step.phrase for step in seen.steps][-2:]
    await incidents.join(made.incident.id, [other], "sara")
    assert ("accepted", LATER) == await stands(walk, other)


async def test_what_was_answered_to_a_follower_stays_its_own(walk: Walk, incidents: Incidents) -> None:
    """A program that folds nothing answers every offer: its dates stand, nothing goes back, and leaving keeps them."""
    lead, other = await reported(walk, 2)
    made = await incidents.create([lead, other], "sara")
    await say(walk, lead, "accepted", due_at=SOON)
    assert "done" == (await say(walk, other, "accepted", due_at=LATER)).result
    await say(walk, lead, "accepted", due_at="2026-11-24T14:00:00Z")
    assert ("accepted", LATER) == await stands(walk, other)
    await say(walk, lead, "progressed", note="بدأنا")
    assert ("in_progress", LATER) == await stands(walk, other)
    assert ["accepted", "accepted", "progressed"] == [event.type for event in await story(walk, other)][3:]
    await incidents.leave(made.incident.id, [other], "omar")
    assert ("accepted", LATER) == await stands(walk, other)
    await balanced(walk)


async def test_who_was_accepted_without_a_date_has_that_of_the_lead(walk: Walk, incidents: Incidents) -> None:
    """A program accepts and goes on with a follower, and says when only to the lead: a moved date moves for both."""
    lead, other = await reported(walk, 2)
    made = await incidents.create([lead, other], "sara")
    await say(walk, other, "accepted")
    await say(walk, lead, "accepted", due_at=SOON)
    assert ("accepted", SOON) == await stands(walk, other)
    await say(walk, other, "progressed", note="بدأنا")
    await say(walk, lead, "accepted", due_at=LATER)
    assert ("in_progress", LATER) == await stands(walk, other)
    await incidents.leave(made.incident.id, [other], "omar")
    assert ("in_progress", None) == await stands(walk, other)
    await incidents.join(made.incident.id, [other], "omar")
    assert ("in_progress", LATER) == await stands(walk, other)
    seen = await tell(walk.house.store, other)
    assert seen is not None
    dates = [step.due.isoformat().replace("+00:00", "Z") for step in seen.steps if step.due]
    assert [SOON, LATER, LATER] == dates
    await balanced(walk)


async def test_what_another_department_answered_counts_no_more(walk: Walk, incidents: Incidents) -> None:
    """Accepted by itself, and then taken along to the next department: there it has only what its lead has."""
    lead, other = await reported(walk, 2)
    made = await incidents.create([lead, other], "sara")
    await say(walk, other, "accepted", due_at=LATER)
    await say(walk, lead, "rejected", reason="لا", suggested_department="sewage")
    await say(walk, lead, "accepted", due_at=SOON)
    assert ("accepted", SOON) == await stands(walk, other)
    await incidents.leave(made.incident.id, [other], "omar")
    assert ("offered", None) == await stands(walk, other)


async def test_who_is_at_another_department_is_not_accepted_there(walk: Walk, incidents: Incidents) -> None:
    """One cause, two departments: what the lead's says, the other has not said."""
    (lead,) = await reported(walk, 1)
    (other,) = await reported(walk, 1, first=1, answers={"category": "roads.damage"})
    await incidents.create([lead, other], "sara")
    await say(walk, lead, "progressed", note="بدأنا")
    assert ("offered", None) == await stands(walk, other)
    assert "water" != (await walk.case(other)).department


async def test_who_followed_before_this_was_shared_is_taken_along(walk: Walk, incidents: Incidents) -> None:
    """Offered since an older gateway accepted the lead: with the next answer it is accepted, and then in progress."""
    lead, other = await reported(walk, 2)
    await incidents.create([lead, other], "sara")
    await walk.change("UPDATE complaints SET status = 'accepted' WHERE reference = :one", one=lead)
    await say(walk, lead, "progressed", note="بدأنا")
    assert ["accepted", "progressed"] == [event.type for event in await story(walk, other)][-2:]


async def test_when_the_lead_leaves_nobody_has_been_accepted(walk: Walk, incidents: Incidents) -> None:
    """What was accepted was another cause: the others wait again, and have what the next lead is told."""
    lead, second, third = await reported(walk, 3)
    made = await incidents.create([lead, second, third], "sara")
    await say(walk, lead, "accepted", due_at=SOON)
    await incidents.leave(made.incident.id, [lead], "omar")
    assert [("accepted", SOON), ("offered", None), ("offered", None)] == [
        await stands(walk, one) for one in (lead, second, third)
    ]
    await say(walk, second, "accepted", due_at=LATER)
    assert ("accepted", LATER) == await stands(walk, third)
    await balanced(walk)


async def test_when_the_lead_is_rejected_nobody_is_at_work(walk: Walk, incidents: Incidents) -> None:
    """Accepted, and then rejected with nobody named: the followers are offered until the desk has decided."""
    lead, other = await reported(walk, 2)
    await incidents.create([lead, other], "sara")
    await say(walk, lead, "accepted", due_at=SOON)
    await say(walk, lead, "rejected", reason="ليست لنا")
    assert [("triage", None), ("offered", None)] == [await stands(walk, one) for one in (lead, other)]
    desk = Tasks(walk.house, clock=walk.clock)
    [task] = await desk.list([TaskKind.TRIAGE])
    await desk.complete(task.id, "huda", Answer(department="roads"))
    await say(walk, lead, "accepted", due_at=LATER)
    assert ("accepted", LATER) == await stands(walk, other)
    assert "roads" == (await walk.case(other)).department
    await balanced(walk)


async def test_with_a_rejected_lead_goes_who_lies_beside_it(walk: Walk, incidents: Incidents) -> None:
    """Who was done with by themselves, or is at another department, stays where they are."""
    lead, beside, done = await reported(walk, 3)
    (other,) = await reported(walk, 1, first=3, answers={"category": "roads.damage"})
    elsewhere = (await walk.case(other)).department
    await incidents.create([lead, beside, done, other], "sara")
    await say(walk, done, "resolved", answer="أصلحناه")
    await say(walk, lead, "rejected", reason="لا", suggested_department="sewage")

    everybody = [await walk.case(one) for one in (lead, beside, done, other)]
    assert ["sewage", "sewage", "water", elsewhere] == [found.department for found in everybody]
    await balanced(walk)


async def test_of_a_lead_that_was_not_accepted_nobody_falls_back(walk: Walk, incidents: Incidents) -> None:
    """Rejected at once, with nobody named: of who follows there is nothing to tell the department."""
    lead, other = await reported(walk, 2)
    await incidents.create([lead, other], "sara")
    before = await story(walk, other)
    await say(walk, lead, "rejected", reason="ليست لنا")

    assert before == await story(walk, other)


async def test_who_waits_for_a_decision_is_accepted_with_it(walk: Walk, incidents: Incidents) -> None:
    """The follower is still at the desk when the lead is accepted; sent to the same department it is accepted there."""
    lead = (await reported(walk, 1, answers={}, text=UNCLEAR))[0]
    other = (await reported(walk, 1, first=1, answers={}, text=UNCLEAR))[0]
    await incidents.create([lead, other], "sara")
    desk = Tasks(walk.house, clock=walk.clock)
    first, second = await desk.list([TaskKind.TRIAGE])
    assert lead == await desk.complete(first.id, "huda", Answer(department="roads"))
    await say(walk, lead, "accepted", due_at=SOON)
    assert ("triage", None) == await stands(walk, other)
    await desk.complete(second.id, "huda", Answer(department="roads"))
    assert ("accepted", SOON) == await stands(walk, other)
    await balanced(walk)


@pytest.mark.parametrize("act", ["leaves", "rejected", "moved"])
async def test_many_followers_cost_no_more_questions_than_few(walk: Walk, incidents: Incidents, act: str) -> None:
    """The lead of half a city is taken out, or rejected: the store is not asked for each follower by itself."""
    asked = []
    for count in (2, 5):
        lead, *others = await reported(walk, 1 + count, first=10 * count)
        made = await incidents.create([lead, *others], "sara")
        await say(walk, lead, "accepted", due_at=SOON)
        with statements(walk) as given:
            if act == "leaves":
                await incidents.leave(made.incident.id, [lead], "omar")
            else:
                elsewhere = {"suggested_department": "sewage"} if act == "moved" else {}
                await say(walk, lead, "rejected", reason="ليست لنا", **elsewhere)
        asked.append(len(given))
        await balanced(walk)

    assert asked[0] == asked[1]
