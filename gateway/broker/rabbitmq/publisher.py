"""Publish many parcels at once and learn what became of each.

aiormq publishes one message at a time, each with a lock, two futures and a write of its own: about 150 µs, most of it
bookkeeping. Here a batch is one write of all its frames and one future; the confirms are counted. What is used of
aiormq's channel is public in its class: the lock, the counter of delivery tags, the table of confirmations and the
queue of the connection's writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, cast

from aio_pika.abc import AbstractConnection
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from gateway.broker.bus import APP_ID, CONTENT_TYPE, REFUSED, Confirmed, Lost, Nacked, Outcome, Parcel, Returned

AT_ONCE: Final = 256  # parcels of one exchange that await their confirm together
_CLOSED: Final = Lost("the connection closed before the confirm")


class _Batch:
    """Parcels whose confirms are awaited together."""

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self.missing = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, outcome: Outcome) -> None:
        if self.outcomes[index] is None:
            self.outcomes[index] = outcome
            self.missing -= 1
            if not self.missing and not self.done.done():
                self.done.set_result(None)

    def give_up(self, outcome: Outcome) -> None:
        """Settle whatever has no outcome yet."""
        for index in range(len(self.outcomes)):
            self.settle(index, outcome)

    def told(self) -> list[Outcome]:
        """Return every outcome, in order, once all are there."""
        return cast("list[Outcome]", self.outcomes)


class _Slot:
    """One parcel's place in aiormq's table of confirmations, where it expects a future."""

    __slots__ = ("batch", "index")

    def __init__(self, batch: _Batch, index: int) -> None:
        self.batch, self.index = batch, index

    def done(self) -> bool:
        return self.batch.outcomes[self.index] is not None

    def cancelled(self) -> bool:  # asked of one that is done, before it complains of a late confirm
        return True

    def set_result(self, _frame: object) -> None:
        self.batch.settle(self.index, Confirmed())

    def set_exception(self, error: BaseException) -> None:
        match error:
            case PublishError():
                outcome: Outcome = Returned(f"no queue takes it ({error.args[0]})")
            case DeliveryError():
                outcome = Nacked(REFUSED)
            case _:
                outcome = _CLOSED
        self.batch.settle(self.index, outcome)


class Publisher:
    """Publishes over one connection, on an amqp channel for each exchange.

    A parcel that the broker returns is known by its message id alone, and one event may be under way to two exchanges
    at a time: on channels of their own they cannot be taken for each other.
    """

    def __init__(self, connection: AbstractConnection, *, timeout: float, on_close: Callable[[], object]) -> None:
        self._connection, self._timeout, self._on_close = connection, timeout, on_close
        self._channels: dict[str, tuple[Channel, asyncio.Lock]] = {}
        self._opening = asyncio.Lock()
        self._batches: set[_Batch] = set()
        self.stale = False  # a parcel timed out: its late answer could be taken for another's

    async def open(self, exchanges: Sequence[str]) -> None:
        """Open the channels of some exchanges, so that their first parcels need not wait."""
        for exchange in exchanges:
            await self._channel(exchange)

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Publish parcels to their exchanges; what became of each, in order. Raises what opening a channel raises."""
        by_exchange: dict[str, list[int]] = {}
        for place, parcel in enumerate(parcels):
            by_exchange.setdefault(parcel.exchange, []).append(place)
        outcomes: list[Outcome] = [_CLOSED] * len(parcels)

        async def one(exchange: str, places: Sequence[int]) -> None:
            channel, turn = await self._channel(exchange)
            for part in _parts(parcels, places):
                async with turn:
                    found = await self._send(channel, [parcels[place] for place in part])
                for place, outcome in zip(part, found, strict=True):
                    outcomes[place] = outcome

        await _all(one(exchange, places) for exchange, places in by_exchange.items())
        return outcomes

    def close(self) -> None:
        """Let nobody wait for what will not come any more."""
        for batch in self._batches:
            batch.give_up(_CLOSED)

    async def _channel(self, exchange: str) -> tuple[Channel, asyncio.Lock]:
        if exchange not in self._channels:
            async with self._opening:
                if exchange not in self._channels:
                    amqp = self._connection.channel(publisher_confirms=True, on_return_raises=True)
                    async with asyncio.timeout(self._timeout):
                        await amqp.initialize()
                    amqp.close_callbacks.add(lambda *_: self._closed())  # also when the whole connection goes
                    underlay = await amqp.get_underlay_channel()
                    assert isinstance(underlay, Channel)
                    self._channels[exchange] = underlay, asyncio.Lock()
        return self._channels[exchange]

    def _closed(self) -> None:
        self.close()
        self._on_close()

    async def _send(self, channel: Channel, parcels: Sequence[Parcel]) -> list[Outcome]:
        batch = _Batch(len(parcels))
        wires = [
            (index, wire) for index, parcel in enumerate(parcels) if (wire := self._wire(channel, batch, index, parcel))
        ]
        if not wires:
            return batch.told()
        self._batches.add(batch)
        sent = False
        try:
            async with asyncio.timeout(self._timeout):
                async with channel.lock:
                    await self._write(channel, batch, parcels, wires)
                    sent = True
                await batch.done
        except TimeoutError:
            self.stale = True
            batch.give_up(Lost(f"RabbitMQ did not confirm within {self._timeout:g} s"))
        except ChannelInvalidStateError:
            batch.give_up(_CLOSED)
        finally:
            if batch.missing:
                self.stale = self.stale or sent  # cancelled amid it: nobody waits for these answers any more
                batch.give_up(_CLOSED)
            self._batches.discard(batch)
            for index, _ in wires:
                channel.message_id_delivery_tag.pop(parcels[index].id, None)
        return batch.told()

    def _wire(self, channel: Channel, batch: _Batch, index: int, parcel: Parcel) -> bytes:
        """Lay out the frames of one parcel; what AMQP cannot carry is refused before anything of it is sent."""
        try:
            return b"".join(marshal(frame, channel.number) for frame in _frames(parcel, channel.max_content_size))
        except (ValueError, TypeError, OverflowError) as error:
            batch.settle(index, Nacked(f"AMQP cannot carry it ({type(error).__name__})"))
            return b""

    async def _write(
        self, channel: Channel, batch: _Batch, parcels: Sequence[Parcel], wires: Sequence[tuple[int, bytes]]
    ) -> None:
        """Hand all frames to the connection's writer, with a place for each confirm. The caller holds the lock."""
        before = channel.delivery_tag
        for tag, (index, _) in enumerate(wires, before + 1):
            channel.confirmations[tag] = cast("asyncio.Future[Any]", _Slot(batch, index))
            channel.message_id_delivery_tag[parcels[index].id] = tag
        try:
            await channel.write_queue.put(ChannelFrame(b"".join(wire for _, wire in wires), should_close=False))
        except BaseException:
            for tag in range(
                before + 1, before + 1 + len(wires)
            ):  # the broker never sees them, so it never counts them
                del channel.confirmations[tag]
            raise
        channel.delivery_tag = before + len(wires)


