"""RabbitMQ behind the small interface: connections, topology, and the life of both.

Two connections, because a broker in a memory or disk alarm stops reading from whoever publishes, and acknowledgements
must still get through or the alarm would never end. Each is a plain connection with a supervisor of ours: it connects
when the broker comes, puts the topology and the consumers back, and starts again whenever the connection is lost.
aio-pika's robust connection was not taken: it raises when the broker is absent at start, and restores what it remembers
instead of what the contract says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import (
    AMQPChannelError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
)

from gateway import observe
from gateway.broker.address import Address
from gateway.broker.bus import APP_ID, Handler, Lost, Nacked, Outcome, Parcel, Returned
from gateway.broker.rabbitmq.consumer import Consumer
from gateway.broker.rabbitmq.publisher import Publisher
from gateway.broker.rabbitmq.wire import BROKEN, CALL_TIMEOUT, channel, closing, is_blocked
from gateway.broker.supervision import cancelled, end, happens, keep
from gateway.broker.topology import DEFAULT_EXCHANGE, Topology, explain_difference

log = observe.logger("broker")

# In seconds. aiormq gives up after three of them and RabbitMQ after two, so what a cut cable had in hand comes again
# within half a minute.
HEARTBEAT: Final = 10
AGAIN: Final = 5.0  # seconds between two looks at a topology that is not as it should be
WATCH_EVERY = 30.0  # seconds between two looks at a topology that is
ALARM_EVERY: Final = 0.5  # seconds between two looks for a resource alarm
_ALARM: Final = "RabbitMQ takes no messages: it is short of memory or disk space (resource alarm)"


class RabbitMQ:
    """A bus on RabbitMQ 3.10 or newer.

    `publish_timeout` is in seconds, `watch_every` the seconds between two looks at topology and consumers, `pauses` the
    shortest and longest wait (seconds) before a message whose handler failed is given back. Raises ValueError for a URL
    that is none of AMQP.
    """

    name = "rabbitmq"

    def __init__(
        self,
        url: str,
        topology: Topology,
        *,
        publish_timeout: float = 10.0,
        watch_every: float | None = None,
        pauses: tuple[float, float] = (0.5, 30.0),
        patience: float = 5.0,
    ) -> None:
        self.topology = topology
        self.blocked = False
        self.made: dict[str, datetime] = {}
        self._address = Address(url, heartbeat=HEARTBEAT)
        self._publish_timeout, self._watch_every = publish_timeout, WATCH_EVERY if watch_every is None else watch_every
        self._pauses, self._patience = pauses, patience
        self._publisher: Publisher | None = None
        self._control: AbstractConnection | None = None
        self._declared = asyncio.Event()
        self._differs: dict[str, str] = {}  # name of a queue or exchange -> what is wrong with it
        self._trouble = "not connected yet"
        self._consumers: dict[str, Consumer] = {}
        self._wake = asyncio.Event()
        self._care = asyncio.Lock()
        self._supervisors: list[asyncio.Task[None]] = []
        self._stopping = False
        self._makes = True  # exchanges, queues and bindings that are missing

    # What others ask

    @property
    def connected(self) -> bool:
        """Whether both connections stand and the topology was declared."""
        return self._publisher is not None and self._control is not None and self._declared.is_set()

    async def check(self) -> list[str]:
        """What is wrong, one clear sentence each."""
        problems = [] if self.connected else [f"RabbitMQ is out of reach: {self._trouble}."]
        problems.extend(self._differs.values())
        if self.blocked:
            problems.append(f"{_ALARM}.")
        if self.connected:
            problems.extend(
                f"Nobody consumes {consumer.queue}: {consumer.problem or 'the consumer is being restarted'}."
                for consumer in self._consumers.values()
                if not consumer.paused and not consumer.alive
            )
        return problems

    async def depths(self, queues: Sequence[str]) -> dict[str, int | None]:
        """How many messages wait in each queue; None for one that is missing, or while the broker is away."""
        return {queue: state and state[0] for queue, state in (await self._states(queues)).items()}

    async def consumers(self, queues: Sequence[str]) -> dict[str, int | None]:
        """How many consume each queue; None for one that is missing, or while the broker is away."""
        return {queue: state and state[1] for queue, state in (await self._states(queues)).items()}

    def doubt(self) -> None:
        """Look after topology and consumers at once, and not only when the watch comes round."""
        self._wake.set()

    def renew(self) -> None:
        """Replace the connection that publishes, as after a confirm that did not come."""
        if self._publisher is not None:
            self._publisher.stale = True

    async def _states(self, queues: Sequence[str]) -> dict[str, tuple[int, int] | None]:
        result: dict[str, tuple[int, int] | None] = {**dict.fromkeys(queues)}
        with contextlib.suppress(*BROKEN):
            for queue in queues:
                result[queue] = await self._state(queue)
        return result

    async def _state(self, queue: str) -> tuple[int, int] | None:
        """Messages ready and consumers of a queue; None when there is no such queue."""
        if self._control is None:
            raise ChannelInvalidStateError("no connection")
        async with channel(self._control) as amqp:
            try:
                declared = await amqp.declare_queue(queue, passive=True, timeout=CALL_TIMEOUT)
            except ChannelNotFoundEntity:
                return None
            answer = declared.declaration_result
            return answer.message_count or 0, answer.consumer_count or 0

    # Life

    async def start(self, *, declare: bool = True) -> None:
        """Begin to connect, and return at once. Without `declare`, what is missing on the broker is only noted."""
        self._stopping, self._makes = False, declare
        self._declared.clear()  # what an earlier start saw says nothing of now
        self._supervisors = [
            asyncio.create_task(keep(partial(self._run, "control"), partial(self._ended, "control"))),
            asyncio.create_task(keep(partial(self._run, "publish"), partial(self._ended, "publish"))),
        ]

    async def _run(self, purpose: str) -> None:
        if purpose == "publish":
            await self._declared.wait()
        connection = aio_pika.Connection(
            aio_pika.connection.make_url(self._address.url),
            client_properties={"connection_name": f"{APP_ID} {purpose}"},
        )
        async with closing(connection):  # from here on, or one that never came about would warn when it is collected
            await connection.connect(timeout=CALL_TIMEOUT)
            self._trouble = "still connecting"
            await (self._serve_control if purpose == "control" else self._serve_publisher)(connection)

    def _ended(self, purpose: str, error: Exception | None) -> None:
        trouble = "the connection was lost" if error is None else self._address.words(error)
        if trouble != self._trouble:
            log.warning("rabbitmq out of reach", connection=purpose, reason=trouble)
        self._trouble = trouble

    async def stop(self) -> None:
        """Stop consuming, let running handlers finish for a few seconds, and close both connections."""
        self._stopping = True
        for queue in tuple(self._consumers):
            with contextlib.suppress(*BROKEN):
                await self.pause(queue)
        running = {task for consumer in self._consumers.values() for task in consumer.running}
        if running:
            _, late = await asyncio.wait(running, timeout=self._patience)
            await end(*late)
        await end(*self._supervisors)
        self._supervisors = []

    # Publishing

    async def _serve_publisher(self, connection: AbstractConnection) -> None:
        lost = asyncio.Event()
        publisher = Publisher(connection, timeout=self._publish_timeout, on_close=lost.set)
        await publisher.open((*(exchange.name for exchange in self.topology.exchanges), DEFAULT_EXCHANGE))
        self._publisher = publisher
        log.info("rabbitmq connected", connection="publish")
        try:
            while not lost.is_set() and not (publisher.stale and not self.blocked):
                await happens(lost, ALARM_EVERY)
                self.blocked = not lost.is_set() and await is_blocked(connection)
        finally:
            self._publisher, self.blocked = None, False
            publisher.close()
            self._wake.set()  # an exchange deleted by hand closes the channel: put it back

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Publish all of them at once and say what became of each, in the same order."""
        publisher = self._publisher
        outcomes: list[Outcome | None] = [self._hindrance(publisher, parcel) for parcel in parcels]
        free = [place for place, outcome in enumerate(outcomes) if outcome is None]
        if free and publisher is not None:
            for place, outcome in zip(free, await self._sent(publisher, [parcels[i] for i in free]), strict=True):
                outcomes[place] = outcome
        if any(isinstance(outcome, Returned) for outcome in outcomes):
            self._wake.set()  # a queue may have been deleted by hand: put it back
        return [outcome for outcome in outcomes if outcome is not None]

    async def _sent(self, publisher: Publisher, parcels: Sequence[Parcel]) -> list[Outcome]:
        try:
            return await publisher.publish(parcels)
        except asyncio.CancelledError:
            # aiormq cancels what waits for the broker when it closes; only a cancel of ours may pass.
            if cancelled():
                raise
            return [Lost("the connection closed before the confirm")] * len(parcels)
        except BROKEN as error:
            return [Lost(self._address.words(error))] * len(parcels)

    def _hindrance(self, publisher: Publisher | None, parcel: Parcel) -> Outcome | None:
        """Say why a parcel need not even be sent now."""
        if publisher is None:
            return Lost(f"RabbitMQ is out of reach: {self._trouble}")
        if self.blocked:
            return Lost(_ALARM)
        if publisher.stale:
            return Lost("the connection to RabbitMQ is being renewed")
        difference = self._difference(parcel)
        return None if difference is None else Nacked(difference)

    def _difference(self, parcel: Parcel) -> str | None:
        """Why a parcel may not go where it would go: something there is not what the contract says."""
        if not self._differs:
            return None
        names = [queue.name for queue in self.topology.queues_for(parcel.exchange, parcel.routing_key)]
        return next((self._differs[name] for name in (parcel.exchange, *names) if name in self._differs), None)

    # Topology and consumers

    async def _serve_control(self, connection: AbstractConnection) -> None:
        lost = asyncio.Event()

        def gone(*_: object) -> None:
            lost.set()
            self._wake.set()

        connection.close_callbacks.add(gone)
        self._control = connection
        try:
            while not lost.is_set():
                self._wake.clear()
                await self._look_after(connection)
                await happens(lost, 1.0)  # at most one look a second, whatever happens
                # A queue may only be between two leaders: what is wrong is looked at again soon.
                await happens(self._wake, min(AGAIN, self._watch_every) if self._differs else self._watch_every)
        finally:
            self._control = None

    async def _look_after(self, connection: AbstractConnection) -> None:
        async with self._care:
            await self._declare(connection)
            for consumer in tuple(self._consumers.values()):
                if consumer.paused or self._stopping:
                    continue
                if consumer.alive and not await self._is_counted(consumer):
                    log.warning("consumer lost", queue=consumer.queue)
                    await consumer.detach()
                if not consumer.alive:
                    await self._attach(connection, consumer)

    async def _declare(self, connection: AbstractConnection) -> None:
        """Declare the topology; what exists with other arguments is noted, and the rest goes on."""
        differs: dict[str, str] = {}
        for exchange in self.topology.exchanges:
            async with self._noting(connection, exchange.name, differs) as amqp:
                if not self._makes:
                    await amqp.declare_exchange(exchange.name, passive=True, timeout=CALL_TIMEOUT)
                await amqp.declare_exchange(exchange.name, exchange.kind, durable=True, timeout=CALL_TIMEOUT)
        await self._declare_queues(connection, differs)
        for name, difference in differs.items():
            if self._differs.get(name) != difference:
                log.error("topology differs", name=name, reason=difference)
        self._differs = differs
        self._declared.set()

    async def _declare_queues(self, connection: AbstractConnection, differs: dict[str, str]) -> None:
        gone, doubtful = False, []
        try:
            for queue in self.topology.queues:
                async with self._noting(connection, queue.name, differs) as amqp:
                    before = await self._state(queue.name) if self._makes else None
                    if not self._makes:
                        await amqp.declare_queue(queue.name, passive=True, timeout=CALL_TIMEOUT)
                    declared = await amqp.declare_queue(
                        queue.name, durable=True, arguments=dict(queue.arguments), timeout=CALL_TIMEOUT
                    )
                    for binding in queue.bindings if self._makes else ():
                        await declared.bind(binding.exchange, binding.pattern, timeout=CALL_TIMEOUT)
                    after = declared.declaration_result.message_count
                    # It was missing; or it went, with what was in it, between the look and the declaration.
                    if self._makes and (before is None or (before[0] and not after)):
                        gone = True
                        self.made[queue.name] = datetime.now(UTC)
                    elif before == (0, 0) and not after:
                        doubtful.append(queue.name)
        finally:
            # A queue that is just being deleted still answers, and says that it is empty. Where others are gone, one
            # that looks so was perhaps gone with them: what it can have held is offered again, under the same ids.
            if gone:
                self.made.update(dict.fromkeys(doubtful, datetime.now(UTC)))

    @contextlib.asynccontextmanager
    async def _noting(
        self, connection: AbstractConnection, name: str, differs: dict[str, str]
    ) -> AsyncIterator[AbstractChannel]:
        """Lend a channel of its own, since the broker closes the channel of a declaration that it refuses."""
        async with channel(connection) as amqp:
            try:
                yield amqp
            except ChannelNotFoundEntity:
                differs[name] = f"{name} is missing on the broker: a running gateway makes it, without what was in it."
            except AMQPChannelError as error:
                differs[name] = explain_difference(self._address.words(error))
            except TimeoutError:
                # One queue without a majority of its nodes must not keep the others from being declared.
                differs[name] = f"{name} does not answer: too few of its RabbitMQ nodes are up."

    async def _is_counted(self, consumer: Consumer) -> bool:
        """Whether the broker still knows a consumer of the queue. With several nodes it may be another's."""
        state = await self._state(consumer.queue)
        return state is not None and state[1] > 0

    async def consume(self, queue: str, handler: Handler, prefetch: int) -> None:
        """Hand every message of a queue to `handler`. Raises KeyError for a queue that is not in the topology."""
        earlier = self._consumers.get(queue)
        self._consumers[queue] = Consumer(self.topology.queue(queue).name, handler, prefetch, self._pauses)
        if earlier is not None:
            await earlier.detach()
        await self._begin(queue)

    async def _begin(self, queue: str) -> None:
        """Attach a consumer now if the broker is there; if not, the supervisor does it later."""
        consumer = self._consumers[queue]
        async with self._care:
            if consumer.paused or self._stopping:  # meanwhile; what a stopped bus took, nobody would wait for
                return
            if self._control is not None and self._declared.is_set() and not consumer.alive:
                with contextlib.suppress(*BROKEN):
                    await self._attach(self._control, consumer)

    async def pause(self, queue: str) -> None:
        """Take no more from a queue; what was delivered is handled and acknowledged."""
        consumer = self._consumers[queue]
        consumer.paused = True
        async with self._care:
            await consumer.cancel()

    async def resume(self, queue: str) -> None:
        """Take from a paused queue again, as soon as the broker is there."""
        self._consumers[queue].paused = False
        await self._begin(queue)

    async def _attach(self, connection: AbstractConnection, consumer: Consumer) -> None:
        try:
            await consumer.attach(connection, self._wake.set)
        except AMQPChannelError as error:
            consumer.problem = explain_difference(self._address.words(error))
            log.warning("consumer refused", queue=consumer.queue, reason=consumer.problem)
