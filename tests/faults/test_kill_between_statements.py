"""Killed between every two statements that matter: the promise holds at each of them."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Callable

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.providers import Providers, Talkers, all_is_well
from tests.servers.postgres import Database, PostgresServer
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

# The points that no rewriting may lose: where each promise would break first.
WRITES = (
    *("insert journal", "insert journal_payload", "update journal", "insert complaints", "update complaints"),
    *("insert personal", "insert events", "insert relay", "update relay", "insert replies", "insert seals"),
)
EVERYWHERE = (
    *(f"{when} {name}" for name in WRITES for when in ("before", "after", "before commit of", "after commit of")),
    *("before publish", "torn publish", "unconfirmed publish", "after publish"),
    *("before handle", "after handle"),
    *(f"{when} {what} is written" for what in ("publish", "ack") for when in ("before", "half of", "after")),
    *("before answer", "after answer", "before fsync seals", "after fsync seals"),
)
CRUELLEST = (
    "after commit of insert journal",
    "before commit of insert journal",
    "before answer",
    "after insert events",
    "before commit of insert events",
    "after commit of insert events",
    "torn publish",
    "unconfirmed publish",
    "after publish",
    "before commit of update relay",
    "before commit of update complaints",
    "after handle",
    "half of publish is written",
    "before ack is written",
    "before fsync seals",
)


SPOOLING = ("before fsync spool file", "before rename spool file", "before fsync spool folder", "before answer")
DRAINING = ("before insert journal_payload", "after commit of insert journal", "after unlink spool file")
Make = Callable[..., GatewayProcess]


@pytest.fixture
def crashing(gateway: Make, rabbitmq: Vhost) -> Callable[[dict[str, str]], GatewayProcess]:
    """Make the gateway with fault points in it, on a broker of its own."""

    def make(settings: dict[str, str]) -> GatewayProcess:
        made = gateway(BALAGH_BROKER_URL=rabbitmq.url, FAULT_LEASE="2", **settings)
        made.program = "tests.faults.crashing"
        return made

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """Name the store in the settings."""
    if request.param == "sqlite":
        return {}
    database: Database = request.getfixturevalue("postgres")
    return {"BALAGH_STORE_URL": database.url}


async def passed_by(balagh: GatewayProcess, departments: Departments) -> dict[str, int]:
    """Let a few citizens and talkers through, and return how often each point was passed on the way."""
    listed = balagh.folder / "points.json"
    balagh.environment["FAULT_LIST"] = str(listed)
    citizens, talkers = Citizens(24, first=90_000_000), Talkers(3, first=95_000_000)
    await asyncio.to_thread(balagh.start)
    await asyncio.gather(Providers(citizens).deliver_all(balagh), talkers.talk(balagh))
    await departments.take(complaints=27, enough=lambda: not talkers.unheard(departments))
    await until(lambda: '"sealed"' in balagh.log())
    assert 0 == await asyncio.to_thread(balagh.stop), balagh.log()[-3000:]
    del balagh.environment["FAULT_LIST"]
    found: dict[str, int] = json.loads(listed.read_text("utf-8"))
    return found


async def test_every_statement_that_matters_is_a_fault_point(
    store: dict[str, str], crashing: Callable[[dict[str, str]], GatewayProcess], rabbitmq: Vhost
) -> None:
    """The fault points lie where the promises are kept: no rewriting of a statement takes one away unseen."""
    found = await passed_by(crashing(store), Departments(rabbitmq.url))
    assert [] == [point for point in EVERYWHERE if point not in found]


async def test_killed_while_it_makes_its_tables(
    store: dict[str, str], crashing: Callable[[dict[str, str]], GatewayProcess]
) -> None:
    """Dead again and again in the middle of its first start, it makes the rest of its tables and opens."""
    balagh = crashing(store)
    for point in (
        "after create journal",
        "before create relay",
        "before commit of create events",
        "after insert facts",
    ):
        balagh.environment["FAULT_AT"] = f"{point}#1"
        balagh.launch()
        assert balagh.process is not None
        assert -signal.SIGKILL == await asyncio.to_thread(balagh.process.wait, 20), balagh.log()[-3000:]
    del balagh.environment["FAULT_AT"]
    await asyncio.to_thread(balagh.start)
    citizens = Citizens(6)
    assert [] == await citizens.deliver(balagh, citizens.deliveries())
    assert 0 == await asyncio.to_thread(balagh.stop)


async def test_killed_between_statements(
    store: dict[str, str],
    crashing: Callable[[dict[str, str]], GatewayProcess],
    rabbitmq: Vhost,
    request: pytest.FixtureRequest,
) -> None:
    """Dead at one point after the other, amid deliveries: nothing is lost, doubled, renumbered or out of order."""
    chance = random.Random(3)
    balagh, departments = crashing(store), Departments(rabbitmq.url)
    await departments.listen()
    often = dict.fromkeys(CRUELLEST[:: 4 if store else 1], 2)
    if request.config.getoption("--soak"):
        await asyncio.to_thread(balagh.start)  # what is passed only while the tables are made has a test of its own
        await asyncio.to_thread(balagh.stop)
        often = await passed_by(balagh, Departments(rabbitmq.url))
    points = chance.sample(sorted(often), k=len(often))
    citizens, talkers = Citizens(12 * len(points)), Talkers(len(points))
    providers, talks = Providers(citizens), iter(talkers.said)
    talking = []
    for point in points:
        balagh.environment["FAULT_AT"] = f"{point}#{chance.randint(1, min(2, often[point]))}"
        balagh.launch()
        talking.append(asyncio.create_task(talkers.talk(balagh, only=next(talks), seconds=300)))
        await die(balagh, providers)
    del balagh.environment["FAULT_AT"]
    await asyncio.to_thread(balagh.start)
    await asyncio.gather(providers.deliver_all(balagh), *talking)
    await all_is_well(citizens, talkers, departments, balagh)
    assert 0 == await asyncio.to_thread(balagh.stop)


async def test_killed_while_the_spool_has_it(
    gateway: Make, rabbitmq: Vhost, postgres_node: Callable[[], PostgresServer]
) -> None:
    """PostgreSQL away, the gateway dies around every step of the spool and of its draining: the promise holds."""
    server = postgres_node()
    await asyncio.to_thread(server.start)
    balagh = gateway(BALAGH_BROKER_URL=rabbitmq.url, BALAGH_STORE_URL=server.url(), FAULT_LEASE="2")
    balagh.program = "tests.faults.crashing"
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.to_thread(balagh.start)
    await asyncio.to_thread(server.stop)
    citizens, talkers = Citizens(80), Talkers(3)
    providers = Providers(citizens)
    talking = asyncio.create_task(talkers.talk(balagh))
    await providers.deliver(balagh, 12)
    assert list((balagh.folder / "data/spool").glob("*.json"))
    balagh.kill9()
    for point in SPOOLING:
        balagh.environment["FAULT_AT"] = f"{point}#2"
        balagh.launch()
        await die(balagh, providers)
    await asyncio.to_thread(server.start)
    for point in DRAINING:
        balagh.environment["FAULT_AT"] = f"{point}#1"
        balagh.launch()
        await die(balagh, providers)
    del balagh.environment["FAULT_AT"]
    await asyncio.to_thread(balagh.start)
    await asyncio.gather(providers.deliver_all(balagh), talking)
    await all_is_well(citizens, talkers, departments, balagh)
    assert [] == list((balagh.folder / "data/spool").glob("*.json"))
    assert 0 == await asyncio.to_thread(balagh.stop)


async def die(balagh: GatewayProcess, providers: Providers, *, seconds: float = 60) -> None:
    """Deliver until the gateway has reached its fault point and killed itself."""
    assert balagh.process is not None
    try:
        async with asyncio.timeout(seconds):
            while balagh.process.poll() is None:
                if not providers.waiting:
                    providers.waiting.extend(providers.citizens.more(12) * 2)
                await providers.deliver(balagh, 12)
    except TimeoutError:
        pytest.fail(f"{balagh.environment['FAULT_AT']} was not passed within {seconds:g} s")
    assert -signal.SIGKILL == balagh.process.returncode, balagh.log()[-3000:]
