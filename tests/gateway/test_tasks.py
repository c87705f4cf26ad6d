"""Tasks: what only a person can do, from the moment it is asked to what becomes of the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from channels.message import Address, Media, Purpose, Scheme
from gateway.store import tasks as store_tasks
from gateway.store.tasks import Draft, Task, TaskKind
from gateway.tasks import Answer, NotThere, Over, Taken, Tasks, WrongAnswer
from router.rules import Rule
from tests.gateway.walk import Walk

POST = "شوفوا هاي الصورة"
UNCLEAR = "عندي مشكلة كبيرة وما احد يرد علي"
VOICE = Media(content_type="audio/ogg", url="https://api.twilio.com/2010-04-01/Accounts/AC/Messages/MM1/Media/ME1")


@pytest.fixture
def tasks(walk: Walk) -> Tasks:
    """The door to its tasks, on the same clock."""
    return Tasks(walk.house, clock=walk.clock)


async def only(tasks: Tasks, kind: TaskKind) -> Task:
    (task,) = await tasks.list([kind])
    return task


async def post(walk: Walk, text: str = POST, **more: Any) -> None:
    """A public post that mentions the city."""
    more = {"external_id": "P1", "public": True, "url": "https://social.example/P1", **more}
    await walk.hear(text, channel="whatsapp", scheme=Scheme.WHATSAPP, **more)


async def test_a_recording_without_words_is_written_down_by_a_person(walk: Walk, tasks: Tasks) -> None:
    """It is a complaint at once; what the person hears in it amends the complaint, which is then routed by it."""
    await walk.hear("", media=(VOICE,))
    await walk.publish()
    task = await only(tasks, TaskKind.TRANSCRIBE)
    reference = await tasks.complete(task.id, "zainab", Answer(text="الماء مقطوع في محلتنا منذ ثلاثة أيام"))
    await walk.publish()

    assert task.reference == reference
    assert [("citizens", "offered"), ("citizens", "recalled"), ("water", "offered")] == [
        told for told in walk.tape.told() if told[1] != "amended"
    ]
    assert ([], []) == (await tasks.list([TaskKind.TRANSCRIBE]), await tasks.list([TaskKind.TRIAGE]))


async def test_a_fax_is_written_down_by_a_person(walk: Walk, tasks: Tasks) -> None:
    """A scan that the fax gateway sent by mail, without a word, waits for a person; nobody is answered meanwhile."""
    scan = Media("image/tiff", sha256="f" * 64, size=4096, filename="fax.tif")
    await walk.hear("", "", channel="email", scheme=Scheme.UNKNOWN, way="fax", media=(scan,))
    task = await only(tasks, TaskKind.TRANSCRIBE)
    reference = await tasks.complete(task.id, "zainab", Answer(text="الماء مقطوع في محلتنا منذ ثلاثة أيام"))
    await walk.publish()

    assert "fax" == task.channel
    assert ("water", "offered") in walk.tape.told()
    assert [] == await walk.rows("SELECT id FROM replies")
    assert reference == task.reference


async def test_words_beside_a_recording_need_no_transcription(walk: Walk, tasks: Tasks) -> None:
    """Nobody is asked to write down what the citizen wrote."""
    await walk.hear("الماء مقطوع", media=(VOICE,))

    assert [] == await tasks.list([TaskKind.TRANSCRIBE])


async def test_what_no_rule_decides_is_decided_at_the_triage_desk(walk: Walk, tasks: Tasks) -> None:
    """A person's choice offers the complaint to the department, which hears that a clerk chose it, and not who."""
    await walk.hear(UNCLEAR)
    await walk.publish()
    task = await only(tasks, TaskKind.TRIAGE)
    await tasks.complete(task.id, "zainab", Answer(category="water.outage"))
    await walk.publish()

    assert [("citizens", "offered"), ("citizens", "recalled"), ("water", "offered")] == walk.tape.told()
    (row,) = await walk.rows("SELECT status, category, department, route FROM complaints")
    assert ("offered", "water.outage", "water") == (row.status, row.category, row.department)
    told = walk.tape.events()[-1]["data"]["route"]
    assert ("desk", "حدّده موظف الفرز / decided by a triage clerk") == (told["rule"], told["reason"])
    assert not any(b"zainab" in parcel.body for parcel in walk.tape.parcels)
    (event,) = await walk.rows("SELECT data FROM events WHERE type = 'offered' AND department = 'water'")
    assert "zainab" == json.loads(event.data)["by"]


