"""A stand-in for Twilio as strict as Twilio: it keeps what it sends, lists it, and serves the photos of messages."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from tests.gateway.walk import ACCOUNT, NUMBER, TOKEN, Clock

BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


@dataclass
class Fault:
    """How one request ends otherwise than well. `takes` says that the message is sent all the same."""

    status: int = 500
    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    takes: bool = False
    hang: asyncio.Event | None = None


@dataclass
class TwilioHouse:
    """The Messages resource and the media of one account."""

    clock: Clock
    messages: list[dict[str, Any]] = field(default_factory=list)
    posts: deque[Fault] = field(default_factory=deque)  # how the next POSTs end
    lists: deque[Fault] = field(default_factory=deque)  # how the next GETs of the list end
    asked: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    missing: int = 0  # times that a file is not there yet
    fetched: list[str] = field(default_factory=list)
    denies: bool = False  # our token has ended
    foreign: set[str] = field(default_factory=set)  # files of another account, which our token does not open
    slow: asyncio.Event | None = None  # every answer waits for it
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """Serve the API."""
        app = web.Application()
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        app.router.add_post(f"{base}/Messages.json", self._guarded(self.create))
        app.router.add_get(f"{base}/Messages.json", self._guarded(self.list))
        app.router.add_get(f"{base}/Messages/{{message}}/Media/{{media}}", self._guarded(self.media))
        return app

    @property
    def said(self) -> list[str]:
        """What citizens' telephones show, in order."""
        return [message["body"] for message in self.messages]

    def _guarded(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.denies or request.headers.get("Authorization") != BASIC:
                return web.json_response({"code": 20003, "status": 401}, status=401)
            return await handler(request)

        return guarded

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Send a message, once for each request, as Twilio does."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        assert form.keys() <= {"To", "From", "Body", "StatusCallback", "ValidityPeriod"}
        prefix = "whatsapp:" if form["To"].startswith("whatsapp:") else ""
        assert prefix + NUMBER == form["From"]
        assert form["Body"]
        fault = self.posts.popleft() if self.posts else None
        if fault is None or fault.takes:
            self.messages.append(
                {
                    "sid": f"SM{len(self.messages) + 1:032d}",
                    "to": form["To"],
                    "from": form["From"],
                    "body": form["Body"],
                    "status": "queued",
                    "date_created": format_datetime(self.clock()),
                    "callback": form.get("StatusCallback", ""),
                }
            )
        self.arrived.set()
        if fault is not None:
            return await self._fail(fault)
        if self.slow is not None:
            await self.slow.wait()
        return web.json_response({"sid": self.messages[-1]["sid"], "status": "queued"}, status=201)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """List what went between two ends, the latest first."""
        self.asked += 1
        if self.lists:
            return await self._fail(self.lists.popleft())
        ends = request.query["To"], request.query["From"]
        same = [message for message in self.messages if (message["to"], message["from"]) == ends]
        return web.json_response({"messages": same[::-1], "page": 0, "next_page_uri": None})

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Serve a photo, which for some seconds after its message is not there yet."""
        self.fetched.append(request.path)
        name = request.match_info["media"]
        if name in self.foreign:
            return web.json_response({"code": 20003, "status": 401}, status=401)
        if self.missing > 0 or name not in self.files:
            self.missing -= 1
            return web.json_response({"code": 20404, "status": 404}, status=404)
        return web.Response(body=self.files[name], content_type="image/jpeg")

    async def _fail(self, fault: Fault) -> web.StreamResponse:
        if fault.hang is not None:
            await fault.hang.wait()
        return web.json_response(
            {"code": fault.code, "message": "…", "status": fault.status}, status=fault.status, headers=fault.headers
        )
