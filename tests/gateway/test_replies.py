"""Answers to citizens against a stand-in for Twilio as strict as Twilio: sent once, at a pace, whatever goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientTimeout

from channels import twilio_api
from channels.base import OutcomeUnknown
from channels.message import Scheme
from gateway.check import check
from gateway.city.city import City
from gateway.replies import HOLD, TRIES, Replies
from gateway.store import replies as store_of_replies
from normalizer.reference import show
from tests.gateway.line import Line, connected, news_of
from tests.gateway.twilio_house import Fault
from tests.gateway.walk import ACCOUNT, CITIZEN, NUMBER, OUTAGE, logged, metric
from tests.servers.waiting import until


@pytest.fixture
async def line(tmp_path: Path, city: City) -> AsyncIterator[Line]:
    """A house on SQLite whose channels speak to the stand-in; every report is signed and comes in by the door."""
    async with connected(tmp_path, city) as made:
        yield made


@pytest.mark.parametrize(
    ("words", "first"), [(OUTAGE, "استلمنا بلاغكم"), ("No water in our street for two days", "We have received")]
)
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_citizen_is_thanked_in_their_own_language(line: Line, channel: str, words: str, first: str) -> None:
    """The reference, written to be read aloud, and the PIN; on the way they came; to be reported on by Twilio."""
    receipt = await line.walk.hear(words, channel=channel)
    await line.walk.replies.step()
    [message] = line.twilio.messages
    prefix = "whatsapp:" if channel == "whatsapp" else ""
    assert (prefix + CITIZEN, prefix + NUMBER) == (message["to"], message["from"])
    assert message["body"].startswith(first)
    assert show(receipt.reference) in message["body"].replace("\N{LEFT-TO-RIGHT MARK}", "")
    assert receipt.pin in message["body"]
    callback = urlsplit(message["callback"])
    assert (
        f"https://balagh.example/channels/{channel}/status" == f"{callback.scheme}://{callback.netloc}{callback.path}"
    )
    assert {"sent": 1} == await line.states()


async def test_the_numbers_to_call_come_first_in_danger(line: Line) -> None:
    """Whoever reports danger to life is told whom to call before anything else."""
    await line.walk.hear("حريق في البناية والناس محاصرين ساعدونا")
    await line.walk.replies.step()
    assert "122" in line.twilio.said[0].splitlines()[0]


async def test_a_provider_that_asks_for_time_gets_it(line: Line) -> None:
    """429 with Retry-After: not a second sooner, and then once."""
    line.twilio.posts.append(Fault(429, 20429, {"Retry-After": "30"}))
    await line.walk.hear()
    await line.walk.replies.step()
    line.walk.clock.pass_by(seconds=29)
    assert 0 == await line.walk.replies.step()
    line.walk.clock.pass_by(seconds=2)
    assert 1 == await line.walk.replies.step()
    assert (1, 0, {"sent": 1}) == (len(line.twilio.said), line.twilio.asked, await line.states())


@pytest.mark.parametrize("took", [True, False])
async def test_an_answer_of_5xx_may_mean_anything(line: Line, took: bool) -> None:
    """Twilio fell over before it answered: whether or not it had sent the message, the citizen gets exactly one."""
    line.twilio.posts.append(Fault(503, takes=took))
    await line.walk.hear()
    await line.walk.replies.step()
    line.walk.clock.pass_by(minutes=16)
    await line.walk.replies.step()
    assert (1, 1, {"sent": 1}) == (len(line.twilio.said), line.twilio.asked, await line.states())


async def test_a_request_that_left_and_was_never_answered_is_looked_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read time-out: the message is found in Twilio's list, and not sent a second time."""
    monkeypatch.setattr(twilio_api, "_TIMEOUT", ClientTimeout(total=5, sock_read=0.2))
    line.twilio.posts.append(Fault(takes=True, hang=asyncio.Event()))
    await line.walk.hear()
    await line.walk.replies.step()
    assert {"sending": 1} == await line.states()
    line.walk.clock.pass_by(minutes=16)
    await line.walk.replies.step()
    assert (1, 1, {"sent": 1}) == (len(line.twilio.said), line.twilio.asked, await line.states())


async def test_a_look_that_fails_is_no_leave_to_send_again(line: Line) -> None:
    """Sent without an answer, then the list is out of order: the third try looks again, and finds it."""
    line.twilio.posts.append(Fault(500, takes=True))
    line.twilio.lists.append(Fault(429, 20429))
    await line.walk.hear()
    for _ in range(4):
        await line.walk.replies.step()
        line.walk.clock.pass_by(minutes=20)
    assert (1, 2, {"sent": 1}) == (len(line.twilio.said), line.twilio.asked, await line.states())