async def test_later_words_make_triage_needless(walk: Walk, tasks: Tasks) -> None:
    """When the citizen writes what it is about, nobody is asked any more."""
    await walk.hear(UNCLEAR)
    await walk.publish()
    await walk.hear("الماء مقطوع في محلتنا منذ ثلاثة أيام")
    await walk.publish()

    assert [] == await tasks.list([TaskKind.TRIAGE])
    assert ("water", "offered") == walk.tape.told()[-1]


async def test_danger_goes_first(walk: Walk, tasks: Tasks) -> None:
    """Whoever is in danger stands before all that waited longer, also when the danger is told later."""
    await walk.hear(UNCLEAR, sender="+9647700000001")
    await walk.publish()
    walk.clock.pass_by(seconds=1)
    await walk.hear(UNCLEAR, sender="+9647700000002")
    await walk.publish()
    first, second = await tasks.list([TaskKind.TRIAGE])
    await walk.hear("الحقونا", sender="+9647700000002")
    await walk.publish()

    found = await tasks.list([TaskKind.TRIAGE])
    assert [(second.id, True), (first.id, False)] == [(task.id, task.urgent) for task in found]


async def test_a_public_post_waits_for_a_person(walk: Walk, tasks: Tasks) -> None:
    """It is no complaint until somebody says so; then it is one, under the number that was reserved for it."""
    await post(walk)
    assert [] == await walk.rows("SELECT 1 FROM complaints")
    task = await only(tasks, TaskKind.CONFIRM)
    view = await tasks.get(task.id)
    assert view.inbound
    assert (POST, "https://social.example/P1") == (view.inbound.text, task.body["url"])
    reference = await tasks.complete(task.id, "zainab", Answer(accepted=True, category="waste.streets"))

    (row,) = await walk.rows("SELECT reference, category FROM complaints")
    assert (reference, "waste.streets") == (row.reference, row.category)


async def test_a_post_that_is_no_complaint_is_nothing(walk: Walk, tasks: Tasks) -> None:
    """The reason is kept, and nobody is asked again."""
    await post(walk)
    task = await only(tasks, TaskKind.CONFIRM)
    assert "" == await tasks.complete(task.id, "zainab", Answer(accepted=False))

    assert [] == await walk.rows("SELECT 1 FROM complaints")
    (row,) = await walk.rows("SELECT outcome FROM journal")
    assert "nothing to file: no complaint, says zainab" == row.outcome
    with pytest.raises(Over):
        await tasks.complete(task.id, "ali", Answer(accepted=True))


async def test_a_clear_complaint_in_public_needs_no_person(walk: Walk, tasks: Tasks) -> None:
    """What is understood surely enough is filed at once."""
    await post(walk, "انقطاع الماء عن محلتنا في الكرادة منذ ثلاثة أيام ولا احد يصلح")

    (row,) = await walk.rows("SELECT category FROM complaints")
    assert ("water.outage", []) == (row.category, await tasks.list([TaskKind.CONFIRM]))


async def test_an_edited_candidate_shows_its_last_words(walk: Walk, tasks: Tasks) -> None:
    """The person decides about what the post says now; a removed post is no question any more."""
    await post(walk)
    await post(walk, "الزبالة متراكمة هنا", external_id="P1e", revises="P1", purpose=Purpose.EDIT)
    task = await only(tasks, TaskKind.CONFIRM)
    assert "الزبالة متراكمة هنا" == task.body["text"]
    await post(walk, "", external_id="P1d", revises="P1", purpose=Purpose.DELETION)

    assert [] == await tasks.list([TaskKind.CONFIRM])


async def test_one_person_at_a_time(walk: Walk, tasks: Tasks) -> None:
    """A task in somebody's hands is nobody else's; when they let go of it, or forget it, it is free."""
    await walk.hear(UNCLEAR)
    await walk.publish()
    task = await only(tasks, TaskKind.TRIAGE)
    await tasks.claim(task.id, "zainab")
    with pytest.raises(Taken) as taken:
        await tasks.claim(task.id, "ali")
    assert "zainab" == taken.value.by
    with pytest.raises(Taken):
        await tasks.complete(task.id, "ali", Answer(category="water.outage"))
    assert [] == await tasks.list([TaskKind.TRIAGE], free_for="ali")

    await tasks.release(task.id, "zainab")
    await tasks.claim(task.id, "ali")
    walk.clock.now += timedelta(minutes=31)
    assert "zainab" == (await tasks.claim(task.id, "zainab")).task.claimed_by


