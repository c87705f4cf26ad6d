"""Tasks: listed, taken in hand by one at a time, done, and never shown to who does not have them."""

import io
import math
import re
import struct
import wave
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from channels.message import Address, Scheme
from gateway.calls import CALL_BACK_REASONS
from gateway.store.tables import tasks as table
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.citizen.visitor import PIPE
from tests.gateway.desk.agent import Agent, ask, hear, keep
from tests.servers.waiting import until

NUMBER = "+9647704444444"


def tape() -> bytes:
    """A second of a tone."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 9))) for n in range(8000)))
    return sound.getvalue()


async def call(agent: Agent, subject: str = "call-1", **more: object) -> str:
    """Open a task to call somebody back."""
    body = {"phone": NUMBER, "language": "ar", **more}
    return await ask(
        agent.house, Draft(kind=TaskKind.CALL_BACK, subject=subject, channel="voice", language="ar", body=body)
    )


async def spoken(agent: Agent, number: str = "+9647701111111") -> str:
    """Let a voice note come in, and return its task."""
    await hear(agent.house, "", await keep(agent.house, tape()), number=number)
    found: list[str] = []

    async def there() -> bool:
        found[:] = [task.id for task in await agent.tasks(TaskKind.TRANSCRIBE)]
        return bool(found)

    await until(there)
    return found[-1]


async def take(agent: Agent, task: str) -> None:
    """Take a task in hand."""
    page = await agent.get("/desk/tasks")
    page = await agent.press(page, f"/desk/tasks/{task}/claim")
    assert f"/desk/tasks/{task}" == page.path, page.words


async def hold(agent: Agent, task: str, by: str, minutes: int = 30) -> None:
    """Let a colleague have it."""
    until_then = datetime.now(UTC) + timedelta(minutes=minutes)
    await agent.house.store.write(
        lambda found: found.execute(
            update(table).where(table.c.id == task).values(claimed_by=by, claimed_until=until_then)
        )
    )


async def test_danger_is_listed_first_then_the_oldest_and_what_others_have_is_grey(agent: Agent) -> None:
    """Everybody sees what waits, who has what, and until when; numbers are not in the list."""
    await agent.begin()
    old = await call(agent, "old")
    await call(agent, "theirs")
    urgent = await ask(agent.house, Draft(kind=TaskKind.CALL_BACK, subject="u", channel="voice", urgent=True))
    theirs = (await agent.tasks())[-1].id
    await hold(agent, theirs, "zaid")
    page = await agent.get("/desk/tasks")
    found = [page.text.index(task) for task in (urgent, old)]
    assert sorted(found) == found
    assert theirs not in page.text
    assert "بيد zaid" in page.words
    assert 1 == page.text.count('class="task held')
    assert NUMBER not in page.text


async def test_the_list_can_be_of_one_kind(agent: Agent) -> None:
    """Whoever only calls back sees only calls; a kind that does not exist shows all."""
    await agent.begin()
    task = await call(agent)
    assert task in (await agent.get("/desk/tasks?kind=call_back")).text
    assert task not in (await agent.get("/desk/tasks?kind=transcribe")).text
    assert task in (await agent.get("/desk/tasks?kind=nothing")).text


async def test_a_number_is_shown_only_to_who_has_the_task_in_hand(agent: Agent) -> None:
    """Before taking it, and while a colleague has it, nobody reads whom to call."""
    await agent.begin()
    task = await call(agent)
    page = await agent.get(f"/desk/tasks/{task}")
    assert ("/desk/tasks", False) == (page.path, NUMBER in page.text)
    await hold(agent, task, "zaid")
    page = await agent.get(f"/desk/tasks/{task}")
    assert ("/desk/tasks", False) == (page.path, NUMBER in page.text)
    page = await agent.press(page, f"/desk/tasks/{task}/claim")
    assert ("/desk/tasks", False) == (page.path, NUMBER in page.text)
    assert "بيد أحد الزملاء" in page.words
    await hold(agent, task, "zaid", minutes=-1)  # abandoned: it is free again
    await take(agent, task)
    assert NUMBER in (await agent.get(f"/desk/tasks/{task}")).text


async def test_a_task_that_is_let_go_is_free(agent: Agent) -> None:
    """Somebody else may take it then."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    page = await agent.get(f"/desk/tasks/{task}")
    page = await agent.press(page, f"/desk/tasks/{task}/release")
    assert "صارت المهمة متاحة لغيركم" in page.words
    (found,) = await agent.tasks()
    assert found.held(datetime.now(UTC)) is None


