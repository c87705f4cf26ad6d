"""A real house on SQLite behind the programs' door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import running
from gateway.city.city import City, load
from tests.gateway.api.caller import Door, make_house, site


@pytest.fixture(scope="session")
def baghdad() -> City:
    return load("baghdad")


@pytest.fixture
async def idle(tmp_path: Path, baghdad: City) -> AsyncIterator[Door]:
    """A door behind which nobody works: what is filed stays as it was received."""
    house = make_house(tmp_path, baghdad)
    async with TestClient(TestServer(site(house))) as client:
        yield Door(house, client)
    house.store.close()


@pytest.fixture
async def door(tmp_path: Path, baghdad: City) -> AsyncIterator[Door]:
    """A door behind which the whole house works."""
    async with running(make_house(tmp_path, baghdad)) as house, TestClient(TestServer(site(house))) as client:
        yield Door(house, client)
