"""/api/v1/incidents, /api/v1/causes, and splitting a complaint: for programs that show them to people."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel

from gateway.api.body import Model, read_as, read_body
from gateway.api.complaints import PATH as COMPLAINTS
from gateway.api.incident_views import (
    CauseList,
    ComplaintsNamed,
    IncidentList,
    SplitDone,
    SplitWanted,
    cause,
    shown,
    suggested,
)
from gateway.api.keys import Keys, require
from gateway.api.problem import INVALID, JOINED, NOT_FOUND, SHUT, Fault, Problem
from gateway.api.view import Sight, sight
from gateway.cloudevents import without_contact
from gateway.house import House
from gateway.incidents import PAGE, Elsewhere, Finished, IncidentError, Incidents, IncidentView, NotThere, TooFew
from gateway.settings import ApiKey
from gateway.split import Splits
from gateway.store import complaints
from gateway.store.incidents import CLOSED, OPEN
from gateway.tasks import WrongAnswer
from normalizer.reference import read as read_reference
from normalizer.text import clean

PATH: Final = "/api/v1/incidents"
CAUSES: Final = "/api/v1/causes"
SPLIT: Final = f"{COMPLAINTS}/{{reference}}/split"
_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class IncidentDoor:
    """The handlers, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys = house, keys
        self._incidents, self._splits = Incidents(house), Splits(house)

    async def list(self, request: web.Request) -> web.Response:
        """List incidents (?state=open or closed) and suggestions; a department's key sees its own, and no names."""
        key = self._keys.caller(request)
        theirs = _departments(key)
        state = request.query.get("state", OPEN)
        if state not in {OPEN, CLOSED}:
            raise Problem(INVALID, errors=[Fault(field="state", detail="It must be open or closed.")])
        found = await self._incidents.list(state=state, departments=theirs)
        wanted = state == OPEN and theirs is None
        offered = await self._incidents.suggestions() if wanted else ()
        return _json(
            IncidentList(
                incidents=[shown(incident, named=theirs is None) for incident in found],
                suggestions=[suggested(one) for one in offered[:PAGE]],
            )
        )

    async def get(self, request: web.Request) -> web.Response:
        """Show an incident with its complaints; to a department's key those that are at that department."""
        theirs = _departments(self._keys.caller(request))
        view = await self._asked(self._incidents.get(_wanted(request)))
        if theirs is not None and view.incident.department not in theirs:
            raise Problem(NOT_FOUND)
        members = [one for one in view.members if theirs is None or one.department in theirs]
        return _json(shown(view.incident, members, named=theirs is None))

    async def create(self, request: web.Request) -> web.Response:
        """Make complaints one incident."""
        key, references = await self._named(request)
        view = await self._asked(self._incidents.create(references, key.name))
        return _json(shown(view.incident, view.members), status=201)

    async def join(self, request: web.Request) -> web.Response:
        """Add complaints to an incident."""
        return await self._change(request, self._incidents.join)

    async def leave(self, request: web.Request) -> web.Response:
        """Take complaints out of an incident."""
        return await self._change(request, self._incidents.leave)

    async def close(self, request: web.Request) -> web.Response:
        """Let nothing join an incident any more."""
        key = self._caller(request)
        view = await self._asked(self._incidents.close(_wanted(request), key.name))
        return _json(shown(view.incident, view.members))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Say that complaints have causes of their own: they are suggested no more."""
        key, references = await self._named(request)
        await self._asked(self._incidents.dismiss(references, key.name))
        return web.Response(status=204, headers=_PRIVATE)

    async def causes(self, request: web.Request) -> web.Response:
        """List what keeps coming back; ?since= leaves out what has not come back since then."""
        key = self._keys.caller(request)
        require(key, "read", "admin")
        return _json(CauseList(causes=[cause(one) for one in await self._incidents.causes(_since(request))]))

    async def split(self, request: web.Request) -> web.Response:
        """File what else a complaint speaks of: 201, or 200 when that was done before.

        A department may do so with what is there now, and with nothing but the citizen's own words.
        """
        key = self._keys.caller(request)
        if not any(scope.startswith("department.") for scope in key.scopes):
            key = self._caller(request)
        reference = read_reference(request.match_info["reference"][:64])
        if reference is None:
            raise Problem(NOT_FOUND)
        wanted = await self._read(request, SplitWanted)
        if not _may_enter(key):
            await self._theirs(key, reference, wanted.text)
        try:
            half = await self._splits.split(reference, wanted.category, key.name, text=wanted.text)
        except NotThere:
            raise Problem(NOT_FOUND) from None
        except WrongAnswer as wrong:
            raise Problem(INVALID, errors=[Fault(field=wrong.field, detail=f"{wrong}.")]) from None
        return _json(SplitDone(reference=half.reference), status=201 if half.fresh else 200)

    async def _theirs(self, key: ApiKey, reference: str, text: str) -> None:
        """Let a department split what is there now, by words that it is shown. Raises Problem."""
        case = await self._house.store.read(partial(complaints.load, reference=reference))
        if case is None or f"department.{case.department}" not in key.scopes:
            raise Problem(NOT_FOUND)
        # Against all the words, whoever is not told who complains could find a number out digit by digit.
        whole = sight(key, case.complaint, case.department, self._house.city) is Sight.WHOLE
        words = (case.complaint if whole else without_contact(case.complaint)).text
        if clean(text) not in words:
            raise Problem(INVALID, errors=[Fault(field="text", detail="It must be a part of the complaint's words.")])

    async def _change(
        self, request: web.Request, change: Callable[[str, Sequence[str], str], Awaitable[IncidentView]]
    ) -> web.Response:
        key, references = await self._named(request)
        view = await self._asked(change(_wanted(request), references, key.name))
        return _json(shown(view.incident, view.members))

    async def _named(self, request: web.Request) -> tuple[ApiKey, Sequence[str]]:
        """Read who asks and which complaints they name."""
        key = self._caller(request)
        given = await self._read(request, ComplaintsNamed)
        references = [read_reference(one) for one in given.complaints]
        if None in references:
            raise Problem(INVALID, errors=[Fault(field="complaints", detail="Each must be a reference of ten digits.")])
        return key, [one for one in references if one]

    async def _read(self, request: web.Request, model: type[Model]) -> Model:
        return read_as(model, (await read_body(request, self._house.files)).document)

    def _caller(self, request: web.Request) -> ApiKey:
        """Return the key: admin, or one that may both read and enter, as for tasks."""
        key = self._keys.caller(request)
        if not _may_enter(key):
            require(key, "admin")
        return key

    async def _asked(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except IncidentError as error:
            raise _problem(error) from None


def _may_enter(key: ApiKey) -> bool:
    return "admin" in key.scopes or {"intake", "read"} <= key.scopes


def _problem(error: IncidentError) -> Problem:
    match error:
        case NotThere():
            return Problem(NOT_FOUND)
        case Elsewhere(reference=reference):
            return Problem(JOINED, f"{reference} must leave its incident first.")
        case Finished():
            return Problem(SHUT, f"{str(error).capitalize()}.")
        case TooFew():
            return Problem(INVALID, errors=[Fault(field="complaints", detail="Name at least two.")])
    raise error


def _departments(key: ApiKey) -> frozenset[str] | None:
    """Return whose incidents a key sees; None for all of them. Raises Problem 403 for a key that sees none."""
    if not key.scopes.isdisjoint({"admin", "read"}):
        return None
    theirs = frozenset(scope.removeprefix("department.") for scope in key.scopes if scope.startswith("department."))
    if not theirs:
        require(key, "read", "admin", "department.<id>")
    return theirs


def _json(model: BaseModel, *, status: int = 200) -> web.Response:
    return web.json_response(text=model.model_dump_json(), status=status, headers=_PRIVATE)


def _wanted(request: web.Request) -> str:
    wanted = request.match_info["id"]
    if not _ID.fullmatch(wanted):
        raise Problem(NOT_FOUND)
    return wanted


def _since(request: web.Request) -> datetime | None:
    given = request.query.get("since")
    if not given:
        return None
    try:
        since = datetime.fromisoformat(given)
        return since.astimezone(UTC) if since.tzinfo else since.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Problem(
            INVALID, errors=[Fault(field="since", detail="It must be RFC 3339, e.g. 2026-11-21T00:00:00Z.")]
        ) from None
