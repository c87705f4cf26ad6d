"""The embedded broker: it holds nothing, and confirms a parcel only when its handler has returned.

It is durable because the journal is: what was not confirmed when the process ended, the relay publishes again. So a
queue that the gateway itself consumes takes nothing while nobody listens, and a department's queue is only counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway import observe
from gateway.broker.bus import Confirmed, Delivery, Handler, Lost, Nacked, Outcome, Parcel, Retry, Returned
from gateway.broker.supervision import cancelled
from gateway.broker.topology import Queue, Topology

log = observe.logger("broker")

_TRIES = 3  # of one parcel while its handler asks for another
_LONGEST_PAUSE = 1.0  # seconds between them, since the relay waits for the outcome


@dataclass(slots=True)
class _Consumer:
    handler: Handler
    places: asyncio.Semaphore
    paused: bool = False
    running: set[asyncio.Task[Outcome]] = field(default_factory=set)


class Loopback:
    """A bus inside the process, for one process."""

    name = "embedded"

    def __init__(self, topology: Topology, *, patience: float = 5.0) -> None:
        self.topology = topology
        self.connected = self.blocked = False
        self.made: dict[str, datetime] = {}  # there is no queue that could go missing
        self._patience = patience  # seconds that stop() waits for running handlers
        self._consumers: dict[str, _Consumer] = {}
        self._taken: Counter[str] = Counter()

    async def start(self, *, declare: bool = True) -> None:  # noqa: ARG002 - nothing here could be missing
        """Begin to take parcels."""
        self.connected = True

    async def stop(self) -> None:
        """Take no more parcels and let running handlers finish; what they leave unconfirmed comes again."""
        self.connected = False
        running = {task for consumer in self._consumers.values() for task in consumer.running}
        if running:
            _, late = await asyncio.wait(running, timeout=self._patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Hand every parcel to the handlers of its queues and say what became of each, in the same order."""
        return list(await asyncio.gather(*(self._publish(parcel) for parcel in parcels)))

    async def _publish(self, parcel: Parcel) -> Outcome:
        if not self.connected:
            return Lost("The embedded broker is not running.")
        queues = self.topology.queues_for(parcel.exchange, parcel.routing_key)
        if not queues:
            return Returned("no queue takes it") if parcel.mandatory else Confirmed()
        outcomes = await asyncio.gather(*(self._put(parcel, queue) for queue in queues))
        return next((outcome for outcome in outcomes if not isinstance(outcome, Confirmed)), Confirmed())

    async def _put(self, parcel: Parcel, queue: Queue) -> Outcome:
        consumer = self._consumers.get(queue.name)
        if consumer is None and not queue.ours:
            self._taken[queue.name] += 1
            return Confirmed()
        if consumer is None:
            return Lost(f"Nobody takes from {queue.name} yet.")
        async with consumer.places:
            if consumer.paused or not self.connected:
                return Lost(f"Nobody takes from {queue.name} now.")
            # A task of its own, so that a caller who gives up does not cut a handler off inside its commit.
            task = asyncio.create_task(_hand_over(consumer, parcel, queue.name))
            consumer.running.add(task)
            task.add_done_callback(consumer.running.discard)
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                if cancelled():
                    raise
                return Lost("The embedded broker stopped.")

    async def consume(self, queue: str, handler: Handler, prefetch: int) -> None:
        """Hand what is routed to a queue to `handler`, up to `prefetch` at a time. Raises KeyError for no queue."""
        self._consumers[self.topology.queue(queue).name] = _Consumer(handler, asyncio.Semaphore(prefetch))

    async def pause(self, queue: str) -> None:
        """Take nothing for a queue; its parcels are Lost, so the relay keeps them."""
        self._consumers[queue].paused = True

    async def resume(self, queue: str) -> None:
        """Take parcels for a paused queue again."""
        self._consumers[queue].paused = False

    async def depths(self, queues: Sequence[str]) -> dict[str, int | None]:
        """How many parcels each queue has taken without a consumer since the start; None for no queue of ours."""
        known = {queue.name for queue in self.topology.queues}
        return {name: self._taken[name] if name in known else None for name in queues}

    async def consumers(self, queues: Sequence[str]) -> dict[str, int | None]:
        """Count the gateway's own consumer of each queue: there are no others."""
        known = {queue.name for queue in self.topology.queues}
        return {name: int(name in self._consumers) if name in known else None for name in queues}

    def doubt(self) -> None:
        """Nothing here could be other than it should be."""

    def renew(self) -> None:
        """There is no connection."""

    async def check(self) -> list[str]:
        """Say when it is not running."""
        return [] if self.connected else ["The embedded broker is not running."]


async def _hand_over(consumer: _Consumer, parcel: Parcel, queue: str) -> Outcome:
    for tries in range(1, _TRIES + 1):
        try:
            await consumer.handler(
                Delivery(
                    queue,
                    parcel.id,
                    parcel.body,
                    headers=parcel.headers,
                    redelivered=tries > 1,
                    routing_key=parcel.routing_key,
                    tries=tries,
                )
            )
            return Confirmed()
        except Retry as request:
            await asyncio.sleep(min(max(request.after, 0.0), _LONGEST_PAUSE))
            if consumer.paused:
                break  # its handler wants nothing for now, this one included
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its refusal
            # The type alone: what an exception says may hold a citizen's words.
            log.warning("handler failed", queue=queue, id=parcel.id, error=type(error).__name__)
            return Nacked(f"The handler of {queue} failed: {type(error).__name__}")
    return Lost(f"The handler of {queue} asks for another try.")
