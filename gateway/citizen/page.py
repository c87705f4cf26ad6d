"""A page: its template, its language, and the headers that every answer of the citizens' door carries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jinja2
from aiohttp import web
from aiohttp_jinja2 import render_string, setup
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from markupsafe import Markup

from gateway.citizen.statics import Statics
from gateway.citizen.tokens import Grant, Tokens
from gateway.citizen.words import RIGHT_TO_LEFT, Words, isolate, isolated
from gateway.house import House

TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("citizen_templates", jinja2.Environment)

_PAGES = frozenset({"/", "/receipt", "/track", "/track/view"})

LANGUAGE = "balagh_lang"
GRANT = "balagh_report"
LANGUAGE_LIFE = 365 * 24 * 3600  # seconds

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Pages:
    """Renders the templates, and knows what a visitor's cookies say."""

    room: ClassVar[str] = "gateway.citizen"  # where its templates and words are
    headers: ClassVar[Mapping[str, str]] = HEADERS
    addresses: ClassVar[Collection[str]] = _PAGES  # that a link may lead to; the first page is at `home`
    home: ClassVar[str] = "/"

    def __init__(self, app: web.Application, house: House, tokens: Tokens, statics: Statics) -> None:
        self.house, self.tokens, self.statics = house, tokens, statics
        self.words = Words(house.city.languages, self.room)
        self.secure = urlsplit(house.settings.public_url).scheme == "https"
        setup(
            app,
            app_key=TEMPLATES,
            default_helpers=False,
            loader=_templates(Pages.room, self.room),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def language(self, request: web.Request) -> str:
        """Return the page's language: as asked for now, as asked for before, or the city's own."""
        for wanted in (request.query.get("lang"), request.cookies.get(LANGUAGE)):
            if wanted in self.words.languages:
                return wanted
        return self.words.languages[0]

    def render(self, request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """Answer with a page. Personal or not, none is to be kept by anybody on the way."""
        response = web.Response(
            text=self.text(request, template, **context), status=status, content_type="text/html", headers=self.headers
        )
        language = self.language(request)
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Cookie"
        if request.path != "/":
            response.headers["X-Robots-Tag"] = "noindex"
        if request.cookies.get(LANGUAGE) != language:
            self._cookie(response, LANGUAGE, language, max_age=LANGUAGE_LIFE)
        return response

    def text(self, request: web.Request, template: str, **context: Any) -> str:
        """Render a template in the visitor's language."""
        language = self.language(request)
        return render_string(template, request, {**self._context(request, language), **context}, app_key=TEMPLATES)

    def redirect(self, location: str) -> web.Response:
        """Send the browser on by GET, within our own pages."""
        return web.Response(status=303, headers={**self.headers, "Location": location})

    def grant(self, response: web.Response, grant: Grant) -> None:
        """Let the browser see one report until it is closed; one that never is, for some hours."""
        self._cookie(response, GRANT, self.tokens.grant(grant, datetime.now(UTC)), max_age=None)

    def granted(self, request: web.Request) -> Grant | None:
        """Return what this browser may see."""
        return self.tokens.granted(request.cookies.get(GRANT, ""), datetime.now(UTC))

    def forget(self, response: web.Response) -> None:
        """Take the right to see a report away from the browser."""
        response.del_cookie(GRANT, path="/", secure=self.secure, httponly=True, samesite="Lax")

    def name(self, names: Mapping[str, str], language: str) -> str:
        """Return a name of the city in a language, or in the city's own."""
        return names.get(language) or names[self.house.city.languages[0]]

    def phrase(self, language: str, phrase: str, **arguments: str) -> Markup:
        """Say one of the city's phrases, with <bdi> around what is filled in."""
        safe = {name: isolate(value) for name, value in arguments.items()}
        return isolated(self.house.city.phrases.say(language, phrase, **safe))

    def date(self, language: str, moment: datetime) -> str:
        """Write the day as people in the city say it."""
        return format_date(moment.astimezone(self.house.city.timezone), "EEEE d MMMM y", self._locale(language))

    def time(self, language: str, moment: datetime) -> str:
        """Write the time of day as it is in the city."""
        return format_time(moment, "h:mm a", self.house.city.timezone, self._locale(language))

    def _locale(self, language: str) -> Locale:
        # Months have other names in Arabic from one country to the next: تشرين الثاني is نوفمبر elsewhere.
        try:
            return Locale.parse(f"{language}_{self.house.city.region}")
        except (UnknownLocaleError, ValueError):
            return Locale.parse(language)

    def _cookie(self, response: web.Response, name: str, value: str, *, max_age: int | None) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, secure=self.secure, samesite="Lax")

    def _context(self, request: web.Request, language: str) -> dict[str, Any]:
        city = self.house.city

        def named(names: Mapping[str, str]) -> str:
            return self.name(names, language)

        def say(message: str, /, **arguments: str | int) -> Markup:
            return self.words.say(language, message, **arguments)

        def plain(message: str, /, **arguments: str | int) -> str:
            return self.words.plain(language, message, **arguments)

        others = [other for other in self.words.languages if other != language]
        return {
            "language": language,
            "direction": _direction(language),
            "direction_of": _direction,
            "others": [(other, self.words.plain(other, "language-name")) for other in others],
            # Never an address that does not exist: in a link "//example.org" would lead to another site.
            "path": request.path if request.path in self.addresses else self.home,
            "city": city,
            "named": named,
            "say": say,
            "plain": plain,
            "static": self.statics.path,
        }


def _direction(language: str) -> str:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def _templates(*rooms: str) -> jinja2.BaseLoader:
    """Load the templates of rooms; where two have one of the same name, the later room's."""
    entries = [entry for room in rooms for entry in files(room).joinpath("templates").iterdir() if entry.is_file()]
    return jinja2.DictLoader({entry.name: entry.read_text(encoding="utf-8") for entry in entries})
