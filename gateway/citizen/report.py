"""Reporting: the form, what is sent with it, and the receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web

from channels.message import Media, Receipt
from gateway import observe
from gateway.citizen.draft import Fault, brought, faults, fingerprint, inbound
from gateway.citizen.form import AgainError, filled
from gateway.citizen.origin import foreign
from gateway.citizen.page import LANGUAGE, Pages
from gateway.citizen.posted import Posted, Shelf, TooMuch, TooSlow, Unreadable, read_posted
from gateway.citizen.throttle import Buckets, client_address
from gateway.citizen.tokens import Grant, Nonce, Tokens
from gateway.house import House
from gateway.intake import NotStored
from normalizer.reference import show

AT_ONCE, PER_SECOND = 600, 10.0  # reports from one address: more than a town sends, less than a script does


class Report:
    """Serves / and /receipt."""

    def __init__(self, house: House, pages: Pages, tokens: Tokens) -> None:
        self.house, self.pages, self.tokens = house, pages, tokens
        self.buckets = Buckets(AT_ONCE, PER_SECOND)
        self.shelf = Shelf(house.files)

    async def form(self, request: web.Request) -> web.Response:
        """Show an empty form."""
        return self._form(request, Posted(), ())

    async def receive(self, request: web.Request) -> web.Response:
        """Take a report: on disk before the citizen sees the receipt, or plainly said not to be."""
        if foreign(request, self.house.settings.public_url):
            return self._refused(request, "foreign", 403)
        busy = not self.buckets.take(client_address(request))
        try:
            posted = await read_posted(request, None if busy else self.shelf)
        except Unreadable:
            return self._refused(request, "unreadable", 400)
        except TooMuch as too_much:
            return await self._cut(request, too_much.posted, 413, "too-much")
        except TooSlow as too_slow:
            # Not 408: a browser takes that for an idle connection, and sends all of it again without asking.
            return await self._cut(request, too_slow.posted, 400, "too-slow")
        media = await brought(posted, self.tokens, self.house.files)
        try:
            if busy:
                observe.FORGED.labels("web", "429").inc()
                raise AgainError(429, alarm="busy", nonce=posted["nonce"])
            receipt = await self._take(request, posted, media)
        except AgainError as again:
            return self._form(request, posted, media, again.status, **again.how)
        return self._sent(request, Grant(receipt.reference, danger=posted["danger"] == "yes", files=len(media)))

    async def receipt(self, request: web.Request) -> web.Response:
        """Show the reference and the PIN to who sent the report."""
        grant = self.pages.granted(request)
        return self._receipt(request, grant) if grant else self.pages.redirect("/track")

    async def forget(self, request: web.Request) -> web.Response:
        """Leave nothing of the report in this browser."""
        if foreign(request, self.house.settings.public_url):
            return self._refused(request, "foreign", 403)
        response = self.pages.redirect("/")
        self.pages.forget(response)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    async def _take(self, request: web.Request, posted: Posted, media: Sequence[Media]) -> Receipt:
        """Put a report on disk. Raises AgainError when the citizen must send it once more."""
        nonce, city = posted["nonce"], self.house.city
        worth = self.tokens.judge(nonce, datetime.now(UTC))
        if worth is not Nonce.GOOD:
            raise AgainError(422, notice=f"fault-nonce-{worth.value}")
        if posted["website"]:
            raise AgainError(422, notice="fault-honeypot", nonce=nonce)
        if posted.full:
            raise AgainError(503, alarm="full", nonce=nonce)
        if posted.disk_broken:
            raise AgainError(503, alarm="not-stored", nonce=nonce)
        wrong = faults(posted, media, city)
        if wrong:
            raise AgainError(422, wrong=wrong, nonce=nonce)
        external_id, page_language = self.tokens.external_id(nonce), self.pages.language(request)
        report = inbound(posted, media, city, external_id=external_id, page_language=page_language)
        mark = self.house.identities.digest("web report", fingerprint(report))
        try:
            receipt = await self.house.intake.accept(report, fingerprint=mark)
        except NotStored as error:
            raise AgainError(503, alarm="not-stored", nonce=nonce) from error
        if receipt.duplicate and receipt.fingerprint != mark:
            # Sent, changed and sent again: the first stands, and the change must not vanish behind its receipt. The
            # receipt is not shown either: on a shared computer this may be the next person, behind the "back" button.
            raise AgainError(409, notice="fault-sent-before")
        return receipt

    async def _cut(self, request: web.Request, posted: Posted, status: int, alarm: str) -> web.Response:
        """Show the form with what came of it; the rest is not read."""
        observe.FORGED.labels("web", str(status)).inc()
        response = self._form(
            request, posted, await brought(posted, self.tokens, self.house.files), status, alarm=alarm
        )
        response.force_close()
        return response

    def _sent(self, request: web.Request, grant: Grant) -> web.Response:
        if not request.cookies.get(LANGUAGE):
            # This browser keeps no cookies (the form had set one): it could never open /receipt.
            return self._receipt(request, grant)
        response = self.pages.redirect("/receipt")
        self.pages.grant(response, grant)
        return response

    def _form(
        self,
        request: web.Request,
        posted: Posted,
        media: Sequence[Media],
        status: int = 200,
        *,
        wrong: Sequence[Fault] = (),
        notice: str = "",
        alarm: str = "",
        nonce: str = "",
    ) -> web.Response:
        """Show the form with what was filled in. `notice` is a message, `alarm` names a heading and a text."""
        return self.pages.render(
            request,
            "report.html",
            status=status,
            **filled(posted, media, self.tokens, datetime.now(UTC), wrong=wrong, nonce=nonce),
            again=posted.skipped,
            notice=notice,
            alarm=alarm,
        )

    def _receipt(self, request: web.Request, grant: Grant) -> web.Response:
        pin = self.house.identities.pin(grant.reference)
        return self.pages.render(
            request,
            "receipt.html",
            reference=show(grant.reference),
            pin=pin,
            danger=grant.danger,
            files=grant.files,
        )

    def _refused(self, request: web.Request, name: str, status: int) -> web.Response:
        observe.FORGED.labels("web", str(status)).inc()
        return self.pages.render(request, "message.html", status=status, name=name)
