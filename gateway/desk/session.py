"""Who sends this request: the session's cookie, the form's token, and the site that the form was on."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway import observe
from gateway.citizen.posted import Posted, Shelf, TooMuch, TooSlow, Unreadable, read_posted
from gateway.desk.page import VISIT, DeskPages
from gateway.intake import NotStored
from gateway.people import People, Visit
from gateway.store.engine import StoreUnavailable

OPEN: Final = frozenset({"/desk/sign-in"})
"""The addresses that are there for who is not signed in; what lies below /desk/static is too."""

STATIC: Final = "/desk/static/"

TOO_MUCH, AWAY = 413, 503
_FAULTS: Final = (
    ((Unreadable,), 400, "unreadable"),
    ((TooMuch, TooSlow), TOO_MUCH, "too-much"),
    ((StoreUnavailable, NotStored), AWAY, "away"),
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = observe.logger("desk")


class Sessions:
    """Keeps everybody out who is not signed in, and answers in pages whatever goes wrong."""

    def __init__(self, people: People, pages: DeskPages) -> None:
        self.people, self.pages = people, pages
        # A browser takes a cookie of this prefix only over https and for this very host: no neighbour can plant one.
        self.cookie = "__Host-balagh_desk" if pages.secure else "balagh_desk"

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through whose sender is known, and turn every fault into a page."""
        if request.path.startswith(STATIC):
            return await handler(request)
        try:
            return await self._guarded(request, handler)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            response = self._page(request, error.status, "lost")
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response
        except (web.HTTPException, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - people get a page, the operator an alarm
            return self._fault(request, error)

    def _fault(self, request: web.Request, error: Exception) -> web.Response:
        """Say on a page what went wrong, and tell the operator of what was our fault."""
        for kinds, status, name in _FAULTS:
            if isinstance(error, kinds):
                response = self._page(request, status, name)
                if status == TOO_MUCH:
                    response.force_close()  # the rest of it is not read
                if status == AWAY:
                    response.headers["Retry-After"] = "10"
                return response
        observe.ALARM.labels("bug").inc()
        log.error("a page failed", path="desk", exc_info=observe.bare(error))
        return self._page(request, 500, "broken")

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"} and not self.own(request):
            observe.FORGED.labels("desk", "403").inc()
            return self._page(request, 403, "foreign")
        token = request.cookies.get(self.cookie, "")
        visit = await self.people.visit(token) if token else None
        if visit is not None:
            request[VISIT] = visit
        elif request.path not in OPEN:
            if request.method in {"GET", "HEAD"}:
                return self.pages.redirect("/desk/sign-in")
            observe.FORGED.labels("desk", "401").inc()
            return self._page(
                request, 401, "over"
            )  # what was typed is still in the browser: the page says how to send it
        return await handler(request)

    def own(self, request: web.Request) -> bool:
        """Say whether a form was on one of our pages. What does not say where it comes from is refused.

        Browsers state it in Sec-Fetch-Site where a page came over https or from this machine, and in Origin everywhere.
        """
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in {"same-origin", "none"}
        try:
            given = urlsplit(request.headers.get("Origin", ""))
        except ValueError:
            return False
        public = urlsplit(self.pages.house.settings.public_url)
        schemes = {"https"} if self.pages.secure else {"http", "https"}
        return given.scheme in schemes and given.netloc in {request.host, public.netloc}

    async def read(
        self, request: web.Request, fields: Collection[str], shelf: Shelf | None = None
    ) -> tuple[Posted, bool]:
        """Read a form, and say whether it carries this session's token. Raises Unreadable, TooMuch, TooSlow.

        One without it was shown in an earlier session: show it again, with what was typed, and do nothing.
        """
        posted = await read_posted(request, shelf, frozenset({*fields, "csrf"}))
        return posted, same(posted["csrf"], request[VISIT].csrf)

    def keep(self, response: web.Response, name: str, value: str) -> None:
        """Give the browser a cookie that ends with it and goes with no request from another site."""
        response.set_cookie(name, value, path="/", httponly=True, secure=self.pages.secure, samesite="Strict")

    def drop(self, response: web.Response, *names: str) -> None:
        """Take cookies away from the browser."""
        for name in names:
            response.del_cookie(name, path="/", httponly=True, secure=self.pages.secure, samesite="Strict")

    def _page(self, request: web.Request, status: int, name: str) -> web.Response:
        return self.pages.render(request, "message.html", status=status, name=name)


def needs(pages: DeskPages, *rights: str) -> Callable[[Handler], Handler]:
    """Let a handler be reached only by who has one of these rights."""

    def wrap(handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            visit: Visit = request[VISIT]
            if not visit.may(*rights):
                observe.FORGED.labels("desk", "403").inc()
                return pages.render(request, "message.html", status=403, name="no-right")
            return await handler(request)

        return checked

    return wrap


def same(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("ascii"))
