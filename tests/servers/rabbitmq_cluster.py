"""A private RabbitMQ cluster of three nodes, on 127.0.0.1 alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.servers.processes import await_true, free_port
from tests.servers.rabbitmq import RabbitNode

NODES = 3


class RabbitCluster:
    """Three nodes that know each other by one cookie and one epmd; a minority that is cut off pauses."""

    def __init__(self) -> None:
        self.nodes = [RabbitNode() for _ in range(NODES)]
        epmd = free_port()
        names = [node.name for node in self.nodes]
        for node in self.nodes:
            node.join(names, cookie="a-cookie-for-three-nodes", epmd=epmd)

    async def start(self) -> None:
        """Start all of them at once and wait until they are one cluster, about seventeen seconds."""
        self.nodes[0].start_epmd()
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        await asyncio.to_thread(await_true, lambda: NODES == self.running(), 60, "the cluster to be whole")

    def running(self, *, seen_by: int = 0) -> int:
        """How many nodes one of them sees running, itself included."""
        return int(self.nodes[seen_by].ctl("eval", "length(rabbit_nodes:all_running())."))

    def close(self) -> None:
        """End every process; the first node's epmd last."""
        for node in reversed(self.nodes):
            node.close()


@contextlib.asynccontextmanager
async def three_nodes() -> AsyncIterator[RabbitCluster]:
    """A running cluster while the context lasts."""
    cluster = RabbitCluster()
    try:
        await cluster.start()
        yield cluster
    finally:
        cluster.close()
