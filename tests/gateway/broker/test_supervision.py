from __future__ import annotations

import asyncio

from gateway.broker.supervision import end, happens


async def test_a_task_that_overhears_its_end_is_told_again() -> None:
    """A library turned the first cancellation into an error of its own: the task ends all the same."""
    begun = asyncio.Event()

    async def deaf() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    task = asyncio.create_task(deaf())
    await begun.wait()
    async with asyncio.timeout(60):
        await end(task)

    assert task.cancelled()


async def test_waiting_for_what_happens_loses_no_cancellation() -> None:
    """The event and the end come in the same breath: the end is heard."""
    event = asyncio.Event()
    task = asyncio.create_task(happens(event, 60))
    await asyncio.sleep(0)
    event.set()
    task.cancel()
    await asyncio.wait({task}, timeout=10)

    assert task.cancelled()
