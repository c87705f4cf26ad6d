"""What the house does for a channel that goes out to fetch: accept, keep attachments, remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from channels.message import Inbound, Media, Receipt
from gateway.files import Empty, Files, TooBig
from gateway.media.content import UNKNOWN
from gateway.store import memory
from gateway.store.engine import Store

LARGEST = 32 * 1024 * 1024  # bytes of one attachment

# Types that bytes alone do not show, and that a browser does not run: a sender may say so.
_SAID = {
    "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/zip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation", "application/rtf",
}  # fmt: skip


class HouseReception:
    """The house as one channel sees it."""

    def __init__(
        self,
        channel: str,
        accept: Callable[[Inbound], Awaitable[Receipt]],
        files: Files,
        store: Store,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.channel, self._accept, self.files, self.store, self.clock = channel, accept, files, store, clock

    async def accept(self, inbound: Inbound) -> Receipt:
        """Put an Inbound on disk and return its receipt. Raises NotStored."""
        return await self._accept(inbound)

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Put the bytes of an attachment on disk. Raises ValueError when there are none or too many, OSError."""
        try:
            stored = await self.files.write(_whole(data), limit=LARGEST, allowed=None)
        except (Empty, TooBig) as error:
            raise ValueError(str(error)) from error
        said = content_type.partition(";")[0].strip().lower()
        kind = said if stored.content_type in {UNKNOWN, "application/zip"} and said in _SAID else stored.content_type
        return Media(content_type=kind, filename=filename, sha256=stored.sha256, size=stored.size)

    async def recall(self, key: str) -> str:
        """Return what this channel last remembered under a key; empty when nothing was. Raises StoreUnavailable."""
        return await self.store.read(partial(memory.recall, channel=self.channel, key=key))

    async def remember(self, key: str, value: str) -> None:
        """Keep a value under a key, on disk. Raises StoreUnavailable."""
        await self.store.write(partial(memory.remember, channel=self.channel, key=key, value=value, now=self.clock()))


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
