"""The hotline: callers who walk the menu through real HTTP, into a real store, and what becomes of each call."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from channels.base import Barred, Busy, Fetches, Forgets, Probes, Recounts, Refused, Unreadable
from channels.message import Inbound, Media, Purpose, Scheme
from channels.twilio_form import SIGNATURE
from channels.voice import Hosted, Voice
from gateway.calls import Calls, Ends, Sweeper, gather
from gateway.city.city import City, load
from gateway.hotline import open_lines
from gateway.intake import NotStored
from normalizer.reference import show
from tests.channels.caller import Caller
from tests.channels.harness import FIXTURES, Sink, example_settings, house, public
from tests.gateway.walk import ACCOUNT, NUMBER, TOKEN, Walk

CITIZEN = "+9647701234567"
AGENT, PIN = "+9647700000001", "246813"
DETAILS = "المطلوب لإجازة البناء"

Dial = Callable[..., Awaitable[Caller]]


@pytest.fixture(scope="module")
def city() -> City:
    return load("baghdad")


def voice_environ(**more: str) -> dict[str, str]:
    given = {
        "ACCOUNT_SID": ACCOUNT,
        "AUTH_TOKEN": TOKEN,
        "NUMBER": NUMBER,
        "API_URL": "http://127.0.0.1:9",
        "AGENTS": AGENT,
        "AGENT_PIN": PIN,
        **more,
    }
    return {f"BALAGH_VOICE__{key}": value for key, value in given.items()}


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house with the hotline on, every step taken by hand. It is Saturday, a quarter past one in Baghdad."""
    made = Walk(tmp_path, city, **voice_environ())
    open_lines(made.house, clock=made.clock)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def dial(walk: Walk, aiohttp_client: Any) -> Dial:
    """Call the hotline."""
    client = await aiohttp_client(walk.site())
    channel = walk.house.channels["voice"]
    assert isinstance(channel, Voice)

    async def call(number: str = CITIZEN) -> Caller:
        return await Caller(client, channel, number).dial()

    return call


async def tasks_of(walk: Walk, kind: str) -> list[dict[str, Any]]:
    await walk.understand()
    rows = await walk.rows(
        "SELECT t.*, p.body FROM tasks t JOIN task_payload p ON p.id = t.id WHERE t.kind = :kind ORDER BY t.created_at",
        kind=kind,
    )
    return [{**row._mapping, "body": json.loads(row.body)} for row in rows]


async def complaints_of(walk: Walk) -> list[Any]:
    await walk.understand()
    return await walk.rows("SELECT * FROM complaints ORDER BY received_at, reference")


async def complaint(walk: Walk, reference: str) -> dict[str, Any]:
    rows = await walk.rows(
        "SELECT p.body FROM personal p JOIN complaints c ON c.id = p.complaint_id AND c.version = p.version "
        "WHERE c.reference = :reference",
        reference=reference,
    )
    found: dict[str, Any] = json.loads(rows[0].body)
    return found


# Reporting


async def test_a_report_is_a_complaint_with_its_recording_and_a_task(walk: Walk, dial: Dial) -> None:
    """Language, report, speak: the number is read out twice and comes by SMS, and a person is asked for the words."""
    caller = await (await dial()).press("1", "1")
    await caller.speak()
    [filed] = await complaints_of(walk)

    assert 2 == caller.words().count(" ".join(show(filed.reference).split()))
    assert ("voice", "normal", "ar") == (filed.channel, filed.priority, filed.language)
    whole = await complaint(walk, filed.reference)
    assert ("audio", CITIZEN) == (whole["attachments"][0]["kind"], whole["contact"]["phone"])
    assert [filed.id] == [task["complaint_id"] for task in await tasks_of(walk, "transcribe")]
    [owed] = await walk.rows("SELECT r.*, p.address, p.text FROM replies r JOIN reply_payload p ON p.id = r.id")
    assert ("sms", CITIZEN, "received") == (owed.channel, owed.address, owed.purpose)
    assert show(filed.reference) in owed.text


async def test_english_is_heard_all_the_way(dial: Dial) -> None:
    """Whoever chose English hears English at every step."""
    caller = await (await dial()).press("2")
    assert "To make a report, press one" in caller.words()
    await caller.press("1")
    assert "Speak after the tone" in caller.words()
    await caller.speak()
    assert "The number of your report is" in caller.words()


async def test_a_recording_whose_callback_comes_first_is_one_complaint(walk: Walk, dial: Dial) -> None:
    """Action first, callback first, either twice: one complaint, with the caller's number."""
    caller = await (await dial()).press("1", "1")
    recording = await caller.speak(ends="hangup", action=False)
    assert 200 == await caller.recorded(recording)
    await walk.understand()
    assert 200 == await caller.recorded(recording)
    for address, body in list(caller.sent):
        assert 200 == (await caller.repeat(address, body))[0]
    [filed] = await complaints_of(walk)
    whole = await complaint(walk, filed.reference)

    assert CITIZEN == whole["contact"]["phone"], "the callback does not say who called; the call's beginning did"
    assert ("ar", 1) == (filed.language, len(whole["attachments"]))


