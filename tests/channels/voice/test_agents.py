"""Lines, queues, opening hours, and the agents who answer."""

from __future__ import annotations

import pytest

from tests.channels.hotline_house import AGENT, CITIZEN, PIN, Dial, complaints_of, tasks_of
from tests.gateway.walk import Walk


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


async def test_nobody_waits_for_ever(walk: Walk, dial: Dial) -> None:
    """After ten minutes without an agent the caller is asked to speak after a tone."""
    caller = await (await dial()).press("1", "0")
    await caller.wait(seconds=590)
    assert "Gather" == caller.waits_for
    await caller.wait(seconds=610)
    assert "لم يتمكن أي موظف" in caller.words()
    await caller.speak()

    assert 1 == len(await complaints_of(walk))


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
