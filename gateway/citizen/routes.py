"""The citizens' door: its addresses, and its own page for an address that does not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.api.problem import DOORS
from gateway.citizen.page import HEADERS, Pages
from gateway.citizen.report import Report
from gateway.citizen.statics import Statics
from gateway.citizen.tokens import Tokens
from gateway.citizen.track import Track
from gateway.house import House

ROBOTS = "User-agent: *\nAllow: /$\nAllow: /static/\nDisallow: /\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_citizen(app: web.Application, house: House) -> None:
    """Add the pages on which citizens report and follow. Call it before the application starts."""
    statics, tokens = Statics(), Tokens(house.identities)
    pages = Pages(app, house, tokens, statics)
    report, track = Report(house, pages, tokens), Track(house, pages)

    @web.middleware
    async def lost(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer an address that nobody serves with a page for people."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            if request.path.removeprefix("/").partition("/")[0] in DOORS:
                raise
            response = pages.render(request, "message.html", status=error.status, name="not-found")
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response

    async def robots(_request: web.Request) -> web.Response:
        return web.Response(text=ROBOTS, headers={**HEADERS, "Cache-Control": "public, max-age=86400"})

    async def icon(_request: web.Request) -> web.Response:
        return web.Response(status=301, headers={**HEADERS, "Location": statics.path("mark.svg")})

    app.middlewares.append(lost)
    app.on_shutdown.append(track.live.stop)
    app.add_routes(
        [
            web.get("/", report.form),
            web.post("/", report.receive),
            web.get("/receipt", report.receipt),
            web.post("/forget", report.forget),
            web.get("/track", track.form),
            web.post("/track", track.enter),
            web.get("/track/view", track.view),
            web.get("/track/events", track.live.stream, allow_head=False),
            web.get("/static/{name}", statics.serve),
            web.get("/robots.txt", robots),
            web.get("/favicon.ico", icon),
        ]
    )
