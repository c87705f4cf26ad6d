"""Consume one queue: hand its messages to a handler, and acknowledge those that it has dealt with.

What was dealt with in one turn of the event loop is acknowledged in one write, and in one frame as far as nothing older
is still in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import ChannelFrame, DeliveredMessage
from aiormq.channel import Channel
from pamqp.commands import Basic

from gateway import observe
from gateway.broker.bus import Delivery, Handler, Retry
from gateway.broker.rabbitmq.wire import BROKEN, CALL_TIMEOUT, close
from gateway.broker.supervision import cancelled

log = observe.logger("broker")


class Consumer:
    """Who handles a queue, and the amqp channel that it hangs on while it does.

    `pauses` are the shortest and longest wait (seconds) before a message whose handler failed is given back. `running`
    are the handlers at work.
    """

    def __init__(self, queue: str, handler: Handler, prefetch: int, pauses: tuple[float, float]) -> None:
        self.queue, self.handler, self.prefetch, self._pauses = queue, handler, prefetch, pauses
        self.paused = False
        self.problem = ""
        self.running: set[asyncio.Task[None]] = set()
        self._amqp: AbstractChannel | None = None
        self._underlay: Channel | None = None
        self._tag = ""

    @property
    def alive(self) -> bool:
        """Whether it is subscribed, as far as one can tell from here."""
        # A tag leaves aiormq's own table when the broker cancels it.
        return (
            self._amqp is not None
            and not self._amqp.is_closed
            and self._underlay is not None
            and self._tag in self._underlay.consumers
        )

    async def attach(self, connection: AbstractConnection, changed: Callable[[], None]) -> None:
        """Subscribe on a channel of its own; `changed` is called when the broker ends that.

        Raises what aio-pika raises, such as AMQPChannelError when the queue is not there.
        """
        await self.detach()
        amqp = connection.channel(publisher_confirms=False)
        async with asyncio.timeout(CALL_TIMEOUT):
            await amqp.initialize()
        await amqp.set_qos(prefetch_count=self.prefetch, timeout=CALL_TIMEOUT)
        underlay = await amqp.get_underlay_channel()
        assert isinstance(underlay, Channel)
        hand = _Hand(underlay)
        answer = await underlay.basic_consume(self.queue, partial(self._take, hand), timeout=CALL_TIMEOUT)
        underlay.on_consumer_cancel_callbacks.add(lambda _: changed())  # the queue was deleted
        amqp.close_callbacks.add(lambda *_: changed())
        self._amqp, self._underlay, self._tag, self.problem = amqp, underlay, answer.consumer_tag or "", ""
        log.info("consumer attached", queue=self.queue)

    async def cancel(self) -> None:
        """Unsubscribe and keep the channel, so that what is in hand can still be acknowledged."""
        if self.alive and self._underlay is not None:
            try:
                await self._underlay.basic_cancel(self._tag, timeout=CALL_TIMEOUT)
            except BROKEN:
                await self.detach()

    async def detach(self) -> None:
        """Let go of the channel; what was in hand comes again."""
        amqp, self._amqp = self._amqp, None
        if amqp is not None:
            await close(amqp)

    async def _take(self, hand: _Hand, message: DeliveredMessage) -> None:
        # A task of our own: aiormq cancels its tasks when the channel closes, in the middle of a handler's commit.
        tag = message.delivery_tag
        assert tag is not None
        hand.take(tag)
        task = asyncio.create_task(self._handle(hand, tag, message))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _handle(self, hand: _Hand, tag: int, message: DeliveredMessage) -> None:
        properties = message.header.properties
        headers: dict[str, Any] = properties.headers or {}
        failures = _failures(headers, redelivered=bool(message.redelivered))
        delivery = Delivery(
            queue=self.queue,
            id=properties.message_id or "",
            body=message.body,
            headers=headers,
            redelivered=bool(message.redelivered),
            routing_key=message.routing_key or "",
            tries=failures + 1,
        )
        shortest, longest = self._pauses
        try:
            await self.handler(delivery)
        except Retry as request:
            pause = min(max(request.after, 0.0), longest)
        except (Exception, asyncio.CancelledError) as error:
            if cancelled():
                raise
            # A cancellation from below, such as a commit that was given up, is a failure like any other.
            # The type alone: what an exception says may hold a citizen's words.
            log.warning("handler failed", queue=self.queue, id=delivery.id, error=type(error).__name__)
            pause = min(longest, shortest * 2.0 ** min(failures, 20))
        else:
            hand.done(tag)
            return
        await asyncio.sleep(pause)
        hand.give_back(tag)


class _Hand:
    """The messages in hand on one channel, and what is to be said of them in its next write.

    One task writes: an acknowledgement of many must not overtake the return of one of them, nor another's.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._held: set[int] = set()
        self._done: list[int] = []
        self._returned: list[int] = []
        self._writing: asyncio.Task[None] | None = None

    def take(self, tag: int) -> None:
        self._held.add(tag)

    def done(self, tag: int) -> None:
        """Acknowledge it, together with whatever else is done in this turn of the event loop."""
        self._held.discard(tag)
        self._done.append(tag)
        self._write()

    def give_back(self, tag: int) -> None:
        """Let the broker deliver it again; when the channel is gone it does so by itself."""
        self._returned.append(tag)
        self._write()

    def _write(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._say())

    async def _say(self) -> None:
        while (self._done or self._returned) and not self._channel.is_closed:
            done, self._done = sorted(self._done), []
            returned, self._returned = self._returned, []
            frames = [*self._acks(done), *(Basic.Nack(delivery_tag=tag, requeue=True) for tag in returned)]
            self._held.difference_update(returned)  # only now: no acknowledgement of many may have covered them
            await self._channel.write_queue.put(ChannelFrame.marshall(self._channel.number, frames))

    def _acks(self, done: list[int]) -> Iterator[Basic.Ack]:
        oldest = min(self._held, default=0) or float("inf")
        together = [tag for tag in done if tag < oldest]
        if together:  # everything up to the last of them is settled, so one frame does
            yield Basic.Ack(delivery_tag=together[-1], multiple=True)
        for tag in done[len(together) :]:
            yield Basic.Ack(delivery_tag=tag)


def _failures(headers: dict[str, Any], *, redelivered: bool) -> int:
    """How often a message was delivered in vain; a quorum queue counts it in a header."""
    counted = headers.get("x-delivery-count")
    return counted if isinstance(counted, int) else int(redelivered)