async def test_a_recording_is_heard_beside_the_form_and_written_down(busy: Agent) -> None:
    """What is written amends the complaint, which is then routed by it; the recording stays."""
    await busy.begin()
    task = await spoken(busy)
    reference = (await busy.tasks(TaskKind.TRANSCRIBE))[0].reference
    await take(busy, task)
    page = await busy.get(f"/desk/tasks/{task}")
    source = page.text.partition('<audio controls preload="metadata" src="')[2].partition('"')[0]
    async with busy.client.get(source, headers={"Range": "bytes=0-3"}) as response:
        assert (206, b"RIFF") == (response.status, await response.read())
        assert "default-src 'none'; sandbox" == response.headers["Content-Security-Policy"]
        assert response.headers["Content-Type"].startswith("audio/")
        assert "private, no-store" == response.headers["Cache-Control"]
    page = await busy.press(page, f"/desk/tasks/{task}", text=PIPE, category="water.leak", then="list")
    assert ("/desk/tasks", True) == (page.path, "تم الحفظ" in page.words), page.words

    async def offered() -> bool:
        return (await busy.case(reference)).department == "water"

    await until(offered)
    complaint = (await busy.case(reference)).complaint
    assert (PIPE, "water.leak", 1) == (complaint.text, complaint.category, len(complaint.attachments))
    page = await busy.get(source)
    assert 404 == page.status  # the task is done: the recording is nobody's business any more


async def test_a_recording_is_played_to_nobody_else(busy: Agent) -> None:
    """Not to an agent who has not taken the task, not to triage once it is decided, and to nobody by a wrong id."""
    await busy.begin()
    task = await spoken(busy)
    await take(busy, task)
    page = await busy.get(f"/desk/tasks/{task}")
    source = page.text.partition('<audio controls preload="metadata" src="')[2].partition('"')[0]
    await hold(busy, task, "zaid")
    assert 404 == (await busy.get(source)).status
    assert 404 == (await busy.get("/desk/attachments/..%2f..%2fsecret.key")).status
    await busy.press(page, "/desk/sign-out")
    await busy.begin("supervisor", name="boss")
    async with busy.client.get(source) as response:
        assert 200 == response.status


async def test_saving_brings_the_next_of_the_same_kind(agent: Agent) -> None:
    """It is in hand at once; a colleague's is passed over."""
    await agent.begin()
    first, theirs, last = [await call(agent, subject) for subject in ("1", "2", "3")]
    await hold(agent, theirs, "zaid")
    await take(agent, first)
    page = await agent.get(f"/desk/tasks/{first}")
    page = await agent.press(page, f"/desk/tasks/{first}", outcome="reached", text=PIPE, then="next")
    assert f"/desk/tasks/{last}" == page.path
    assert "تم الحفظ" in page.words


async def test_who_calls_back_reads_why_and_what_a_machine_heard(agent: Agent) -> None:
    """Why the caller must be rung, that the words are a machine's, and none but the keys that do something here."""
    await agent.begin()
    task = await call(agent, reason=CALL_BACK_REASONS["agent"], proposed="المي مقطوع")
    await take(agent, task)
    page = await agent.get(f"/desk/tasks/{task}")
    assert "انتظر المتصل موظفاً ولم يردّ أحد." in page.words
    assert ("المي مقطوع", True) == (page.typed.strip(), "هذا ما سمعته آلة من المكالمة" in page.words)
    assert ("Ctrl+Enter" in page.words, "Ctrl+B" in page.words) == (True, False)
    other = await call(agent, "call-2")
    await take(agent, other)
    assert "هذا ما سمعته آلة" not in (await agent.get(f"/desk/tasks/{other}")).words