async def call_back(walk: Walk, **body: Any) -> str:
    """Open a task to ring somebody who hung up."""
    draft = Draft(TaskKind.CALL_BACK, "CA1", "voice", body={"phone": "+9647701234567", "language": "ar", **body})
    await walk.house.store.write(lambda connection: store_tasks.open_task(connection, draft, walk.clock()))
    return draft.id


async def test_a_call_back_becomes_a_complaint(walk: Walk, tasks: Tasks) -> None:
    """What the citizen says on the telephone is a complaint by telephone, with their number."""
    task_id = await call_back(walk)
    reference = await tasks.complete(task_id, "ali", Answer(text="الماء مقطوع في محلتنا", outcome="reached"))
    await walk.understand()

    (row,) = await walk.rows("SELECT reference, channel FROM complaints")
    assert (reference, "phone") == (row.reference, row.channel)
    (personal,) = await walk.rows("SELECT body FROM personal")
    assert "+9647701234567" in personal.body


async def test_whoever_did_not_answer_is_rung_again(walk: Walk, tasks: Tasks) -> None:
    """The task stays open and says who tried; a citizen who wants nothing more ends it."""
    task_id = await call_back(walk)
    await tasks.claim(task_id, "ali")
    await tasks.complete(task_id, "ali", Answer(outcome="not_reached", note="مشغول"))
    task = await only(tasks, TaskKind.CALL_BACK)
    assert ("ali", None) == (task.body["calls"][0]["by"], task.claimed_by)
    await tasks.complete(task_id, "zainab", Answer(outcome="declined"))

    assert [] == await tasks.list([TaskKind.CALL_BACK])


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (Answer(category="water.fire"), "category"),
        (Answer(department="moon"), "department"),
        (Answer(district="paris"), "district"),
        (Answer(kind="praise"), "kind"),
        (Answer(outcome="eaten"), "outcome"),
        (Answer(), "department"),
        (Answer(department="citizens"), "department"),
        (Answer(text="ا" * 20_001), "text"),
    ],
)
async def test_a_wrong_answer_names_its_field(walk: Walk, tasks: Tasks, answer: Answer, field: str) -> None:
    """Nothing is done by half: the task stays open, and the person learns which field it was."""
    await walk.hear(UNCLEAR)
    await walk.publish()
    task = await only(tasks, TaskKind.TRIAGE)
    with pytest.raises(WrongAnswer) as wrong:
        await tasks.complete(task.id, "ali", answer)

    assert field == wrong.value.field
    assert [task.id] == [one.id for one in await tasks.list([TaskKind.TRIAGE])]


async def test_a_task_that_is_not_there(tasks: Tasks) -> None:
    """Nobody can claim what does not exist."""
    with pytest.raises(NotThere):
        await tasks.claim("nothing", "ali")


async def test_a_thread_that_the_channel_proves_amends_its_complaint(walk: Walk) -> None:
    """Whoever answers a letter of ours is heard where they were heard before, however late; others file anew."""
    receipt = await walk.hear("الماء مقطوع في محلتنا منذ ثلاثة أيام")
    walk.clock.now += timedelta(days=3)
    mail = {"channel": "sms", "scheme": Scheme.MAILTO, "sender": "a@example.org"}
    await walk.hear("رجع الماء ثم انقطع", about=receipt.reference, **mail)
    await walk.hear("موضوع آخر: الإنارة مطفأة", **mail)

    rows = await walk.rows("SELECT outcome FROM journal ORDER BY seq")
    assert ["complaint", "amendment", "complaint"] == [row.outcome for row in rows]


async def test_a_number_that_is_told_later_belongs_to_the_complaint(walk: Walk) -> None:
    """Whoever shares their own number in a chat, and says nothing else, can be rung; alone it is no complaint."""
    chat = {"channel": "whatsapp", "scheme": Scheme.TELEGRAM, "sender": "77", "answers": {}}
    number = {**chat, "answers": {"contact": {"phone": "07701234567"}}}
    await walk.hear("", **number)
    await walk.hear("الماء مقطوع في محلتنا", **chat)
    await walk.hear("", **number)

    rows = await walk.rows("SELECT outcome FROM journal ORDER BY seq")
    assert ["nothing to file", "complaint", "amendment"] == [row.outcome.partition(":")[0] for row in rows]
    (personal,) = await walk.rows("SELECT body FROM personal ORDER BY version DESC LIMIT 1")
    assert "+9647701234567" in personal.body


