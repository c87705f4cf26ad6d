"""A city with two ways to send an SMS: what one refuses for good the other says, once, and to nobody who had enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from channels.message import Purpose
from gateway.city.city import City
from gateway.store import replies
from tests.gateway.line import CARRIER_NUMBER, Line, connected_to_carrier, news_of
from tests.gateway.twilio_house import Fault
from tests.gateway.walk import CITIZEN, OUTAGE


@dataclass
class Carriage:
    """A carrier that takes what is sent, or refuses it by `fault`."""

    fault: str = ""
    asked: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a message."""
        self.asked += 1
        if self.fault:
            return web.json_response({"error": {"code": self.fault}}, status=400)
        self.told.append(await request.json())
        return web.json_response({"status": "accepted", "id": f"c-{len(self.told)}"})


@pytest.fixture
async def carriage() -> AsyncIterator[Carriage]:
    """What the carrier was given."""
    yield Carriage()


@pytest.fixture
async def line(tmp_path: Path, city: City, carriage: Carriage) -> AsyncIterator[Line]:
    """A house that writes an SMS through a carrier first, and else through Twilio."""
    async with connected_to_carrier(tmp_path, city, carriage.take) as made:
        assert ["carrier", "sms"] == list(made.walk.house.acknowledger.texts)
        yield made


async def by_carrier(line: Line, text: str = OUTAGE, **more: Any) -> None:
    """Let a citizen write to the carrier's number."""
    await line.walk.hear(text, channel="carrier", account=CARRIER_NUMBER, **more)


async def everything(line: Line) -> None:
    """Send whatever is owed, and what is owed because of that."""
    while await line.walk.replies.step():
        pass


async def test_what_one_carrier_does_not_reach_the_other_says(line: Line, carriage: Carriage) -> None:
    """The number lies outside the carrier's coverage: the receipt goes by Twilio, once, with the same words."""
    carriage.fault = "unknown_subscriber"
    await by_carrier(line)
    await everything(line)
    line.walk.clock.pass_by(days=2)
    await everything(line)

    assert (1, [CITIZEN]) == (carriage.asked, [message["to"] for message in line.twilio.messages])
    [one, two] = await line.walk.rows("SELECT p.text FROM replies r JOIN reply_payload p ON p.id = r.id")
    assert one == two
    assert {"refused": 1, "sent": 1} == await line.states()


async def test_no_way_is_tried_twice(line: Line, carriage: Carriage) -> None:
    """Neither reaches the number: each was asked once, and that is the end of it."""
    carriage.fault = "invalid_number"
    line.twilio.posts.append(Fault(400, 21211))
    await line.walk.hear()
    await everything(line)
    line.walk.clock.pass_by(days=2)
    await everything(line)

    assert (1, [], {"refused": 2}) == (carriage.asked, line.twilio.said, await line.states())


async def test_from_whatsapp_by_one_carrier_to_the_other(line: Line, carriage: Carriage) -> None:
    """WhatsApp refuses, then the carrier: the words arrive on the third way, and are said nowhere else."""
    line.twilio.posts.append(Fault(400, 63024))
    carriage.fault = "unknown_subscriber"
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await everything(line)

    assert (1, [CITIZEN]) == (carriage.asked, [message["to"] for message in line.twilio.messages])
    ways = await line.walk.rows("SELECT purpose, channel FROM replies ORDER BY length(purpose)")
    assert [
        ("received", "whatsapp"), ("received/carrier", "carrier"), ("received/carrier/sms", "sms"),
    ] == [tuple(way) for way in ways]  # fmt: skip


async def test_what_is_reported_lost_goes_by_the_other_once(line: Line, carriage: Carriage) -> None:
    """Twilio took it and reports, twice, that its number is a landline: the carrier is given the words once."""
    await line.walk.hear()
    await everything(line)
    for status in ("undelivered", "failed"):
        await line.reports(status, code="30006")
        await everything(line)

    assert ([CITIZEN[1:]], 1) == ([told["to"] for told in carriage.told], len(line.twilio.said))


async def test_what_whatsapp_reports_lost_twice_goes_by_one_sms(line: Line, carriage: Carriage) -> None:
    """The second report of the same loss starts no second SMS on the other way."""
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await everything(line)
    for status in ("undelivered", "failed"):
        await line.reports(status, message=0, code="63024")
        await everything(line)

    assert (["whatsapp:" + CITIZEN], 1) == ([one["to"] for one in line.twilio.messages], carriage.asked)


@pytest.mark.parametrize("known", ["to us", "to the carrier alone"])
async def test_who_asked_for_silence_hears_nothing_by_the_other(line: Line, carriage: Carriage, known: str) -> None:
    """STOP to Twilio's number, or to the carrier's, of which only the carrier knew: nothing goes by Twilio."""
    if known == "to us":
        await line.walk.hear("STOP", purpose=Purpose.OPT_OUT)
    await everything(line)
    said = len(line.twilio.said)
    carriage.fault = "unknown_subscriber" if known == "to us" else "opted_out"
    await by_carrier(line)
    await everything(line)

    assert (1, said) == (carriage.asked, len(line.twilio.said))


async def test_who_has_stopped_since_hears_nothing_by_the_other(line: Line, carriage: Carriage) -> None:
    """A receipt went out, its citizen wrote STOP, and then it is reported lost: the carrier is given nothing."""
    await line.walk.hear()
    await everything(line)
    await line.walk.hear("STOP", purpose=Purpose.OPT_OUT)
    await line.reports("undelivered", code="30006")
    await everything(line)

    assert 0 == carriage.asked


async def test_who_stopped_one_number_gets_no_sms_from_another(line: Line, carriage: Carriage) -> None:
    """Their STOP was to Twilio's number; WhatsApp refuses their receipt: no SMS goes from the carrier's either."""
    await line.walk.hear("STOP", purpose=Purpose.OPT_OUT)
    await everything(line)
    line.twilio.posts.append(Fault(400, 63024))
    await line.walk.hear(OUTAGE, channel="whatsapp")
    await everything(line)

    assert 0 == carriage.asked


async def test_news_that_a_carrier_stays_away_from_go_by_the_other(line: Line, carriage: Carriage) -> None:
    """Nothing gets through the carrier for two days: the news go by Twilio, and `balagh check` complains of nothing."""
    receipt = await line.walk.hear(OUTAGE, channel="carrier", account=CARRIER_NUMBER)
    await news_of(line.walk, receipt, "resolved")
    carriage.fault = "queue_full"
    since = line.walk.clock()
    for _ in range(60):
        line.walk.clock.pass_by(hours=1)
        await line.walk.replies.step()

    assert ["أُنجز" in said for said in line.twilio.said] == [True]
    unsaid = partial(replies.given_up, since=since)
    assert 0 == await line.walk.house.store.read(unsaid)
    await line.walk.change("UPDATE replies SET state = 'failed' WHERE purpose = 'resolved/sms'")
    assert 1 == await line.walk.house.store.read(unsaid)
