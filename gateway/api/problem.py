"""Every way in which the API says no, as RFC 9457 problem details, and the one place that writes them.

A problem names what was wrong and where, never what was in it: a citizen's words and a program's secrets stay out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, Field

from gateway import observe
from gateway.intake import NotStored
from gateway.store.engine import StoreUnavailable

MEDIA_TYPE: Final = "application/problem+json"
DOORS: Final = ("api", "schemas", "channels", "desk", "health", "metrics", "open311")
"""The first parts of addresses that are for programs: whatever goes wrong there is a problem, and no page."""
RETRY_AFTER: Final = "5"  # seconds
_COUNTED: Final = {401, 403, 413}  # what somebody who should not be here would get; channels count their own

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = observe.logger("api")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. Its slug is the end of `type`, /problems/<slug>, and never changes."""

    slug: str
    status: int
    title: str


UNREADABLE: Final = Kind("unreadable", 400, "The request cannot be read")
UNAUTHORIZED: Final = Kind("unauthorized", 401, "A valid key is needed")
FORBIDDEN: Final = Kind("forbidden", 403, "The key does not have the scope for this")
NOT_FOUND: Final = Kind("not-found", 404, "There is no such thing here, or this key may not see it")
NOT_HELD: Final = Kind("attachment-not-held", 404, "The attachment is known, but its bytes are not here")
METHOD: Final = Kind("method-not-allowed", 405, "This address does not take that method")
TAKEN: Final = Kind("task-taken", 409, "Somebody else has this task in hand")
GONE_BY: Final = Kind("task-done", 409, "This task is done")
JOINED: Final = Kind("in-another-incident", 409, "A complaint belongs to another incident")
SHUT: Final = Kind("closed", 409, "The incident or the complaint is closed")
NOT_OPEN: Final = Kind("offer-not-open", 409, "The offer takes no such answer any more")
STRAYED: Final = Kind("cursor-strayed", 410, "The cursor is none of this feed as it stands")
TOO_SLOW: Final = Kind("too-slow", 408, "The request took too long to arrive")
TOO_LARGE: Final = Kind("too-large", 413, "The request is larger than what is taken")
MEDIA: Final = Kind("unsupported-media-type", 415, "The request is neither JSON nor a multipart form")
INVALID: Final = Kind("invalid", 422, "What was sent cannot be taken as it is")
CONFLICT: Final = Kind("idempotency-conflict", 422, "The Idempotency-Key was used for another report")
BUG: Final = Kind("fault", 500, "The fault is ours")
UNAVAILABLE: Final = Kind("unavailable", 503, "It cannot be stored or found just now; try again")
BUSY: Final = Kind("busy", 503, "Too many of these at once; try again")
OTHER: Final = "http"  # what aiohttp itself refuses in a way that has no kind of its own

KINDS: Final = (
    UNREADABLE, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_HELD, METHOD, TOO_SLOW, TOO_LARGE, MEDIA, INVALID, CONFLICT,
    TAKEN, GONE_BY, JOINED, SHUT, NOT_OPEN, STRAYED,
    BUG, UNAVAILABLE, BUSY,
)  # fmt: skip
_BY_STATUS: Final = {kind.status: kind for kind in (UNREADABLE, NOT_FOUND, METHOD, TOO_SLOW, TOO_LARGE, MEDIA)}


class Fault(BaseModel):
    """One field that is wrong."""

    field: str = Field(description="Its name, with dots between the levels, e.g. place.district.")
    detail: str = Field(description="What it may be.")


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="/problems/<kind>: stable, to be compared as a whole.")
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] | None = Field(None, description="Every field that is wrong, where fields are.")


class Problem(Exception):
    """Ends a request with a problem of a kind. `detail` and `errors` reach the caller: nothing personal in them."""

    def __init__(
        self, kind: Kind, detail: str = "", *, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(kind.slug)
        self.kind, self.detail, self.errors, self.headers = kind, detail, tuple(errors), dict(headers or {})

    def response(self) -> web.Response:
        """Write it down."""
        if self.kind.status == UNAVAILABLE.status:
            self.headers.setdefault("Retry-After", RETRY_AFTER)
        document: dict[str, Any] = {
            "type": f"/problems/{self.kind.slug}",
            "title": self.kind.title,
            "status": self.kind.status,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [fault.model_dump() for fault in self.errors]
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return web.Response(
            status=self.kind.status, body=json.dumps(document).encode(), headers={**headers, **self.headers}
        )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong at the programs' doors into a problem; leave the pages for people alone."""
    door = request.path.removeprefix("/").partition("/")[0]  # of OPTIONS * and of CONNECT it is not there
    if door not in DOORS:
        return await handler(request)
    try:
        return await handler(request)
    except Problem as problem:
        response = problem.response()
    except (NotStored, StoreUnavailable):
        response = Problem(UNAVAILABLE).response()
    except web.HTTPException as error:
        response = _of(error).response()
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:  # a bug; what the exception says may hold a citizen's words, so only its type is told
        observe.ALARM.labels("bug").inc()
        log.exception("a request failed", door=door, exc_info=observe.bare(error))
        response = Problem(BUG).response()
    if response.status in _COUNTED and door != "channels":
        observe.FORGED.labels("api", str(response.status)).inc()
    return response


def _of(error: web.HTTPException) -> Problem:
    """Say in our words what aiohttp refused. Raises what is no refusal, such as a redirect."""
    if error.status < UNREADABLE.status:
        raise error
    kind = _BY_STATUS.get(error.status) or Kind(OTHER, error.status, error.reason)
    kept = {name: error.headers[name] for name in ("Allow", "WWW-Authenticate", "Retry-After") if name in error.headers}
    return Problem(kind, headers=kept)
