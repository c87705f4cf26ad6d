"""One bind with an SMSC: requests and their answers, keep-alive, and a queue of what is delivered to us.

Answers to deliveries are left to whoever takes them from the queue, for an answer means that the message is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, NamedTuple

from aiosmpplib import protocol

from channels.base import Barred, Busy, OutcomeUnknown
from channels.smpp import pdu
from channels.smpp.pdu import Header

_AHEAD = 200  # deliveries that may wait; the SMSC is asked to keep further ones
_LAST = 0x7FFFFFFF  # the highest sequence number of SMPP
_GOODBYE = 2.0  # seconds for an answer to our unbind

# What a refusal to bind means (SMPP 3.4, section 5.1.3). Others may pass by themselves.
_BARRED = {
    0x0D: "the carrier refuses the bind",
    0x0E: "the carrier does not accept the password",
    0x0F: "the carrier does not know the system_id",
}


class Delivered(NamedTuple):
    """A request of the SMSC that hands over a message; its body is not yet read."""

    header: Header
    body: bytes


class Lost(Exception):
    """The session is over. The words say why, for the log."""


class Session:
    """A bound connection. `open` makes one; after `Lost`, or `close`, it is of no further use."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        window: int,
        enquire_link: float,
        response_timeout: float,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._enquire_link, self._response_timeout = enquire_link, response_timeout
        self._requests, self._window = window, asyncio.Semaphore(window)
        self._bound = False
        self._sequence = 0
        self._waiting: dict[int, asyncio.Future[tuple[Header, bytes]]] = {}
        self._delivered: asyncio.Queue[Delivered] = asyncio.Queue(_AHEAD)
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        request: protocol.SmppMessage,
        *,
        tls: bool,
        window: int,
        enquire_link: float,
        response_timeout: float,
    ) -> Session:
        """Connect and bind. Times are in seconds. Raises Busy when the SMSC is away, Barred when it refuses us."""
        context = ssl.create_default_context() if tls else None
        try:
            async with asyncio.timeout(response_timeout):
                reader, writer = await asyncio.open_connection(host, port, ssl=context)
        except (OSError, TimeoutError) as error:
            raise Busy("connect", "the carrier's SMSC cannot be reached") from error
        session = cls(reader, writer, window=window, enquire_link=enquire_link, response_timeout=response_timeout)
        session._tasks.append(asyncio.create_task(session._listen()))
        try:
            header, _ = await session.ask(request)
        except (Lost, OutcomeUnknown) as error:
            await session.close()
            raise Busy("bind", "the carrier's SMSC does not answer the bind") from error
        except BaseException:
            await session.close()
            raise
        if header.status != pdu.OK:
            await session.close()
            code = f"0x{header.status:X}"
            if header.status in _BARRED:
                raise Barred(code, _BARRED[header.status])
            raise Busy(code, "the carrier's SMSC does not take the bind now")
        session._bound = True
        session._tasks.append(asyncio.create_task(session._keep_alive()))
        return session

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self._over.done()

    async def ask(self, request: protocol.SmppMessage) -> tuple[Header, bytes]:
        """Send a request and return its answer. At most `window` requests wait for one.

        Raises Lost when it certainly did not leave, OutcomeUnknown when it did and no answer came.
        """
        async with self._window:
            return await self._ask(request)

    async def next(self, within: float) -> Delivered | None:
        """Return the next delivery, or None when there is none within so many seconds. Raises Lost."""
        if not self._delivered.empty():  # what arrived before the session ended may as well be stored
            return self._delivered.get_nowait()
        taking = asyncio.ensure_future(self._delivered.get())
        try:
            either: set[asyncio.Future[Any]] = {taking, self._over}
            await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                return taking.result()
        finally:
            taking.cancel()
        if self.over:
            raise Lost(self._over.result())
        return None

    async def answer(self, delivered: Delivered, status: int = pdu.OK) -> None:
        """Answer a delivery. Raises Lost when that is no longer possible: then it is delivered again."""
        await self._write(pdu.answer(delivered.header.command, delivered.header.sequence, status))

    async def prove(self) -> None:
        """Have the SMSC answer something: then it has read all that we wrote before. Raises Lost, OutcomeUnknown."""
        await self.ask(protocol.EnquireLink())

    async def close(self) -> None:
        """Let what is under way finish, unbind and hang up. What is delivered and not answered comes again."""
        if not self.over and self._bound:
            with contextlib.suppress(Lost, OutcomeUnknown, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    for _ in range(self._requests):
                        await self._window.acquire()
                    await self._ask(protocol.Unbind())
        self._end("closed by us")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await self._writer.wait_closed()

    async def _ask(self, request: protocol.SmppMessage) -> tuple[Header, bytes]:
        if self.over:
            raise Lost(self._over.result())
        self._sequence = self._sequence % _LAST + 1
        request.sequence_num = sequence = self._sequence
        waiting: asyncio.Future[tuple[Header, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = waiting
        try:
            await self._write(request.pdu())
            async with asyncio.timeout(self._response_timeout):
                return await waiting
        except (Lost, TimeoutError) as error:
            raise OutcomeUnknown("the request left, and no answer came") from error
        finally:
            self._waiting.pop(sequence, None)

    async def _write(self, data: bytes) -> None:
        if self.over:
            raise Lost(self._over.result())
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._response_timeout):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            self._end("the connection broke")
            raise Lost("the connection broke") from error

    async def _listen(self) -> None:
        try:
            while True:
                header = pdu.header_of(await self._reader.readexactly(pdu.HEADER))
                if not pdu.HEADER <= header.length <= pdu.LARGEST:
                    self._end("what arrived is not SMPP")
                    return
                await self._hear(header, await self._reader.readexactly(header.length - pdu.HEADER))
        except (OSError, EOFError, Lost):
            self._end("the SMSC hung up")

    async def _hear(self, header: Header, body: bytes) -> None:
        if header.command & pdu.RESPONSE:
            waiting = self._waiting.get(header.sequence)
            if waiting is not None and not waiting.done():
                waiting.set_result((header, body))
        elif header.command in {pdu.DELIVER_SM, pdu.DATA_SM}:
            delivered = Delivered(header, body)
            try:
                self._delivered.put_nowait(delivered)
            except asyncio.QueueFull:
                await self.answer(delivered, pdu.QUEUE_FULL)
        elif header.command == pdu.ENQUIRE_LINK:
            await self._write(pdu.answer(header.command, header.sequence))
        elif header.command == pdu.UNBIND:
            await self._write(pdu.answer(header.command, header.sequence))
            self._end("the SMSC ended the session")
        elif header.command != pdu.ALERT:
            await self._write(pdu.answer(header.command, header.sequence, pdu.UNKNOWN_COMMAND))

    async def _keep_alive(self) -> None:
        while not self.over:
            await asyncio.sleep(self._enquire_link)
            try:
                await self.prove()
            except (OutcomeUnknown, Lost):
                self._end("the SMSC does not answer")

    def _end(self, why: str) -> None:
        if not self._over.done():
            self._over.set_result(why)
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Lost(why))  # OutcomeUnknown to whoever asked
            self._writer.close()