async def test_action_and_callback_say_the_same(dial: Dial) -> None:
    """But for the number, which only the action has, both become the very same Inbound under the same identity."""
    caller = await (await dial()).press("1", "1")
    recording = await caller.speak()
    await caller.recorded(recording)
    said = []
    for address, body in caller.sent:
        if "/recorded" in address or "/recording" in address:
            request = make_mocked_request("POST", address.removeprefix(caller.channel.settings.public_url))
            [inbound] = caller.channel.parse(request, body)
            answers = {name: value for name, value in inbound.answers.items() if name != "contact"}
            said.append(inbound.but(raw={}, answers=answers))

    assert 2 == len(said)
    assert said[0] == said[1]
    assert f"{caller.call}:recording:{recording}" == said[0].external_id


async def test_another_report_in_the_same_call_is_another_complaint(walk: Walk, dial: Dial) -> None:
    """Three reports in one call are three complaints, each with its own number; a fourth is not offered."""
    caller = await (await dial()).press("1", "1")
    heard = []
    for _ in range(3):
        await caller.speak()
        await walk.understand()
        heard.append(caller.words())
        if len(heard) < 3:
            await caller.press("1")
    filed = await complaints_of(walk)

    assert 3 == len(filed)
    assert all(any(" ".join(show(row.reference).split()) in words for words in heard) for row in filed)
    assert "لبلاغ آخر" in heard[1]
    assert "لبلاغ آخر" not in heard[2]


async def test_whoever_withholds_the_number_hears_the_pin(walk: Walk, dial: Dial) -> None:
    """No SMS can reach them, so reference and PIN are read out; the complaint is filed like any other."""
    caller = await (await dial("anonymous")).press("1", "1")
    await caller.speak()
    [filed] = await complaints_of(walk)
    pin = walk.house.identities.pin(filed.reference)

    assert f"{pin[:3]} {pin[3:]}" in caller.words()
    assert "برسالة قصيرة" not in caller.words()
    assert [] == await walk.rows("SELECT * FROM replies")


# Danger


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "1"), ("1", "2"), ("1", "3"), ("2", "3", "1")])
async def test_nine_is_danger_at_every_prompt(keys: tuple[str, ...], walk: Walk, dial: Dial) -> None:
    """The emergency numbers are spoken and a distress complaint is filed before a word is said, then there is a tone."""
    caller = await (await dial()).press(*keys)
    await caller.press("9#" if caller.at is not None and caller.at.get("finishOnKey") else "9")
    [filed] = await complaints_of(walk)

    assert "122" in caller.words()
    assert "distress" == filed.priority
    await caller.speak()
    [filed] = await complaints_of(walk)
    assert 1 == len((await complaint(walk, filed.reference))["attachments"])
    assert " ".join(show(filed.reference).split()) in caller.words(), "the number of the first, not the recording's own"


async def test_nine_ends_a_recording_and_is_danger(walk: Walk, dial: Dial) -> None:
    """What was said until then is kept, and what follows is added."""
    caller = await (await dial()).press("1", "1")
    await caller.speak(ends="9")
    await caller.speak()
    [filed] = await complaints_of(walk)

    assert "distress" == filed.priority
    assert 2 == len((await complaint(walk, filed.reference))["attachments"])


async def test_nine_while_waiting_is_danger(walk: Walk, dial: Dial) -> None:
    """Out of the queue to the emergency numbers and a tone."""
    caller = await (await dial()).press("1", "0")
    await (await caller.wait()).press("9")
    [filed] = await complaints_of(walk)

    assert "122" in caller.words()
    assert "distress" == filed.priority
    await caller.to_the_tone()


# Hanging up

STEPS: dict[str, tuple[tuple[str, ...], str, bool]] = {
    # where the caller hangs up: keys until then, what the call-back says (empty: none), urgent
    "welcome": ((), "", False),
    "language": (("1",), "", False),
    "following": (("1", "2"), "", False),
    "services": (("1", "3"), "", False),
    "a service": (("1", "3", "1"), "", False),
    "report": (("1", "1"), "chose to report", False),
    "danger": (("9",), "danger", True),
    "danger in a menu": (("2", "9"), "danger", True),
    "agent": (("1", "0"), "waited for an agent", False),
}


@pytest.mark.parametrize("step", STEPS)
async def test_hanging_up_loses_nothing(step: str, walk: Walk, dial: Dial) -> None:
    """What was begun becomes a task to call back, with what was gathered; whoever only listened is left alone."""
    keys, reason, urgent = STEPS[step]
    caller = await (await dial()).press(*keys)
    assert 200 == await caller.hang_up()
    found = await tasks_of(walk, "call_back")
    assert 200 == await caller.hang_up()
    assert len(found) == len(await tasks_of(walk, "call_back")), "told twice, called once"

    assert bool(reason) == bool(found)
    if found:
        [task] = found
        assert reason in task["body"]["reason"]
        assert (urgent, CITIZEN) == (bool(task["urgent"]), task["body"]["phone"])
        assert bool(task["complaint_id"]) == urgent


async def test_hanging_up_at_the_tone_before_the_recording_arrives(walk: Walk, dial: Dial) -> None:
    """The call ends, a call-back is opened; the recording comes late and closes it: one complaint, nobody called."""
    caller = await (await dial()).press("1", "1")
    recording = await caller.speak(ends="hangup", action=False)
    await caller.hang_up()
    assert ["open"] == [task["state"] for task in await tasks_of(walk, "call_back")]
    await caller.recorded(recording)

    assert ["done"] == [task["state"] for task in await tasks_of(walk, "call_back")]
    assert 1 == len(await complaints_of(walk))