async def test_how_long_a_task_waits_is_said_in_words_that_agree(agent: Agent) -> None:
    """In Arabic the dual stands as it must after a colon, and nothing has waited for no minutes."""
    await agent.begin()
    await call(agent)
    assert "مدة الانتظار: دقيقة" in re.sub("[\u2066-\u2069]", "", (await agent.get("/desk/tasks")).words)
    earlier = datetime.now(UTC) - timedelta(hours=2, minutes=5)
    await agent.house.store.write(lambda connection: connection.execute(update(table).values(created_at=earlier)))
    assert "مدة الانتظار: ساعتان" in re.sub("[\u2066-\u2069]", "", (await agent.get("/desk/tasks")).words)


async def test_a_call_that_was_answered_becomes_a_complaint(busy: Agent) -> None:
    """The citizen had left nothing but a number: what they say now is filed, with the number to reach them."""
    await busy.begin()
    task = await call(busy)
    await take(busy, task)
    page = await busy.get(f"/desk/tasks/{task}")
    await busy.press(page, f"/desk/tasks/{task}", outcome="reached", text=PIPE, district="karkh", danger="yes")
    assert [] == await busy.tasks(TaskKind.CALL_BACK)

    async def filed() -> bool:
        rows = await busy.house.store.read(
            lambda found: found.exec_driver_sql("SELECT reference FROM complaints").all()
        )
        return len(rows) == 1

    await until(filed)
    (row,) = await busy.house.store.read(lambda found: found.exec_driver_sql("SELECT reference FROM complaints").all())
    complaint = (await busy.case(row[0])).complaint
    assert (PIPE, NUMBER) == (complaint.text, complaint.contact.phone if complaint.contact else None)


async def test_a_call_that_nobody_answered_stays_and_is_counted(agent: Agent) -> None:
    """The next who tries reads when and by whom it was tried before."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    page = await agent.get(f"/desk/tasks/{task}")
    page = await agent.press(page, f"/desk/tasks/{task}", outcome="not_reached", note="مشغول", then="next")
    assert "تبقى المهمة في القائمة" in page.words
    assert "/desk/tasks" == page.path
    await take(agent, task)
    page = await agent.get(f"/desk/tasks/{task}")
    assert "sara" in page.words
    assert "مشغول" in page.words


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"outcome": "reached", "text": "  "}, "دوّنوا ما قيل"),
        ({"outcome": "shouted", "text": PIPE}, "حددوا نتيجة الاتصال"),
        ({"outcome": "reached", "text": PIPE, "category": "no.such"}, "اختاروا الموضوع"),
        ({"outcome": "reached", "text": "ش" * 20_001}, "دوّنوا ما قيل"),
    ],
)
async def test_an_answer_that_cannot_be_taken_comes_back_with_its_words(
    agent: Agent, fields: dict[str, str], says: str
) -> None:
    """What is wrong is said, and nothing that was typed is lost."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    page = await agent.press(await agent.get(f"/desk/tasks/{task}"), f"/desk/tasks/{task}", note="ملاحظة", **fields)
    assert 422 == page.status
    assert says in page.words
    assert fields["text"] == page.typed
    assert "ملاحظة" == page.value("note")
    assert NUMBER in page.text


async def test_what_was_typed_is_not_lost_when_a_colleague_was_faster(agent: Agent) -> None:
    """The words can be copied; the number is the colleague's now."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    form = await agent.get(f"/desk/tasks/{task}")
    await hold(agent, task, "zaid")
    page = await agent.press(form, f"/desk/tasks/{task}", outcome="reached", text=PIPE)
    assert (409, PIPE) == (page.status, page.typed)
    assert "بيد أحد الزملاء" in page.words
    assert NUMBER not in page.text
    assert 1 == len(await agent.tasks())


async def test_a_form_of_an_earlier_session_does_nothing_and_keeps_its_words(agent: Agent) -> None:
    """After signing in anew the form comes back, ready to be sent."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    page = await agent.post(f"/desk/tasks/{task}", {"csrf": "old", "outcome": "reached", "text": PIPE})
    assert (422, PIPE) == (page.status, page.typed)
    assert 1 == len(await agent.tasks())
    page = await agent.press(page, f"/desk/tasks/{task}", outcome="reached", text=page.typed)
    assert [] == await agent.tasks()


