"""What comes of a department's answer, from the one door that the queue and HTTP share."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gateway.acknowledge import BUDGET
from gateway.broker.topology import COMPLAINTS
from gateway.incidents import Incidents
from gateway.store import answers, complaints, incidents, lessons, tasks
from gateway.store.accounts import gaps
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from gateway.updates import Outcome, Update
from normalizer.complaint import Priority, Status
from tests.gateway.walk import CITIZEN, OUTAGE, Walk, metric

REASON = "الخط تابع لمجاري بغداد، راجعوا أم علي على 07701234567"


async def case(walk: Walk, reference: str) -> complaints.Case:
    found = await walk.house.store.read(lambda connection: complaints.load(connection, reference))
    assert found is not None
    return found


async def offered(walk: Walk, text: str = OUTAGE, sender: str = CITIZEN) -> complaints.Case:
    """A complaint that the water department has been offered."""
    receipt = await walk.hear(text, sender)
    await walk.publish()
    return await case(walk, receipt.reference)


async def say(walk: Walk, found: complaints.Case, verb: str, name: str = "", **data: Any) -> Outcome:
    """Let the department that has a complaint answer; `by` and `offer` are for one that should not."""
    department, offer = data.pop("by", found.department), data.pop("offer", found.offer)
    update = Update(
        name or f"{verb}-{walk.clock.now.isoformat()}",
        department,
        verb,
        found.complaint.reference,
        offer,
        data,
        walk.clock(),
    )
    outcome = await walk.updates.answer(update, tell=True)
    walk.clock.pass_by(seconds=1)
    return outcome


async def story(walk: Walk, reference: str) -> list[tuple[str, str | None]]:
    rows = await walk.rows(
        "SELECT type, department FROM events WHERE reference = :reference ORDER BY sequence", reference=reference
    )
    return [(row.type, row.department) for row in rows]


async def owed(walk: Walk, reference: str) -> list[str]:
    found = "SELECT r.purpose FROM replies r JOIN complaints c ON c.id = r.complaint_id WHERE c.reference = :reference"
    return sorted(row.purpose for row in await walk.rows(found, reference=reference))


async def test_accepted_progressed_resolved(walk: Walk) -> None:
    """The department takes it on with a date, says how it goes, and is done: three events, and the citizen hears."""
    found = await offered(walk)
    due = "2026-11-23T14:00:00+03:00"
    accepted = await say(walk, found, "accepted", due_at=due, officer="م. سعاد")
    progressed = await say(walk, found, "progressed", note="فريق في الطريق")
    resolved = await say(walk, found, "resolved", outcome="repaired", answer="أُصلح الخط")

    assert ["accepted", "in_progress", "resolved"] == [one.status for one in (accepted, progressed, resolved)]
    reference = found.complaint.reference
    assert [
        ("received", None),
        ("offered", "water"),
        ("accepted", "water"),
        ("progressed", "water"),
        ("resolved", "water"),
    ] == await story(walk, reference)
    now = await case(walk, reference)
    assert "2026-11-23T11:00:00+00:00" == now.due_at.isoformat() if now.due_at else None
    assert Status.RESOLVED is now.complaint.status
    assert ["received", "resolved"] == await owed(walk, reference)
    await walk.publish()
    assert ["accepted", "progressed", "resolved"] == [event for _, event in walk.tape.told()][-3:]
    dates = {event["data"]["due_at"] for event in walk.tape.events()[-3:]}
    assert {"2026-11-23T11:00:00.000000Z"} == dates
    assert [] == await walk.house.store.read(lambda c: list(gaps(c, None, walk.clock())))


async def test_who_wrote_much_today_hears_of_the_end_all_the_same(walk: Walk) -> None:
    """Thanks to one sender have an end; that the complaint is resolved is told whatever was said before."""
    found = await offered(walk)
    for minutes in range(BUDGET + 2):
        walk.clock.pass_by(minutes=2)
        await walk.hear(f"وأيضاً {minutes}")
    thanks = await owed(walk, found.complaint.reference)
    await say(walk, await case(walk, found.complaint.reference), "resolved", outcome="repaired", answer="أُصلح الخط")

    assert sorted([*thanks, "resolved"]) == await owed(walk, found.complaint.reference)


async def test_what_a_department_writes_stands_in_no_event(walk: Walk) -> None:
    """Words that name a citizen are kept for those who may read them, and are neither in events nor on any queue."""
    found = await offered(walk)
    await say(walk, found, "accepted", officer="أم علي")
    await say(walk, found, "progressed", note=REASON)
    await say(walk, found, "rejected", reason=REASON, suggested_department="sewage")
    await walk.publish()

    told = " ".join(row.data for row in await walk.rows("SELECT data FROM events"))
    sent = " ".join(parcel.body.decode() for parcel in walk.tape.parcels)
    assert all("أم علي" not in words and "راجعوا" not in words for words in (told, sent))
    kept = await walk.house.store.read(partial(answers.of_complaint, complaint_id=found.complaint.id))
    assert [("accepted", {"officer": "أم علي"}), ("progressed", {"note": REASON})] == [
        (one.verb, one.body) for one in kept[:2]
    ]
    assert {"reason": REASON, "suggested_department": "sewage"} == kept[2].body


async def test_the_same_id_again_does_nothing_twice(walk: Walk) -> None:
    """An answer that comes again, late or often, has the outcome of the first."""
    found = await offered(walk)
    first = await say(walk, found, "accepted", "one", officer="سعاد")
    await say(walk, found, "resolved", "two")
    before = await story(walk, found.complaint.reference)
    for _ in range(2):
        assert replace(first, duplicate=True) == await say(walk, found, "accepted", "one", officer="سعاد")
        assert (await say(walk, found, "resolved", "two")).duplicate
    assert before == await story(walk, found.complaint.reference)
    assert ["received", "resolved"] == await owed(walk, found.complaint.reference)


async def test_an_id_stands_for_one_answer(walk: Walk) -> None:
    """The same id with other words is refused, also again; the first answer stands."""
    found = await offered(walk)
    await say(walk, found, "accepted", "one")
    for _ in range(2):
        other = await say(walk, found, "resolved", "one")
        assert ("refused", "id") == (other.result, other.field)
    assert Status.ACCEPTED is (await case(walk, found.complaint.reference)).complaint.status
    theirs = await say(walk, replace(found, department="sewage"), "accepted", "one")
    assert "offer" == theirs.field, "each department has ids of its own"


async def test_an_answer_that_was_refused_may_be_mended_under_its_id(walk: Walk) -> None:
    """Refused for a date that is past: the same again is refused alike; with a good date it is heard, and stands."""
    found = await offered(walk)
    wrong, right = {"due_at": "2026-11-01T08:00:00Z"}, {"due_at": "2026-11-23T08:00:00Z"}
    refused = await say(walk, found, "accepted", "one", **wrong)
    assert ("refused", "due_at") == (refused.result, refused.field)
    assert replace(refused, duplicate=True) == await say(walk, found, "accepted", "one", **wrong)
    mended = await say(walk, found, "accepted", "one", **right)
    assert ("done", "accepted", False) == (mended.result, mended.status, mended.duplicate)

    assert replace(mended, duplicate=True) == await say(walk, found, "accepted", "one", **right)
    assert replace(refused, duplicate=True) == await say(walk, found, "accepted", "one", **wrong)
    assert "id" == (await say(walk, found, "resolved", "one")).field
    await walk.publish()
    refusals = [event for event in walk.tape.events() if event["type"] == "balagh.update.refused.v1"]
    assert [("one", "due_at"), ("one", "id")] == [(one["data"]["update"], one["data"]["field"]) for one in refusals]
    assert 2 == len({one["id"] for one in refusals})
    assert ["received", "offered", "accepted"] == [event for event, _ in await story(walk, found.complaint.reference)]


async def test_an_id_is_not_mended_for_ever(walk: Walk) -> None:
    """A program that changes its words and is refused each time hears in the end that the id is used up."""
    found = await offered(walk)
    fields = [(await say(walk, found, "accepted", "one", due_at=f"in {days} days")).field for days in range(22)]
    assert ["due_at"] * answers.ATTEMPTS + ["id"] * 2 == fields
    assert "accepted" == (await say(walk, found, "accepted", "two")).status


async def test_another_department_learns_nothing(walk: Walk) -> None:
    """Whoever answers for another's complaint hears the same as for one that does not exist."""
    found = await offered(walk)
    theirs = await say(walk, found, "resolved", by="sewage")
    absent = await say(
        walk, found.but(complaint=found.complaint.but(reference="9999999990")), "resolved", "x", by="sewage"
    )
    assert theirs == replace(absent, reference=found.complaint.reference)
    assert (None, "offer") == (theirs.status, theirs.field)
    assert ["received", "offered"] == [event for event, _ in await story(walk, found.complaint.reference)]
    await walk.publish()
    [told, _] = [parcel for parcel in walk.tape.parcels if parcel.routing_key == "sewage.refused"]
    assert OUTAGE not in told.body.decode()
    assert "water" not in told.body.decode()