async def test_a_silent_recording_is_called_back(walk: Walk, dial: Dial) -> None:
    """Twilio says that nothing was on it: no complaint, and a person calls."""
    caller = await (await dial()).press("1", "1")
    recording = await caller.speak(ends="hangup", action=False)
    await caller.recorded(recording, status="absent")
    await caller.hang_up()

    assert [] == await complaints_of(walk)
    assert ["open"] == [task["state"] for task in await tasks_of(walk, "call_back")]


async def test_hanging_up_in_a_further_report_is_called_back(walk: Walk, dial: Dial) -> None:
    """The first report was heard, the second only begun: that one is called back."""
    caller = await (await dial()).press("1", "1")
    await caller.speak()
    await caller.press("1")
    await caller.hang_up()
    [task] = await tasks_of(walk, "call_back")

    assert (f"{caller.call}:2", CITIZEN) == (task["subject"], task["body"]["phone"])
    assert 1 == len(await complaints_of(walk))


async def test_withheld_and_gone_is_nobody_to_call(walk: Walk, dial: Dial) -> None:
    """Without a number there is nobody to call, so no task that nobody could do is opened."""
    caller = await (await dial("anonymous")).press("1", "1")
    await caller.hang_up()

    assert [] == await tasks_of(walk, "call_back")


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "1"), ("1", "2"), ("1", "3"), ("1", "0"), ("9",)])
async def test_whoever_does_nothing_is_let_go(keys: tuple[str, ...], walk: Walk, dial: Dial) -> None:
    """Nothing is asked for ever: three times, then a tone, then good-bye, and a call-back where one was promised."""
    caller = await (await dial()).press(*keys)
    if caller.waits_for == "Enqueue":
        await caller.leaves_queue("queue-full")
    words = ""
    while caller.at is not None:
        await caller.silent()
        words = caller.words()
    await caller.hang_up()

    promised = "سيتصل بكم" in words
    assert promised == bool(await tasks_of(walk, "call_back"))


async def test_unknown_keys_are_asked_again(dial: Dial) -> None:
    """A wrong key is told, and the menu is read once more."""
    caller = await (await dial()).press("1", "7")
    assert "لم نتلقَّ اختياراً صحيحاً" in caller.words()
    assert "لتقديم بلاغ" in caller.words()


# Agents


async def test_the_sixth_caller_is_offered_a_message_or_a_call_back(walk: Walk, dial: Dial) -> None:
    """Five lines are busy: the sixth hears what there is, never silence; a line that comes free is given again."""
    waiting = [await (await dial(f"+964770123450{index}")).press("1", "0") for index in range(5)]
    assert {"Enqueue"} == {caller.waits_for for caller in waiting}
    sixth = await (await dial()).press("1", "0")
    assert "كل الخطوط مشغولة" in sixth.words()
    again = await waiting[0].repeat(*next(sent for sent in waiting[0].sent if "/menu" in sent[0]))
    assert "<Enqueue" in again[1], "the same request once more takes no second line"
    await sixth.press("2")
    assert "سيتصل بكم" in sixth.words()
    await sixth.hang_up()
    [task] = [task for task in await tasks_of(walk, "call_back") if task["body"]["phone"] == CITIZEN]
    assert "asked to be called back" == task["body"]["reason"]

    await waiting[0].hang_up()
    assert "Enqueue" == (await (await dial()).press("1", "0")).waits_for


async def test_a_line_whose_end_was_never_told_comes_free(walk: Walk, dial: Dial) -> None:
    """An hour later the line is somebody else's, whatever became of the status callback."""
    for index in range(5):
        await (await dial(f"+964770123450{index}")).press("1", "0")
    walk.clock.pass_by(minutes=61)

    assert "Enqueue" == (await (await dial()).press("1", "0")).waits_for


async def test_waiting_tells_the_place_and_leads_to_a_message(walk: Walk, dial: Dial) -> None:
    """The place in the queue is told; 1 leaves a message instead, which is a complaint; nobody calls back then."""
    caller = await (await dial()).press("1", "0")
    await caller.wait(position=3)
    assert "ترتيبكم في الانتظار هو 3" in caller.words()
    await caller.press("1")
    await caller.speak()
    await caller.hang_up()

    assert 1 == len(await complaints_of(walk))
    assert [] == await tasks_of(walk, "call_back")


@pytest.mark.parametrize(("result", "called"), [("bridged", False), ("hangup", True), ("leave", True)])
async def test_after_the_queue(result: str, called: bool, walk: Walk, dial: Dial) -> None:
    """Whoever talked with an agent is done; whoever left without a word is called back."""
    caller = await (await dial()).press("1", "0")
    await caller.leaves_queue(result)
    await caller.hang_up()

    assert called == bool(await tasks_of(walk, "call_back"))


@pytest.mark.parametrize("result", ["queue-full", "error", "system-error", "something-new"])
async def test_trouble_in_the_queue_is_never_silence(result: str, dial: Dial) -> None:
    """Whatever Twilio's queue says, the caller is offered a message or a call back."""
    caller = await (await dial()).press("1", "0")
    await caller.leaves_queue(result)

    assert "لترك رسالة اضغطوا واحد" in caller.words()


