"""What the tests of e-mail stand on: a house that takes what is fetched, settings, and mails written in a line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from channels.base import Busy
from channels.email.channel import Email
from channels.message import Media
from tests.channels.harness import Sink, StoreAway
from tests.servers.dovecot import PASSWORD, DovecotServer

KEY = "a-key-that-the-house-derives"
FROM = "بلاغ <complaints@city.example>"


@dataclass
class Office(Sink):
    """A house that remembers what it accepted, what was attached, and how far a channel has come."""

    kept: dict[str, bytes] = field(default_factory=dict)
    remembered: dict[str, str] = field(default_factory=dict)
    largest: int = 64 * 1024 * 1024

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Keep bytes, up to a size."""
        if not data or len(data) > self.largest:
            raise ValueError("empty" if not data else "too large")
        if self.broken:
            raise StoreAway
        sha256 = hashlib.sha256(data).hexdigest()
        self.kept[sha256] = data
        return Media(content_type, filename=filename, sha256=sha256, size=len(data))

    async def recall(self, key: str) -> str:
        """Return what was remembered."""
        return self.remembered.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        """Remember."""
        self.remembered[key] = value

    @property
    def texts(self) -> list[str]:
        """What was said, in order."""
        return [inbound.text for inbound in self.accepted]


def email(*inboxes: dict[str, Any], **changes: Any) -> Email:
    """Build the channel for some inboxes."""
    values = {
        "inboxes": json.dumps(inboxes or [{"host": "127.0.0.1", "user": "info@city.example", "password": PASSWORD}]),
        "smtp_url": "smtp://127.0.0.1:25",
        "from": FROM,
        "signing_key": KEY,
        **changes,
    }
    return Email(Email.Settings.model_validate(values))


def inbox(server: DovecotServer, user: str, **changes: Any) -> dict[str, Any]:
    """Describe an inbox at the private mail server."""
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "tls": False,
        "user": user,
        "password": PASSWORD,
        "folder": "INBOX",
        "department": None,
        **changes,
    }


def mail(number: int, text: str = "الماء مقطوع", **headers: str) -> bytes:
    """Write a mail whose number makes it itself."""
    shown = {
        "From": "Um Zaynab <zaynab@example.org>",
        "To": "info@city.example",
        "Subject": f"شكوى {number}",
        "Date": "Sun, 22 Nov 2026 06:00:00 +0300",
        "Message-ID": f"<{number}@example.org>",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return (
        "".join(f"{name}: {value}\r\n" for name, value in shown.items() if value).encode() + f"\r\n{text}\r\n".encode()
    )


async def once(channel: Email, line: str, office: Office) -> None:
    """Let the channel fetch once, as the house does."""
    async with aclosing(channel.fetch(line, office)) as fetched:  # type: ignore[type-var]
        async for inbound in fetched:
            await office.accept(inbound)


async def hear(
    channel: Email, office: Office, enough: Callable[[], bool], line: str = "", seconds: float = 15
) -> list[Busy]:
    """Let the channel fetch until it is enough; return what it complained of on the way."""
    complaints: list[Busy] = []
    async with asyncio.timeout(seconds):
        while not enough():
            try:
                await once(channel, line or channel.lines()[0], office)
            except Busy as error:
                complaints.append(error)
                await asyncio.sleep(0.05)
    return complaints


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Let a handler answer on a free port of 127.0.0.1; at the end all connections are closed."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
