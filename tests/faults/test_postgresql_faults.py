"""PostgreSQL stops, restarts, cuts us off, refuses, locks and is full: citizens notice nothing, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import aiohttp
import psycopg
import pytest

from tests.end_to_end.gateway_process import API_KEY, GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.machine import Machine
from tests.faults.stream import stream
from tests.servers.postgres import Database, PostgresServer
from tests.servers.processes import await_true
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

AWAY = 'balagh_alarms_total{kind="store_away"}'
CONFLICT = """
CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < TG_ARGV[0]::float THEN
        RAISE EXCEPTION 'a conflict by the test' USING ERRCODE = TG_ARGV[1];
    END IF;
    RETURN NULL;
END $$
"""


async def metric(gateway: GatewayProcess, name: str) -> float:
    return await asyncio.to_thread(gateway.metric, name)


async def shows(gateway: GatewayProcess, name: str, right: Callable[[float], bool], seconds: float = 60) -> None:
    """Wait until a metric is right. Raises TimeoutError."""

    async def answer() -> bool:
        return right(await metric(gateway, name))

    await until(answer, seconds)


async def accepted(citizens: Citizens, more: int) -> None:
    """Wait until so many more messages were accepted, or all of them."""
    enough = min(len(citizens.accepted) + more, citizens.count)
    await until(lambda: len(citizens.accepted) >= enough, 60)


async def back(gateway: GatewayProcess) -> None:
    """Wait until the store answers and the spool is empty."""
    await shows(gateway, "balagh_store_up", lambda value: value == 1)
    await shows(gateway, "balagh_spool_depth", lambda value: value == 0)


def ready(gateway: GatewayProcess) -> dict[str, Any]:
    """What /health/ready says, with 200. Raises HTTPError with any other status."""
    with urllib.request.urlopen(f"{gateway.url}/health/ready", timeout=10) as response:
        document: dict[str, Any] = json.load(response)
        return document


def well(gateways: Sequence[GatewayProcess]) -> None:
    """Assert that the books are balanced, nothing is wrong any more, and no log shows a bug."""
    for command in ("reconcile", "check"):
        done = gateways[0].command(command)
        assert 0 == done.returncode, done.stdout + done.stderr
    for one in gateways:
        assert 0 == one.stop()
        assert "Traceback" not in one.log()
        assert "quarantine" not in one.log()


@contextlib.contextmanager
def hand(url: str, *, autocommit: bool = False, options: str = "") -> Iterator[psycopg.Connection[Any]]:
    """A session of somebody else's; what it holds at the end it lets go."""
    with psycopg.connect(url, autocommit=autocommit, options=options) as connection:
        yield connection
        connection.rollback()


@contextlib.asynccontextmanager
async def connections_killed(database: Database, every: float) -> AsyncIterator[None]:
    """End every session of the gateway's, again and again, while the context lasts."""

    async def kill() -> None:
        killing = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'balagh'"
        async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
            while True:
                await connection.execute(killing)
                await asyncio.sleep(every)

    task = asyncio.create_task(kill())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.servers
async def test_stopped_for_ten_seconds(
    gateway: Callable[..., GatewayProcess],
    postgres_node: Callable[[], PostgresServer],
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
) -> None:
    """The roles apart, PostgreSQL away for ten seconds: receipts go on, it is said everywhere, and all drains."""
    server = postgres_node()
    server.start()
    settings = {"BALAGH_STORE_URL": server.url(), "BALAGH_BROKER_URL": rabbitmq.url}
    door, clerks, bus = (gateway(**settings) for _ in range(3))
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.gather(
        asyncio.to_thread(door.start, roles="intake"),
        asyncio.to_thread(clerks.start, roles="interpret,replies,clock"),
        asyncio.to_thread(bus.start, roles="relay,router"),
    )
    citizens = Citizens(size(200, 2000))
    async with stream(citizens, door) as failed:
        await until(lambda: len(citizens.accepted) >= 20)
        await asyncio.to_thread(server.stop)
        away = asyncio.get_running_loop().time()
        await shows(door, "balagh_spool_depth", lambda value: value > 0)
        for one in (door, clerks, bus):
            await shows(one, "balagh_store_up", lambda value: value == 0)
        said = await asyncio.to_thread(ready, door)
        assert ("ok", "down") == (said["status"], said["store"])
        assert said["spool"] > 0
        assert await metric(door, AWAY) >= 1
        checked = await asyncio.to_thread(door.command, "check")
        assert 1 == checked.returncode
        assert "WRONG BALAGH_STORE_URL" in checked.stdout
        assert 0 != (await asyncio.to_thread(door.command, "reconcile")).returncode
        await asyncio.sleep(away + 10 - asyncio.get_running_loop().time())
        during = {one: set(told) for one, told in citizens.references.items()}
        await asyncio.to_thread(server.start)
        await back(door)
    await departments.take(complaints=citizens.count)

    assert [] == failed
    assert citizens.accepted == set(citizens.sayings)
    assert during
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, (door, clerks, bus))


