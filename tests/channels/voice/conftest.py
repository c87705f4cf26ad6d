"""A house with the hotline on, and telephones to call it from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.city.city import City, load
from gateway.hotline import open_lines
from tests.channels.caller import Caller
from tests.channels.hotline_house import CITIZEN, Dial, voice_environ, voice_of
from tests.gateway.walk import Walk


@pytest.fixture(scope="module")
def city() -> City:
    return load("baghdad")


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
    channel = voice_of(walk)

    async def call(number: str = CITIZEN) -> Caller:
        return await Caller(client, channel, number).dial()

    return call


@pytest.fixture
async def filed(walk: Walk) -> str:
    """A complaint that came by SMS from the citizen."""
    receipt = await walk.hear()
    return receipt.reference