@pytest.mark.parametrize("action", ["claim", "release"])
async def test_a_press_without_the_sessions_token_does_nothing(agent: Agent, action: str) -> None:
    """It says so, and the task is as it was."""
    await agent.begin()
    task = await call(agent)
    if action == "release":
        await take(agent, task)
    page = await agent.post(f"/desk/tasks/{task}/{action}", {"csrf": "guessed"})
    assert "سجلتم الدخول من جديد" in page.words
    held = (await agent.tasks())[0].held(datetime.now(UTC))
    assert (None if action == "claim" else "sara") == held


async def test_a_public_post_is_confirmed_or_let_be(busy: Agent) -> None:
    """The post is shown with its address; yes makes it a complaint, no leaves it."""
    await busy.begin()
    for number, text in enumerate(["الأرصفة في حيّنا متعبة جداً ولا أحد يهتم", "أين البلدية من هذا كله يا ناس"]):
        await hear(
            busy.house, text, channel="facebook", account="page", external_id=f"post-{number}",
            sender=Address(Scheme.COMMENT, f"p{number}"), public=True, sender_name="علي",
            url="javascript:alert(1)" if number else "https://facebook.example/p/0",
        )  # fmt: skip

    async def both() -> bool:
        return len(await busy.tasks(TaskKind.CONFIRM)) == 2

    await until(both)
    first, second = sorted(await busy.tasks(TaskKind.CONFIRM), key=lambda task: str(task.body["url"]))
    await take(busy, first.id)
    page = await busy.get(f"/desk/tasks/{first.id}")
    assert 'href="https://facebook.example/p/0"' in page.text
    page = await busy.press(page, f"/desk/tasks/{first.id}", note="?")
    assert "حددوا هل هو شكوى" in page.words
    await busy.press(page, f"/desk/tasks/{first.id}", accepted="yes", category="roads.damage")
    await take(busy, second.id)
    page = await busy.get(f"/desk/tasks/{second.id}")
    assert "javascript:" not in page.text
    await busy.press(page, f"/desk/tasks/{second.id}", accepted="no")
    assert [] == await busy.tasks(TaskKind.CONFIRM)
    rows = await busy.house.store.read(lambda found: found.exec_driver_sql("SELECT category FROM complaints").all())
    assert [("roads.damage",)] == [tuple(row) for row in rows]


async def test_a_task_that_is_done_or_never_was_says_so(agent: Agent) -> None:
    """An old address in the browser's history leads back to the list."""
    await agent.begin()
    task = await call(agent)
    await take(agent, task)
    await agent.press(await agent.get(f"/desk/tasks/{task}"), f"/desk/tasks/{task}", outcome="declined")
    page = await agent.get(f"/desk/tasks/{task}")
    assert "أُنجز هذا من قبل" in page.words
    again = await agent.press(await agent.get("/desk/entry"), f"/desk/tasks/{task}", outcome="reached", text=PIPE)
    assert (409, PIPE) == (again.status, again.typed)
    for strange in ("no-such-task", "%00", "00000000-0000-0000-0000-000000000000", "%ff", "a" * 5000):
        assert 404 == (await agent.get(f"/desk/tasks/{strange}")).status


async def test_a_triage_task_is_not_for_agents(agent: Agent) -> None:
    """Its address among the tasks is not there: whoever has the one right has not the other."""
    await agent.begin("agent")
    task = await ask(agent.house, Draft(kind=TaskKind.TRIAGE, subject="c-1", channel="sms"))
    page = await agent.get("/desk/tasks")
    assert task not in page.text
    assert 404 == (await agent.get(f"/desk/tasks/{task}")).status
    assert 404 == (await agent.press(page, f"/desk/tasks/{task}/claim")).status


async def test_a_citizens_words_are_text_whatever_they_look_like(busy: Agent) -> None:
    """A message with markup in it is read, not run."""
    await busy.begin("supervisor")
    bad = '<img src=x onerror="alert(1)"><script>alert(1)</script>'
    await hear(busy.house, bad)

    async def there() -> bool:
        return bool(await busy.tasks(TaskKind.TRIAGE))

    await until(there)
    page = await busy.get("/desk/triage")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
