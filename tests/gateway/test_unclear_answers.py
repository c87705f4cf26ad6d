"""A carrier answers in words that its profile does not know: nothing is lost by it, and nobody is flooded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.city.city import City
from tests.gateway.line import CARRIER_NUMBER, Line, connected_to_carrier
from tests.gateway.walk import metric

FIRE = "حريق في البناية والناس محاصرين ساعدونا"


@dataclass
class Carriage:
    """A carrier that takes what is sent and says so, unless its words have changed."""

    strange: bool = True
    told: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a message."""
        self.told.append(await request.json())
        answer = {"outcome": "done"} if self.strange else {"status": "accepted", "id": f"c-{len(self.told)}"}
        return web.json_response(answer)


@pytest.fixture
async def carriage() -> AsyncIterator[Carriage]:
    """What the carrier was given."""
    yield Carriage()


@pytest.fixture
async def line(tmp_path: Path, city: City, carriage: Carriage) -> AsyncIterator[Line]:
    """A house that speaks by SMS through a carrier's HTTP interface."""
    async with connected_to_carrier(tmp_path, city, carriage.take) as made:
        await made.walk.hear(FIRE, channel="carrier", account=CARRIER_NUMBER)
        yield made


async def test_an_answer_that_nobody_reads_costs_no_numbers_to_call(line: Line, carriage: Carriage) -> None:
    """The profile learns the words within the hour: whom to call goes again, under the same id, and is sent."""
    before = metric("balagh_alarms_total", kind="reply_unclear")
    await line.walk.replies.step()
    assert 0 == await line.walk.replies.step()
    assert (1, before + 1) == (len(carriage.told), metric("balagh_alarms_total", kind="reply_unclear"))
    carriage.strange = False
    line.walk.clock.pass_by(minutes=11)
    await line.walk.replies.step()

    first, second = carriage.told
    assert first == second
    assert "122" in first["text"]
    assert {"sent": 1} == await line.states()


async def test_words_that_stay_strange_are_given_up_aloud(line: Line, carriage: Carriage) -> None:
    """Each try may have reached the citizen: four in some hours, then a person hears, and Twilio is given the words."""
    before = metric("balagh_alarms_total", kind="reply_given_up")
    for _ in range(15):
        await line.walk.replies.step()
        line.walk.clock.pass_by(minutes=10)

    assert (4, {"refused": 1, "sent": 1}) == (len(carriage.told), await line.states())
    assert before + 1 == metric("balagh_alarms_total", kind="reply_given_up")
