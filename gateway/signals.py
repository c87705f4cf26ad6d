"""A nudge from one step of the walk to the next, so that nobody waits for a poll inside one process."""

from __future__ import annotations

import asyncio


class Signal:
    """Set by who has made work, awaited by who does it. Waiting ends after `patience` seconds anyway.

    Between processes there is no nudge: there the patience is the poll.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Say that there is work."""
        self._event.set()

    async def wait(self, patience: float) -> None:
        """Return when there is work, or after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()
