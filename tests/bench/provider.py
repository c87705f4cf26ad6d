"""What takes the replies while the bench runs: one answer in which the client of every provider finds its id."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_numbers = itertools.count(1)


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Serve on a free port and yield the address for BALAGH_<CHANNEL>__API_URL."""
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
            body = json.dumps(_taken(next(_numbers)), separators=(",", ":")).encode()
            writer.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _taken(number: int) -> dict[str, Any]:
    return {
        "sid": f"SM{number:032x}",  # Twilio
        "status": "queued",  # Twilio, a carrier
        "id": f"mt-{number}",  # a carrier, a public line on Meta
        "messages": [{"id": f"wamid.{number:032}"}],  # WhatsApp's Cloud API
        "message_id": f"m_{number}",  # Messenger and Instagram
        "recipient_id": "6660001110001",
        "ok": True,  # Telegram
        "result": {"message_id": number, "date": 1790000000, "chat": {"id": 1, "type": "private"}},
        "data": {"dm_event_id": str(number), "id": str(number), "text": ""},  # X
    }
