"""What a citizen cannot be told on WhatsApp goes by SMS: once, and to nobody who asked for silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Busy
from channels.message import Purpose, Scheme
from gateway.city.city import City
from gateway.store import replies
from gateway.store.accounts import gaps
from normalizer.reference import show
from tests.gateway.line import Line, connected, news_of
from tests.gateway.twilio_house import Fault
from tests.gateway.walk import CITIZEN, OUTAGE


@pytest.fixture
async def line(tmp_path: Path, city: City) -> AsyncIterator[Line]:
    """A house on SQLite that speaks by SMS and WhatsApp through the stand-in."""
    async with connected(tmp_path, city) as made:
        yield made


@pytest.mark.parametrize(
    ("code", "late"),
    [(63016, False), (63024, False), (63999, False), (63024, True)],
    ids=["window", "recipient", "unheard of", "reported later"],
)
async def test_whom_whatsapp_reaches_no_more_an_sms_does(line: Line, late: bool, code: int) -> None:
    """Whatever WhatsApp has against it, at once or afterwards: the same words go to the number they have, once."""
    if not late:
        line.twilio.posts.append(Fault(400, code))
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await line.walk.replies.step()
    if late:
        await line.reports("failed", code=str(code))
        await line.reports("failed", code=str(code))
        await line.walk.understand()
    await line.walk.replies.step()
    await line.walk.replies.step()

    by_whatsapp, by_sms = ("whatsapp:" + CITIZEN, CITIZEN)
    sent = [message["to"] for message in line.twilio.messages]
    assert ([by_whatsapp] if late else []) + [by_sms] == sent
    (complaint,) = await line.walk.rows("SELECT reference FROM complaints")
    assert show(complaint.reference) in line.twilio.said[-1]
    await line.walk.publish()
    assert [] == await line.walk.house.store.read(lambda c: list(gaps(c, None, line.walk.clock())))


async def test_what_whatsapp_reported_before_it_answered_goes_by_sms_too(line: Line) -> None:
    """The report that it failed names Twilio's own id alone, and overtakes the answer that tells us this id."""
    answer = line.twilio.slow = asyncio.Event()
    await line.walk.hear(OUTAGE, channel="whatsapp")
    stepping = asyncio.create_task(line.walk.replies.step())
    await asyncio.wait_for(line.twilio.arrived.wait(), 60)
    line.twilio.messages[0]["callback"] = "https://balagh.example/channels/whatsapp/status"
    await line.reports("failed", code="63024")
    answer.set()
    await stepping
    await line.walk.replies.step()
    assert ["whatsapp:" + CITIZEN, CITIZEN] == [message["to"] for message in line.twilio.messages]


async def test_what_is_given_up_on_whatsapp_goes_by_sms(line: Line) -> None:
    """WhatsApp's provider takes nothing for two days: that the complaint is resolved is told by SMS, once."""
    receipt = await line.walk.hear(OUTAGE, channel="whatsapp")
    await news_of(line.walk, receipt, "resolved")
    whatsapp = line.walk.replies.speakers["whatsapp"]

    class Away:
        """A provider that is away."""

        rate = 100.0

        async def send(self, reply: Any) -> Any:
            raise Busy("connect", "it cannot be reached")

    away: Any = Away()
    line.walk.replies.speakers["whatsapp"] = away
    for _ in range(60):
        line.walk.clock.pass_by(hours=1)
        await line.walk.replies.step()
    line.walk.replies.speakers["whatsapp"] = whatsapp
    assert ["whatsapp:" + CITIZEN, CITIZEN] == [message["to"] for message in line.twilio.messages]
    assert "أُنجز" in line.twilio.said[1]
    assert {"sent": 2, "refused": 1} == await line.states()


async def test_what_waited_for_a_channel_that_is_off_goes_by_sms(line: Line) -> None:
    """WhatsApp was turned off with forty receipts to send: after a day all go by SMS, and nobody's twice.

    `balagh check` complains of those alone whom the SMS reaches neither.
    """
    for number in range(40):
        await line.walk.hear(OUTAGE, f"+96477011111{number:02}", channel="whatsapp")
    del line.walk.replies.speakers["whatsapp"]
    line.walk.clock.pass_by(hours=25)
    unsaid = partial(replies.given_up, since=line.walk.clock())
    while await line.walk.replies.step():
        pass
    told = [message["to"] for message in line.twilio.messages]
    assert (40, 40) == (len(told), len(set(told)))
    assert {"refused": 40, "sent": 40} == await line.states()
    assert 0 == await line.walk.house.store.read(unsaid)
    one = "SELECT min(id) FROM replies WHERE state = 'sent'"
    await line.walk.change(f"UPDATE replies SET state = 'failed' WHERE id = ({one})")
    assert 1 == await line.walk.house.store.read(unsaid)


async def test_a_telephone_that_stays_off_for_whatsapp_hears_by_sms(line: Line) -> None:
    """A passing fault is tried again on WhatsApp; after the last try the words go by SMS."""
    await line.walk.hear(OUTAGE, channel="whatsapp")
    for _ in range(3):
        await line.walk.replies.step()
        await line.reports("undelivered", code="30008")
        line.walk.clock.pass_by(hours=2)
    await line.walk.replies.step()
    assert ["whatsapp:" + CITIZEN] * 3 + [CITIZEN] == [message["to"] for message in line.twilio.messages]


