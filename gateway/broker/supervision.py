"""Keep a connection standing for ever."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

LONGEST_WAIT: Final = 5.0  # seconds between two tries
FIRST_WAIT: Final = 0.2
AGAIN: Final = 0.5  # seconds after which a task that did not end is told again
STEADY: Final = 10.0  # a connection that lasted so many seconds was a good one: the next wait is short again


async def keep(
    connect_and_serve: Callable[[], Awaitable[None]], on_end: Callable[[Exception | None], None]
) -> NoReturn:
    """Run `connect_and_serve` again and again, with growing and jittered waits; `on_end` hears how each run ended.

    Only cancelling the task itself ends it. A cancellation that comes from below is a lost connection: aiormq cancels
    whoever waits for the broker when it closes.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        try:
            await connect_and_serve()
            on_end(None)
        except asyncio.CancelledError:
            if cancelled():
                raise
            on_end(None)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the next try may go well
            on_end(error)
        failures = 1 if loop.time() - began > STEADY else failures + 1
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (min(failures, 10) - 1))
        await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, so that nodes spread out


def cancelled() -> bool:
    """Whether the current task itself was asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def happens(event: asyncio.Event, within: float) -> None:
    """Return when the event is set, or after so many seconds.

    Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes together with the event, and who should
    end goes on for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they are gone.

    A cancellation that meets a call of aiormq's may come out of it as another exception, which whoever called takes
    for a lost connection and goes on: so it is said again until it is heard.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN)
