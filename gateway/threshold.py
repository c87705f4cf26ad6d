"""The threshold: how long a connection may keep us waiting, and who must leave when too many stand in the door.

aiohttp itself waits an hour for a request's headers and for ever for somebody to take an answer. Here every wait for
the other side has an end. When there are more connections than we hold, those that have kept us waiting longest are
closed, so that somebody who only stands there is the one who leaves. A request that has arrived whole is never cut off.
Addresses are not looked at: behind a proxy all are the same.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import Counter, Gauge

from gateway import observe
from gateway.tally import Tally

CONNECTIONS: Final = Gauge("balagh_connections", "Connections that are open.", registry=observe.registry)
DISMISSED: Final = Counter(
    "balagh_connections_closed_total",
    "Connections closed from our side: `head` and `idle` kept us waiting, `unread` did not take the answer, `bytes` "
    "sent without end, `crowd` had to leave because there were too many.",
    ["reason"],
    registry=observe.registry,
)

MOST: Final = 4096  # connections
FEWEST: Final = 32  # the same, where hardly any file may be open
SPARE: Final = 256  # file descriptors for everything that is not a connection
SHARE: Final = 16  # when it is full, one in so many must leave: one by one would be a search for each
LINGER: Final = 2.0  # seconds in which the rest of a refused body is read past, so that the refusal is heard

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = observe.logger("threshold")


@dataclass(frozen=True, slots=True)
class Patience:
    """How much we take from one connection; times are in seconds."""

    head: float = 15.0  # from the first byte of a request, or the connection, to the end of its headers
    idle: float = 75.0  # between two requests; longer than proxies keep theirs, so that they are the ones who close
    unread: float = 60.0  # for the other side to take what we write
    most_bytes: int = 256 * 1024 * 1024  # of one request: more than the largest form, headers and framing included
    most: int = MOST  # connections


class Guest(web.RequestHandler):
    """One connection, and since when we wait for its other side."""

    def __init__(self, threshold: Threshold, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._threshold = threshold
        self._request: web.Request | None = None  # what is being answered
        self._since = 0.0  # when the wait began
        self._heard = True  # a request has begun to arrive; of a new connection that is expected
        self._unread: float | None = None
        self._brought = 0  # bytes of this request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in."""
        super().connection_made(transport)
        self._since = self._loop.time()
        self._threshold.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave."""
        self._threshold.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hear something; of a new request the time is taken."""
        if self._request is None and not self._heard:
            self._heard, self._since = True, self._loop.time()
        self._brought += len(data)
        if self._brought > self._threshold.patience.most_bytes:
            self.dismiss("bytes")
        else:
            super().data_received(data)

    def pause_writing(self) -> None:
        """Begin to wait for the other side to take what was written."""
        super().pause_writing()
        self._unread = self._loop.time()

    def resume_writing(self) -> None:
        """Write on."""
        super().resume_writing()
        self._unread = None

    def attend(self, request: web.Request | None) -> None:
        """Note that a request's headers have come, or, with None, that it was answered."""
        self._request, self._since, self._heard = request, self._loop.time(), False
        if request is None:
            self._brought = 0

    @property
    def waiting_since(self) -> float | None:
        """Since when the next step is the other side's; None while it is ours."""
        if self._request is not None and self._request.content.is_eof():
            return self._unread
        return self._since

    def overdue(self, now: float) -> str:
        """Say why it must leave; empty when it may stay. A body that arrives has a time of its own at each door."""
        patience = self._threshold.patience
        if self._unread is not None and now - self._unread > patience.unread:
            return "unread"
        if self._request is None and self._heard and now - self._since > patience.head:
            return "head"
        if self._request is None and now - self._since > patience.idle:
            return "idle"
        return ""

    def dismiss(self, reason: str) -> None:
        """Close it at once, whatever it has not read."""
        transport = self.transport
        if transport is not None:
            DISMISSED.labels(reason).inc()
            self.force_close()
            transport.abort()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP without repeating any of it, there or in the log."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._threshold.misheard(exc)
        response = web.Response(status=status, text="The request cannot be read.\n")
        response.force_close()
        return response