@pytest.mark.parametrize(("purpose", "goes"), [("received", True), ("public", False), ("opt_in", False)])
async def test_what_is_said_there_or_not_at_all_goes_no_other_way(line: Line, purpose: str, goes: bool) -> None:
    """Thanks below a post, and the answer to START, are lost: neither is worth an SMS, as a receipt is."""
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await line.walk.change("UPDATE replies SET state = 'failed', next_at = NULL, purpose = :purpose", purpose=purpose)
    [row] = await line.walk.rows("SELECT id FROM replies")
    elsewhere = partial(line.walk.house.acknowledger.elsewhere, reply_id=row.id, now=line.walk.clock())

    assert goes == await line.walk.house.store.write(elsewhere)


async def test_what_whatsapp_has_delivered_is_not_said_twice(line: Line) -> None:
    """A report of failure that comes after "delivered" is of no try that counts."""
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await line.walk.replies.step()
    await line.reports("delivered")
    await line.reports("failed", code="63024")
    await line.walk.replies.step()
    assert (1, {"delivered": 1}) == (len(line.twilio.said), await line.states())


@pytest.mark.parametrize("where", ["whatsapp", "sms"])
async def test_who_asked_for_silence_hears_nothing_by_the_other_way(line: Line, where: str) -> None:
    """Silence on WhatsApp that only Twilio knew of, or silence by SMS earlier: no SMS goes in WhatsApp's place."""
    if where == "sms":
        await line.walk.hear("STOP", purpose=Purpose.OPT_OUT)
        await line.walk.replies.step()
    said = len(line.twilio.said)
    line.twilio.posts.append(Fault(400, 21610 if where == "whatsapp" else 63024))
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await line.walk.replies.step()
    await line.walk.replies.step()
    assert said == len(line.twilio.said)
    assert 1 == (await line.states())["refused"]


async def test_who_has_stopped_whatsapp_since_hears_no_sms_instead(line: Line) -> None:
    """A receipt went out, its citizen wrote STOP, and then it is reported lost: an SMS is not what they asked for."""
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await line.walk.replies.step()
    await line.walk.hear("STOP", channel="whatsapp", purpose=Purpose.OPT_OUT)
    await line.reports("failed", code="63024")
    await line.walk.replies.step()
    assert ["whatsapp:" + CITIZEN] == [message["to"] for message in line.twilio.messages]


@dataclass
class Cloud:
    """Takes what is said through WhatsApp's Cloud API, or refuses it by `code`; `said` is to whom."""

    code: int = 0
    said: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take one message."""
        message = await request.json()
        if self.code:
            return web.json_response({"error": {"message": "(#x)", "code": self.code}}, status=400)
        self.said.append(message["to"])
        return web.json_response({"messages": [{"id": f"wamid.{len(self.said)}"}]})


async def failed(line: Line, reply: str, code: int) -> None:
    """Let Meta report, signed, that a message failed."""
    status = {"id": "wamid.1", "status": "failed", "recipient_id": CITIZEN[1:], "timestamp": "1"}
    status |= {"errors": [{"code": code}], "biz_opaque_callback_data": reply}
    value = {"metadata": {"phone_number_id": "106540352242922"}, "statuses": [status]}
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    headers = line.walk.house.channels["whatsapp-cloud"].sign("", body)
    response = await line.door.post("/channels/whatsapp-cloud", data=body, headers=headers)
    assert 200 == response.status
    await line.walk.understand()


@pytest.mark.parametrize(
    ("code", "late"),
    [(131026, False), (131047, False), (139999, False), (131026, True)],
    ids=["recipient", "window", "unheard of", "reported later"],
)
async def test_whom_metas_own_whatsapp_reaches_no_more_an_sms_does(
    tmp_path: Path, city: City, late: bool, code: int
) -> None:
    """The same by Meta's Cloud API: refused at once or failed afterwards, and without a template outside the window."""
    cloud, app = Cloud(0 if late else code), web.Application()
    app.router.add_post("/v23.0/106540352242922/messages", cloud.take)
    async with TestServer(app) as server:
        keys = {"APP_SECRET": "s", "VERIFY_TOKEN": "v", "ACCESS_TOKEN": "t", "PHONE_NUMBER_ID": "106540352242922"}
        keys["API_URL"] = str(server.make_url("")).rstrip("/")
        settings = {f"BALAGH_WHATSAPP_CLOUD__{name}": value for name, value in keys.items()}
        async with connected(tmp_path, city, **settings) as line:
            line.walk.clock.now = datetime.now(UTC)  # the channel asks the real clock whether the window is open
            await line.walk.hear(OUTAGE, channel="whatsapp-cloud", account="106540352242922", scheme=Scheme.WHATSAPP)
            await line.walk.replies.step()
            if late:
                [(reply,)] = await line.walk.rows("SELECT id FROM replies")
                await failed(line, reply, code)
                await failed(line, reply, code)
            await line.walk.replies.step()
            await line.walk.replies.step()
            assert [CITIZEN[1:]] * late == cloud.said
            assert [CITIZEN] == [message["to"] for message in line.twilio.messages]
