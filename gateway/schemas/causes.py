"""What is served of incidents and causes, as a part of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from gateway.api import incidents, problem
from gateway.api.incident_views import CauseList, ComplaintsNamed, IncidentList, IncidentShown, SplitDone, SplitWanted
from gateway.schemas.refusals import refusals

MODELS: Final[tuple[tuple[type[BaseModel], JsonSchemaMode], ...]] = (
    (IncidentShown, "serialization"),
    (IncidentList, "serialization"),
    (ComplaintsNamed, "validation"),
    (CauseList, "serialization"),
    (SplitWanted, "validation"),
    (SplitDone, "serialization"),
)
_PEOPLE: Final = "For a key with the scope admin, or with intake and read."
_READ: Final = (
    problem.UNREADABLE,
    problem.TOO_SLOW,
    problem.TOO_LARGE,
    problem.MEDIA,
    problem.INVALID,
    problem.UNAUTHORIZED,
    problem.FORBIDDEN,
    problem.NOT_FOUND,
    problem.UNAVAILABLE,
)
_ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def paths() -> dict[str, Any]:
    """Describe the addresses of incidents, of causes and of splitting a complaint."""
    one = f"{incidents.PATH}/{{id}}"
    state = {"name": "state", "in": "query", "schema": {"enum": ["open", "closed"]}}
    since = {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}}
    seen = "read and admin see all; department.<id> those whose lead is at that department, without suggestions."
    changes = {
        f"{one}/{verb}": {"post": _changing(f"{verb}Incident", summary, 200, IncidentShown, ComplaintsNamed, _ID)}
        for verb, summary in (
            ("join", "Add complaints to it. Who is in it already stays."),
            ("leave", "Take complaints out of it; they are not suggested again."),
        )
    }
    return {
        incidents.PATH: {
            "get": _asking("listIncidents", "List incidents, and what may become one.", IncidentList, seen, state),
            "post": _changing("createIncident", "Make complaints one incident.", 201, IncidentShown, ComplaintsNamed),
        },
        f"{incidents.PATH}/dismiss": {
            "post": _changing("dismissSuggestion", "Say that their causes differ.", 204, None, ComplaintsNamed)
        },
        one: {"get": _asking("getIncident", "Show an incident with its complaints.", IncidentShown, seen, _ID)},
        **changes,
        f"{one}/close": {
            "post": _changing("closeIncident", "Let nothing join it any more.", 200, IncidentShown, None, _ID)
        },
        incidents.CAUSES: {
            "get": _asking("listCauses", "What keeps coming back where.", CauseList, "Scope read or admin.", since)
        },
        incidents.SPLIT: {"post": _splitting()},
    }


def _asking(name: str, summary: str, model: type[BaseModel], who: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    always = (problem.INVALID, problem.UNAUTHORIZED, problem.FORBIDDEN, problem.NOT_FOUND, problem.UNAVAILABLE)
    return {
        **_head(name, summary, who, parameters),
        "responses": {"200": _well(model), **refusals(*always)},
    }


def _changing(
    name: str,
    summary: str,
    status: int,
    model: type[BaseModel] | None,
    body: type[BaseModel] | None,
    *parameters: dict[str, Any],
) -> dict[str, Any]:
    sent = {"requestBody": {"required": True, "content": _content(body)}} if body else {}
    return {
        **_head(name, summary, _PEOPLE, parameters),
        **sent,
        "responses": {str(status): _well(model), **refusals(*_READ, problem.JOINED, problem.SHUT)},
    }


def _splitting() -> dict[str, Any]:
    reference = {
        "name": "reference",
        "in": "path",
        "required": True,
        "description": "Ten digits of any script.",
        "schema": {"type": "string", "maxLength": 64},
    }
    summary = "File what else a complaint speaks of as one of its own."
    done = {"200": _well(SplitDone, "It was split off before: the same reference again.")}
    return {
        **_head("splitComplaint", summary, _PEOPLE, (reference,)),
        "requestBody": {"required": True, "content": _content(SplitWanted)},
        "responses": {"201": _well(SplitDone, "Filed."), **done, **refusals(*_READ)},
    }


def _head(name: str, summary: str, who: str, parameters: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["incidents"],
        "summary": summary,
        "description": who,
        "security": [{"key": []}],
        "parameters": list(parameters),
    }


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _well(model: type[BaseModel] | None, what: str = "It is as was asked.") -> dict[str, Any]:
    return {"description": what, **({"content": _content(model)} if model else {})}
