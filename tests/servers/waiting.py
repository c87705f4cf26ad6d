"""Wait for what happens in the background, for no longer than it takes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(question: Callable[[], bool | Awaitable[bool]], seconds: float = 120.0) -> None:
    """Ask until the answer is yes, letting the event loop run. Raises TimeoutError when it never is.

    `seconds` is not what it may take but when to give up: other work on the machine must not look like a fault.
    """
    async with asyncio.timeout(seconds):
        while True:
            answer = question()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.02)
