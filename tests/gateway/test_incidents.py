"""One cause behind many complaints: suggested, put together, taken apart, and told to department and citizen."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from channels.message import Address, Pin, Scheme
from gateway.broker.topology import DEPARTMENTS
from gateway.followers import held, resolve_followers
from gateway.incidents import Elsewhere, Finished, Incidents, IncidentView, NotThere, TooFew
from gateway.store import complaints, tasks
from gateway.store.complaints import Event
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from normalizer.complaint import Priority, Status
from router.rules import Rule
from tests.gateway.walk import EITHER_STORE, OUTAGE, Walk

pytestmark = EITHER_STORE

HERE = Pin(latitude=33.3331, longitude=44.3331)
NEAR = Pin(latitude=33.3346, longitude=44.3337)  # some 170 metres on
FAR = Pin(latitude=33.2500, longitude=44.4800)
WATER = {"category": "water.outage"}
WASTE = {"category": "waste.collection"}


@pytest.fixture
def incidents(walk: Walk) -> Incidents:
    """The door to its incidents, on the same clock."""
    return Incidents(walk.house, clock=walk.clock)


def number(one: int) -> str:
    return f"+96477012300{one:02}"


async def report(walk: Walk, one: int, pin: Pin | None = HERE, **more: Any) -> str:
    """A citizen writes; returns the reference."""
    more.setdefault("answers", WATER)
    text = more.pop("text", f"{OUTAGE} وبيتنا رقم {one}")
    receipt = await walk.hear(text, number(one), place=pin, **more)
    walk.clock.pass_by(minutes=1)
    return receipt.reference


async def many(walk: Walk, count: int, first: int = 0, pin: Pin = HERE) -> list[str]:
    found = [await report(walk, first + one, pin) for one in range(count)]
    await walk.publish()
    return found


async def story(walk: Walk, reference: str) -> list[Event]:
    found = await walk.case(reference)
    return await walk.house.store.read(partial(complaints.story, complaint_id=found.complaint.id))


def references(view: IncidentView) -> list[str]:
    return [member.reference for member in view.members]


async def test_a_burst_becomes_one_job_with_a_counter_and_nobody_is_lost(walk: Walk, incidents: Incidents) -> None:
    """Twelve people lose their water and three write of other things.

    A person says of the first seven that they are one; the next five join by themselves before the department hears
    of them, and its offers count up. Everybody keeps a number and is put to a department exactly once.
    """
    first = await many(walk, 7)
    others = [
        await report(walk, 50, FAR),
        await report(walk, 51, HERE, answers=WASTE, text="الحاوية ممتلئة منذ أسبوع"),
        await report(walk, 52, None, answers=WASTE, text="لم يمر عمال النظافة عندنا"),
    ]
    await walk.publish()
    (suggested,) = await incidents.suggestions()
    assert first == [member.reference for member in suggested.members]
    made = await incidents.create([member.reference for member in suggested.members], "sara")
    later = await many(walk, 5, first=20, pin=NEAR)

    view = await incidents.get(made.incident.id)
    assert [*first, *later] == references(view)
    assert (12, 7, first[0]) == (view.incident.members, view.incident.confirmed, view.incident.reference)
    offers = [event for event in walk.tape.events() if event["type"] == "balagh.complaint.offered.v1"]
    assert sorted([*first, *later, *others]) == sorted(offer["subject"] for offer in offers)
    folded = {offer["subject"]: offer["data"].get("incident") for offer in offers}
    counted = [{"id": made.incident.id, "lead": first[0], "followers": 7 + one} for one in range(5)]
    assert counted == [folded[reference] for reference in later]
    assert [None] * 3 == [folded[reference] for reference in others]
    assert {made.incident.id} == {
        offer["data"]["complaint"]["incident"] for offer in offers if offer["subject"] in later
    }
    assert [] == await incidents.suggestions()


async def test_a_department_hears_of_a_joining_and_of_its_undoing(walk: Walk, incidents: Incidents) -> None:
    """What was offered already is amended: with the incident, and without it when a person takes that back."""
    first, second = await many(walk, 2)
    made = await incidents.create([first, second], "sara")
    await incidents.leave(made.incident.id, [second], "omar")
    await walk.publish()

    told = [event for event in walk.tape.events(DEPARTMENTS) if event["subject"] == second]
    assert ["offered", "amended", "amended"] == [event["type"].split(".")[2] for event in told]
    counted = {"id": made.incident.id, "lead": first, "followers": 1}
    assert [counted, None] == [event["data"]["incident"] for event in told[1:]]
    assert "sara" not in str(told)
    joined, left = (await story(walk, second))[-2:]
    assert "sara" == joined.data["joined_by"]
    assert ("omar", made.incident.id) == (left.data["left_by"], left.data["left"])
    assert None is (await walk.case(second)).complaint.incident


async def test_who_left_is_not_put_back_by_the_house(walk: Walk, incidents: Incidents) -> None:
    """A person took it out: nothing suggests it again and nothing joins it by itself, until a person does."""
    found = await many(walk, 7)
    made = await incidents.create(found, "sara")
    await incidents.leave(made.incident.id, found[-1:], "sara")
    await walk.publish()

    assert [] == await incidents.suggestions()
    assert 6 == (await incidents.get(made.incident.id)).incident.members
    again = await incidents.join(made.incident.id, found[-1:], "sara")
    assert 7 == again.incident.members


async def test_what_a_person_set_apart_stays_apart_when_it_becomes_clear(walk: Walk, incidents: Incidents) -> None:
    """Dismissed while nobody knew what it was; its later words fit an incident perfectly, and the house lets it be."""
    await incidents.create(await many(walk, 6), "sara")
    unclear = await report(walk, 70, answers={}, text="ممكن تساعدوني")
    await walk.publish()
    await incidents.dismiss([unclear], "sara")
    await report(walk, 70)
    await walk.publish()

    after = await walk.case(unclear)
    assert ("water", None) == (after.department, after.complaint.incident)


async def test_the_oldest_of_those_who_stay_leads(walk: Walk, incidents: Incidents) -> None:
    """The lead itself had another cause: the next one leads, and the department hears so of each.

    When all have left, the incident is closed.
    """
    found = await many(walk, 3)
    made = await incidents.create(found, "sara")
    view = await incidents.leave(made.incident.id, found[:1], "sara")
    assert found[1] == view.incident.reference

    await walk.publish()
    now = {"id": made.incident.id, "lead": found[1], "followers": 1}
    heard = {event["subject"]: event for event in walk.tape.events()}  # by the department, the last of each
    assert [(name, now) for name in found[1:]] == [(name, heard[name]["data"].get("incident")) for name in found[1:]]
    assert "incident" in heard[found[0]]["data"]
    assert heard[found[0]]["data"]["incident"] is None

    view = await incidents.leave(made.incident.id, found[1:], "sara")
    assert ("closed", 0) == (view.incident.state, view.incident.members)


async def test_what_is_dangerous_or_confidential_never_joins_by_itself(walk: Walk, incidents: Incidents) -> None:
    """At the same pin, of the same category, in the middle of a burst: a person looks at it all the same."""
    found = await many(walk, 6)
    await incidents.create(found, "sara")
    danger = await report(walk, 60, answers={**WATER, "danger": True})
    secret = await report(walk, 61, answers={**WATER, "confidential": True})
    await walk.publish()

    assert Priority.DISTRESS is (await walk.case(danger)).complaint.priority
    assert [None, None] == [(await walk.case(one)).complaint.incident for one in (danger, secret)]
    (suggested,) = await incidents.suggestions()
    assert (True, [danger]) == (suggested.urgent, [member.reference for member in suggested.members])


@pytest.mark.parametrize(
    ("text", "answers", "department"),
    [
        ("كسر في الانبوب والماء يجري", {"category": "water.leak"}, "water"),  # of the family, and another matter
        ("الماء مقطوع عن سوق الجملة", WATER, "health"),  # for another department, by a rule of the city
        ("ماي", {}, "citizens"),  # read so, and not surely enough for the rules
    ],
)
async def test_another_matter_department_or_doubt_never_joins_by_itself(
    walk: Walk, incidents: Incidents, text: str, answers: dict[str, Any], department: str
) -> None:
    """At the same pin, with six members confirmed, whom plain reports join: of these a person decides."""
    market, table = Rule("market", "health", words=("سوق الجملة",)), walk.city.rules
    walk.city = replace(walk.city, rules=replace(table, rules=(market, *table.rules)))
    made = await incidents.create(await many(walk, 6), "sara")
    other, plain = await report(walk, 62, text=text, answers=answers), await report(walk, 63)
    await walk.publish()

    case = await walk.case(other)
    assert (department, None) == (case.department, case.complaint.incident)
    assert made.incident.id == (await walk.case(plain)).complaint.incident


async def test_few_members_bring_no_others(walk: Walk, incidents: Incidents) -> None:
    """Two confirmed complaints and no burst: a third is only suggested to their incident."""
    found = await many(walk, 2)
    made = await incidents.create(found, "sara")
    (third,) = await many(walk, 1, first=30)

    (suggested,) = await incidents.suggestions()
    assert (made.incident.id, [third]) == (suggested.incident, [member.reference for member in suggested.members])
    assert None is (await walk.case(third)).complaint.incident
    await incidents.dismiss([third], "sara")
    assert [] == await incidents.suggestions()


async def test_a_burst_of_the_district_lets_them_join_early(walk: Walk, incidents: Incidents) -> None:
    """Ten from one district within the hour: the incident needs no five confirmed members any more."""
    placed = {**WATER, "place": {"district": "karkh"}}
    found = [await report(walk, one, answers=placed) for one in range(10)]
    await walk.publish()
    made = await incidents.create(found[:2], "sara")
    eleventh = await report(walk, 40, NEAR, answers=placed)
    await walk.publish()

    assert made.incident.id == (await walk.case(eleventh)).complaint.incident


async def test_one_that_waits_at_the_desk_goes_where_its_incident_is(walk: Walk, incidents: Incidents) -> None:
    """Nobody could tell what it was about; a person says that it is the same cause, and its task is done with that."""
    found = await many(walk, 2)
    unclear = await report(walk, 70, answers={}, text="ممكن تساعدوني")
    await walk.publish()
    assert Status.TRIAGE is (await walk.case(unclear)).complaint.status
    made = await incidents.create(found, "sara")
    await incidents.join(made.incident.id, [unclear], "sara")
    await walk.publish()

    after = await walk.case(unclear)
    assert ("water", Status.OFFERED, "water.outage") == (
        after.department, after.complaint.status, after.complaint.category,
    )  # fmt: skip
    assert after.route is not None
    assert ("incident", walk.city.rules.version) == (after.route.rule, after.route.version)
    assert found[0] in after.route.reason
    open_tasks = partial(tasks.listing, kinds=[TaskKind.TRIAGE], now=walk.clock(), limit=9)
    assert [] == await walk.house.store.read(open_tasks)


async def test_asking_twice_changes_nothing_more(walk: Walk, incidents: Incidents) -> None:
    """The same complaints again, joined again, closed again: the same incident and not one event more."""
    found = await many(walk, 3)
    made = await incidents.create(found, "sara")
    before = [len(await story(walk, reference)) for reference in found]
    assert made.incident.id == (await incidents.create(found, "omar")).incident.id
    await incidents.join(made.incident.id, found, "omar")
    for _ in range(2):
        assert "closed" == (await incidents.close(made.incident.id, "sara")).incident.state

    assert before == [len(await story(walk, reference)) for reference in found]


async def test_what_cannot_be_put_together_is_refused(walk: Walk, incidents: Incidents) -> None:
    """One alone, an unknown one, one of another incident, and anything for an incident that is closed."""
    first, second, third, fourth = await many(walk, 4)
    made = await incidents.create([first, second], "sara")
    with pytest.raises(TooFew):
        await incidents.create([third, third], "sara")
    with pytest.raises(NotThere):
        await incidents.create([third, "1234567897"], "sara")
    with pytest.raises(Elsewhere):
        await incidents.create([first, third], "sara")
    with pytest.raises(NotThere):
        await incidents.join("00000000-0000-7000-8000-000000000000", [third], "sara")
    await incidents.close(made.incident.id, "sara")
    with pytest.raises(Finished):
        await incidents.join(made.incident.id, [fourth], "sara")

    assert [None, None] == [(await walk.case(one)).complaint.incident for one in (third, fourth)]


async def test_joins_and_leaves_at_the_same_moment_leave_one_truth(walk: Walk, incidents: Incidents) -> None:
    """Everybody presses at once: each complaint is in or out, its story, its row and the counter say the same."""
    found = await many(walk, 6)
    made = await incidents.create(found[:2], "sara")
    name = made.incident.id
    jobs = [incidents.join(name, found[2:5], f"a{one}") for one in range(3)]
    jobs += [incidents.leave(name, found[1:4], f"b{one}") for one in range(3)]
    jobs += [incidents.join(name, [found[5]], "c"), incidents.close(name, "d")]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(isinstance(result, IncidentView | Finished) for result in results), results

    view = await incidents.get(name)
    inside = set()
    for reference in found:
        events = [event for event in await story(walk, reference) if "incident" in event.data]
        standing = events[-1].data["incident"] is not None if events else False
        assert standing == ((await walk.case(reference)).complaint.incident == name)
        changes = [event.data["incident"] is not None for event in events]
        assert all(one != other for one, other in itertools.pairwise(changes))
        inside |= {reference} if standing else set()
    assert inside == set(references(view))
    assert view.incident.reference in inside


async def test_what_becomes_of_the_lead_becomes_of_its_followers_and_they_hear(
    walk: Walk, incidents: Incidents
) -> None:
    """The department resolves one job: every citizen's complaint is resolved, each hears it once, with its number."""
    found = await many(walk, 3)
    await incidents.create(found, "sara")

    def resolve(connection: Connection) -> list[str]:
        lead, following = held(connection, first.complaint.id)
        assert lead is not None
        with Ledger(connection, walk.clock()) as ledger:
            ledger.become(lead, Status.RESOLVED)
            done = resolve_followers(ledger, lead, following, Status.RESOLVED, walk.house.acknowledger)
        return sorted(one.complaint.reference for one in done)

    first = await walk.case(found[0])
    assert sorted(found[1:]) == await walk.house.store.write(resolve)
    assert [] == await walk.house.store.write(resolve)
    assert [Status.RESOLVED] * 3 == [(await walk.case(one)).complaint.status for one in found]
    assert "resolved" == (await story(walk, found[1]))[-1].type
    told = await walk.rows("SELECT text FROM reply_payload JOIN replies USING (id) WHERE purpose = 'resolved'")
    assert 2 == len(told)
    shown = {f"{one[:4]} {one[4:7]} {one[7:]}" for one in found[1:]}
    assert all(any(one in row.text for one in shown) for row in told)


