"""GET /api/v1/departments/{id}/offers: what a department has to hear, for a system of its own that fetches it.

The same CloudEvents that its queue carries, in order and at least once. Whoever asks gives back the cursor of the
answer before, and is kept waiting for a while when nothing is new.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import web

from gateway import observe
from gateway.api.keys import Keys, require
from gateway.api.problem import BUSY, INVALID, NOT_FOUND, STRAYED, UNREADABLE, Fault, Problem
from gateway.cloudevents import without_contact
from gateway.house import House
from gateway.store import feed
from gateway.store.feed import START, Page, Position, Told
from gateway.store.outbox import Letter

PATH: Final = "/api/v1/departments/{id}/offers"
MOST: Final = 100  # events in one answer
LONGEST: Final = 25  # seconds to wait for news; proxies and programs give up after thirty
POLL: Final = 0.5  # seconds between looks
WAITING: Final = 128  # readers kept waiting at once in this process …
WAITING_OF_ONE: Final = 8  # … and of one department

_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MARK: Final = re.compile(r"[0-9a-f]{16}")
_HIGHEST: Final = 2**63 - 1
_LONGEST_CURSOR: Final = 256  # characters

log = observe.logger("api")


class OfferDoor:
    """The handler, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys = house, keys
        self._waiting: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._asking: asyncio.Future[int | None] | None = None

    async def stop(self, _app: web.Application) -> None:
        """Answer everybody who waits, so that the house can stop."""
        self._stopping.set()

    async def get(self, request: web.Request) -> web.Response:
        """Send the events after ?cursor=, at most ?limit=; when there are none, wait ?wait= seconds for some."""
        key, department = self._keys.caller(request), request.match_info["id"]
        if department not in self._house.city.departments:  # what is none of ours comes back in no header
            if f"department.{department}" not in key.scopes:
                require(key, "department.<id>")
            raise Problem(NOT_FOUND)
        require(key, f"department.{department}")
        after = _after(request, department)
        limit = _number(request, "limit", MOST, least=1, most=MOST)
        # The first time there is nothing that anything could be newer than.
        wait = _number(request, "wait", LONGEST if request.query.get("cursor") else 0, least=0, most=LONGEST)
        if not await self._house.store.read(partial(feed.known, position=after)):
            raise Problem(STRAYED, "Begin again without a cursor: you get what you know once more, under its own ids.")
        page = await self._page(request, department, after, limit, wait)
        return _answer(page.position, department, [self._write(one) for one in page.told])

    async def _page(self, request: web.Request, department: str, after: Position, limit: int, wait: int) -> Page:
        if self._waiting.total() >= WAITING or self._waiting[department] >= WAITING_OF_ONE:
            raise Problem(BUSY, "Too many of your requests wait here already.")
        self._waiting[department] += 1
        try:
            return await self._news(request, department, Page((), after), limit, wait)
        finally:
            self._waiting[department] -= 1

    async def _news(self, request: web.Request, department: str, page: Page, limit: int, wait: int) -> Page:
        """Return the next events as soon as there are some, or after `wait` seconds how far there are none."""
        loop, store = asyncio.get_running_loop(), self._house.store
        end = loop.time() + wait
        while loop.time() < end and not self._stopping.is_set() and request.transport is not None:
            before = page.position
            if await store.read(partial(feed.stirs, department=department, after=before.seq)):
                page = await self._read(department, page, limit)
                if page.told:
                    return page
            if page.position == before:  # nothing there, or behind somebody who is still appending
                await self._pause(max(0.0, min(POLL, end - loop.time())))
        return await self._read(department, page, limit)

    async def _read(self, department: str, page: Page, limit: int) -> Page:
        """Return the page behind an empty one."""
        until = await self._until()
        if until is None:
            return page
        return await self._house.store.read(
            partial(feed.read, department=department, after=page.position, until=until, limit=limit)
        )

    async def _until(self) -> int | None:
        """Return up to which number all is settled; None when somebody appends for too long.

        On PostgreSQL whoever appends waits for who asks this, so it is asked once at a time, for all who want to know.
        """
        earlier = self._asking
        if earlier is not None and not earlier.done():  # it may not see what was committed since
            await asyncio.wait([earlier])
        if self._asking is earlier:
            self._asking = asyncio.ensure_future(self._house.store.read(feed.settled))
        assert self._asking is not None
        return await asyncio.shield(self._asking)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _write(self, told: Told) -> bytes | None:
        """Write an event as the department's queue would carry it; None when its complaint cannot be read back.

        The contact stands in it while the complaint is the department's: who reads late has nobody to call any more.
        """
        letter = told.letter
        if not isinstance(letter, Letter):
            observe.ALARM.labels("unreadable_event").inc()
            log.error("left out of a feed", event_id=letter.event.id, reason=letter.reason)
            return None
        if not told.theirs:
            letter = replace(letter, complaint=without_contact(letter.complaint))
        return self._house.envelopes.for_department(letter)


def _answer(position: Position, department: str, written: Sequence[bytes | None]) -> web.Response:
    """Lay out the events, which are JSON already, and the cursor."""
    events = b",".join(one for one in written if one is not None)
    following = json.dumps(_cursor(position, department)).encode()
    body = b'{"events":[' + events + b'],"next":' + following + b"}"
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=_PRIVATE)


def _cursor(position: Position, department: str) -> str:
    document = json.dumps([department, position.seq, position.mark], separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).decode("ascii")


def _after(request: web.Request, department: str) -> Position:
    """Read the cursor; one of another department's feed is none of this one's."""
    given = request.query.get("cursor", "")
    if not given:
        return START
    try:
        name, seq, mark = json.loads(base64.urlsafe_b64decode(given[:_LONGEST_CURSOR].encode("ascii")))
        if name == department and type(seq) is int and 0 <= seq <= _HIGHEST and isinstance(mark, str):
            position = Position(seq, mark)
            if position == START or (seq > 0 and _MARK.fullmatch(mark)):
                return position
    except (ValueError, TypeError, RecursionError, binascii.Error):
        pass
    raise Problem(UNREADABLE, "cursor must be the `next` of an answer of this feed.")


def _number(request: web.Request, name: str, usual: int, *, least: int, most: int) -> int:
    given = request.query.get(name, str(usual))
    if not re.fullmatch(r"[0-9]{1,3}", given) or not least <= int(given) <= most:
        raise Problem(INVALID, errors=[Fault(field=name, detail=f"It must be a number from {least} to {most}.")])
    return int(given)
