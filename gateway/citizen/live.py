"""A report's page kept up to date: each open page has a stream, on which its story comes whenever it has grown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from gateway.citizen.page import HEADERS, Pages
from gateway.citizen.story import Story, tell
from gateway.house import House
from gateway.store.engine import StoreUnavailable

STREAMS = 256  # open at once in this process; each asks the store once a second
STREAMS_OF_ONE = 8  # of one report
POLL = 1.0  # seconds
HEARTBEAT = 15.0  # seconds; the library also notices by it that the browser has gone
LIFE = 600.0  # seconds, after which a page that somebody looks at asks again

Draw = Callable[[web.Request, Story], str]


class Live:
    """Serves /track/events."""

    def __init__(self, house: House, pages: Pages, draw: Draw) -> None:
        self.house, self.pages, self.draw = house, pages, draw
        self._open: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    async def stop(self, _app: web.Application) -> None:
        """End every stream, so that the house can stop."""
        self._stopping.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send the story now, and again each time it has grown. 204, which ends it, without the right to see one."""
        grant = self.pages.granted(request)
        if grant is None:
            return web.Response(status=204, headers=HEADERS)
        reference = grant.reference
        if self._open.total() >= STREAMS or self._open[reference] >= STREAMS_OF_ONE:
            return web.Response(status=503, headers={**HEADERS, "Retry-After": "15"})
        self._open[reference] += 1
        try:
            return await self._stream(request, reference)
        finally:
            self._open[reference] -= 1
            if not self._open[reference]:
                del self._open[reference]

    async def _stream(self, request: web.Request, reference: str) -> web.StreamResponse:
        response = EventSourceResponse(headers=HEADERS, ping_interval=HEARTBEAT)
        response.headers["Cache-Control"] = "no-store"  # the library wrote its own
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        end = loop.time() + LIFE
        sent = None
        async with response:
            while response.is_connected() and loop.time() < end and not self._stopping.is_set():
                story = await self._story(reference)
                if story is not None and story != sent:
                    await response.send(self.draw(request, story), event="story")
                    sent = story
                if story is not None and story.over:
                    break
                await self._pause()
            if response.is_connected():
                await response.send("", event="end")
        return response

    async def _story(self, reference: str) -> Story | None:
        try:
            return await tell(self.house.store, reference)
        except StoreUnavailable:
            return None  # it is asked again in a second; the page stays as it is

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self._stopping.wait()
        except TimeoutError:
            return
