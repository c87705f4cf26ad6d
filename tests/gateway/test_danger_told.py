"""Danger that is seen late: the citizen hears the emergency numbers once, and everybody why it was seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from channels.message import Media, Purpose, Scheme
from gateway.broker.topology import COMPLAINTS, DEPARTMENTS
from gateway.city.city import City
from gateway.split import Splits
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from normalizer.complaint import Complaint, Priority
from router.rules import Rule
from tests.gateway.walk import OUTAGE, Walk
from tests.servers.waiting import until

SHOCK = "سلك كهرباء مكشوف قرب باب المدرسة والأطفال يلعبون عنده"
VOICE = Media(content_type="audio/ogg", url="https://api.twilio.com/2010-04-01/Accounts/AC/Messages/MM1/Media/ME1")


async def say(walk: Walk, text: str, **more: object) -> str:
    return (await walk.hear(text, channel="whatsapp", scheme=Scheme.WHATSAPP, **more)).reference


async def edit(walk: Walk, text: str, external_id: str) -> None:
    await say(walk, text, external_id=external_id, revises="M1", purpose=Purpose.EDIT, sent_at=walk.clock())


async def owed(walk: Walk) -> list[str]:
    """What each reply is for, in order."""
    return [row.purpose for row in await walk.rows("SELECT purpose FROM replies ORDER BY created_at, purpose DESC")]


async def one(walk: Walk, reference: str) -> Complaint:
    return (await walk.case(reference)).complaint


async def test_an_edit_that_tells_of_danger_is_answered_with_the_emergency_numbers_once(walk: Walk) -> None:
    """Whoever corrects "no light" to "a bare wire" is told whom to call; correcting it again says nothing new."""
    reference = await say(walk, "المصباح مطفأ", external_id="M1")
    walk.clock.pass_by(minutes=3)
    await edit(walk, SHOCK, "E1")
    walk.clock.pass_by(minutes=3)
    await edit(walk, f"{SHOCK} منذ الصباح", "E2")

    assert Priority.DISTRESS == (await one(walk, reference)).priority
    assert ["received", "distress"] == await owed(walk)
    (reply,) = await walk.rows("SELECT text FROM reply_payload JOIN replies USING (id) WHERE purpose = 'distress'")
    assert f"{reference[:4]} {reference[4:7]} {reference[7:]}" in reply.text
    assert "104" in reply.text or "115" in reply.text or "122" in reply.text


async def test_danger_that_a_person_hears_in_a_recording_is_answered_too(walk: Walk) -> None:
    """The words are the citizen's own, whoever wrote them down."""
    await say(walk, "", media=(VOICE,))
    walk.clock.pass_by(minutes=3)
    tasks = Tasks(walk.house, clock=walk.clock)
    (task,) = await tasks.list([TaskKind.TRANSCRIBE])
    await tasks.complete(task.id, "zainab", Answer(text=SHOCK))

    assert ["received", "distress"] == await owed(walk)


async def test_danger_that_a_rule_of_the_city_sees_is_answered_too(tmp_path: Path, city: City) -> None:
    """A clerk's rule reads the citizen's words as well: they hear the numbers, and the rule's name is kept."""
    rule = Rule("monkeys", None, words=("قرد",), raises=Priority.DISTRESS)
    table = replace(city.rules, rules=(rule, *city.rules.rules))
    walk = Walk(tmp_path, replace(city, rules=table))
    await walk.open()
    try:
        reference = await say(walk, "الإنارة مطفأة ورأينا قرد في الحديقة")
        assert ["received"] == await owed(walk)
        await walk.publish()

        async def raised() -> bool:
            return (await one(walk, reference)).priority is Priority.DISTRESS

        await until(raised)
        found = await one(walk, reference)
        assert (Priority.DISTRESS, "rule:monkeys") == (found.priority, found.danger_reason)
        assert ["received", "distress"] == sorted(await owed(walk), reverse=True)
    finally:
        await walk.close()


async def test_why_danger_was_seen_stands_in_the_story_and_goes_to_the_department(walk: Walk) -> None:
    """By the name of the city's frame, without a word of the citizen's; who may not know them learns nothing of it."""
    reference = await say(walk, SHOCK)
    await walk.publish()

    assert "wire" == (await one(walk, reference)).danger_reason
    rows = await walk.rows("SELECT data FROM events ORDER BY sequence")
    assert "wire" == json.loads(rows[0].data)["danger_reason"]
    assert {"wire"} == {event["data"]["complaint"]["danger_reason"] for event in walk.tape.events(DEPARTMENTS)}
    assert {None} == {event["data"]["complaint"]["danger_reason"] for event in walk.tape.events(COMPLAINTS)}


async def test_what_is_no_danger_has_no_reason(walk: Walk) -> None:
    """An outage is none, and its story does not speak of any."""
    reference = await say(walk, OUTAGE)

    assert None is (await one(walk, reference)).danger_reason
    assert "danger_reason" not in (await walk.rows("SELECT data FROM events"))[0].data


async def test_the_first_reason_stays_and_a_half_keeps_only_its_own(walk: Walk) -> None:
    """Further words do not rename the danger; of two problems that are taken apart the harmless one has none."""
    reference = await say(walk, f"{SHOCK}. والحاوية أمام المدرسة ممتلئة")
    await say(walk, "وأيضاً حريق كبير في البناية والناس محاصرون")
    half = await Splits(walk.house, clock=walk.clock).split(
        reference, "waste.collection", "sara", text="والحاوية أمام المدرسة ممتلئة"
    )

    whole, other = await one(walk, reference), await one(walk, half.reference)
    assert ("wire", Priority.DISTRESS) == (whole.danger_reason, whole.priority)
    assert (None, Priority.NORMAL) == (other.danger_reason, other.priority)
