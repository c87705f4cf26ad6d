"""Stores and a city for the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.city.city import City, load
from gateway.store.engine import Store
from tests.gateway.walk import Walk
from tests.servers.postgres import Database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of either kind: what holds for one holds for the other."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'balagh.db'}"
    else:
        database: Database = request.getfixturevalue("postgres")
        url = database.url
    yield from _open(url)


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in one file, for what only SQLite does."""
    yield from _open(f"sqlite:///{tmp_path / 'balagh.db'}")


@pytest.fixture
def postgres_store(postgres: Database) -> Iterator[Store]:
    """An empty store on a server, for what only PostgreSQL does."""
    yield from _open(postgres.url)


@pytest.fixture(scope="session")
def city() -> City:
    """The sample city."""
    return load("baghdad")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def walk(request: pytest.FixtureRequest, tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house in which everything is done by hand, on either store."""
    more: dict[str, Any] = {}
    if request.param == "postgresql":
        database: Database = request.getfixturevalue("postgres")
        more = {"BALAGH_STORE_URL": database.url}
    made = Walk(tmp_path, city, **more)
    await made.open()
    yield made
    await made.close()


def _open(url: str) -> Iterator[Store]:
    made = Store(url)
    made.migrate()
    yield made
    made.close()