@pytest.mark.servers
async def test_restarted_killed_and_cut(
    gateway: Callable[..., GatewayProcess],
    postgres_node: Callable[[], PostgresServer],
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
) -> None:
    """Restarted in order, killed with -9, every session ended twenty times a second: no message waits for a hand."""
    server = postgres_node()
    server.start()
    database = Database(server, "postgres")
    balagh = gateway(BALAGH_STORE_URL=server.url(), BALAGH_BROKER_URL=rabbitmq.url)
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.to_thread(balagh.start)
    citizens = Citizens(size(200, 2000))
    async with stream(citizens, balagh) as failed:
        await until(lambda: len(citizens.accepted) >= 20)
        async with connections_killed(database, 0.05):
            await accepted(citizens, 40)
        await asyncio.to_thread(server.restart)
        await accepted(citizens, 20)
        await asyncio.to_thread(server.kill9)
        await asyncio.to_thread(server.start)
        await back(balagh)
    await departments.take(complaints=citizens.count)

    assert [] == failed
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, [balagh])


@pytest.mark.servers
async def test_serialization_failures_and_deadlocks(
    gateway: Callable[..., GatewayProcess],
    postgres: Database,
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
) -> None:
    """A strict database, a conflict in every tenth statement, tables locked in the wrong order: all is done once."""
    postgres.server.run(f"ALTER DATABASE {postgres.name} SET default_transaction_isolation = 'serializable'")
    nodes = [gateway(BALAGH_STORE_URL=postgres.url, BALAGH_BROKER_URL=rabbitmq.url) for _ in range(2)]
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
    citizens = Citizens(size(150, 2000))
    async with stream(citizens, nodes) as failed:
        await asyncio.to_thread(_lock_in_the_wrong_order, postgres)
        with hand(postgres.url, autocommit=True) as other:
            other.execute(CONFLICT)
            for number, table in enumerate(("journal", "complaints", "events", "relay")):
                code = "serialization_failure" if number % 2 else "deadlock_detected"
                other.execute(
                    f"CREATE TRIGGER conflict AFTER INSERT OR UPDATE ON {table}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION conflict('0.1', '{code}')".encode()
                )
            await accepted(citizens, 50)
            for table in ("journal", "complaints", "events", "relay"):
                other.execute(f"DROP TRIGGER conflict ON {table}".encode())
    await departments.take(complaints=citizens.count)

    assert [] == failed
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, nodes)


def _lock_in_the_wrong_order(database: Database) -> None:
    """Hold the events, and once somebody who has the journal waits for them, want the journal: they must give way."""
    waits = """
        SELECT count(*) FROM pg_locks held JOIN pg_locks wanted USING (pid)
        WHERE held.granted AND held.relation = 'journal'::regclass
        AND NOT wanted.granted AND wanted.relation = 'events'::regclass
    """
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = _number(database, deadlocks)
    with hand(database.url, options="-c deadlock_timeout=1min -c statement_timeout=30s") as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        await_true(lambda: _number(database, waits) > 0, 60, "somebody to want the events")
        other.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
    await_true(lambda: _number(database, deadlocks) > before, 60, "the server to note it")


def _number(database: Database, question: str) -> int:
    with hand(database.url) as connection:
        found = connection.execute(question.encode()).fetchone()
    return int(found[0]) if found else 0


