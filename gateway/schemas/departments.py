"""The doors of departments that do not speak AMQP, as a part of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from gateway.api import offers, problem, updates
from gateway.api.updates import UpdateEvent, UpdateTaken
from gateway.schemas.event import ComplaintChanged
from gateway.schemas.refusals import refusals


class OfferPage(BaseModel):
    """A department's next events, in order."""

    events: list[ComplaintChanged]
    next: str


MODELS: Final[tuple[tuple[type[BaseModel], JsonSchemaMode], ...]] = (
    (UpdateEvent, "validation"),
    (UpdateTaken, "serialization"),
    (OfferPage, "serialization"),
)
_SCOPE: Final = "For a key with the scope department.<id>, and for no other."


def paths() -> dict[str, Any]:
    """Describe the addresses."""
    return {offers.PATH: {"get": _feed()}, updates.PATH: {"post": _answer()}}


def _feed() -> dict[str, Any]:
    def query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
        return {"name": name, "in": "query", "schema": schema, "description": description}

    return {
        "operationId": "listOffers",
        "tags": ["departments"],
        "summary": "What a department has to hear, in order and at least once: the messages of its queue.",
        "description": f"{_SCOPE} Give `next` back as cursor. The contact stands in an event while the complaint is at "
        "the department and not confidential.",
        "security": [{"key": []}],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            query("cursor", {"type": "string"}, "The `next` of the answer before; left out to begin at the beginning."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": offers.MOST}, f"{offers.MOST} when left out."),
            query(
                "wait",
                {"type": "integer", "minimum": 0, "maximum": offers.LONGEST},
                f"Seconds to wait when nothing is new: {offers.LONGEST} when left out, 0 without a cursor.",
            ),
        ],
        "responses": {
            "200": {"description": "They, or none yet.", "content": _content(OfferPage)},
            **refusals(
                problem.UNREADABLE, problem.UNAUTHORIZED, problem.FORBIDDEN, problem.NOT_FOUND, problem.STRAYED,
                problem.INVALID, problem.BUG, problem.UNAVAILABLE, problem.BUSY,
            ),
        },
    }  # fmt: skip


def _answer() -> dict[str, Any]:
    return {
        "operationId": "answerOffer",
        "tags": ["departments"],
        "summary": "Answer an offer: accepted, rejected, progressed or resolved.",
        "description": f"{_SCOPE} When it is answered 200, it is on disk. The same id again has the same answer.",
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": _ref(UpdateEvent)} for kind in sorted(updates.TYPES)},
        },
        "responses": {
            "200": {"description": "The complaint is as you said.", "content": _content(UpdateTaken)},
            **refusals(
                problem.UNREADABLE, problem.UNAUTHORIZED, problem.FORBIDDEN, problem.NOT_FOUND, problem.TOO_SLOW,
                problem.NOT_OPEN, problem.TOO_LARGE, problem.MEDIA, problem.INVALID, problem.BUG, problem.UNAVAILABLE,
            ),
        },
    }  # fmt: skip


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(model)}}
