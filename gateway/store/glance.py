"""A glance at the store: how it is, without waiting for long, and without one more question for every doubt."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from gateway.store.engine import Job, Store

T = TypeVar("T")


class Glance(Generic[T]):
    """Asks the store one thing, for whoever wants to know at that moment.

    A store whose tables are locked neither answers nor refuses. Whoever asked again every second would soon have all
    our connections waiting, so while one question waits for its answer nobody asks a second one.
    """

    def __init__(self, store: Store, question: Job[T], *, patience: float) -> None:
        self._store, self._question, self._patience = store, question, patience
        self._asked: asyncio.Task[T] | None = None

    async def look(self) -> T:
        """Return the answer. Raises StoreUnavailable, or TimeoutError after `patience` seconds."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._store.read(self._question))
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(self._asked)
