"""A stream of citizens that does not stop for a fault: what they hear while it lasts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens

AT_A_TIME = 8  # deliveries at once, then a breath: a fault of seconds meets a few hundred of them
BREATH = 0.15  # seconds
PROVIDER = 15.0  # seconds that a provider waits for its answer


@contextlib.asynccontextmanager
async def stream(
    citizens: Citizens, doors: GatewayProcess | Sequence[GatewayProcess], *, patience: float = PROVIDER
) -> AsyncIterator[list[str]]:
    """Let the citizens write, each two or three times, while the context lasts, and whoever is left at its end.

    Yields the ids of the deliveries that were not answered 2xx within `patience` seconds.
    """
    waiting, failed, over = citizens.deliveries(), list[str](), asyncio.Event()

    async def deliver() -> None:
        while waiting:
            some = len(waiting) if over.is_set() else AT_A_TIME
            now, waiting[:some] = waiting[:some], []
            failed.extend(await citizens.deliver(doors, now, patience=patience))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BREATH):
                    await over.wait()

    task = asyncio.create_task(deliver())
    try:
        yield failed
        over.set()
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})
