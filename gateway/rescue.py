"""The rescue: notice what the broker was given and has lost, and publish it again.

The broker confirms what it has on disk; after that a hand can still delete a queue with all that is in it, take a
binding away while another's queue takes the message, or lose the disk. The store has all of it, so nothing is lost:

    an event that no router has seen although the router's queues are empty    is published again
    a department's queue that was missing and had to be made                   what it can have held is, too
    a department's queue that is empty and refuses                             is asked over a new connection
    balagh.dead, made anew                                                     what is open in quarantine goes there

Every copy has the event's own id: a router decides nothing twice, and a department knows it by that id.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway import observe
from gateway.broker.bus import REFUSED, Bus
from gateway.broker.topology import DEAD, ROUTER, ROUTER_DISTRESS, department_queue
from gateway.signals import Signal
from gateway.store import stranded
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.stranded import Depth

PERIOD = 0.5  # seconds between two looks for a queue that had to be made
LOOK_EVERY = 5.0  # seconds between two looks into the queues
LOST = timedelta(seconds=20)  # in no queue and undecided for so long: what a consumer has in hand takes milliseconds
MENDING = 2.0  # seconds that the bus is given to put back what is missing
TOGETHER = timedelta(seconds=5)  # within which two processes that find a queue missing speak of one loss
MARGIN = timedelta(seconds=15)  # more than a confirm is waited for, and than two clocks differ

log = observe.logger("rescue")


class Rescue:
    """Looks after what was published. The looks into the queues belong to whoever holds the relay's lease, `mine`."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        filed: Signal,
        *,
        mine: Callable[[], Awaitable[bool]] | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.bus, self.filed, self.mine, self.clock = store, bus, filed, mine, clock
        self._departments = {department_queue(name): name for name in bus.topology.departments}
        self._name = secrets.token_hex(8)  # among the processes that share the store
        self._settled: int | None = None
        self._seen: dict[str, Depth] = {}
        self._stuck: set[str] = set()

    async def run(self) -> None:
        """Look for ever."""
        loop = asyncio.get_running_loop()
        looked = float("-inf")
        while True:
            try:
                for queue, since in tuple(self.bus.made.items()):
                    await self.restore(queue, since)
                    if self.bus.made.get(queue) == since:  # and not made once more meanwhile
                        del self.bus.made[queue]
                if self.mine is not None and loop.time() - looked >= LOOK_EVERY and await self.mine():
                    looked = loop.time()
                    await self.look()
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
            await asyncio.sleep(PERIOD)

    async def restore(self, queue: str, made: datetime) -> None:
        """Publish again what a queue that had to be made can have held. Raises StoreUnavailable."""
        if again := await self.store.write(partial(self._restore, queue=queue, made=made)):
            self._say(queue, again)

    def _restore(self, connection: Connection, queue: str, made: datetime) -> int:
        if not stranded.first_to_make(connection, queue, by=self._name, at=made, within=TOGETHER):
            return 0
        if queue in self._departments:
            return self._offer_again(connection, queue, made)
        if queue in {ROUTER, ROUTER_DISTRESS}:
            return len(stranded.tell_again(connection, after=0, before=made))
        return stranded.copy_again(connection, before=made) if queue == DEAD else 0

    def _offer_again(self, connection: Connection, queue: str, made: datetime) -> int:
        depth = stranded.remembered(connection, queue)
        if depth is None:  # never seen: the first start on this store, and nothing was in it
            stranded.remember(connection, queue, Depth(0, made))
            return 0
        again = stranded.offer_again(
            connection, self._departments[queue], Depth(depth.messages, depth.at - MARGIN), made + MARGIN
        )
        stranded.remember(connection, queue, Depth(again, made))
        return again

    async def look(self) -> None:
        """Measure the queues, remember their depths, and find what is in none of them. Raises StoreUnavailable."""
        now = self.clock()
        depths = await self.bus.depths([queue.name for queue in self.bus.topology.queues])
        _show(depths)
        if self.bus.name == "embedded":  # it holds nothing that it could lose
            return
        if self._settled is None:
            self._settled = await self.store.read(stranded.settled_before)
        # Kept one look late: another process may have made a queue just now, and must find what the old one held.
        await self.store.write(partial(_remember, depths=self._seen, settled=self._settled))
        self._seen = {name: Depth(depths[name] or 0, now) for name in self._departments if depths[name] is not None}
        await self._doubt_refusals(depths)
        self._settled = await self.store.read(partial(stranded.settled, after=self._settled, before=now - LOST))
        count, since = await self.store.read(partial(stranded.unrouted, after=self._settled))
        observe.waits("dispatch", count, since, now)
        if since is not None and since < now - LOST and depths.get(ROUTER) == depths.get(ROUTER_DISTRESS) == 0:
            self.bus.doubt()  # a binding may be gone, and what is published again would be lost again
            await asyncio.sleep(MENDING)
            tell = partial(stranded.tell_again, after=self._settled, before=now - LOST)
            if again := await self.store.write(tell):
                self._say(ROUTER, len(again))

    async def _doubt_refusals(self, depths: dict[str, int | None]) -> None:
        """Publish over a new connection when an empty queue goes on refusing.

        A quorum queue tells a publisher that it is full, and that it has room again; when a hand takes its limit away
        in between, or another node becomes its leader at that moment, RabbitMQ 3.10 never says the second.
        """
        refused = await self.store.read(partial(stranded.refused, reason=REFUSED))
        refusing = {
            department_queue(name) if name is not None else ROUTER_DISTRESS if distress else ROUTER
            for name, distress in refused
        }
        stuck = {queue for queue in refusing if depths.get(queue) == 0}
        if stuck & self._stuck:
            log.warning("refused by an empty queue: publishing over a new connection", queues=sorted(stuck))
            self.bus.renew()
            stuck = set()
        self._stuck = stuck

    def _say(self, queue: str, events: int) -> None:
        observe.ALARM.labels("lost_by_broker").inc()
        log.error("published again: the broker lost it", queue=queue, events=events)
        self.filed.set()


def _show(depths: dict[str, int | None]) -> None:
    for queue, depth in depths.items():
        observe.DEPTH.labels(queue).set(float("nan") if depth is None else depth)


def _remember(connection: Connection, depths: dict[str, Depth], settled: int) -> None:
    stranded.keep_settled(connection, settled)
    for queue, depth in depths.items():
        stranded.remember(connection, queue, depth)
