"""What takes the replies while the bench runs: Twilio's answer to a message, and nothing else of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_numbers = itertools.count(1)


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Serve on a free port and yield the address for BALAGH_SMS__API_URL."""
    server = await asyncio.start_server(_converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}"


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            await reader.readexactly(length)
            body = f'{{"sid":"SM{next(_numbers):032x}","status":"queued"}}'.encode()
            writer.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
