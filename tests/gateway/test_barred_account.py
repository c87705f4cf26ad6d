"""One of our accounts may not speak: its citizens wait for a person's look, and nobody else's do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from channels.whatsapp_cloud import WhatsappCloud
from gateway.breaker import REPLIES, Bars
from gateway.city.city import City
from tests.gateway.line import Line, connected_beside
from tests.gateway.walk import OUTAGE, logged, metric

OURS, SECOND = "106540352242922", "999"  # the number that is set up, and one of the same account without rights


@dataclass
class Cloud:
    """Meta's Cloud API for two numbers, of which the second is let in only once it has `rights`."""

    rights: bool = False
    asked: int = 0  # times for the second number
    said: list[tuple[str, str]] = field(default_factory=list)  # from which number, to whom

    async def take(self, request: web.Request) -> web.Response:
        """Take a message, or answer as something in front of the Graph API does: without a word of JSON."""
        number = request.match_info["number"]
        self.asked += number == SECOND
        if number == SECOND and not self.rights:
            return web.Response(status=400, text="Bad Request")
        self.said.append((number, (await request.json())["to"]))
        return web.json_response({"messages": [{"id": f"wamid.out.{len(self.said)}"}]})


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    """What the API took, and from whom."""
    yield Cloud()


@pytest.fixture
async def line(tmp_path: Path, city: City, cloud: Cloud) -> AsyncIterator[Line]:
    """A house whose WhatsApp goes through Meta's Cloud API."""
    keys = {"APP_SECRET": "s", "VERIFY_TOKEN": "v", "ACCESS_TOKEN": "t", "PHONE_NUMBER_ID": OURS}
    path = "/v23.0/{number}/messages"
    async with connected_beside(tmp_path, city, "whatsapp_cloud", path, cloud.take, **keys) as made:
        made.walk.clock.now = datetime.now(UTC)  # the channel asks the real clock whether the window is open
        yield made


async def heard(line: Line, number: str, sender: str) -> None:
    """Let Meta deliver, signed, what a citizen wrote to one of our numbers."""
    message = {"from": sender, "id": f"wamid.{sender}", "type": "text", "text": {"body": OUTAGE}}
    message["timestamp"] = str(int(datetime.now(UTC).timestamp()))
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "messages": [message]}
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    channel = line.walk.house.channels["whatsapp-cloud"]
    assert isinstance(channel, WhatsappCloud)
    headers = channel.sign("", body)
    response = await line.door.post("/channels/whatsapp-cloud", data=body, headers=headers)
    assert 200 == response.status
    await line.walk.understand()


async def test_a_number_without_rights_silences_no_other(line: Line, cloud: Cloud) -> None:
    """The second number is let be, with one alarm that names it; who wrote to the first is thanked meanwhile."""
    before = metric("balagh_alarms_total", kind="channel_barred")
    with logged() as log:
        await heard(line, SECOND, "9647701000001")
        await line.walk.replies.step()
        await heard(line, SECOND, "9647701000002")
        await heard(line, OURS, "9647701000003")
        await line.walk.replies.step()

    assert ([(OURS, "9647701000003")], 1) == (cloud.said, cloud.asked)
    assert (before + 1, 1.0) == (
        metric("balagh_alarms_total", kind="channel_barred"),
        metric("balagh_channel_barred", channel="whatsapp-cloud"),
    )
    [alarm] = [entry for entry in map(json.loads, log.getvalue().splitlines()) if entry["level"] == "error"]
    assert ("whatsapp-cloud", SECOND) == (alarm["channel"], alarm["account"])


async def test_what_waits_for_a_number_goes_once_it_may_speak(line: Line, cloud: Cloud) -> None:
    """The number gets its rights: five minutes later everybody who waited for it is told, and once."""
    await heard(line, SECOND, "9647701000001")
    await line.walk.replies.step()
    await heard(line, SECOND, "9647701000002")
    cloud.rights = True
    line.walk.clock.pass_by(minutes=6)
    await line.walk.replies.step()
    await line.walk.replies.step()

    assert {(SECOND, "9647701000001"), (SECOND, "9647701000002")} == set(cloud.said)
    assert 2 == len(cloud.said)
    assert 0.0 == metric("balagh_channel_barred", channel="whatsapp-cloud")


async def test_a_number_barred_on_one_channel_speaks_on_another(line: Line, cloud: Cloud) -> None:
    """A city has one number for SMS and WhatsApp: the carrier that takes nothing from it silences no WhatsApp."""
    line.walk.replies.bars.bar("sms", OURS, "20003")
    await heard(line, OURS, "9647701000003")
    await line.walk.replies.step()

    assert [(OURS, "9647701000003")] == cloud.said


def test_the_channel_is_barred_while_one_of_two_numbers_is() -> None:
    """Of two numbers that may not speak one is let in again: the dashboard goes on showing the other."""
    bars = Bars(REPLIES)
    for number in (OURS, SECOND):
        bars.bar("whatsapp-cloud", number, "401")
    shown = []
    for number in (OURS, SECOND):
        bars.lift("whatsapp-cloud", number)
        shown.append(metric("balagh_channel_barred", channel="whatsapp-cloud"))

    assert [1.0, 0.0] == shown


def test_many_that_meet_one_bar_call_a_person_once() -> None:
    """What is refused meanwhile is no further alarm, and puts the next try off no longer; after it there is another."""
    bars = Bars(REPLIES)
    before = metric("balagh_alarms_total", kind="channel_barred")
    for moment in (0.0, 1.0, 299.0, 301.0, 302.0):
        bars.clock = partial(float, moment)
        bars.bar("whatsapp-cloud", SECOND, "401")

    assert before + 2 == metric("balagh_alarms_total", kind="channel_barred")


async def test_a_try_that_met_a_bar_is_no_try(line: Line) -> None:
    """Who waited for a number without rights has lost none of the tries that a busy provider is given."""
    await heard(line, SECOND, "9647701000001")
    await line.walk.replies.step()

    assert [0] == [row.attempts for row in await line.walk.rows("SELECT attempts FROM replies")]