async def test_outside_the_hours_there_is_a_message_or_a_call_back(walk: Walk, dial: Dial) -> None:
    """On Friday nobody answers: said so, and the two ways on are offered."""
    walk.clock.pass_by(days=6)
    caller = await (await dial()).press("1", "0")

    assert "الموظفون غير موجودين" in caller.words()
    await caller.press("1")
    await caller.speak()
    assert 1 == len(await complaints_of(walk))


async def test_withheld_on_busy_lines_can_only_speak(walk: Walk, dial: Dial) -> None:
    """Nobody can call back whoever shows no number: they get the tone at once."""
    walk.clock.pass_by(days=6)
    caller = await (await dial("anonymous")).press("1", "0")

    await caller.to_the_tone()


async def test_an_agent_gets_the_queue_after_the_pin(walk: Walk, dial: Dial) -> None:
    """The agent's call is joined to the queue again and again; it is nobody's complaint and leaves no trace."""
    agent = await dial(AGENT)
    await agent.press("111111#", f"{PIN}#")
    assert "Dial" == agent.waits_for
    assert agent.at is not None
    assert ["Queue"] == [part.tag for part in agent.at]
    await agent.hang_up()

    await walk.understand()
    assert [] == await walk.rows("SELECT * FROM journal")


async def test_a_forged_agent_number_without_the_pin_hears_nobody(walk: Walk, dial: Dial) -> None:
    """Three wrong PINs end the call, five close the number for a while, even to the right one."""
    for _ in range(2):
        forger = await dial(AGENT)
        await forger.press("111111#", "222222#", "333333#")
        assert "" == forger.waits_for
    agent = await (await dial(AGENT)).press(f"{PIN}#")
    assert "Gather" == agent.waits_for
    outsider = await dial()
    address = f"{outsider.base}/agent-next"
    _, text = await outsider.post(address, {"CallSid": outsider.call, "From": CITIZEN})
    assert "<Dial" not in text


# Following


@pytest.fixture
async def filed(walk: Walk) -> str:
    """A complaint that came by SMS from the citizen."""
    receipt = await walk.hear()
    return receipt.reference


async def test_the_own_number_is_proof_of_the_state_alone(filed: str, dial: Dial) -> None:
    """From the telephone that made it the state is told at once, and nothing of what it says."""
    caller = await (await dial()).press("1", "2", f"{filed}#")

    assert "استُلم بلاغكم" in caller.words()
    assert "الجامعة" not in caller.last


async def code_sent(walk: Walk) -> list[Any]:
    return await walk.rows(
        "SELECT r.*, p.address, p.text FROM replies r JOIN reply_payload p ON p.id = r.id WHERE r.purpose = 'voice_code'"
    )


async def test_another_telephone_needs_the_code(walk: Walk, filed: str, dial: Dial) -> None:
    """A code goes by SMS to the telephone that made the report; wrong is wrong, right tells the state."""
    caller = await (await dial("+9647709999999")).press("1", "2", f"{filed}#")
    assert "رمزاً من ستة أرقام" in caller.words()
    [sent] = await code_sent(walk)
    code = next(word for word in sent.text.split() if word.isdecimal())
    assert (CITIZEN, "sms", 6) == (sent.address, sent.channel, len(code))
    await caller.press("000000#" if code != "000000" else "111111#")
    assert "الرمز غير صحيح" in caller.words()
    await caller.press(f"{code}#")

    assert "استُلم بلاغكم" in caller.words()


async def test_a_repeated_request_sends_no_second_code(walk: Walk, filed: str, dial: Dial) -> None:
    """Twilio may ask the same step twice: the code stays the one that was sent."""
    caller = await (await dial("+9647709999999")).press("1", "2", f"{filed}#")
    first = await code_sent(walk)
    _, text = await caller.repeat(*caller.sent[-1])

    assert first == await code_sent(walk)
    assert caller.last == text


async def test_a_code_dies_after_three_tries_or_ten_minutes(walk: Walk, filed: str, dial: Dial) -> None:
    """The right code is no use after three wrong ones, nor after ten minutes, nor in another call."""
    caller = await (await dial("+9647709999999")).press("1", "2", f"{filed}#")
    [sent] = await code_sent(walk)
    code = next(word for word in sent.text.split() if word.isdecimal())
    wrong = f"{(int(code) + 1) % 1_000_000:06}#"
    await caller.press(wrong, wrong, wrong)
    assert "لا يمكننا إعطاء معلومات" in caller.words()

    late = await (await dial("+9647709999998")).press("1", "2", f"{filed}#")
    second = next(word for word in (await code_sent(walk))[-1].text.split() if word.isdecimal())
    walk.clock.pass_by(minutes=11)
    await late.press(f"{second}#")
    assert "استُلم بلاغكم" not in late.words()