class Threshold:
    """Listens at an address for an application."""

    def __init__(self, app: web.Application, *, patience: Patience | None = None, goodbye: float = 8.0) -> None:
        app.middlewares.insert(0, attend)
        app.middlewares.append(take_plain)  # innermost, so that each door refuses in its own words
        self.patience = patience or Patience(most=most_connections())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=goodbye)
        self._tally = Tally()
        self._guests: set[Guest] = set()
        self._listening: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> None:
        """Begin to listen. Raises OSError when the address cannot be had."""
        await self._runner.setup()
        manager = self._runner.server
        assert manager is not None
        loop = asyncio.get_running_loop()
        options = {
            "loop": loop,
            "logger": _logger(),
            "access_log": None,
            "keepalive_timeout": 2 * self.patience.idle,  # ours comes first, and counts
            "lingering_time": LINGER,
            "auto_decompress": False,  # see take_plain
        }
        try:
            self._listening = await loop.create_server(
                lambda: Guest(self, manager, **options), host, port, backlog=1024
            )
        except OSError:
            await self._runner.cleanup()
            raise
        self._watching = asyncio.create_task(self._watch(), name="threshold")

    async def close(self) -> None:
        """Let nobody in any more, give the requests in flight their time, and end."""
        if self._watching is not None:
            self._watching.cancel()
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    def enter(self, guest: Guest) -> None:
        """Take a connection in. If there are too many, those who have kept us waiting longest make room."""
        self._guests.add(guest)
        CONNECTIONS.inc()
        if len(self._guests) <= self.patience.most:
            return
        waiting = sorted(
            (since, number, one)
            for number, one in enumerate(self._guests)
            if one is not guest and (since := one.waiting_since) is not None
        )
        leaving = [one for _, _, one in waiting[: max(1, self.patience.most // SHARE)]] or [guest]
        for one in leaving:
            self.leave(one)  # now, and not when the loop comes to it: the next who enters counts anew
            one.dismiss("crowd")
        unsaid = self._tally.say("crowd")
        if unsaid is not None:
            log.warning("too many connections", most=self.patience.most, closed=len(leaving), unsaid=unsaid)

    def leave(self, guest: Guest) -> None:
        """Forget a connection; twice does no harm."""
        if guest in self._guests:
            self._guests.remove(guest)
            CONNECTIONS.dec()

    def misheard(self, error: HttpProcessingError) -> None:
        """Count what is no HTTP, and say so now and then."""
        observe.FORGED.labels("http", "400").inc()
        unsaid = self._tally.say("misheard")
        if unsaid is not None:
            log.warning("not HTTP as it should be", reason=type(error).__name__, unsaid=unsaid)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.patience.head / 4))
            now = asyncio.get_running_loop().time()
            for guest in list(self._guests):
                reason = guest.overdue(now)
                if reason:
                    guest.dismiss(reason)


@web.middleware
async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection whose turn it is."""
    guest = request.protocol
    if not isinstance(guest, Guest):
        return await handler(request)
    guest.attend(request)
    try:
        return await handler(request)
    finally:
        guest.attend(None)


@web.middleware
async def take_plain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a body that was packed: no provider and no browser packs one, and kilobytes can hide gigabytes."""
    if "Content-Encoding" not in request.headers:
        return await handler(request)
    packed = ",".join(request.headers.getall("Content-Encoding")).strip().lower()
    if packed in {"", "identity"}:
        return await handler(request)
    observe.FORGED.labels("http", "415").inc()
    raise web.HTTPUnsupportedMediaType(text="", headers={"Accept-Encoding": "identity"})


def most_connections() -> int:
    """Raise the limit of open files as far as we may, and return how many connections fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else max(FEWEST, min(MOST, soft - SPARE))


class _Untold(logging.Handler):
    """Takes what aiohttp would log with a traceback that quotes the request, and says it in our way."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, ConnectionError):  # to hang up before the answer is no fault
            observe.ALARM.labels("bug").inc()
            log.error("a connection failed", exc_info=observe.bare(error))


def _logger() -> logging.Logger:
    logger = logging.getLogger("gateway.threshold.aiohttp")
    logger.propagate, logger.handlers = False, [_Untold(logging.WARNING)]
    return logger
