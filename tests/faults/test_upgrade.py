"""A newer version meets a store with data in it, beside others, and is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.store import migrate
from gateway.store.engine import Store
from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.newer_gateway import VERSION
from tests.servers.postgres import Database
from tests.servers.waiting import until

NEWER = "tests.faults.newer_gateway"


class Migrating:
    """What a newer version says while it migrates, and the pause that the test puts into it."""

    def __init__(self, folder: Path) -> None:
        self.note = folder / "migrating"
        self.pause = folder / "migrating.wait"

    def who(self) -> list[int]:
        return [int(line) for line in self.note.read_text().split()] if self.note.exists() else []


@pytest.fixture
def migrating(tmp_path: Path) -> Migrating:
    return Migrating(tmp_path)


async def ready(gateway: GatewayProcess) -> None:
    assert gateway.process is not None
    await until(lambda: gateway.answers() or gateway.process.poll() is not None)
    assert gateway.process.poll() is None, gateway.log()


def newer(gateway: GatewayProcess, migrating: Migrating) -> GatewayProcess:
    """The same gateway, of the version to come."""
    gateway.program = NEWER
    gateway.environment["BALAGH_TEST_MIGRATING"] = str(migrating.note)
    return gateway


async def reconciled(gateway: GatewayProcess) -> None:
    """The books of the version to come balance, and hold so many messages."""

    def balanced() -> bool:
        done = gateway.command("reconcile", program=NEWER)
        return done.returncode == 0 and " 0 not understood yet" in done.stdout

    await until(balanced)


def wards(url: str) -> list[tuple[str, int]]:
    """How many messages the migration itself has written to, and how many came later."""
    from sqlalchemy import text

    store = Store(url)
    with store.engine.connect() as connection:
        found = connection.execute(text("SELECT ward, count(*) FROM journal GROUP BY ward ORDER BY ward")).all()
        assert VERSION == migrate.revision(connection)
    store.close()
    return [(row[0], row[1]) for row in found]


async def test_a_store_with_data_is_upgraded_although_the_upgrade_is_killed(
    gateway: Callable[..., GatewayProcess], migrating: Migrating, size: Callable[[int, int], int]
) -> None:
    """SQLite: messages of the old version, understood and waiting, are all there in the new one, and go on."""
    house = gateway()
    understood, waiting = Citizens(size(60, 20_000)), Citizens(size(60, 20_000), first=50_000)
    house.start()
    await understood.insist(house, list(understood.sayings))
    house.stop()
    house.start(roles="intake")
    await waiting.insist(house, list(waiting.sayings))
    house.kill9()

    newer(house, migrating)
    migrating.pause.touch()
    house.launch()
    await until(lambda: bool(migrating.who()))
    house.kill9()
    old = house.command("check")  # the old program still finds its own tables
    assert f"version {migrate.HEAD}" in old.stdout
    migrating.pause.unlink()
    house.launch()
    await ready(house)
    assert 2 == len(migrating.who())

    later = Citizens(20, first=90_000)
    for citizens in (understood, waiting, later):
        await citizens.insist(house, list(citizens.sayings))
        assert not [told for told in citizens.references.values() if len(told) > 1]
    await reconciled(house)
    assert 0 == house.stop()
    url = f"sqlite:///{house.folder / 'data' / 'balagh.db'}"
    assert [("none", 20), ("of old", len(understood.sayings) + len(waiting.sayings))] == wards(url)

    house.program = "gateway"
    house.launch()
    assert house.process is not None
    assert 2 == await asyncio.to_thread(house.process.wait, 20)
    assert house.log().endswith(
        f"balagh: BALAGH_STORE_URL: the store's tables are of version {VERSION}, which this program does not know: "
        "run a newer balagh, or give it a store of its own\n"
    )


@pytest.mark.servers
async def test_two_that_start_at_once_upgrade_once_and_the_older_one_beside_them_goes_on(
    gateway: Callable[..., GatewayProcess], migrating: Migrating, postgres: Database, size: Callable[[int, int], int]
) -> None:
    """PostgreSQL: who migrates is killed in the middle, the second takes over, the old one accepts all the while."""
    old = gateway(BALAGH_STORE_URL=postgres.url)
    old.start()
    citizens = Citizens(size(60, 20_000))
    await citizens.insist(old, list(citizens.sayings))

    pair = [newer(gateway(BALAGH_STORE_URL=postgres.url), migrating) for _ in range(2)]
    migrating.pause.touch()
    for one in pair:
        one.launch()
    await until(lambda: bool(migrating.who()))
    meanwhile = Citizens(40, first=50_000)
    accepting = asyncio.create_task(meanwhile.insist(old, list(meanwhile.sayings)))
    await until(lambda: bool(meanwhile.accepted))  # into the spool: the tables are locked
    [first] = migrating.who()
    os.kill(first, signal.SIGKILL)
    await until(lambda: 2 == len(migrating.who()))
    migrating.pause.unlink()
    await accepting
    [second] = [one for one in pair if one.process is not None and one.process.pid != first]
    await ready(second)
    [again] = [one for one in pair if one is not second]
    again.process.wait(10)  # type: ignore[union-attr]
    again.launch()
    await ready(again)
    assert 2 == len(migrating.who())

    later = Citizens(40, first=90_000)
    await later.insist([old, second, again], later.deliveries())
    for those in (citizens, meanwhile):
        await those.insist([old, second, again], list(those.sayings))
    assert not [told for those in (citizens, meanwhile, later) for told in those.references.values() if len(told) > 1]
    await until(lambda: 0 == old.metric("balagh_spool_depth"))
    await reconciled(second)
    assert 0 == old.stop()
    old.launch()
    assert old.process is not None
    assert 2 == await asyncio.to_thread(old.process.wait, 20)
    assert f"the store's tables are of version {VERSION}, which this program does not know" in old.log()
    for one in (second, again):
        assert 0 == one.stop()
    assert 140 - 60 + len(citizens.sayings) == sum(count for _, count in wards(postgres.url))