def resolve(connection: Connection, reference: str, walk: Walk) -> None:
    """Do what a department's word does: the complaint and those that follow it are resolved."""
    found = complaints.load(connection, reference)
    assert found is not None
    lead, following = held(connection, found.complaint.id)
    assert lead is not None
    with Ledger(connection, walk.clock()) as ledger:
        ledger.become(lead, Status.RESOLVED)
        resolve_followers(ledger, lead, following, Status.RESOLVED, walk.house.acknowledger)


async def test_nobody_joins_what_is_done(walk: Walk, incidents: Incidents) -> None:
    """The pipe is mended; who writes of it a minute later is no follower of that: their complaint is a job again."""
    found = await many(walk, 6)
    made = await incidents.create(found, "sara")
    late = await report(walk, 40)
    await walk.house.store.write(partial(resolve, reference=found[0], walk=walk))
    await walk.publish()

    ended, after = (await incidents.get(made.incident.id)).incident, (await walk.case(late)).complaint
    assert ("closed", "*") == (ended.state, ended.closed_by)
    assert (None, Status.OFFERED) == (after.incident, after.status)
    with pytest.raises(Finished):
        await incidents.join(made.incident.id, [late], "sara")


async def test_one_that_is_done_leads_nobody(walk: Walk, incidents: Incidents) -> None:
    """The oldest who stays was resolved on its own: the next one leads, so that the others hear when that is done."""
    found = await many(walk, 4)
    made = await incidents.create(found, "sara")
    await walk.house.store.write(partial(resolve, reference=found[1], walk=walk))
    view = await incidents.leave(made.incident.id, found[:1], "sara")
    assert ("open", found[2]) == (view.incident.state, view.incident.reference)

    await walk.house.store.write(partial(resolve, reference=found[2], walk=walk))
    assert Status.RESOLVED is (await walk.case(found[3])).complaint.status


async def test_dismissing_late_takes_nobody_out_of_an_incident(walk: Walk, incidents: Incidents) -> None:
    """One clerk joins them while another still has them before the eyes as strangers: who joined them is kept."""
    found = await many(walk, 2)
    made = await incidents.create(found, "sara")
    await incidents.dismiss(found, "omar")

    view = await incidents.get(made.incident.id)
    assert (["sara"] * 2, 2) == ([member.joined_by for member in view.members], view.incident.confirmed)


async def test_one_sender_alone_makes_no_burst(walk: Walk, incidents: Incidents) -> None:
    """Somebody who writes twelve times of different streets is one person, and not a district in the dark."""
    placed = {**WATER, "place": {"district": "karkh"}}
    sender = Address(Scheme.API, "a-program")
    for one in range(12):
        await walk.hear(f"الماء مقطوع {one}", channel="sms", answers=placed, sender=sender.value, scheme=Scheme.API)
    await walk.publish()

    assert [] == [one for one in await incidents.suggestions() if one.burst]
