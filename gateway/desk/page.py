"""A page of the desk: the citizens' pages' manner, with who is signed in, and room for recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar, Final

from aiohttp import web
from babel import Locale
from babel.dates import format_timedelta

from gateway.citizen.page import HEADERS, Pages
from gateway.people import Visit
from normalizer.language import UNDETERMINED
from normalizer.reference import show

VISIT: Final = web.RequestKey("visit", Visit)
"""Who is signed in; set by the guard for every page but the sign-in."""

NOTE: Final = "balagh_desk_note"
NOTES: Final = frozenset(
    {
        "done",
        "routed",
        "missed",
        "released",
        "free",
        "stale",
        "taken",
        "over",
        "gone",
        "missing",
        "joined",
        "parted",
        "left",
        "shut",
        "elsewhere",
        "split",
        "unsplit",
    }
)


class DeskPages(Pages):
    """Renders the desk's templates."""

    room = "gateway.desk"
    headers: ClassVar[Mapping[str, str]] = {
        **HEADERS,
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        # Unlike a citizen's page it must tell our own server where a form was sent from, and nobody else.
        "Referrer-Policy": "same-origin",
    }
    addresses = frozenset(
        f"/desk/{name}" for name in ("tasks", "entry", "triage", "incidents", "complaints", "receipt", "sign-in")
    )
    home = "/desk"

    def render(self, request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """Answer with a page, and take away the note that it has shown."""
        response = super().render(request, template, status=status, **context)
        if NOTE in request.cookies:
            response.del_cookie(NOTE, path="/desk", secure=self.secure, httponly=True, samesite="Strict")
        return response

    def said(self, location: str, note: str, *details: str) -> web.Response:
        """Send the browser on, to a page that says what was done: a word of NOTES, a reference, a department."""
        response = self.redirect(location)
        response.set_cookie(
            NOTE,
            "/".join((note, *details)),
            max_age=60,
            path="/desk",
            httponly=True,
            secure=self.secure,
            samesite="Strict",
        )
        return response

    def _context(self, request: web.Request, language: str) -> dict[str, Any]:
        visit = request.get(VISIT)
        return {
            **super()._context(request, language),
            "visit": visit,
            "csrf": visit.csrf if visit is not None else "",
            "note": self._note(request, language),
            **self._moments(language),
        }

    def _moments(self, language: str) -> dict[str, Callable[..., str]]:
        """Return what templates write times and languages with."""
        locale = Locale.parse(language)

        def clock(moment: datetime) -> str:
            written = {"date": self.date(language, moment), "time": self.time(language, moment)}
            return self.words.plain(language, "moment", **written)

        def said_on(moment: datetime) -> str:
            midnight = moment.astimezone(self.house.city.timezone).time() == time()  # only its day is known
            return self.date(language, moment) if midnight else clock(moment)

        def waiting(since: datetime) -> str:
            passed = max(datetime.now(UTC) - since, timedelta(minutes=1))
            return format_timedelta(passed, granularity="minute", locale=locale)

        def tongue(code: str) -> str:
            return "" if code == UNDETERMINED else locale.languages.get(code.partition("-")[0], code)

        return {"clock": clock, "said_on": said_on, "waiting": waiting, "tongue": tongue}

    def _note(self, request: web.Request, language: str) -> Mapping[str, str]:
        """Read the note that the last page left. Its parts come from a cookie, so only what can be ours is shown."""
        word, _, rest = request.cookies.get(NOTE, "").partition("/")
        if word not in NOTES:
            return {}
        reference, _, department = rest.partition("/")
        known = self.house.city.departments.get(department)
        return {
            "word": word,
            "reference": show(reference) if reference.isascii() and reference.isdecimal() else "",
            "department": self.name(known.names, language) if known else "",
        }
