"""A hand at the broker, and consumers that stop: full queues, deleted queues and bindings, hung processes."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import DEPARTMENTS, Departments
from tests.faults.rounds import balances, drains, metric, reaches, watchful, wrongs
from tests.servers.postgres import Database
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

pytestmark = pytest.mark.servers

Gateways = Callable[..., GatewayProcess]
Size = Callable[[int, int], int]

FULL = "RabbitMQ refused it: a queue is full or cannot write"


async def test_a_full_queue_parks_its_complaints_and_they_drain_once_there_is_room(
    gateway: Gateways, rabbitmq: Vhost, size: Size
) -> None:
    """The broker refuses what a full queue may not take: parked with an alarm, named by check, and then delivered."""
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=rabbitmq.url)), Departments(rabbitmq.url)
    citizens = Citizens(size(60, 2000))
    balagh.start()
    await drains(balagh)
    await departments.listen()
    limit = ("set_policy", "full", r"^department\.", '{"max-length":1}', "--apply-to", "queues")
    await asyncio.to_thread(rabbitmq.ctl, *limit)

    assert [] == await citizens.deliver(balagh, citizens.deliveries())
    await reaches(balagh, "balagh_relay_parked", 1)
    assert await metric(balagh, 'balagh_alarms_total{kind="parked"}') > 0
    found = await wrongs(balagh)
    assert any(line.startswith("outbox: ") and "parked" in line for line in found)
    assert any(line.startswith("parked: ") and line.endswith(FULL) for line in found)
    books = await asyncio.to_thread(balagh.command, "reconcile")
    assert 1 == books.returncode
    assert f"events: parked {FULL}" in books.stdout

    await asyncio.to_thread(rabbitmq.ctl, "clear_policy", "full")
    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    await drains(balagh)
    assert [] == await wrongs(balagh)
    await balances(balagh)


async def test_what_a_hand_deletes_at_the_broker_comes_back_with_what_was_in_it(
    gateway: Gateways, rabbitmq: Vhost, size: Size
) -> None:
    """Queues deleted while full and under load, with another's queue bound beside: each complaint is delivered."""
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=rabbitmq.url)), Departments(rabbitmq.url)
    citizens = Citizens(size(90, 2000))
    everything = citizens.deliveries()
    balagh.start()
    await drains(balagh)
    await departments.listen()
    assert [] == await citizens.deliver(balagh, everything[::3])
    await drains(balagh)

    under_way = asyncio.create_task(citizens.deliver(balagh, everything[1::3]))
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection:
        amqp = await connection.channel()
        for queue in ("balagh.router", *(f"department.{name}" for name in DEPARTMENTS)):
            await amqp.queue_delete(queue)
    assert [] == await under_way
    assert [] == await citizens.deliver(balagh, everything[2::3])

    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    assert await metric(balagh, 'balagh_alarms_total{kind="lost_by_broker"}') > 0
    assert "published again: the broker lost it" in balagh.log()
    await drains(balagh)
    assert [] == await wrongs(balagh)
    await balances(balagh)


async def test_a_deleted_binding_loses_nothing_although_another_queue_takes_the_message(
    gateway: Gateways, rabbitmq: Vhost, size: Size
) -> None:
    """The broker confirms what only somebody else's queue took: it is noticed, bound again and published again."""
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=rabbitmq.url, TEST_LOST="3")), Departments(rabbitmq.url)
    citizens = Citizens(size(30, 1000))
    balagh.start()
    await drains(balagh)
    await departments.listen()
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection:
        amqp = await connection.channel()
        router = await amqp.get_queue("balagh.router")
        await router.unbind("balagh.complaints", "received.*.normal")

        assert [] == await citizens.deliver(balagh, citizens.deliveries())
        await reaches(balagh, 'balagh_backlog{room="dispatch"}', 1)
        await reaches(balagh, 'balagh_oldest_seconds{room="dispatch"}', 1)

    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    await drains(balagh)
    await balances(balagh)


async def test_a_router_that_hangs_is_seen_and_another_takes_over(
    gateway: Gateways, rabbitmq: Vhost, postgres: Database, size: Size
) -> None:
    """Frozen with messages in hand: the queue's depth and check tell, and a second router gets what it held."""
    settings = {"BALAGH_BROKER_URL": f"{rabbitmq.url}?heartbeat=2", "BALAGH_STORE_URL": postgres.url}
    door, hung, spare = (watchful(gateway(**settings)) for _ in range(3))
    citizens, departments = Citizens(size(40, 1000)), Departments(rabbitmq.url)
    everything = citizens.deliveries()
    door.start(roles="intake,interpret,relay")
    hung.start(roles="router")
    await drains(door)
    await departments.listen()
    under_way = asyncio.create_task(citizens.deliver(door, everything[::2]))
    await until(lambda: len(citizens.accepted) > len(citizens.sayings) // 4)
    assert hung.process is not None
    hung.process.send_signal(signal.SIGSTOP)
    try:
        assert [] == await under_way
        assert [] == await citizens.deliver(door, everything[1::2])
        await reaches(door, 'balagh_queue_depth{queue="balagh.router"}', 1)
        await reaches(door, 'balagh_oldest_seconds{room="dispatch"}', 2)

        found: list[str] = []

        async def told() -> bool:
            found[:] = await wrongs(door)
            return bool(found)

        await until(told)
        assert [line for line in found if line.startswith("queue balagh.router: ") and "nobody consumes it" in line]
        await asyncio.to_thread(spare.start, roles="router")
        await drains(door)
    finally:
        hung.process.send_signal(signal.SIGCONT)
    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    await balances(door)
    assert [0, 0, 0] == [await asyncio.to_thread(one.stop) for one in (door, hung, spare)]


async def test_a_department_whose_system_stops_taking_is_named(gateway: Gateways, rabbitmq: Vhost, size: Size) -> None:
    """Its queue grows in the metrics; check says how long the oldest lies there, and with time that it is wrong."""
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=rabbitmq.url)), Departments(rabbitmq.url)
    citizens = Citizens(size(20, 500))
    balagh.start()
    assert [] == await citizens.deliver(balagh, [*citizens.sayings])
    await reaches(balagh, 'balagh_queue_depth{queue="department.water"}', 1)
    await drains(balagh)
    assert [] == await wrongs(balagh)

    _grow_old(balagh, timedelta(minutes=20))
    found = await wrongs(balagh)
    assert found
    for line in found:
        assert line.startswith("queue department."), line
        assert line.endswith(" s, nobody consumes it"), line
        assert "not taken, the oldest for about 12" in line, line

    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    assert [] == await wrongs(balagh)
    await until(lambda: _empty(balagh))
    await balances(balagh)


async def _empty(balagh: GatewayProcess) -> bool:
    return 0 == await metric(balagh, 'balagh_queue_depth{queue="department.water"}')


def _grow_old(balagh: GatewayProcess, age: timedelta) -> None:
    """Make everything published so much older, as if that time had passed."""
    moment = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with sqlite3.connect(balagh.folder / "data" / "balagh.db", timeout=20) as connection:
        connection.execute("UPDATE relay SET published_at = ? WHERE published_at IS NOT NULL", (moment,))
