"""A start with everything waiting: ready at once, fair to whoever comes now, bounded in memory, drained in order."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.identity import Identities
from gateway.store import journal, outbox, waiting
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from normalizer.complaint import Priority
from tests.end_to_end.gateway_process import API_KEY, GatewayProcess
from tests.faults.departments import Departments
from tests.faults.stream import PROVIDER
from tests.gateway.store.making import ACCOUNT, complaint, sms
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

READY = 15.0  # seconds: it takes two, and the machine may do much else at the same time
ROOM = 120.0  # MiB that a backlog may cost, whatever its size
PART = 500  # rows that a test writes at once
FIRST = 1_000_000_000  # reference


def waiting_messages(gateway: GatewayProcess, count: int) -> None:
    """Put messages of an hour ago into the gateway's journal, each of another citizen, none understood."""
    identities = Identities(gateway.environment["BALAGH_SECRET_KEY"].encode())
    past = datetime.now(UTC) - timedelta(hours=1)

    def part(first: int) -> list[journal.Entry]:
        return [
            identities.entry(
                sms(f"SM{number:032x}", f"الماء مقطوع عن بيتنا رقم {number}", sender=f"+96479{number:08d}"), past
            )
            for number in range(first, min(first + PART, count))
        ]

    _written(gateway, (partial(journal.append, entries=part(first)) for first in range(0, count, PART)))


def waiting_events(gateway: GatewayProcess, count: int) -> None:
    """File complaints whose events no broker has heard of; the last one is of a citizen in danger."""
    past = datetime.now(UTC) - timedelta(hours=1)

    def file(connection: Connection, first: int) -> None:
        with Ledger(connection, past) as ledger:
            for number in range(first, min(first + PART, count)):
                danger = {"priority": Priority.DISTRESS} if number == count - 1 else {}
                made = complaint(str(number), reference=f"{FIRST + number}", received_at=past, **danger)
                ledger.create(made, sender=f"sender-{number}", account=ACCOUNT)

    _written(gateway, (partial(file, first=first) for first in range(0, count, PART)))


def _written(gateway: GatewayProcess, jobs: Iterable[Callable[[Connection], object]]) -> None:
    store = Store(f"sqlite:///{gateway.folder / 'data' / 'balagh.db'}")
    store.migrate()

    async def write() -> None:
        for job in jobs:
            await store.write(job)

    asyncio.run(write())
    store.close()


def memory(gateway: GatewayProcess, what: str) -> float:
    """VmRSS (now) or VmHWM (at most so far), in MiB."""
    assert gateway.process is not None
    for line in Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise LookupError(what)


async def report(gateway: GatewayProcess, words: str, key: str) -> str:
    """Report something as a program does, and return its reference."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.url}/api/v1/complaints",
            json={"text": words},
            headers={"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": key},
        ) as answer,
    ):
        assert 201 == answer.status, await answer.text()
        return str((await answer.json())["reference"])


def rows(gateway: GatewayProcess, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(gateway.folder / "data" / "balagh.db", timeout=20)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_a_start_with_everything_to_understand_serves_whoever_comes_now(
    gateway: Callable[..., GatewayProcess], size: Callable[[int, int], int]
) -> None:
    """The gateway was down while its journal filled: it opens at once, accepts at once, and hears a cry for help."""
    idle = gateway()
    idle.start()
    await asyncio.to_thread(idle.answers)
    bare = memory(idle, "VmRSS")
    assert 0 == idle.stop()

    house, count = gateway(), size(3_000, 100_000)
    await asyncio.to_thread(waiting_messages, house, count)
    begun = time.monotonic()
    house.start()
    ready = time.monotonic() - begun
    assert ready < READY
    begun = time.monotonic()
    calm = await report(house, "حفرة كبيرة وسط الشارع", "calm")
    assert time.monotonic() - begun < PROVIDER
    cry = await report(house, "حريق في البيت وأطفال داخل", "cry")

    def offered(reference: str) -> bool:
        return bool(rows(house, f"SELECT 1 FROM complaints WHERE reference = '{reference}' AND department IS NOT NULL"))

    await until(lambda: offered(cry), 60)
    left = rows(house, "SELECT count(*) FROM journal WHERE state = 'pending'")[0][0]
    assert isinstance(left, int)
    assert left > 0, "the cry came last"

    drain = time.monotonic()
    await until(lambda: offered(calm), size(60, 900))
    await until(lambda: [(0,)] == rows(house, "SELECT count(*) FROM relay WHERE published_at IS NULL"), size(60, 900))
    print(
        f"{count} waiting: ready in {ready:.2f} s, {left / (time.monotonic() - drain):.0f} a second, "
        f"{bare:.0f} MiB bare, {memory(house, 'VmHWM'):.0f} MiB at most"
    )
    assert memory(house, "VmHWM") < bare + ROOM
    in_order = rows(
        house,
        "SELECT journal.seq FROM events JOIN journal ON journal.id = events.complaint_id "
        f"WHERE events.type = 'received' AND journal.reference NOT IN ('{calm}', '{cry}') ORDER BY events.seq",
    )
    assert sorted(in_order) == in_order
    assert count == len(in_order)
    books = await asyncio.to_thread(house.command, "reconcile")
    assert 0 == books.returncode, books.stdout


@pytest.mark.servers
async def test_a_start_with_everything_to_publish_tells_the_departments_in_order_distress_first(
    gateway: Callable[..., GatewayProcess], rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """RabbitMQ was away for long: what is urgent goes first although it came last, and everything goes once."""
    house, count = gateway(BALAGH_BROKER_URL=rabbitmq.url), size(1_500, 100_000)
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await asyncio.to_thread(waiting_events, house, count)
    begun = time.monotonic()
    house.start()
    assert time.monotonic() - begun < READY
    await until(lambda: [(0,)] == rows(house, "SELECT count(*) FROM relay WHERE published_at IS NULL"), size(60, 900))
    print(f"{2 * count} events in {time.monotonic() - begun:.1f} s, {memory(house, 'VmHWM'):.0f} MiB at most")
    await departments.take(complaints=count, seconds=size(60, 1800))
    departments.in_order()
    received = [one["subject"] for one in departments.audited if one["type"].endswith("received.v1")]
    assert f"{FIRST + count - 1}" in received[:500], "distress waited for the others"
    assert count == len(set(received))


def test_the_cost_of_a_batch_does_not_grow_with_what_waits(gateway: Callable[..., GatewayProcess]) -> None:
    """SQLite takes as many steps to find the next messages and events among ten thousand as among one thousand."""

    def cost(house: GatewayProcess, job: Callable[[Connection], object]) -> int:
        store = Store(f"sqlite:///{house.folder / 'data' / 'balagh.db'}")
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        with store.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            job(connection)
            driver.set_progress_handler(count, 100)  # called every 100 steps of SQLite's machine
            job(connection)
            driver.set_progress_handler(None, 100)
        store.close()
        return steps

    few, many = gateway(), gateway()
    for house, number in ((few, 1_000), (many, 10_000)):
        waiting_messages(house, number)
        waiting_events(house, number)
    jobs: list[Callable[[Connection], object]] = [
        partial(outbox.unpublished, now=datetime.now(UTC), limit=128),
        partial(journal.pending, limit=48),
        partial(waiting.ahead, after=0, limit=600),
    ]
    for job in jobs:
        assert cost(many, job) < 1.2 * cost(few, job) + 5, job
    # What is counted every two seconds is counted in an index: a hundred thousand cost some milliseconds.
    assert cost(many, outbox.backlog) * 100 < 5 * 10_000
    assert cost(many, journal.backlog) * 100 < 8 * 10_000