def _parts(parcels: Sequence[Parcel], places: Sequence[int]) -> Iterator[list[int]]:
    """Cut what goes to one exchange into batches, none of which holds the same id twice."""
    part: list[int] = []
    ids: set[str] = set()
    for place in places:
        if len(part) == AT_ONCE or parcels[place].id in ids:
            yield part
            part, ids = [], set()
        part.append(place)
        ids.add(parcels[place].id)
    if part:
        yield part


def _frames(parcel: Parcel, most: int) -> Iterator[Basic.Publish | ContentHeader | ContentBody]:
    yield Basic.Publish(
        exchange=parcel.exchange, routing_key=parcel.routing_key, mandatory=parcel.mandatory, immediate=False
    )
    properties = Basic.Properties(
        content_type=CONTENT_TYPE,
        headers=dict(parcel.headers) or None,
        delivery_mode=2,  # persistent
        priority=parcel.priority,
        message_id=parcel.id,
        timestamp=parcel.timestamp,
        message_type=parcel.type or None,
        app_id=APP_ID,
    )
    yield ContentHeader(properties=properties, body_size=len(parcel.body))
    for start in range(0, len(parcel.body), most):
        yield ContentBody(parcel.body[start : start + most])


async def _all(work: Iterator[Awaitable[None]]) -> None:
    """Await everything; when one raises, the others have ended before it is heard."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