async def test_all_that_one_call_says_is_one_complaint(walk: Walk) -> None:
    """Danger by a key and a recording that comes hours later belong together, and to the number that called."""
    call = {"scheme": Scheme.CALL, "sender": "CA9", "answers": {"danger": True, "contact": {"phone": "07701234567"}}}
    await walk.hear("", **call)
    walk.clock.now += timedelta(hours=7)
    await walk.hear("", scheme=Scheme.CALL, sender="CA9", media=(VOICE,))

    (row,) = await walk.rows("SELECT priority FROM complaints")
    assert "distress" == row.priority
    (reply,) = await walk.rows("SELECT r.channel, p.address, r.purpose FROM replies r JOIN reply_payload p USING (id)")
    assert ("sms", "+9647701234567", "distress") == (reply.channel, reply.address, reply.purpose)


async def test_a_public_answer_holds_nothing_personal(walk: Walk) -> None:
    """Below the post stands that it was heard; number and PIN go to its author in private."""
    places = {"reply_to": Address(Scheme.COMMENT, "C1"), "comment_to": Address(Scheme.PUBLIC, "C1")}
    await post(walk, "انقطاع الماء عن محلتنا في الكرادة منذ ثلاثة أيام ولا احد يصلح", **places)

    rows = await walk.rows("SELECT r.purpose, p.scheme, p.text, p.slots FROM replies r JOIN reply_payload p USING (id)")
    said = {row.scheme: row for row in rows}
    (complaint,) = await walk.rows("SELECT reference FROM complaints")
    grouped = f"{complaint.reference[:4]} {complaint.reference[4:7]} {complaint.reference[7:]}"
    assert {"comment", "public"} == said.keys()
    assert grouped in said["comment"].text
    assert (True, "{}") == (not any(sign.isdigit() for sign in said["public"].text), said["public"].slots)


async def test_a_departments_own_mailbox(walk: Walk, tasks: Tasks) -> None:
    """What no rule decides goes to the department it was written to; what is clearly another's goes there."""
    mail = {"channel": "sms", "scheme": Scheme.MAILTO, "answers": {"department": "roads"}}
    await walk.hear(UNCLEAR, sender="a@example.org", **mail)
    await walk.hear("الماء مقطوع في محلتنا منذ ثلاثة أيام", sender="b@example.org", **mail)
    await walk.publish()

    assert [("roads", "offered"), ("water", "offered")] == sorted(walk.tape.told())
    assert [] == await tasks.list([TaskKind.TRIAGE])


async def test_a_departments_mailbox_takes_no_complaint_about_its_own_people(walk: Walk, tasks: Tasks) -> None:
    """What may be about staff waits for a person, however unsure that is and whichever mailbox it came to."""
    mail: dict[str, Any] = {"channel": "sms", "scheme": Scheme.MAILTO, "answers": {"department": "roads"}}
    await walk.hear("الموظفين وهذا الطريق", sender="a@example.org", **mail)
    await walk.publish()

    assert "roads" not in {department for department, _ in walk.tape.told()}
    assert 1 == len(await tasks.list([TaskKind.TRIAGE]))


async def test_a_rule_that_asks_for_a_person_goes_before_a_mailbox(walk: Walk, tasks: Tasks) -> None:
    """A city's rule that sends some words to the triage desk holds for letters to a department's own mailbox too."""
    city = walk.city
    rule = Rule(id="ask", department=city.triage, words=("مشكلة",))
    walk.city = replace(city, rules=replace(city.rules, rules=(rule, *city.rules.rules)))
    mail: dict[str, Any] = {"channel": "sms", "scheme": Scheme.MAILTO, "answers": {"department": "roads"}}
    await walk.hear(UNCLEAR, sender="a@example.org", **mail)
    await walk.publish()

    assert "roads" not in {department for department, _ in walk.tape.told()}
    assert 1 == len(await tasks.list([TaskKind.TRIAGE]))
