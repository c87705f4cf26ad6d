"""Do together what is asked at about the same time: what comes while a batch is under way waits for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from gateway.store.engine import StoreUnavailable

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Batcher(Generic[Asked, Answer]):
    """Hands what is asked to `do`, up to `size` at once and `concurrent` batches at a time.

    `do` answers in order. What it refuses is tried one by one, so that each fails alone; with the store away everybody
    hears that at once.
    """

    def __init__(
        self, do: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, size: int, concurrent: int
    ) -> None:
        self._do, self._size, self._concurrent = do, size, concurrent
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._tasks: set[asyncio.Task[None]] = set()  # kept here, or the loop forgets them
        self._working = 0

    async def ask(self, asked: Asked) -> Answer:
        """Return the answer once its batch is done. Raises what `do` raised for it."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._working < self._concurrent:
            self._working += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
                await self._settle(batch)
        finally:
            self._working -= 1  # in the same breath as the last look: whoever comes after it starts another

    async def _settle(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._do([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            if len(batch) > 1 and not isinstance(error, StoreUnavailable):
                for one in batch:
                    await self._settle([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