async def test_a_refusal_is_told_in_the_departments_queue(walk: Walk) -> None:
    """A stale offer is refused by an event that names the update, the field and the reason, and changes nothing."""
    found = await offered(walk)
    await say(walk, found, "accepted", "late", offer="an-offer-of-before")
    await walk.publish()
    [told] = [event for event in walk.tape.events() if event["type"] == "balagh.update.refused.v1"]
    assert ("water", found.complaint.reference) == (told["to"], told["subject"])
    assert {"update": "late", "offer": "an-offer-of-before", "verb": "accepted", "field": "offer"}.items() <= told[
        "data"
    ].items()
    assert "no longer stands" in told["data"]["reason"]
    assert not [event for event in walk.tape.events(COMPLAINTS) if "refused" in event["type"]]
    before = len(walk.tape.parcels)
    await walk.publish()
    assert before == len(walk.tape.parcels)


async def test_a_misspelt_field_is_told_and_its_words_are_not_lost(
    walk: Walk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The department hears which field nobody knows, the log does not, and the answer mended is the one that counts."""
    found = await offered(walk)
    await say(walk, found, "resolved", "one", anser="أُصلح الخط", outcome="repaired")
    await walk.publish()
    [told] = [event for event in walk.tape.events() if event["type"] == "balagh.update.refused.v1"]
    assert ("one", "anser") == (told["data"]["update"], told["data"]["field"])
    logged = capsys.readouterr().out
    assert "anser" not in logged
    assert "unknown" in logged
    assert "offered" == (await case(walk, found.complaint.reference)).complaint.status
    assert "resolved" == (await say(walk, found, "resolved", "two", answer="أُصلح الخط")).status


async def test_a_refusal_that_the_broker_lost_goes_again_under_the_same_id(walk: Walk) -> None:
    """The broker was away when a refusal was to be told: it is told later, once."""
    found = await offered(walk)
    await say(walk, found, "accepted", offer="stale")
    walk.tape.connected = False
    await walk.relay.step()
    walk.tape.connected = True
    await walk.publish()
    refusals = [parcel for parcel in walk.tape.parcels if parcel.routing_key == "water.refused"]
    assert 2 == len(refusals)
    assert 1 == len({parcel.id for parcel in refusals})


async def test_a_rejection_that_names_a_department_moves_it_there_once(walk: Walk) -> None:
    """The next department has a new offer and no date, and what the first then says is refused; both say no: triage."""
    found = await offered(walk)
    reference = found.complaint.reference
    await say(walk, found, "accepted", due_at="2026-11-23T14:00:00Z")
    outcome = await say(walk, found, "rejected", reason=REASON, suggested_department="sewage")
    moved = await case(walk, reference)

    assert ("offered", "sewage", None) == (outcome.status, moved.department, moved.due_at)
    assert moved.route is not None
    assert ("rejection", True) == (moved.route.rule, "Baghdad Water Authority" in moved.route.reason)
    assert "refused" == (await say(walk, found, "resolved")).result
    assert [("rejected", "water"), ("recalled", "water"), ("offered", "sewage")] == (await story(walk, reference))[-3:]
    [lesson] = await walk.house.store.read(lessons.all)
    assert ("sewage", lessons.REJECTED, "water") == (lesson.department, lesson.source, lesson.by)

    outcome = await say(walk, moved, "rejected", reason="بل للماء", suggested_department="water")
    assert ("triage", "citizens") == (outcome.status, (await case(walk, reference)).department)
    await walk.publish()
    assert [] == await walk.house.store.read(lambda c: list(gaps(c, None, walk.clock())))


async def test_a_rejection_that_names_nobody_goes_to_the_desk_with_its_reason(walk: Walk) -> None:
    """The triage task is open again and says who rejected it and why; what is added sends it elsewhere, never back."""
    found = await offered(walk)
    reference = found.complaint.reference
    await say(walk, found, "rejected", reason="ليست من شأننا")
    [task] = await walk.house.store.read(partial(tasks.of_complaint, complaint_id=found.complaint.id))
    route = (await case(walk, reference)).route
    assert route is not None
    assert route.suggestions
    assert "water" not in {one.department for one in route.suggestions}
    assert [("water", "ليست من شأننا")] == [(one["department"], one["reason"]) for one in task.body["rejections"]]
    assert [] == await walk.house.store.read(lessons.all)

    await walk.hear("الماء مقطوع ما زال")
    await walk.publish()
    assert (Status.TRIAGE, "citizens") == (
        (await case(walk, reference)).complaint.status,
        (await case(walk, reference)).department,
    )
    await walk.hear("والكهرباء مقطوعة، عمود الكهرباء سقط والمحولة انفجرت واحترق البيت")
    await walk.publish()
    assert (await case(walk, reference)).department not in {"citizens", "water"}


async def test_what_is_confidential_goes_to_nobody_on_a_departments_word(walk: Walk) -> None:
    """A confidential complaint that is rejected goes to the desk, whomever the department names."""
    found = await offered(walk)
    confidential = found.complaint.but(confidential=True).model_dump_json(exclude_none=True)
    await walk.change("UPDATE personal SET body = :body", body=confidential)
    outcome = await say(walk, found, "rejected", reason="لا", suggested_department="sewage")
    assert "triage" == outcome.status


async def test_an_amendment_of_an_accepted_complaint_reaches_its_department(walk: Walk) -> None:
    """What the citizen adds after the department has accepted goes there, and moves nothing."""
    found = await offered(walk)
    await say(walk, found, "accepted", due_at="2026-11-23T14:00:00Z")
    await walk.hear("في الطابق الثاني أيضاً")
    await walk.publish()
    last = walk.tape.events()[-1]
    assert ("water", "balagh.complaint.amended.v1", "accepted", "2026-11-23T14:00:00.000000Z") == (
        last["to"],
        last["type"],
        last["data"]["complaint"]["status"],
        last["data"]["due_at"],
    )
    assert "water" == (await case(walk, found.complaint.reference)).department


async def test_the_same_date_again_is_no_news(walk: Walk) -> None:
    """A department that accepts twice tells a date that moved, and nothing otherwise."""
    found = await offered(walk)
    for due in ("2026-11-23T14:00:00Z", "2026-11-23T17:00:00+03:00", None, "2026-11-24T14:00:00Z"):
        assert "accepted" == (await say(walk, found, "accepted", **({"due_at": due} if due else {}))).status
    rows = await walk.rows("SELECT data FROM events WHERE type = 'accepted' ORDER BY sequence")
    assert ["2026-11-23T14:00:00.000000Z", "2026-11-24T14:00:00.000000Z"] == [
        json.loads(row.data)["due_at"] for row in rows
    ]


async def led(walk: Walk) -> tuple[complaints.Case, complaints.Case]:
    """Two complaints of one cause, both with the water department: the lead, and the one that follows it."""
    lead, other = await offered(walk), await offered(walk, sender="+9647709990001")
    pair = [one.complaint.reference for one in (lead, other)]
    await Incidents(walk.house, clock=walk.clock).create(pair, "huda")
    view = await walk.house.store.read(partial(incidents.followers, complaint_id=lead.complaint.id))
    first, second = (lead, other) if view else (other, lead)
    return await case(walk, first.complaint.reference), await case(walk, second.complaint.reference)


async def test_who_follows_hears_of_the_closing(walk: Walk) -> None:
    """Many reported one cause: the department answers one of them, and each citizen hears that it is done."""
    lead, follower = await led(walk)
    await say(walk, lead, "resolved")
    reference = follower.complaint.reference
    assert Status.RESOLVED is (await case(walk, reference)).complaint.status
    assert ["received", "resolved"] == await owed(walk, reference)
    assert "refused" == (await say(walk, follower, "accepted")).result


async def test_who_follows_goes_where_the_lead_goes(walk: Walk) -> None:
    """The department rejects the one that leads and names another: the followers are offered there as well."""
    lead, follower = await led(walk)
    await say(walk, lead, "rejected", reason="لا", suggested_department="sewage")
    moved = await case(walk, follower.complaint.reference)
    assert ("sewage", Status.OFFERED) == (moved.department, moved.complaint.status)
    assert [("recalled", "water"), ("offered", "sewage")] == (await story(walk, moved.complaint.reference))[-2:]


async def test_who_follows_waits_for_the_desk_with_the_lead(walk: Walk) -> None:
    """The rejection names nobody: the desk is asked once, and its decision takes the followers along."""
    lead, follower = await led(walk)
    await say(walk, lead, "rejected", reason="لا")
    assert "water" == (await case(walk, follower.complaint.reference)).department
    desk = Tasks(walk.house, clock=walk.clock)
    [task] = await desk.list([TaskKind.TRIAGE])
    assert lead.complaint.reference == await desk.complete(task.id, "huda", Answer(department="roads"))
    for one in (lead, follower):
        found = await case(walk, one.complaint.reference)
        assert ("roads", Status.OFFERED) == (found.department, found.complaint.status)
    await walk.publish()
    assert [] == await walk.house.store.read(lambda c: list(gaps(c, None, walk.clock())))


async def test_who_is_rejected_alone_follows_no_more(walk: Walk) -> None:
    """The department rejects one that only follows: it leaves the incident, and is not done when the lead is."""
    lead, follower = await led(walk)
    await say(walk, follower, "rejected", reason="سبب آخر", suggested_department="roads")
    await say(walk, lead, "resolved")
    found = await case(walk, follower.complaint.reference)
    assert ("roads", Status.OFFERED, None) == (found.department, found.complaint.status, found.complaint.incident)
    assert ["received"] == await owed(walk, follower.complaint.reference)
    assert [] == list(await Incidents(walk.house, clock=walk.clock).suggestions())


async def test_who_is_in_danger_and_rejected_is_alarmed(walk: Walk) -> None:
    """Nobody has it any more, so people are called, and it stands first on the desk."""
    found = await offered(walk, f"{OUTAGE}. احترق بيتنا والنار وصلت الى الاطفال")
    assert Priority.DISTRESS is found.complaint.priority
    before = metric("balagh_alarms_total", kind="distress")
    outcome = await say(walk, found, "rejected", reason="ليست لنا")
    assert ("triage", 1.0) == (outcome.status, metric("balagh_alarms_total", kind="distress") - before)
    [task] = await Tasks(walk.house, clock=walk.clock).list([TaskKind.TRIAGE])
    assert task.urgent
