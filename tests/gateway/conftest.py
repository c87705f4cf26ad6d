"""Stores and a city for the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway import breaker
from gateway.city.city import City, load
from gateway.store.engine import Store
from tests.gateway.walk import PUBLIC_URL, Walk
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


@pytest.fixture
def kept_in(request: pytest.FixtureRequest) -> dict[str, str]:
    """Say in settings where a house keeps everything: SQLite in its folder, where `EITHER_STORE` says nothing else."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    database: Database = request.getfixturevalue("postgres")
    return {"BALAGH_STORE_URL": database.url}


@pytest.fixture
async def walk(kept_in: dict[str, str], tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house with the embedded broker, in which everything is done by hand."""
    made = Walk(tmp_path, city, **kept_in)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def nobody_barred() -> Iterator[None]:
    """Let no test find barred what another has left so: which ways are barred is known to the whole process."""
    yield
    breaker._barred.clear()


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which a command finds the store of this test's house."""
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BALAGH_PUBLIC_URL", PUBLIC_URL)


def _open(url: str) -> Iterator[Store]:
    made = Store(url)
    made.migrate()
    yield made
    made.close()
