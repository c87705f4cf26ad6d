"""A cluster of three RabbitMQ nodes, of which the leader dies under a stream of citizens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.proxy import Proxy
from tests.faults.rounds import balances, drains, watchful, wrongs
from tests.servers.processes import await_true
from tests.servers.rabbitmq_cluster import NODES, three_nodes
from tests.servers.waiting import until


@pytest.mark.servers
async def test_a_cluster_whose_leader_is_killed_goes_on(
    gateway: Callable[..., GatewayProcess], size: Callable[[int, int], int]
) -> None:
    """Every queue's leader dies with the node that we hang on: two others go on, it comes back, nothing is lost."""
    async with three_nodes() as cluster:
        first, second, third = cluster.nodes
        async with Proxy(first.port, (second.port, third.port)).standing() as balancer:
            balagh = watchful(gateway(BALAGH_BROKER_URL=f"amqp://guest:guest@127.0.0.1:{balancer.port}/%2F"))
            departments = Departments(second.url())
            citizens = Citizens(size(150, 6000))
            everything = citizens.deliveries()
            await asyncio.to_thread(balagh.start)
            await drains(balagh)
            await departments.listen()
            leaders = await asyncio.to_thread(first.ctl, "list_queues", "name", "leader", "members")
            router = next(line.split("\t") for line in leaders.splitlines() if line.startswith("balagh.router\t"))
            assert first.name == router[1]
            assert all(node.name in router[2] for node in cluster.nodes)

            under_way = asyncio.create_task(citizens.deliver(balagh, everything[::2]))
            await until(lambda: len(citizens.accepted) > len(citizens.sayings) // 4)
            first.kill9()
            assert [] == await under_way
            await drains(balagh)
            assert [] == await wrongs(balagh)

            under_way = asyncio.create_task(citizens.deliver(balagh, everything[1::2]))
            await asyncio.to_thread(first.start)
            whole = "the cluster to be whole again"
            await asyncio.to_thread(await_true, lambda: NODES == cluster.running(seen_by=1), 30, whole)
            assert [] == await under_way
            await drains(balagh)

            await departments.take(complaints=len(citizens.sayings))
            departments.kept_the_promise(citizens)
            await balances(balagh)
            assert 0 == await asyncio.to_thread(balagh.stop)
