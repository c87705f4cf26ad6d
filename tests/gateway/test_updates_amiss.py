"""Answers when something is amiss: a wrong clock, a department that has left, a gateway that does not run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from gateway.app import bus_of
from gateway.broker.bus import Confirmed, Parcel
from gateway.broker.topology import UPDATES, Topology
from gateway.check import check
from gateway.city.city import City
from gateway.incidents import Incidents
from gateway.settings import load
from gateway.store import answers, lessons
from gateway.store.complaints import Case
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer as Decision
from gateway.tasks import Tasks
from gateway.updates import Outcome, Update
from tests.gateway.walk import CITIZEN, OUTAGE, Walk, metric
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until


async def offered(walk: Walk, sender: str = CITIZEN, text: str = OUTAGE) -> Case:
    """A complaint on its way; the water department is offered what is said of its own matter."""
    receipt = await walk.hear(text, sender)
    await walk.publish()
    return await walk.case(receipt.reference)


async def led(walk: Walk, text: str = OUTAGE) -> tuple[Case, Case]:
    """Two complaints of one cause: the lead, and the one that follows it."""
    pair = [await offered(walk, sender, text) for sender in (CITIZEN, "+9647709990001")]
    await Incidents(walk.house, clock=walk.clock).create([one.complaint.reference for one in pair], "huda")
    [(leading,)] = await walk.rows("SELECT lead FROM incidents")
    first, second = sorted(pair, key=lambda one: one.complaint.id != leading)
    return await walk.case(first.complaint.reference), await walk.case(second.complaint.reference)


async def answer(walk: Walk, found: Case, verb: str, *, offer: str = "", **data: str) -> Outcome:
    """Let the water department answer."""
    reference, offer = found.complaint.reference, offer or found.offer or ""
    outcome = await walk.updates.answer(Update(verb, "water", verb, reference, offer, data, walk.clock()), tell=True)
    walk.clock.pass_by(seconds=1)
    return outcome


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])
async def test_a_department_whose_clock_is_wrong_is_heard(walk: Walk, at: str) -> None:
    """Its clock started anew or runs ahead: the date that it gives is held against ours, and it breaks nothing."""
    found = await offered(walk)
    due, moment = {"due_at": "2026-11-23T14:00:00Z"}, datetime.fromisoformat(at)
    update = Update("one", "water", "accepted", found.complaint.reference, found.offer or "", due, moment)
    assert "accepted" == (await walk.updates.answer(update)).status
    past = replace(update, id="two", data={"due_at": "1970-01-02T00:00:00Z"})
    assert "due_at" == (await walk.updates.answer(past)).field


async def test_a_department_that_left_is_told_nothing(walk: Walk) -> None:
    """Its answer was refused, and then it left the city: nobody is owed that any more, and no alarm sounds for ever."""
    found = await offered(walk)
    await answer(walk, found, "accepted", offer="stale")
    staying = [name for name in walk.tape.topology.departments if name != "water"]
    walk.tape.topology = Topology(staying)
    before = metric("balagh_alarms_total", kind="parked")
    await walk.publish()
    walk.clock.pass_by(hours=1)
    assert [] == await walk.house.store.read(partial(answers.untold, now=walk.clock(), limit=9))
    assert before == metric("balagh_alarms_total", kind="parked")


@pytest.mark.parametrize(
    ("words", "department"),
    [
        ("الكهرباء مقطوعة عن حي الجامعة منذ يومين", "citizens"),
        ("عمود الكهرباء سقط والمحولة انفجرت واحترق البيت", "electricity"),
    ],
)
async def test_a_rejected_lead_waits_for_the_desk_with_those_that_follow_it(
    walk: Walk, words: str, department: str
) -> None:
    """The citizen's next words would send it elsewhere and leave the others behind; only danger does not wait."""
    desk = Tasks(walk.house, clock=walk.clock)
    lead, follower = await led(walk, "لدي مشكلة في حي الجامعة")
    for task in await desk.list([TaskKind.TRIAGE]):
        await desk.complete(task.id, "huda", Decision(department="water"))
    await walk.publish()
    await answer(walk, await walk.case(lead.complaint.reference), "rejected", reason="ليست لنا")
    assert lead.complaint.contact is not None
    await walk.hear(words, lead.complaint.contact.phone or "")
    await walk.publish()
    assert [department, "water"] == [(await walk.case(one.complaint.reference)).department for one in (lead, follower)]
    assert (department == "citizens") == bool(await desk.list([TaskKind.TRIAGE]))


async def test_who_follows_in_confidence_goes_nowhere_on_a_departments_word(walk: Walk) -> None:
    """The lead is no secret and one that follows it is: the department's rejection goes to the desk."""
    lead, follower = await led(walk)
    confidential = follower.complaint.but(confidential=True).model_dump_json(exclude_none=True)
    await walk.change(
        "UPDATE personal SET body = :body WHERE complaint_id = :id", body=confidential, id=follower.complaint.id
    )
    outcome = await answer(walk, lead, "rejected", reason="لا", suggested_department="sewage")
    assert "triage" == outcome.status
    assert "water" == (await walk.case(follower.complaint.reference)).department


async def test_two_that_point_at_each_other_teach_nothing_twice(walk: Walk) -> None:
    """Whoever has said no is not taught as the one whose matter it is: a person decides, and that is learned."""
    found = await offered(walk)
    await answer(walk, found, "rejected", reason="لا", suggested_department="sewage")
    moved = await walk.case(found.complaint.reference)
    data = {"reason": "بل للماء", "suggested_department": "water"}
    back = Update("back", "sewage", "rejected", moved.complaint.reference, moved.offer or "", data, walk.clock())
    assert "triage" == (await walk.updates.answer(back)).status
    assert ["sewage"] == [one.department for one in await walk.house.store.read(lessons.all)]


@pytest.mark.servers
async def test_check_says_that_nobody_takes_answers(
    tmp_path: Path, city: City, rabbitmq: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer lies in balagh.updates and no gateway runs the role that hears it."""
    settings = {"BALAGH_BROKER_URL": rabbitmq.url, "BALAGH_DATA_DIR": str(tmp_path)}
    bus = bus_of(load(settings), city)
    await bus.start()
    await until(lambda: bus.connected)
    assert [Confirmed()] == await bus.publish([Parcel(UPDATES, "water.accepted", "one", b"{}")])

    async def lies_there() -> bool:
        return {UPDATES: 1} == await bus.depths([UPDATES])

    await until(lies_there)
    await bus.stop()
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    assert not await check(said.append)
    wanted = f"WRONG queue {UPDATES}: 1 wait and nobody consumes it: no process runs the role router"
    assert wanted in said, said
