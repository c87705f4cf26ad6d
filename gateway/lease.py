"""A lease: the right to do what only one process may do at a time, and another's as soon as this one is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.store import leases
from gateway.store.engine import Store, StoreUnavailable

TERM = timedelta(seconds=15)  # after a kill -9 another node takes over within this
RENEWALS = 5  # in one term: what the relay does in one go, ten seconds for the confirms, fits into the rest of it
GOODBYE = 2.0  # seconds to tell the store; without it the others wait for the end of the term


class Lease:
    """One process's claim to a name. SQLite has one process, so there it is always ours."""

    def __init__(self, store: Store, name: str, *, term: timedelta = TERM) -> None:
        self.store, self.name, self.term = store, name, term
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._renewed: float | None = None

    async def mine(self) -> bool:
        """Whether it is ours now; asks the store only when the answer may have changed. Raises StoreUnavailable."""
        if self.store.embedded:
            return True
        now = asyncio.get_running_loop().time()
        if self._renewed is not None and now - self._renewed < self.term.total_seconds() / RENEWALS:
            return True
        self._renewed = None
        held = await self.store.write(
            partial(leases.hold, name=self.name, holder=self.holder, now=datetime.now(UTC), term=self.term)
        )
        self._renewed = now if held else None
        return held

    async def release(self) -> None:
        """Let go of it in good order, so that another need not wait for its term."""
        if self._renewed is not None:
            self._renewed = None
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await self.store.write(
                        partial(leases.release, name=self.name, holder=self.holder, now=datetime.now(UTC))
                    )
