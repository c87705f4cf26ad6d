"""What every part of the AMQP folder needs: how long to wait, what counts as broken, and short-lived channels."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

CALL_TIMEOUT: Final = 10.0  # seconds for one question to the broker, connecting included
GOODBYE: Final = 2.0  # seconds for a connection to close: one that fell silent is replaced, and never answers
BROKEN: Final = (*CONNECTION_EXCEPTIONS, TimeoutError)  # AMQPChannelError is an AMQPError and so among them


async def is_blocked(connection: AbstractConnection) -> bool:
    """Whether the broker has said connection.blocked; aiormq shows it only as an event that ready() waits for."""
    transport = connection.transport
    if transport is None:
        return False
    ready = asyncio.ensure_future(transport.ready())
    done, _ = await asyncio.wait({ready}, timeout=0.05)
    ready.cancel()
    return not done


@contextlib.asynccontextmanager
async def closing(connection: AbstractConnection) -> AsyncIterator[None]:
    """Close a connection in the end, within bounds."""
    try:
        yield
    finally:
        # A blocked or vanished broker does not answer the goodbye.
        with contextlib.suppress(*BROKEN):
            async with asyncio.timeout(GOODBYE):
                await connection.close()


@contextlib.asynccontextmanager
async def channel(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    """Lend a channel for a few questions."""
    amqp = connection.channel(publisher_confirms=False)
    async with asyncio.timeout(CALL_TIMEOUT):
        await amqp.initialize()
    try:
        yield amqp
    finally:
        await close(amqp)


async def close(amqp: AbstractChannel) -> None:
    """Close a channel. A broker that has stopped answering does not answer this either: it must hold up nobody."""
    if not amqp.is_closed:
        with contextlib.suppress(*BROKEN):
            async with asyncio.timeout(CALL_TIMEOUT):
                await amqp.close()
