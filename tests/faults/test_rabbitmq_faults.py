"""RabbitMQ goes away, in every way it can, under a stream of citizens who notice nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.proxy import BACK, BOTH, OUT, Proxy
from tests.faults.rounds import balances, drains, metric, reaches, watchful, wrongs
from tests.servers.rabbitmq import RabbitNode
from tests.servers.waiting import until

pytestmark = pytest.mark.servers

Gateways = Callable[..., GatewayProcess]
Size = Callable[[int, int], int]

RELAY = 'balagh_backlog{room="relay"}'
OLDEST = 'balagh_oldest_seconds{room="relay"}'
ALARM = "BALAGH_BROKER_URL: RabbitMQ takes no messages: it is short of memory or disk space (resource alarm)."


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitNode]:
    """A node that the tests of this module break; it is not started, and each leaves it as it wishes."""
    made = RabbitNode()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def running(node: RabbitNode) -> RabbitNode:
    """The node, running."""
    if not node.runs:
        node.start()
    return node


async def test_a_broker_that_is_absent_stopped_or_killed_costs_only_time(
    gateway: Gateways, rabbitmq_node: Callable[[], RabbitNode], size: Size
) -> None:
    """Not there at the start, stopped for a while, killed under load: receipts as ever, and all of it drains."""
    node = rabbitmq_node()
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=node.url())), Departments(node.url())
    citizens = Citizens(size(90, 3000))
    everything = citizens.deliveries()
    first, second, third = (everything[part::3] for part in range(3))
    balagh.start()

    looking = asyncio.create_task(wrongs(balagh))
    assert [] == await citizens.deliver(balagh, first)
    await reaches(balagh, RELAY, len(citizens.accepted))
    await reaches(balagh, OLDEST, 1)
    assert 0 == await metric(balagh, "balagh_broker_up")
    [line] = await looking
    assert line.startswith("BALAGH_BROKER_URL: RabbitMQ is out of reach: ")
    await asyncio.to_thread(node.start)
    await drains(balagh)
    assert [] == await wrongs(balagh)

    under_way = asyncio.create_task(citizens.deliver(balagh, second))
    await asyncio.to_thread(node.stop)
    assert [] == await under_way
    await asyncio.sleep(size(2, 20))  # the length of the outage itself
    assert 0 == await metric(balagh, "balagh_broker_up")
    await asyncio.to_thread(node.start)
    await drains(balagh)

    under_way = asyncio.create_task(citizens.deliver(balagh, third))
    await until(lambda: len(citizens.accepted) > len(citizens.sayings) // 2)
    await asyncio.to_thread(node.kill9)
    assert [] == await under_way
    await until(lambda: _down(balagh))
    await asyncio.to_thread(node.start)
    await drains(balagh)

    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    await balances(balagh)


async def test_a_connection_that_is_cut_or_falls_silent_is_replaced(
    gateway: Gateways, running: RabbitNode, size: Size
) -> None:
    """Reset by a firewall, half-open one way or both ways: noticed by the heartbeat, and all of it drains."""
    vhost = running.new_vhost()
    async with Proxy(running.port).standing() as proxy:
        balagh = watchful(
            gateway(BALAGH_BROKER_URL=f"amqp://guest:guest@127.0.0.1:{proxy.port}/{vhost.name}?heartbeat=1")
        )
        departments = Departments(vhost.url)
        citizens = Citizens(size(90, 4000))
        everything = citizens.deliveries()
        await asyncio.to_thread(balagh.start)
        await drains(balagh)
        await departments.listen()

        # The gateway has two connections: one publishes, the other consumes.
        faults = [proxy.cut, partial(proxy.hush, OUT, BACK), partial(proxy.hush, BACK, OUT)][: size(2, 3)]
        for number, fault in enumerate(faults):
            known = proxy.connections
            under_way = asyncio.create_task(citizens.deliver(balagh, everything[number::4]))
            await until(lambda number=number: len(citizens.accepted) > number * len(citizens.sayings) // 4)
            fault()
            assert [] == await under_way
            await until(lambda known=known: proxy.connections >= known + 2)
            await drains(balagh)

        proxy.silent = BOTH
        proxy.hush(BOTH)
        looking = asyncio.create_task(wrongs(balagh))
        for number in range(len(faults), 4):
            assert [] == await citizens.deliver(balagh, everything[number::4])
        await reaches(balagh, RELAY, 1)
        await until(lambda: _down(balagh))
        [line] = await looking
        assert line.startswith("BALAGH_BROKER_URL: RabbitMQ is out of reach: ")
        proxy.silent = frozenset()
        proxy.cut()
        await drains(balagh)

        await departments.take(complaints=len(citizens.sayings))
        departments.kept_the_promise(citizens)
        await balances(balagh)


async def _down(balagh: GatewayProcess) -> bool:
    return 0 == await metric(balagh, "balagh_broker_up")


async def test_a_memory_alarm_is_told_and_waited_out(gateway: Gateways, running: RabbitNode, size: Size) -> None:
    """Short of memory the broker takes nothing: the metrics and check say so, and it drains once there is room."""
    vhost = running.new_vhost()
    balagh, departments = watchful(gateway(BALAGH_BROKER_URL=vhost.url)), Departments(vhost.url)
    citizens = Citizens(size(60, 2000))
    everything = citizens.deliveries()
    balagh.start()
    await drains(balagh)
    await departments.listen()
    assert [] == await citizens.deliver(balagh, everything[::2])
    await drains(balagh)

    await asyncio.to_thread(running.ctl, "set_vm_memory_high_watermark", "0.00001")
    try:
        await until(lambda: _alarmed(running))
        assert [] == await citizens.deliver(balagh, everything[1::2])
        assert [ALARM] == await wrongs(balagh)
        await reaches(balagh, "balagh_broker_blocked", 1)
        await reaches(balagh, "balagh_broker_problems", 1)
        await reaches(balagh, RELAY, 1)
        await reaches(balagh, OLDEST, 1)
        assert 0 == await metric(balagh, "balagh_relay_parked")
    finally:
        await asyncio.to_thread(running.ctl, "set_vm_memory_high_watermark", "0.4")
    await drains(balagh)
    assert 0 == await metric(balagh, "balagh_broker_blocked")

    await departments.take(complaints=len(citizens.sayings))
    departments.kept_the_promise(citizens)
    assert [] == await wrongs(balagh)
    await balances(balagh)


async def _alarmed(node: RabbitNode) -> bool:
    return "memory" in await asyncio.to_thread(node.ctl, "eval", "rabbit_alarm:get_alarms().")
