"""POST /api/v1/updates: what departments answer without AMQP, in the same envelope and to the same effect.

Who speaks is the key's scope. A department learns nothing of a complaint that it never had: that one is not there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError as Wrong

from gateway.api.body import read_as, read_document
from gateway.api.keys import Keys, require
from gateway.api.problem import INVALID, NOT_FOUND, NOT_OPEN, Fault, Problem
from gateway.api.report import Occurred
from gateway.house import House
from gateway.schemas.update import Envelope, OfferAnswered
from gateway.settings import ApiKey
from gateway.store import complaints, feed
from gateway.store.engine import Connection
from gateway.updates import Outcome, Update, Updates
from gateway.updates.answer import USED_BEFORE
from normalizer.reference import read as read_reference
from normalizer.text import storable
from router.lifecycle import NOT_YOURS, Verb

PATH: Final = "/api/v1/updates"
LARGEST: Final = 64 * 1024  # bytes
TYPES: Final = frozenset({"application/json", "application/cloudevents+json"})

_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_SCOPE: Final = "department."
_LONGEST_REFERENCE: Final = 64  # characters, separators included
_KINDS: Final = tuple(f"balagh.update.{verb}.v1" for verb in Verb)


def _kept(value: str) -> str:
    if storable(value) != value:
        raise Wrong("unstorable", "It holds characters that cannot be kept.")
    return value


def _referring(value: str) -> str:
    found = read_reference(value[:_LONGEST_REFERENCE])
    if found is None:
        raise Wrong("reference", "It must be a reference of ten digits.")
    return found


def _known(value: str) -> str:
    if value not in _KINDS:
        # Not a pattern of Pydantic's: a person reads this.
        kinds = ", ".join(_KINDS)
        raise Wrong("type", "{why}", {"why": f"نوع الإجابة واحد من: {kinds} / an answer's type is one of {kinds}"})
    return value


class AnswerData(OfferAnswered):
    """What a department says. Which fields count beside `offer` depends on the type; other types' are left alone."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    _storable = field_validator("offer")(_kept)


class UpdateEvent(Envelope):
    """A department's answer: CloudEvents 1.0 in structured JSON. Attributes of other specifications are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    type: Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(_KINDS)})] = Field(
        description=f"balagh.update.<verb>.v1; the verbs are {', '.join(Verb)}."
    )
    time: Occurred | None = Field(None, description="When the department answered; the moment of arrival if left out.")
    datacontenttype: Literal["application/json"] | None = None
    data: AnswerData

    _storable = field_validator("id")(_kept)
    _canonical = field_validator("subject")(_referring)


class UpdateTaken(BaseModel):
    """What came of an answer."""

    reference: str = Field(pattern=r"^[1-9][0-9]{9}$")
    status: str = Field(description="Of the complaint, after it.")
    duplicate: bool = Field(description="This very answer was heard before; nothing happened twice.")


class UpdateDoor:
    """The handler, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys = house, keys
        wake = (house.signals.filed, house.signals.owed)
        self._updates = Updates(house.store, lambda: house.city, house.acknowledger, wake)

    async def post(self, request: web.Request) -> web.Response:
        """Let a complaint become what its department says."""
        mine = _departments(self._keys.caller(request)) & self._house.city.departments.keys()
        event = read_as(UpdateEvent, await read_document(request, TYPES, LARGEST))
        offer, reference = event.data.offer, event.subject
        speaker = await self._house.store.read(partial(_speaker, mine=mine, offer=offer, reference=reference))
        if speaker is None:
            raise Problem(NOT_FOUND)
        outcome = await self._updates.answer(
            Update(
                id=event.id,
                department=speaker,
                verb=event.type.split(".")[2],
                reference=reference,
                offer=offer,
                data=event.data.model_extra or {},
                at=event.time or datetime.now(UTC),
            )
        )
        if not outcome.done:
            had = await self._house.store.read(partial(feed.offered, event_id=offer, reference=reference)) == speaker
            raise _refusal(outcome, had=had)
        taken = UpdateTaken(reference=reference, status=outcome.status or "", duplicate=outcome.duplicate)
        return web.json_response(text=taken.model_dump_json(), headers=_PRIVATE)


def _departments(key: ApiKey) -> frozenset[str]:
    """Return for which departments a key speaks: the operator's for none. Raises Problem 403."""
    mine = frozenset(scope.removeprefix(_SCOPE) for scope in key.scopes if scope.startswith(_SCOPE))
    if not mine:
        require(key, "department.<id>")
    return mine


def _speaker(connection: Connection, mine: frozenset[str], offer: str, reference: str) -> str | None:
    """Say which of a key's departments speaks: the one that has had this offer, else the one that has the complaint.

    In this order, because a rejected complaint may be at another of them when the answer is sent again.
    """
    if len(mine) <= 1:  # of none, where a key names a department that the city has not
        return next(iter(mine), None)
    asked = feed.offered(connection, offer, reference)
    if asked in mine:
        return asked
    case = complaints.load(connection, reference)
    return case.department if case is not None and case.department in mine else None


def _refusal(outcome: Outcome, *, had: bool) -> Problem:
    """Say why an answer changed nothing. `had` says that this very offer was once made to who answers."""
    if outcome.reason == NOT_YOURS.reason and not had:
        return Problem(NOT_FOUND)
    if outcome.field in {None, "offer"}:
        return Problem(NOT_OPEN, outcome.reason)
    # By the reason, because `data` may have a field of this name, too.
    name = "id" if outcome.reason == USED_BEFORE.reason else f"data.{outcome.field}"
    return Problem(INVALID, errors=[Fault(field=name, detail=outcome.reason)])