@pytest.mark.servers
async def test_tables_locked_for_longer_than_anybody_waits(
    gateway: Callable[..., GatewayProcess],
    postgres: Database,
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
) -> None:
    """Somebody holds the journal for six seconds, the events and the outbox for twelve: it is spooled, then done."""
    balagh = gateway(BALAGH_STORE_URL=postgres.url, BALAGH_BROKER_URL=rabbitmq.url)
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.to_thread(balagh.start)
    citizens = Citizens(size(150, 2000))
    clock = asyncio.get_running_loop().time
    async with stream(citizens, balagh) as failed:
        await until(lambda: len(citizens.references) >= 5)
        with hand(postgres.url) as other:
            other.execute("LOCK TABLE events, relay IN ACCESS EXCLUSIVE MODE")
            begun = clock()
            curious = asyncio.create_task(_read_twenty(balagh, citizens))  # takes every connection of our pool
            with hand(postgres.url) as second:
                await asyncio.to_thread(second.execute, "LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
                await shows(balagh, "balagh_spool_depth", lambda value: value > 0)
                assert await metric(balagh, AWAY) >= 1
                said = await asyncio.to_thread(ready, balagh)
                assert ("ok", "down") == (said["status"], said["store"])
                await asyncio.sleep(begun + 6 - clock())
            await asyncio.sleep(begun + 12 - clock())
        await back(balagh)
        assert set(await curious) <= {200, 503}
    await departments.take(complaints=citizens.count)

    assert [] == failed
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, [balagh])


async def _read_twenty(balagh: GatewayProcess, citizens: Citizens) -> list[int]:
    """Ask for complaints as departments' programs do, all at once, and return the statuses."""
    references = [min(told) for told in citizens.references.values()]

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as session:

        async def one(number: int) -> int:
            url = f"{balagh.url}/api/v1/complaints/{references[number % len(references)]}"
            async with session.get(url) as response:
                return response.status

        return await asyncio.gather(*(one(number) for number in range(20)))


@pytest.mark.servers
async def test_a_server_without_a_free_connection(
    gateway: Callable[..., GatewayProcess],
    postgres_node: Callable[[], PostgresServer],
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
) -> None:
    """Others use up max_connections and ours are cut: messages are spooled, and drain when a place is free."""
    server = postgres_node()
    server.start()
    server.run("ALTER SYSTEM SET max_connections = 20")
    server.restart()
    balagh = gateway(BALAGH_STORE_URL=server.url(), BALAGH_BROKER_URL=rabbitmq.url)
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.to_thread(balagh.start)
    citizens = Citizens(size(150, 2000))
    async with stream(citizens, balagh) as failed:
        await until(lambda: len(citizens.accepted) >= 20)
        with contextlib.ExitStack() as greedy:
            first = greedy.enter_context(psycopg.connect(server.url(), autocommit=True))
            for _ in range(400):
                first.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'balagh'"
                )
                with contextlib.suppress(psycopg.OperationalError):
                    while True:
                        greedy.enter_context(psycopg.connect(server.url()))
                rows = first.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'balagh'")
                if rows.fetchone() == (0,):
                    break
            await shows(balagh, "balagh_spool_depth", lambda value: value > 10)
            await shows(balagh, "balagh_store_up", lambda value: value == 0)
            checked = await asyncio.to_thread(balagh.command, "check")
            assert 1 == checked.returncode
            assert "too many clients" in checked.stdout
        await back(balagh)
    await departments.take(complaints=citizens.count)

    assert [] == failed
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, [balagh])


@pytest.mark.servers
def test_a_server_that_keeps_less_than_it_confirms(
    gateway: Callable[..., GatewayProcess], postgres: Database, machine: Machine
) -> None:
    """Told not to wait for its disk, and an hour away from our clock: `balagh check` says both before citizens come."""
    balagh = gateway(BALAGH_STORE_URL=postgres.url, **machine.settings)
    before = balagh.command("check")
    assert 0 == before.returncode, before.stdout
    postgres.server.run(f"ALTER DATABASE {postgres.name} SET synchronous_commit = off")
    machine.jump(timedelta(hours=-1))
    after = balagh.command("check")

    assert 1 == after.returncode
    assert "WRONG store: synchronous_commit is off" in after.stdout
    assert " s behind the server's" in after.stdout