async def test_nobody_learns_which_references_exist(walk: Walk, filed: str, dial: Dial) -> None:
    """A stranger hears the same words for a number that exists and for one that does not, and only one SMS goes."""
    unknown = (await walk.rows("SELECT reference FROM complaints"))[0].reference
    other = next(
        number for number in map(str, range(1_000_000_000, 1_000_000_100)) if number != unknown and valid(number)
    )
    real = await (await dial("+9647709999997")).press("1", "2", f"{filed}#")
    made_up = await (await dial("+9647709999996")).press("1", "2", f"{other}#")

    assert real.words() == made_up.words()
    assert 1 == len(await code_sent(walk))
    await made_up.press("123456#")
    assert "الرمز غير صحيح" in made_up.words()


def valid(number: str) -> bool:
    from normalizer.reference import read

    return read(number) == number


async def test_guessing_is_slowed_down(walk: Walk, filed: str, dial: Dial) -> None:
    """In one call a handful of numbers can be asked for; then even the right one is not told."""
    caller = await (await dial()).press("1")
    for _ in range(2):
        await caller.press("2", "1111111111#", "1111111112#")
        await caller.press("*#")
    await caller.press("2", f"{filed}#")
    assert "استُلم بلاغكم" in caller.words(), "the fifth"
    await caller.press("2", f"{filed}#")

    assert "استُلم بلاغكم" not in caller.words()
    assert "لا يمكننا إعطاء معلومات" in caller.words()


async def test_one_complaint_gets_three_codes_an_hour(walk: Walk, filed: str, dial: Dial) -> None:
    """Strangers cannot flood a citizen's telephone with codes."""
    for index in range(5):
        await (await dial(f"+964770888880{index}")).press("1", "2", f"{filed}#")

    assert 3 == len(await code_sent(walk))


async def test_a_mistyped_number_is_told(dial: Dial) -> None:
    """The check digit finds it, and it is asked for again."""
    caller = await (await dial()).press("1", "2", "1234567890#")
    assert "هذا الرقم غير صحيح" in caller.words()
    assert "أدخلوا رقم البلاغ" in caller.words()


# Services


async def test_services_are_read_from_the_citys_file(dial: Dial) -> None:
    """Each service with its key; its papers and hours, then back."""
    caller = await (await dial()).press("1", "3")
    assert "إجازة البناء اضغطوا 1" in caller.words()
    await caller.press("1")
    assert DETAILS in caller.words()
    await caller.press("*")
    assert "لتقديم بلاغ" in caller.words()


@pytest.fixture
async def tracked(tmp_path: Path, aiohttp_client: Any) -> AsyncIterator[tuple[Dial, list[web.Request]]]:
    """A city whose own system knows the building permits, and calls to its hotline."""
    asked: list[web.Request] = []

    async def permits(request: web.Request) -> web.Response:
        asked.append(request)
        match request.match_info["number"]:
            case "4711":
                return web.json_response({"state": "ready"})
            case "4712":
                return web.json_response({"state": "<Hangup/>"})
            case "4713":
                return web.Response(text="not json")
            case "4714":
                return web.Response(status=500)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/permits/{number}", permits)
    server = TestServer(app)
    await server.start_server()
    folder = Path(shutil.copytree(Path(__file__).parents[2] / "config/cities/baghdad", tmp_path / "town"))
    path = folder / "services.toml"
    address = f"http://{server.host}:{server.port}/permits/{{number}}"
    path.write_text(
        path.read_text("utf-8").replace('key = "1"\n', f'key = "1"\ntransactions = "{address}"\n', 1), "utf-8"
    )
    made = Walk(tmp_path, load(str(folder)), **voice_environ(TRANSACTIONS_TOKEN="city-token"))
    open_lines(made.house, clock=made.clock)
    await made.open()
    client = await aiohttp_client(made.site())
    channel = made.house.channels["voice"]
    assert isinstance(channel, Voice)

    async def call(number: str = CITIZEN) -> Caller:
        return await Caller(client, channel, number).dial()

    yield call, asked
    await made.close()
    await server.close()


async def test_the_state_of_a_transaction_comes_from_the_citys_system(tracked: Any) -> None:
    """Its word is looked up in services.toml and read out; the token goes along."""
    call, asked = tracked
    caller = await (await call()).press("1", "3", "1")
    assert DETAILS in caller.words()
    await caller.press("4711#")

    assert "معاملتكم جاهزة للاستلام" in caller.words()
    assert "Bearer city-token" == asked[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("number", "said"),
    [("9999", "لم نجد معاملة"), ("4712", "لا يمكننا"), ("4713", "لا يمكننا"), ("4714", "لا يمكننا"), ("*", "لم نجد")],
)
async def test_a_transaction_that_is_not_told(number: str, said: str, tracked: Any) -> None:
    """Unknown numbers, words, answers and errors are said as such; nothing from over the wire is ever spoken."""
    call, _ = tracked
    caller = await (await call()).press("2", "*", "3", "1") if False else await (await call()).press("1", "3", "1")
    await caller.press(f"{number}#")

    assert said in caller.words()
    assert "Hangup" not in caller.words()


async def test_a_system_that_does_not_answer_costs_four_seconds_at_most(tracked: Any, walk: Walk) -> None:
    """The caller hears an apology instead of silence."""
    from gateway.hotline.transactions import PATIENCE, Transactions

    assert PATIENCE <= 5
    hanging = TestServer(web.Application())
    await hanging.start_server()
    quick = Transactions(patience=0.05)
    with pytest.raises(TimeoutError):
        await quick.state("http://127.0.0.1:9/{number}", "1")
    await quick.close()
    await hanging.close()