async def test_killed_between_sending_and_noting_it(line: Line) -> None:
    """The process dies after Twilio took the message: nobody else takes it during the hold, then it is found."""
    line.twilio.posts.append(Fault(takes=True, hang=asyncio.Event()))
    await line.walk.hear()
    dying = asyncio.create_task(line.walk.replies.step())
    await asyncio.wait_for(line.twilio.arrived.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    house = line.walk.house
    heir = Replies(house.store, house.speakers, house.signals.owed, house.acknowledger, clock=line.walk.clock)
    line.walk.clock.pass_by(seconds=HOLD.total_seconds() - 1)
    assert 0 == await heir.step()
    line.walk.clock.pass_by(seconds=2)
    assert 1 == await heir.step()
    assert (1, {"sent": 1}) == (len(line.twilio.said), await line.states())


async def test_silence_that_only_the_provider_knew_of(line: Line) -> None:
    """21610: this one and every later reply stays unsent, also what waits; the complaint is filed all the same."""
    line.twilio.posts.append(Fault(400, 21610))
    await line.walk.hear()
    await line.walk.replies.step()
    line.walk.clock.pass_by(minutes=16)
    await line.walk.hear("حفرة كبيرة وسط الشارع")
    await line.walk.replies.step()
    assert ([], {"refused": 1, "suppressed": 1}) == (line.twilio.said, await line.states())
    assert 2 == len(await line.walk.rows("SELECT 1 FROM complaints"))


async def test_a_fault_of_ours_is_said_and_not_repeated(line: Line) -> None:
    """The account may not send there: refused for good, and a person is alarmed; a citizen's fault alarms nobody."""
    before = metric("balagh_alarms_total", kind="reply_refused")
    line.twilio.posts += [Fault(400, 21211), Fault(400, 21408)]
    await line.walk.hear()
    await line.walk.replies.step()
    assert before == metric("balagh_alarms_total", kind="reply_refused")
    await line.walk.hear(sender="+9647709999999")
    await line.walk.replies.step()
    assert before + 1 == metric("balagh_alarms_total", kind="reply_refused")
    line.walk.clock.pass_by(days=1)
    assert 0 == await line.walk.replies.step()
    assert {"refused": 2} == await line.states()


@pytest.mark.parametrize(("purpose", "hours"), [("received", 24), ("resolved", 48), ("closed", 48)])
async def test_a_provider_that_stays_away_is_given_up_in_the_end(line: Line, purpose: str, hours: int) -> None:
    """A receipt is tried for a day, what became of a complaint for two, every half hour; giving up is an alarm."""
    before = metric("balagh_alarms_total", kind="reply_given_up")
    receipt = await line.walk.hear()
    if purpose != "received":
        await news_of(line.walk, receipt, purpose)
    since = line.walk.clock()
    line.twilio.posts += [Fault(429, 20429)] * 200
    while (line.walk.clock() - since).total_seconds() <= hours * 3600:
        assert 1 == await line.walk.replies.step()
        line.walk.clock.pass_by(minutes=31)
    assert (0, before) == (
        (await line.states()).get("refused", 0),
        metric("balagh_alarms_total", kind="reply_given_up"),
    )

    await line.walk.replies.step()
    line.walk.clock.pass_by(hours=2)
    assert 0 == await line.walk.replies.step()
    assert (1, before + 1) == ((await line.states())["refused"], metric("balagh_alarms_total", kind="reply_given_up"))
    told = await line.walk.house.store.read(partial(store_of_replies.given_up, since=since))
    assert (1, 0) == (
        told,
        await line.walk.house.store.read(partial(store_of_replies.given_up, since=line.walk.clock())),
    )


async def test_news_outlast_a_provider_that_was_away_for_a_day(line: Line) -> None:
    """Out of reach from morning to morning: the citizen hears once that their complaint is resolved."""
    await news_of(line.walk, await line.walk.hear(), "resolved")
    line.twilio.posts += [Fault(429, 20429)] * 50
    while line.twilio.posts:
        await line.walk.replies.step()
        line.walk.clock.pass_by(minutes=31)
    await line.walk.replies.step()
    assert (2, {"sent": 2}) == (len(line.twilio.said), await line.states())


async def test_what_may_have_been_sent_is_not_repeated_for_days(line: Line) -> None:
    """A provider that cannot be asked, and takes every try without an answer: about a dozen of them in some hours."""

    class Mute:
        """A channel whose provider never says whether it took a reply."""

        rate, tries = 100.0, 0

        async def send(self, reply: Any) -> Any:
            self.tries += 1
            raise OutcomeUnknown("no answer")

    await news_of(line.walk, await line.walk.hear(), "resolved")
    mute: Any = Mute()
    line.walk.replies.speakers = {"sms": mute}
    for _ in range(40):
        await line.walk.replies.step()
        line.walk.clock.pass_by(minutes=31)
    assert (TRIES, 1) == (mute.tries, (await line.states())["refused"])


async def test_each_number_speaks_at_its_own_pace(tmp_path: Path, city: City) -> None:
    """Ten replies at five a second take a second or more after the first burst; WhatsApp's are not held up by them."""
    async with connected(tmp_path, city, BALAGH_SMS__RATE="5", BALAGH_WHATSAPP__RATE="100") as line:
        for number in range(10):
            await line.walk.hear(sender=f"+96477011111{number:02}")
        await line.walk.hear(channel="whatsapp")
        began = time.monotonic()
        stepping = asyncio.create_task(line.walk.replies.step())
        await until(lambda: any(message["to"].startswith("whatsapp:") for message in line.twilio.messages))
        assert 10 >= len(line.twilio.messages)
        await stepping
        assert 0.9 <= time.monotonic() - began
        assert {"sent": 11} == await line.states()


async def test_a_flood_on_one_channel_holds_up_no_other_and_no_danger(tmp_path: Path, city: City) -> None:
    """Behind sixty text messages at one a second, WhatsApp is answered at once, and danger before all the others."""
    async with connected(tmp_path, city, BALAGH_SMS__RATE="1", BALAGH_WHATSAPP__RATE="100") as line:
        for number in range(60):
            await line.walk.hear(sender=f"+96477011111{number:02}")
        await line.walk.hear("حريق في البناية والناس محاصرين ساعدونا", sender="+9647702222222")
        await line.walk.hear(channel="whatsapp")
        running = asyncio.create_task(line.walk.replies.run())
        await until(lambda: any(message["to"].startswith("whatsapp:") for message in line.twilio.messages), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        texts = [message for message in line.twilio.messages if not message["to"].startswith("whatsapp:")]
        assert "+9647702222222" == texts[0]["to"]
        assert 5 > len(texts)


@pytest.mark.parametrize("order", list(itertools.permutations(("queued", "sent", "delivered"))))
async def test_reports_arrive_in_any_order(line: Line, order: tuple[str, ...]) -> None:
    """However Twilio's signed reports overtake each other, what was delivered stays delivered."""
    await line.walk.hear()
    await line.walk.replies.step()
    await line.reports(*order)
    assert {"delivered": 1} == await line.states()


@pytest.mark.parametrize("order", list(itertools.permutations(("queued", "sent", "undelivered"))))
async def test_a_telephone_that_was_off_is_tried_again(line: Line, order: tuple[str, ...]) -> None:
    """30003, its reports in any order: the same words go once more, twenty minutes later, and arrive."""
    await line.walk.hear()
    await line.walk.replies.step()
    for status in order:
        await line.reports(status, code="30003" if status == "undelivered" else "")
    assert 0 == await line.walk.replies.step()
    line.walk.clock.pass_by(minutes=21)
    assert 1 == await line.walk.replies.step()
    await line.reports("delivered")
    assert (2, 1, {"delivered": 1}) == (len(line.twilio.said), len(set(line.twilio.said)), await line.states())


async def test_a_landline_is_not_tried_again(line: Line) -> None:
    """30006 is final."""
    await line.walk.hear()
    await line.walk.replies.step()
    await line.reports("sent")
    await line.reports("undelivered", code="30006")
    line.walk.clock.pass_by(days=1)
    assert 0 == await line.walk.replies.step()
    assert {"undelivered": 1} == await line.states()


async def test_a_report_that_overtakes_the_answer(line: Line) -> None:
    """The report comes in before Twilio has answered our request: what was delivered stays delivered."""
    answer = line.twilio.slow = asyncio.Event()
    await line.walk.hear()
    stepping = asyncio.create_task(line.walk.replies.step())
    await asyncio.wait_for(line.twilio.arrived.wait(), 60)
    await line.reports("delivered")
    answer.set()
    await stepping
    line.walk.clock.pass_by(hours=1)
    await line.walk.replies.step()
    assert (1, {"delivered": 1}) == (len(line.twilio.said), await line.states())


async def test_a_forged_report_changes_nothing(line: Line) -> None:
    """A report that Twilio did not sign is refused, and the reply stays as it was."""
    await line.walk.hear()
    await line.walk.replies.step()
    sent = line.twilio.messages[0]
    fields = {"MessageSid": sent["sid"], "AccountSid": ACCOUNT, "MessageStatus": "delivered"}
    path = sent["callback"].removeprefix("https://balagh.example")
    response = await line.door.post(path, data=fields, headers={"X-Twilio-Signature": "Zm9yZ2Vk"})
    await line.walk.understand()
    assert (403, {"sent": 1}) == (response.status, await line.states())


async def test_two_machines_stop_thanking_each_other(line: Line) -> None:
    """Whoever writes without end is answered a dozen times in an hour, and again in the next."""
    for _ in range(30):
        await line.walk.hear("")
    while await line.walk.replies.step():
        pass
    assert 12 == len(line.twilio.said)
    line.walk.clock.pass_by(minutes=61)
    await line.walk.hear("")
    await line.walk.replies.step()
    assert 13 == len(line.twilio.said)


@pytest.mark.parametrize(
    "sender",
    [
        {"scheme": Scheme.SENDER_ID, "sender": "BAGHDAD"},
        {"scheme": Scheme.SENDER_ID, "sender": "2828"},
        {"scheme": Scheme.UNKNOWN, "sender": ""},
        {"scheme": Scheme.TEL, "sender": CITIZEN, "public": True},
        {"scheme": Scheme.WHATSAPP, "sender": CITIZEN, "public": True},
    ],
    ids=["name", "short code", "withheld", "public", "public whatsapp"],
)
async def test_nobody_is_answered_who_cannot_be_or_in_public(line: Line, sender: dict[str, Any]) -> None:
    """The complaint is filed; no reference and no PIN go out where nobody, or everybody, would read them."""
    await line.walk.hear(OUTAGE, **sender)
    await line.walk.replies.step()
    assert ([], {}) == (line.twilio.said, await line.states())
    assert 1 == len(await line.walk.rows("SELECT 1 FROM complaints"))


async def test_a_channel_that_was_turned_off_is_waited_for_a_day(line: Line) -> None:
    """Restarted without a channel's settings by mistake: its replies wait for it, a receipt for a day, news for two."""
    receipt = await line.walk.hear()
    await news_of(line.walk, receipt, "resolved")
    await line.walk.hear(sender="+9647709999999")
    line.walk.replies.speakers = {}
    await line.walk.replies.step()
    assert {"sent": 1, "queued": 2} == await line.states()
    for hours, given_up in ((24.1, 1), (23, 1), (1, 2)):
        line.walk.clock.pass_by(hours=hours)
        await line.walk.replies.step()
        assert given_up == (await line.states())["refused"]


async def test_check_says_what_was_given_up(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks sees for two days that a citizen was never answered."""
    line.walk.clock.now = datetime.now(UTC) - timedelta(hours=25)
    await line.walk.hear()
    line.walk.replies.speakers = {}
    line.walk.clock.pass_by(hours=25)
    await line.walk.replies.step()
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path / "data"))
    said: list[str] = []
    assert not await check(said.append)
    assert "WRONG replies: 1 given up in the last two days, their providers stayed away" in said


@pytest.mark.parametrize("style", ["json", "text"])
async def test_the_log_of_replies_names_nobody(line: Line, style: str) -> None:
    """Sent, refused and broken: the log has neither number, nor words, nor PIN."""

    class Broken:
        """A channel with a bug that quotes what it was handed."""

        rate = 100.0

        async def send(self, reply: Any) -> Any:
            raise ValueError(f"{reply.to} {reply.text}")

    with logged(style) as log:
        receipt = await line.walk.hear()
        await line.walk.replies.step()
        line.walk.replies.speakers = {"sms": Broken()}
        await line.walk.hear(sender="+9647709999999")
        await line.walk.replies.step()
    assert "cannot be sent" in log.getvalue()
    assert "Traceback" in log.getvalue()
    for secret in ("770123", "770999", receipt.pin, "استلمنا", "مقطوع"):
        assert secret not in log.getvalue().replace(receipt.reference, "")


async def test_a_dead_token_stops_the_channel_and_loses_nothing(line: Line) -> None:
    """One refusal is enough to let the provider be and to call a person; what waits goes when it lets us in again."""
    line.twilio.posts += [Fault(401, 20003)] * 3
    for number in range(3):
        await line.walk.hear(OUTAGE, sender=f"+96477012345{number:02d}")
    before = metric("balagh_alarms_total", kind="channel_barred")
    line.walk.replies.speakers["sms"].rate = 100.0
    await line.walk.replies.step()
    await line.walk.replies.step()
    assert (1.0, before + 1) == (
        metric("balagh_channel_barred", channel="sms"),
        metric("balagh_alarms_total", kind="channel_barred"),
    )
    line.walk.clock.pass_by(minutes=6)
    await line.walk.replies.step()

    assert 3 == len(line.twilio.said)
    assert {"sent": 3} == await line.states()
