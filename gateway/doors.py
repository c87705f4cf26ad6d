"""The doors that every site has: the channels' webhooks, health and metrics, and one answer for each kind of fault."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from channels.base import Forged, Webhook
from channels.message import Inbound, Receipt
from gateway import observe
from gateway.house import HOUSE, House
from gateway.intake import NotStored
from gateway.store import journal
from gateway.store.engine import DatabaseError, StoreUnavailable
from gateway.store.glance import Glance
from gateway.tally import Tally

log = observe.logger("doors")

REFUSED = {400, 403, 408, 413}  # what somebody who is no provider would get
GLANCE = 2.0  # seconds for the store to answer before health calls it down


@web.middleware
async def answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 503 when something could not be stored, so that a provider tries again."""
    try:
        response = await handler(request)
    except (NotStored, StoreUnavailable):
        return web.Response(status=503, headers={"Retry-After": "5"})
    except (web.HTTPException, ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:
        observe.ALARM.labels("bug").inc()
        log.exception("a request failed", path=_channel(request) or "page", exc_info=observe.bare(error))
        return web.Response(status=500)
    return response


def add_channels(app: web.Application, house: House) -> None:
    """Mount every channel that is on at /channels/<name>; one that is off is not there."""

    async def accept(inbound: Inbound) -> Receipt:
        return await house.intake.accept(inbound)

    for name, channel in house.channels.items():
        if not isinstance(channel, Webhook):
            continue
        heard = channel.app(accept)
        heard.middlewares.append(_noting(name))
        app.add_subapp(f"/channels/{name}", heard)


def _noting(channel: str) -> Middleware:
    """Count what a channel refused, and say why a webhook was: whoever sent it is not told, but an operator must be."""
    tally = Tally()

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status in REFUSED:
                observe.FORGED.labels(channel, str(error.status)).inc()
            if isinstance(error.__cause__, Forged):
                unsaid = tally.say(f"{channel} {error.__cause__}")  # a channel's own words: nothing of the request
                if unsaid is not None:
                    log.warning("webhook refused", channel=channel, reason=str(error.__cause__), unsaid=unsaid)
            raise

    return note


def add_health(app: web.Application, house: House) -> None:
    """Add /health/live (the process turns) and /health/ready (it can accept)."""
    glance = Glance(house.store, journal.backlog, patience=GLANCE)

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_request: web.Request) -> web.Response:
        parts: dict[str, Any] = {"broker": "up" if house.bus.connected else "down"}
        try:
            await glance.look()
            parts["store"] = "up"
        except (StoreUnavailable, DatabaseError, TimeoutError):
            parts["store"] = "down"
        if house.spool is not None:
            parts["spool"] = house.spool.depth
        # With a spool it accepts without the store; without a broker it accepts and waits.
        well = (parts["store"] == "up" or house.spool is not None) and not house.intake.refusing
        if house.intake.refusing:
            parts["intake"] = "refusing"  # the disk is full, or will not be written
        return web.json_response({"status": "ok" if well else "unavailable", **parts}, status=200 if well else 503)

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)


def add_metrics(app: web.Application, house: House) -> None:
    """Add /metrics for Prometheus."""
    del house

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(observe.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/metrics", metrics)


def _channel(request: web.Request) -> str:
    """Name the channel of a request, from the closed list of those that are on."""
    parts = request.path.split("/")
    name = parts[2] if len(parts) > 2 and parts[1] == "channels" else ""  # noqa: PLR2004 - /channels/<name>
    house = request.app.get(HOUSE)
    return name if house is not None and name in house.channels else ""
