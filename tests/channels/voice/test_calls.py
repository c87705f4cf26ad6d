"""Calls from end to end: reports, danger, hang-ups at every step, and trouble of our own."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from channels.message import Inbound
from gateway.hotline import open_lines
from gateway.intake import NotStored
from gateway.store.engine import StoreUnavailable
from normalizer.reference import show
from tests.channels.hotline_house import CITIZEN, Dial, complaint, complaints_of, tasks_of
from tests.gateway.walk import Walk, metric


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


async def test_without_sms_none_is_promised(walk: Walk, dial: Dial) -> None:
    """With no channel that can text, the PIN is read out, and no code is said to be on its way."""
    del walk.house.channels["sms"]
    open_lines(walk.house, clock=walk.clock)
    caller = await (await dial()).press("1", "1")
    await caller.speak()
    [filed] = await complaints_of(walk)
    assert "ورمزه السري هو" in caller.words()
    assert "برسالة قصيرة" not in caller.words()
    other = await (await dial("+9647709999999")).press("1", "2", f"{filed.reference}#")

    assert "رمزاً" not in other.words()
    assert "لا يمكننا إعطاء معلومات" in other.words()


# Danger


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "1"), ("1", "2"), ("1", "3"), ("2", "3", "1")])
async def test_nine_is_danger_at_every_prompt(keys: tuple[str, ...], walk: Walk, dial: Dial) -> None:
    """The emergency numbers are spoken, a distress complaint is filed before a word is said, then there is a tone."""
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


async def test_trouble_while_asking_apologises_too(
    walk: Walk, filed: str, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks behind a step, the caller is not cut off, and the operator is told."""
    before = metric("balagh_alarms_total", kind="bug")
    caller = await (await dial()).press("1", "2")

    async def broken(*_: Any) -> Any:
        raise RuntimeError("no such table")

    monkeypatch.setattr(walk.house.store, "read", broken)
    await caller.press(f"{filed}#")

    assert before + 1 == metric("balagh_alarms_total", kind="bug")
    assert "نعتذر" in caller.words()
    assert "Record" == caller.waits_for


async def test_a_recording_in_the_spool_is_thanked(walk: Walk, dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is safe on the local disk is thanked without a number: the one read out could be another's."""
    caller = await (await dial()).press("1", "1")

    async def away(*_: Any) -> Any:
        raise StoreUnavailable("no server")

    monkeypatch.setattr(walk.house.store, "read", away)
    await caller.speak()

    assert "استلمنا رسالتكم" in caller.words()
    assert "رقم بلاغكم" not in caller.words()


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
