"""An outage of the store, sat out: nothing is taken from some queues until something can be written again.

Every delivery in vain brings a message nearer to the broker's delivery limit, past which it lies in balagh.dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from gateway import observe
from gateway.broker.bus import Bus, Retry
from gateway.store import complaints
from gateway.store.engine import Connection, Store, StoreUnavailable

PAUSE = 2.0  # seconds before a delivery is given back while the store is away
PROBE = 1.0  # seconds between two looks whether the store is back
LONGEST_PROBE = 60.0  # the same, once a store that seemed to be back has failed again and again
CALM = 10.0  # seconds without a failure after which the store is taken to be well

log = observe.logger("outage")


class Outage:
    """Pauses the queues that somebody consumes while their store is away."""

    def __init__(self, bus: Bus, queues: Sequence[str], store: Callable[[], Store]) -> None:
        self._bus, self._queues, self._store = bus, queues, store
        self._sitting: asyncio.Task[None] | None = None
        self._probe, self._resumed = PROBE, float("-inf")

    def begins(self) -> Retry:
        """Take nothing more until the store is back. Returns what the handler raises: it must end first."""
        if self._sitting is None or self._sitting.done():
            self._sitting = asyncio.create_task(self._sit_out())
        return Retry(PAUSE)

    async def _sit_out(self) -> None:
        clock = asyncio.get_running_loop().time
        calm = clock() - self._resumed > CALM
        # One that failed again at once answers the look and still cannot write.
        self._probe = PROBE if calm else min(2 * self._probe, LONGEST_PROBE)
        log.warning("store away", consuming=False, queues=self._queues)
        try:
            async with AsyncExitStack() as taking_again:  # whatever happens in here, no queue stays paused
                for queue in self._queues:
                    taking_again.push_async_callback(self._bus.resume, queue)
                    await self._bus.pause(queue)
                await self._until_the_store_answers()
        except Exception as error:  # the queues are taken from again, and what is wrong shows there
            log.exception("store cannot be waited for", exc_info=observe.bare(error))
        self._resumed = clock()
        log.info("consuming again", queues=self._queues)

    async def _until_the_store_answers(self) -> None:
        while True:
            await asyncio.sleep(self._probe)
            try:
                await self._store().write(_would_decide)
            except StoreUnavailable:
                continue
            return


def _would_decide(connection: Connection) -> None:
    """Ask for a lock on nothing, as deciding does: a store that can only be read refuses it."""
    complaints.load_many(connection, {""}, lock=True)
