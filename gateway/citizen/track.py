"""Following a report: reference and PIN open it, neither is ever in an address, and its page shows how it fares."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta

from aiohttp import web

from gateway import observe
from gateway.citizen.live import Live
from gateway.citizen.origin import foreign
from gateway.citizen.page import Pages
from gateway.citizen.posted import Posted, TooMuch, TooSlow, Unreadable, read_posted
from gateway.citizen.story import Story, tell, unread
from gateway.citizen.throttle import Buckets, Locks, client_address
from gateway.citizen.tokens import Grant
from gateway.house import House
from gateway.store.engine import StoreUnavailable
from normalizer.reference import read, show
from normalizer.text import ascii_digits

WRONG_TRIES, WINDOW = 5, 15 * 60.0  # for one reference; seconds
AT_ONCE, PER_SECOND = 120, 0.5  # wrong tries from one address


class Track:
    """Serves /track and what is below it."""

    def __init__(self, house: House, pages: Pages) -> None:
        self.house, self.pages = house, pages
        self.locks = Locks(WRONG_TRIES, WINDOW)
        self.buckets = Buckets(AT_ONCE, PER_SECOND)
        self.live = Live(house, pages, self.draw)

    async def form(self, request: web.Request) -> web.Response:
        """Ask for reference and PIN."""
        return self._form(request)

    async def enter(self, request: web.Request) -> web.Response:
        """Check reference and PIN; the right ones open the report's page."""
        if foreign(request, self.house.settings.public_url):
            return self.pages.render(request, "message.html", status=403, name="foreign")
        if self.buckets.empty(client_address(request)):
            observe.FORGED.labels("web", "429").inc()
            return self._form(request, 429, fault="track-busy")
        try:
            return await self._enter(request, await read_posted(request, None))
        except (Unreadable, TooMuch, TooSlow):
            return self.pages.render(request, "message.html", status=400, name="unreadable")
        except StoreUnavailable:
            return self._away(request)

    async def _enter(self, request: web.Request, posted: Posted) -> web.Response:
        reference = read(posted["reference"])
        if reference is None:
            return self._wrong(request, posted)
        closed = self.locks.remaining(reference)
        if closed > 0:
            language = self.pages.language(request)
            opens = self.pages.time(language, datetime.now(UTC) + timedelta(seconds=closed + 59))
            return self._form(request, 429, posted, fault="track-locked", time=opens)
        if not self._fits(reference, posted["pin"]):
            self.locks.wrong(reference)
            return self._wrong(request, posted)
        if await self._story(reference) is None:
            return self._wrong(request, posted)
        response = self.pages.redirect("/track/view")
        self.pages.grant(response, Grant(reference))
        return response

    async def view(self, request: web.Request) -> web.Response:
        """Show the report that this browser may see."""
        grant = self.pages.granted(request)
        if grant is None:
            return self.pages.redirect("/track")
        try:
            story = await self._story(grant.reference)
        except StoreUnavailable:
            return self._away(request)
        if story is None:
            return self.pages.redirect("/track")
        return self.pages.render(
            request, "view.html", reference=show(grant.reference), over=story.over, story=self._told(request, story)
        )

    def draw(self, request: web.Request, story: Story) -> str:
        """Render the part of the page that changes."""
        return self.pages.text(request, "story.html", story=self._told(request, story))

    def _fits(self, reference: str, given: str) -> bool:
        pin = re.sub(r"[^0-9]", "", ascii_digits(given))
        return hmac.compare_digest(pin.encode(), self.house.identities.pin(reference).encode())

    async def _story(self, reference: str) -> Story | None:
        """Return the story; with a spool, also of what is still in it. Raises StoreUnavailable."""
        spooled = self.house.spool is not None and self.house.spool.depth > 0
        try:
            story = await tell(self.house.store, reference)
        except StoreUnavailable:
            if not spooled:
                raise
            story = None
        return unread(reference) if story is None and spooled else story

    def _told(self, request: web.Request, story: Story) -> dict[str, object]:
        """Put a story into the visitor's language."""
        language, city = self.pages.language(request), self.house.city

        def name(department: str | None) -> str:
            found = city.departments.get(department or city.triage)
            return self.pages.name(found.names, language) if found else department or ""

        def phrase(key: str, department: str | None) -> object:
            return self.pages.phrase(language, key, department=name(department))

        return {
            "status": phrase(f"status-{story.status}", story.department),
            "department": name(story.department) if story.department else "",
            "over": story.over,
            "handled": story.handled,
            "due": self.pages.date(language, story.due) if story.due else "",
            "answer": story.answer,
            "steps": [
                {
                    "text": phrase(step.phrase, step.department),
                    "date": self.pages.date(language, step.at),
                    "time": self.pages.time(language, step.at),
                    "due": self.pages.date(language, step.due) if step.due else "",
                    "iso": step.at.astimezone(city.timezone).isoformat(timespec="seconds"),
                }
                for step in story.steps
            ],
        }

    def _wrong(self, request: web.Request, posted: Posted) -> web.Response:
        self.buckets.take(client_address(request))
        observe.FORGED.labels("web", "422").inc()
        return self._form(request, 422, posted, fault="track-wrong")

    def _form(
        self, request: web.Request, status: int = 200, posted: Posted | None = None, fault: str = "", time: str = ""
    ) -> web.Response:
        granted = self.pages.granted(request)
        return self.pages.render(
            request,
            "track.html",
            status=status,
            typed=posted["reference"] if posted else "",
            fault=fault,
            time=time,
            granted=show(granted.reference) if granted else "",
        )

    def _away(self, request: web.Request) -> web.Response:
        response = self.pages.render(request, "message.html", status=503, name="away")
        response.headers["Retry-After"] = "10"
        return response
