"""A carrier for tests: an SMSC from npm that is scripted over a second port, and a house that fetches from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.base import Reception
from channels.message import Inbound, Media, Receipt
from channels.smpp import Smpp
from tests.servers.node import running
from tests.servers.processes import free_port

CITIZEN, CODE = "9647701234567", "4477"


class HouseDown(Exception):
    """The disk is full, the database is gone, the process was killed."""


@dataclass
class House(Reception):
    """What survives a restart: the journal, by identity, and what channels remember. It can go down at any write."""

    journal: dict[tuple[str, str, str], Inbound] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)
    deliveries: Counter[str] = field(default_factory=Counter)
    down: bool = False
    operations: int = 0
    falls_at: int = -1  # which operation finds it down; its effect is on disk when `after`
    after: bool = False

    @property
    def texts(self) -> list[str]:
        """What the citizens said, in order."""
        return [inbound.text for inbound in self.journal.values()]

    async def accept(self, inbound: Inbound) -> Receipt:
        """Keep it under its identity."""
        key = inbound.channel, inbound.account, inbound.external_id
        with self._operation() as works:
            self.deliveries[inbound.external_id] += works
            if works:
                self.journal.setdefault(key, Inbound.from_json(inbound.to_json()))
        return Receipt("1", "4821093756", "0000")

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """No SMS has an attachment."""
        raise NotImplementedError

    async def recall(self, key: str) -> str:
        """Look up what was remembered."""
        if self.down:
            raise HouseDown
        return self.memory.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        """Keep it; forget what is empty."""
        with self._operation() as works:
            if works and value:
                self.memory[key] = value
            elif works:
                self.memory.pop(key, None)

    @contextlib.contextmanager
    def _operation(self) -> Any:
        if self.down:
            raise HouseDown
        falls = self.operations == self.falls_at
        self.operations += 1
        if falls and not self.after:
            self.down = True
            raise HouseDown
        yield 1
        if falls:
            self.down = True
            raise HouseDown


async def take_in(channel: Smpp, house: House) -> None:
    """Fetch as the house does: each on disk before the next, and the generator closed when that fails."""
    async with contextlib.aclosing(channel.fetch(channel.lines()[0], house)) as arriving:
        async for inbound in arriving:
            await house.accept(inbound)


@dataclass
class Smsc:
    """The carrier's end, seen from its console."""

    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: list[dict[str, Any]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Note what happens there."""
        while line := await self.reader.readline():
            self.events.append(json.loads(line))
            self.heard.set()

    async def tell(self, what: str, **rest: Any) -> None:
        """Have it do something, and wait until it did."""
        done = len(self.seen("done"))
        self.writer.write(json.dumps({"do": what, **rest}).encode() + b"\n")
        await self.when(lambda: len(self.seen("done")) > done)

    async def deliver(self, tag: str = "", command: str = "deliver_sm", **pdu: Any) -> None:
        """Deliver a message from a citizen, and do not wait for the answer."""
        ends = {"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": CITIZEN, "destination_addr": CODE}
        await self.tell("deliver", tag=tag, command=command, pdu={**ends, **pdu})

    async def answered(self, tag: str = "") -> int:
        """Wait for our answer to a delivery, and return its status."""
        await self.when(lambda: any(event["tag"] == tag for event in self.seen("delivered")))
        [event] = [event for event in self.seen("delivered") if event["tag"] == tag]
        self.events.remove(event)
        status: int = event["status"]
        return status

    def seen(self, event: str) -> list[dict[str, Any]]:
        """Return what happened of a kind."""
        return [one for one in self.events if one["event"] == event]

    @property
    def submitted(self) -> list[dict[str, Any]]:
        """What we sent."""
        return [one["pdu"] for one in self.seen("submitted")]

    async def when(self, question: Any, seconds: float = 10.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(seconds):
            while not question():
                self.heard.clear()
                await self.heard.wait()

    async def bound(self, count: int = 1) -> None:
        """Wait until so many binds were taken."""
        await self.when(lambda: len(self.seen("bound")) >= count)


@contextlib.asynccontextmanager
async def smsc(log: Path, *tls: str) -> AsyncIterator[Smsc]:
    """Run the SMSC, and watch it."""
    port, control = free_port(), free_port()
    with running("smsc.js", str(port), str(control), *tls, log=log):
        async with asyncio.timeout(60):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", control)
                    break
                except OSError:
                    await asyncio.sleep(0.02)
        carrier = Smsc(port, reader, writer)
        listening = asyncio.create_task(carrier.listen())
        try:
            yield carrier
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            writer.close()
            await writer.wait_closed()


def body(
    data: bytes, coding: int = 0, *, source: str = CITIZEN, ton: int = 1, esm: int = 0, tlvs: bytes = b""
) -> bytes:
    """Write the body of a deliver_sm, as SMPP 3.4 lays it out."""
    ends = b"\0" + bytes((ton, 1)) + source.encode() + b"\0" + b"\0\1" + CODE.encode() + b"\0"
    return ends + bytes((esm, 0, 0)) + b"\0\0" + bytes((0, 0, coding, 0, len(data))) + data + tlvs


def tlv(tag: int, value: bytes) -> bytes:
    """Write one optional parameter."""
    return struct.pack("!HH", tag, len(value)) + value


def part(reference: int, total: int, number: int, data: bytes, coding: int = 8) -> bytes:
    """Write a part of a long message with an 8-bit reference in its header."""
    return body(bytes((5, 0, 3, reference, total, number)) + data, coding, esm=0x40)
