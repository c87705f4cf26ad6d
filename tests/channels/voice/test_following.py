"""Following a complaint by telephone: who is told, who is not, and how long guessing takes."""

from __future__ import annotations

from typing import Any

from normalizer.reference import read
from tests.channels.hotline_house import CITIZEN, Dial
from tests.gateway.walk import Walk


async def test_the_own_number_is_proof_of_the_state_alone(filed: str, dial: Dial) -> None:
    """From the telephone that made it the state is told at once, and nothing of what it says."""
    caller = await (await dial()).press("1", "2", f"{filed}#")

    assert "استُلم بلاغكم" in caller.words()
    assert "الجامعة" not in caller.last


async def code_sent(walk: Walk) -> list[Any]:
    return await walk.rows(
        "SELECT r.*, p.address, p.text FROM replies r JOIN reply_payload p ON p.id = r.id "
        "WHERE r.purpose = 'voice_code' ORDER BY r.created_at"
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
    walk.clock.pass_by(minutes=1)
    _, text = await caller.repeat(*caller.sent[-1])

    assert first == await code_sent(walk)
    assert caller.last == text
    await caller.press(next(word for word in first[0].text.split() if word.isdecimal()) + "#")
    assert "استُلم بلاغكم" in caller.words()


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
