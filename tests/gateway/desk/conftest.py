"""A real house on SQLite behind the desk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from gateway import people
from gateway.app import admin_site, running
from gateway.city.city import City, load
from tests.gateway.citizen.visitor import make_house
from tests.gateway.desk.agent import Agent


@pytest.fixture(scope="session")
def baghdad() -> City:
    return load("baghdad")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords that are hashed in no time: how long it takes is tried where people are."""
    monkeypatch.setattr(people, "_HASHER", people.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    people._nobodys.cache_clear()
    yield
    people._nobodys.cache_clear()


@pytest.fixture
async def agent(tmp_path: Path, baghdad: City) -> AsyncIterator[Agent]:
    """Somebody at the desk of a house in which nobody else works: what is entered stays as it came."""
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="http://city.example")
    async with TestClient(TestServer(admin_site(house)), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Agent(house, client)
    house.store.close()


@pytest.fixture
async def busy(tmp_path: Path, baghdad: City) -> AsyncIterator[Agent]:
    """Somebody at the desk of a house in which everybody works."""
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="http://city.example")
    async with running(house), TestClient(TestServer(admin_site(house)), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Agent(house, client)
