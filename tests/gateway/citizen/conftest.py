"""A real house on SQLite behind the citizens' door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import running
from gateway.city.city import City, load
from tests.gateway.citizen.visitor import Visitor, make_house, site


@pytest.fixture(scope="session")
def baghdad() -> City:
    return load("baghdad")


@pytest.fixture
async def visitor(tmp_path: Path, baghdad: City) -> AsyncIterator[Visitor]:
    """A browser at a house in which nobody works: what is sent stays as it came."""
    # On plain http, or the test's browser would keep the cookies that it may only send over https to itself.
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="http://city.example")
    async with TestClient(TestServer(site(house)), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Visitor(house, client)
    house.store.close()


@pytest.fixture
async def follower(tmp_path: Path, baghdad: City) -> AsyncIterator[Visitor]:
    """A browser at a house in which everybody works."""
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="http://city.example")
    async with running(house), TestClient(TestServer(site(house)), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Visitor(house, client)
