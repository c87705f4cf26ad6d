"""Signing in and out."""

from __future__ import annotations

import secrets
from typing import Final

from aiohttp import web

from gateway import observe
from gateway.citizen.posted import read_posted
from gateway.citizen.throttle import Buckets, client_address
from gateway.desk.entry import RECEIPT
from gateway.desk.page import NOTE, VISIT, DeskPages
from gateway.desk.session import Sessions, same
from gateway.house import House
from gateway.people import People, TooManyAtOnce, Visit, WrongPassword

AT_ONCE, PER_SECOND = 60, 0.2  # tries from one address: a whole call centre begins its shift behind one
FIELDS: Final = frozenset({"csrf", "name", "password"})

log = observe.logger("desk")


class SignIn:
    """Serves /desk, /desk/sign-in and /desk/sign-out."""

    def __init__(self, house: House, pages: DeskPages, people: People, sessions: Sessions) -> None:
        self.house, self.pages, self.people, self.sessions = house, pages, people, sessions
        self.buckets = Buckets(AT_ONCE, PER_SECOND)
        self.cookie = f"{sessions.cookie}_form"

    async def home(self, request: web.Request) -> web.Response:
        """Lead everybody to the page that their work begins on."""
        visit: Visit = request[VISIT]
        for right, address in (("agent", "/desk/tasks"), ("triage", "/desk/triage")):
            if visit.may(right):
                return self.pages.redirect(address)
        return self.pages.render(request, "message.html", name="no-work")

    async def form(self, request: web.Request) -> web.Response:
        """Ask for name and password."""
        return self.pages.redirect("/desk") if VISIT in request else self._form(request)

    async def enter(self, request: web.Request) -> web.Response:
        """Check name and password, and open a session under a token that nobody had before."""
        if not self.buckets.take(client_address(request)):
            observe.FORGED.labels("desk", "429").inc()
            return self._form(request, 429, fault="sign-in-busy")
        posted = await read_posted(request, None, FIELDS)
        planted = request.cookies.get(self.cookie, "")
        if not planted or not same(posted["csrf"], self._token(planted)):
            return self._form(request, 422, name=posted["name"], fault="sign-in-cookie")
        before = request.cookies.get(self.sessions.cookie, "")
        try:
            key = await self.people.sign_in(posted["name"], posted["password"], instead_of=before)
        except WrongPassword:
            observe.FORGED.labels("desk", "401").inc()
            return self._form(request, 422, name=posted["name"], fault="sign-in-wrong")
        except TooManyAtOnce:
            return self._form(request, 503, name=posted["name"], fault="sign-in-busy")
        log.info("signed in")
        response = self.pages.redirect("/desk")
        self.sessions.keep(response, self.sessions.cookie, key.token)
        # Whose session ran out did not sign out: the receipt that it left behind is not for whoever comes next.
        self.sessions.drop(response, self.cookie, RECEIPT)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """End the session, here and in the store."""
        _, genuine = await self.sessions.read(request, ())
        if not genuine:
            return self.pages.said("/desk", "stale")
        await self.people.sign_out(request.cookies[self.sessions.cookie])
        response = self.pages.redirect("/desk/sign-in")
        self.sessions.drop(response, self.sessions.cookie, RECEIPT)
        response.del_cookie(NOTE, path="/desk")
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def _form(self, request: web.Request, status: int = 200, *, name: str = "", fault: str = "") -> web.Response:
        planted = request.cookies.get(self.cookie) or secrets.token_urlsafe(24)
        response = self.pages.render(
            request, "sign_in.html", status=status, token=self._token(planted), name=name, fault=fault
        )
        self.sessions.keep(response, self.cookie, planted)
        return response

    def _token(self, planted: str) -> str:
        """Return what the form must carry: another site can send a form, but not read our cookie into it."""
        return self.house.identities.digest("desk sign-in", planted)