# Trouble of our own


async def test_a_broken_store_apologises_and_records(walk: Walk, dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both languages, the emergency numbers, a tone: and the recording is a complaint once the store is back."""
    caller = await (await dial()).press("1")

    async def broken(inbound: Inbound) -> Any:
        raise NotStored("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(walk.house.intake, "accept", broken)
        await caller.press("1")
        assert "نعتذر" in caller.words()
        assert "We are sorry" in caller.words()
        assert "122" in caller.words()
        begun = await dial()
        assert "نعتذر" in begun.words()
        recording = await caller.speak(ends="hangup", action=False)
        assert 503 == await caller.recorded(recording)
    assert 200 == await caller.recorded(recording)
    assert 1 == len(await complaints_of(walk))


async def test_trouble_while_asking_apologises_too(walk: Walk, dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks behind a step, the caller is not cut off."""
    caller = await (await dial()).press("1", "2")

    async def broken(*_: Any) -> Any:
        raise RuntimeError("no such table")

    monkeypatch.setattr(walk.house.store, "read", broken)
    await caller.press("4821093756#" if not valid("4821093756") else "4821093756#")
    assert caller.waits_for in {"Record", "Gather"}
    assert caller.words()


async def test_every_request_sent_twice_and_shuffled_changes_nothing(walk: Walk, dial: Dial) -> None:
    """A call in which Twilio repeats every request is one complaint, one task, one receipt, and the same words."""
    caller = await (await dial()).press("1", "1")
    recording = await caller.speak()
    await caller.recorded(recording)
    await caller.hang_up()
    await walk.understand()
    before = await walk.rows("SELECT seq, id FROM journal ORDER BY seq")
    for address, body in reversed(caller.sent):
        assert 200 == (await caller.repeat(address, body))[0]
    await walk.understand()

    assert before == await walk.rows("SELECT seq, id FROM journal ORDER BY seq")
    assert 1 == len(await complaints_of(walk))
    assert 1 == len(await walk.rows("SELECT id FROM replies"))


async def test_addresses_hold_nothing_of_the_citizen(walk: Walk, filed: str, dial: Dial) -> None:
    """Twilio's own logs show addresses: neither number nor reference nor code nor words stand in any."""
    caller = await (await dial("+9647709999999")).press("1", "2", f"{filed}#", "123456#")
    await caller.press("*#") if caller.at is not None and caller.at.get("finishOnKey") else None
    for address, _ in caller.sent:
        assert filed not in address
        assert "964770" not in address
        assert "123456" not in address


# Calls without an end


class Twilio:
    """Twilio's log of calls and recordings, as far as a recount and a sweep ask it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.recordings: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.number: dict[str, Any] | None = {}
        self.status = 0
        self.asked: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.status:
            return web.Response(status=self.status)
        expected = example_settings(Voice).account.authorization
        if request.headers.get("Authorization") not in {expected, auth()}:
            return web.Response(status=401)
        root = request.path.partition("/2010-04-01/Accounts/")[2].partition("/")[2]
        if request.method == "DELETE":
            self.deleted.append(request.path)
            return web.Response(status=204)
        match root.removesuffix(".json").split("/"):
            case [""] | ["IncomingPhoneNumbers"] if not root:
                return web.json_response({"status": "active"})
            case ["IncomingPhoneNumbers"]:
                return web.json_response({"incoming_phone_numbers": [self.number] if self.number is not None else []})
            case ["Calls"]:
                page = int(request.query.get("Page", "0"))
                following = f"{request.path}?Page={page + 1}&PageToken=x" if page + 1 < len(self.calls) else None
                return web.json_response({"calls": self.calls[page : page + 1], "next_page_uri": following})
            case ["Recordings"]:
                return web.json_response({"recordings": self.recordings, "next_page_uri": None})
            case ["Calls", sid]:
                found = [call for call in self.calls if call["sid"] == sid]
                return web.json_response(found[0]) if found else web.Response(status=404)
        return web.json_response({"status": "active"})


def auth() -> str:
    from aiohttp import encode_basic_auth

    return encode_basic_auth(ACCOUNT, TOKEN)


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[Twilio, str]]:
    double = Twilio()
    server = TestServer(double.app())
    await server.start_server()
    yield double, f"http://{server.host}:{server.port}"
    await server.close()


def at_twilio(walk: Walk, address: str) -> Voice:
    """The house's own settings, with the API elsewhere."""
    known = walk.house.channels["voice"].settings
    return Voice(known.model_copy(update={"api_url": address}))


async def test_the_sweeper_asks_how_a_call_ended(walk: Walk, dial: Dial, twilio: tuple[Twilio, str]) -> None:
    """An hour after a call began whose end nobody told, Twilio is asked, and the caller is called back."""
    double, address = twilio
    caller = await (await dial()).press("1", "1")
    await walk.understand()
    channel = at_twilio(walk, address)
    sweeper = Sweeper(walk.house.store, channel, walk.house.intake.accept, clock=walk.clock)
    assert 0 == await sweeper.sweep(), "it may still last"
    walk.clock.pass_by(minutes=61)
    double.calls = [{"sid": caller.call, "status": "in-progress", "from": CITIZEN}]
    assert 0 == await sweeper.sweep()
    double.calls[0]["status"] = "completed"
    assert 1 == await sweeper.sweep()

    assert [CITIZEN] == [task["body"]["phone"] for task in await tasks_of(walk, "call_back")]
    assert 0 == await sweeper.sweep()
    await channel.close()


async def test_the_sweeper_gives_a_call_up_when_twilio_is_away(
    walk: Walk, dial: Dial, twilio: tuple[Twilio, str]
) -> None:
    """With the provider away the call-back waits some hours, and is opened all the same."""
    double, address = twilio
    double.status = 500
    await (await dial()).press("1", "1")
    await walk.understand()
    channel = at_twilio(walk, address)
    sweeper = Sweeper(walk.house.store, channel, walk.house.intake.accept, clock=walk.clock)
    walk.clock.pass_by(hours=2)
    assert 0 == await sweeper.sweep()
    walk.clock.pass_by(hours=5)
    assert 1 == await sweeper.sweep()

    assert 1 == len(await tasks_of(walk, "call_back"))
    await channel.close()


class Listener:
    """A reception that a recount does not need."""


async def test_a_recount_takes_in_what_never_came(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """A call and its recording that fell into an outage are complaints under the identities they would have had."""
    double, address = twilio
    began = "Sat, 21 Nov 2026 10:00:00 +0000"
    double.calls = [
        {"sid": "CA1", "from": CITIZEN, "status": "completed", "start_time": began, "end_time": began},
        {"sid": "CA2", "from": AGENT, "status": "completed", "start_time": began},
        {"sid": "CA3", "from": "anonymous", "status": "in-progress", "start_time": began},
        {"sid": "CA4", "from": CITIZEN, "status": "completed", "start_time": "Fri, 20 Nov 2026 10:00:00 +0000"},
    ]
    double.recordings = [
        {"sid": "RE1", "call_sid": "CA1", "status": "completed"},
        {"sid": "RE2", "call_sid": "CA9", "status": "completed"},
        {"sid": "RE3", "call_sid": "CA1", "status": "absent"},
    ]
    channel = at_twilio(walk, address)
    assert isinstance(channel, Recounts)
    since = walk.clock.now.replace(hour=9)
    listed = [inbound async for inbound in channel.recount(since, Listener())]  # type: ignore[arg-type]
    for inbound in listed:
        await walk.house.intake.accept(inbound)

    assert ["CA1:begun", "CA1:ended", "CA3:begun", "CA1:recording:RE1"] == [inbound.external_id for inbound in listed]
    [filed] = await complaints_of(walk)
    assert CITIZEN == (await complaint(walk, filed.reference))["contact"]["phone"]
    assert all("To=%2B9647800000124" in asked or "Recordings" in asked or "Page=" in asked for asked in double.asked)
    await channel.close()


# What Twilio is asked for otherwise


async def test_a_recording_is_fetched_with_credentials_and_deleted(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """The bytes come from the API with the account's own key; once safe, they are deleted, also when gone already."""
    double, address = twilio
    channel = at_twilio(walk, address)
    assert isinstance(channel, Fetches)
    assert isinstance(channel, Forgets)
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE1"
    source = await channel.source(f"https://api.twilio.com{path}.wav")
    assert (f"{address}{path}.wav", auth()) == (source.url, source.headers["Authorization"])
    await channel.forget(f"https://api.twilio.com{path}.wav")
    assert [f"{path}.json"] == double.deleted
    double.status = 404
    await channel.forget(f"https://api.twilio.com{path}.wav")
    await channel.forget("https://elsewhere.example/x.wav")
    for status, outcome in ((401, Barred), (429, Busy), (503, Busy), (400, Refused)):
        double.status = status
        with pytest.raises(outcome):
            await channel.forget(f"https://api.twilio.com{path}.wav")
    await channel.close()


async def test_a_check_names_what_would_lose_calls(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """A number without a status callback or a fallback, or one that calls somebody else, is said in words."""
    double, address = twilio
    channel = at_twilio(walk, address)
    assert isinstance(channel, Probes)
    base = "https://balagh.example/channels/voice"
    double.number = {
        "voice_url": f"{base}#rc=2&rp=all",
        "status_callback": f"{base}/status",
        "voice_fallback_url": "https://handler.twilio.com/twiml/EH1",
    }
    assert "account active, the number is set up" == await channel.probe()
    double.number = {"voice_url": "https://demo.twilio.com/welcome"}
    assert (
        "account active, the number: its calls do not come here, its status callback does not come here, "
        "it has no fallback"
    ) == await channel.probe()
    double.number = None
    assert "account active, but the number is not of this account" == await channel.probe()
    double.status = 401
    with pytest.raises(Barred):
        await channel.probe()
    await channel.close()


# Prompts


async def test_recorded_prompts_are_played_and_served(tmp_path: Path, aiohttp_client: Any) -> None:
    """Where the city recorded a prompt it is played, from an address that Twilio may keep; nothing else is served."""
    folder = Path(shutil.copytree(Path(__file__).parents[2] / "config/cities/baghdad", tmp_path / "town"))
    wav = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
    (folder / "prompts" / "ar").mkdir(parents=True)
    (folder / "prompts" / "ar" / "welcome.wav").write_bytes(wav)
    made = Walk(tmp_path, load(str(folder)), **voice_environ())
    open_lines(made.house, clock=made.clock)
    client = await aiohttp_client(made.site())
    channel = made.house.channels["voice"]
    assert isinstance(channel, Voice)
    caller = await Caller(client, channel).dial()
    assert f"{caller.base}/prompts/ar/welcome.wav" in caller.heard
    response = await client.get("/channels/voice/prompts/ar/welcome.wav")
    assert (200, wav, "audio/wav") == (response.status, await response.read(), response.content_type)
    assert "max-age" in response.headers["Cache-Control"]
    etag = response.headers["ETag"]
    again = await client.get("/channels/voice/prompts/ar/welcome.wav", headers={"If-None-Match": etag})
    assert 304 == again.status
    for path in ("ar/goodbye", "en/welcome", "ar/..%2f..%2fcity", "..%2f/city"):
        assert 404 == (await client.get(f"/channels/voice/prompts/{path}.wav")).status
    await made.close()


# Folding and settings


def test_facts_fold_in_any_order() -> None:
    """What is known of a call does not depend on the order in which its facts stand."""

    def fact(**answers: Any) -> Inbound:
        from channels.message import Address

        return Inbound("voice", NUMBER, "x", Address(Scheme.CALL, "CA1"), purpose=Purpose.CALL, answers=answers)

    facts = [
        fact(event="begun", contact={"phone": CITIZEN}),
        fact(event="language", language="en"),
        fact(event="chosen", choice="agent", language="en"),
        fact(event="left", result="hangup"),
        fact(event="ended", status="completed"),
    ]
    assert gather(facts) == gather(list(reversed(facts)))
    assert "waited for an agent and was not heard" == gather(facts).reason
    heard = replace(facts[0], media=(Media("audio/wav", "https://x"),))
    assert "" == gather([*facts, heard]).reason


@pytest.mark.parametrize(
    "wrong",
    [{"agents": "123"}, {"agents": AGENT, "agent_pin": ""}, {"agent_pin": "12"}, {"number": "hotline"}],
    ids=str,
)
def test_half_set_agents_are_refused(wrong: dict[str, str]) -> None:
    """Numbers that are none, agents without a PIN, and a PIN that can be guessed stop the start."""
    with pytest.raises(ValidationError):
        example_settings(Voice, **wrong)


def test_it_is_what_the_house_looks_for() -> None:
    """The channel is asked for sources, deletions, probes and recounts, and takes the house's side of the line."""
    channel = Voice(example_settings(Voice))
    for kind in (Fetches, Forgets, Probes, Recounts, Hosted, Ends):
        assert isinstance(channel, kind)
    assert isinstance(Calls, type)


def test_signature_is_twilios_own() -> None:
    """Twilio's own library signs a step of a call as the channel expects it."""
    channel = Voice(example_settings(Voice))
    body = (FIXTURES / "voice/menu/report.form").read_bytes()
    url = public("/channels/voice/menu?l=ar&t=2")
    theirs = RequestValidator("replace-with-the-auth-token").compute_signature(
        url, dict(parse_qsl(body.decode(), keep_blank_values=True))
    )
    assert theirs == channel.sign(url, body)[SIGNATURE]


async def test_a_changed_address_is_forged(aiohttp_client: Any, sink: Sink) -> None:
    """Where a caller stands is signed: nobody skips a try, a language or a proof by changing the address."""
    channel = Voice(example_settings(Voice))
    client = await aiohttp_client(house(channel, sink))
    body = (FIXTURES / "voice/menu/report.form").read_bytes()
    headers = channel.sign(public("/channels/voice/menu?l=ar&t=3"), body)
    response = await client.post("/channels/voice/menu?l=ar&t=1", data=body, headers=headers)

    assert 403 == response.status
    assert [] == sink.accepted


FIELDS = st.sampled_from(
    ["CallSid", "From", "Digits", "CallStatus", "RecordingSid", "RecordingUrl", "RecordingStatus", "QueueResult"]
    + ["SpeechResult", "Timestamp", "QueuePosition", "To", "AccountSid"]
)
LIKELY = st.sampled_from(
    ["CA1", "9", "1", "hangup", "completed", "RE1", "https://a/b", CITIZEN, "anonymous", "٩", "\0"]
)
PATHS = st.sampled_from(["", *Voice.paths])
QUERY = st.dictionaries(st.sampled_from("lntmsc"), LIKELY | st.text(max_size=8), max_size=4)


@settings(max_examples=300, deadline=None)
@given(path=PATHS, query=QUERY, form=st.dictionaries(FIELDS, LIKELY | st.text(max_size=30), max_size=8))
def test_any_request_is_facts_or_unreadable(path: str, query: dict[str, str], form: dict[str, str]) -> None:
    """Whatever a signed request holds, it becomes Inbounds that survive JSON, or is kept for a person."""
    channel = Voice(example_settings(Voice))
    address = f"/channels/voice{path}?{urlencode(query, errors='surrogatepass')}"
    body = urlencode(form, errors="surrogatepass").encode()
    request = make_mocked_request("POST", address)
    try:
        inbounds = list(channel.parse(request, body))
    except Unreadable:
        return
    for inbound in inbounds:
        assert inbound == Inbound.from_json(inbound.to_json())
        assert Scheme.CALL == inbound.sender.scheme
