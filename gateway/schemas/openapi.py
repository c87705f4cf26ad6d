"""What is served over HTTP to programs, as OpenAPI 3.1: written from the models that check and write it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from channels.base import Webhook
from gateway.api import attachments, body, complaints, problem, tasks
from gateway.api.complaints import ReceiptView
from gateway.api.problem import Kind, ProblemDetails
from gateway.api.report import Report
from gateway.api.tasks import AnswerGiven, TaskList, TaskShown
from gateway.api.view import ComplaintView
from gateway.city.city import City
from gateway.registry import WEBHOOKS
from gateway.schemas import causes, departments
from gateway.schemas.asyncapi import program_version
from gateway.schemas.refusals import refusals
from gateway.store.tasks import TaskKind
from gateway.tasks import MOST

_MODELS: Final[tuple[tuple[type[BaseModel], JsonSchemaMode], ...]] = (
    (Report, "validation"),
    (ReceiptView, "serialization"),
    (ComplaintView, "serialization"),
    (TaskShown, "serialization"),
    (TaskList, "serialization"),
    (AnswerGiven, "validation"),
    (ProblemDetails, "serialization"),
    *causes.MODELS,
    *departments.MODELS,
)
_REF: Final = "#/components/schemas/{model}"
_BEARER: Final[list[dict[str, list[str]]]] = [{"key": []}]
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}


def openapi(city: City, public_url: str) -> dict[str, Any]:
    """Describe the HTTP interfaces of a city."""
    _, schemas = models_json_schema(list(_MODELS), ref_template=_REF)
    models = schemas["$defs"]
    _name_ids(models, city)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Balagh, {city.names.get('en', city.id)}",
            "version": program_version(),
            "description": "Complaints in, and what became of them out. Errors are RFC 9457 problem details. "
            "docs/api.md goes through it with examples.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [
            {"name": "complaints", "description": "For programs with a key."},
            {"name": "tasks", "description": "What only a person can do: listed, claimed, completed."},
            {"name": "incidents", "description": "One cause behind many complaints, and what keeps coming back."},
            {"name": "departments", "description": "What departments hear and answer, without AMQP."},
            {"name": "documents", "description": "Descriptions for machines. Public."},
            {"name": "operation", "description": "Health and figures."},
            {
                "name": "channels",
                "description": "Webhooks that providers call, each proved by the provider's signature.",
            },
        ],
        "paths": {
            complaints.PATH: {"post": _file()},
            f"{complaints.PATH}/{{reference}}": {"get": _follow()},
            attachments.PATH: {"get": _attachment()},
            **_tasks(),
            **causes.paths(),
            **departments.paths(),
            **_documents(),
            **_operation(),
            **_channels(),
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of BALAGH_API_KEYS, with the scope that the operation names.",
                }
            },
            "schemas": models,
        },
    }


def _name_ids(models: dict[str, Any], city: City) -> None:
    """Say which ids a report may name: they are the city's, so the models cannot know them."""
    for model, name, ids in (("Report", "category", city.categories), ("StatedPlace", "district", city.districts)):
        for choice in models[model]["properties"][name]["anyOf"]:
            if choice.get("type") == "string":
                choice["enum"] = list(ids)


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _file() -> dict[str, Any]:
    receipt = {
        "headers": {"Location": {"description": "Where it can be followed.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": _ref(ReceiptView)}},
    }
    file = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "description": f"The part {body.DOCUMENT}, or the report's fields as parts (place.district, contact.phone, …), "
        f"and up to {body.MOST_FILES} files of at most {body.LARGEST_FILE} bytes in parts of any name.",
        "properties": {
            body.DOCUMENT: _ref(Report),
            "file": {"type": "array", "items": file, "maxItems": body.MOST_FILES},
        },
        "additionalProperties": True,
    }
    return {
        "operationId": "fileComplaint",
        "tags": ["complaints"],
        "summary": "File a complaint, request, suggestion or enquiry for a citizen.",
        "description": "Scope intake or admin. When it is answered 200 or 201, it is on disk.",
        "security": _BEARER,
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Your own id of this report, for each key name. Sent again with the same report it "
                "gives the same receipt, with another one 422.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref(Report)},
                "multipart/form-data": {
                    "schema": form,
                    "encoding": {body.DOCUMENT: {"contentType": "application/json"}},
                },
            },
        },
        "responses": {
            "201": {"description": "Taken.", **receipt},
            "200": {"description": "It was taken before: the same receipt again.", **receipt},
            **refusals(
                problem.UNREADABLE, problem.UNAUTHORIZED, problem.FORBIDDEN, problem.TOO_SLOW, problem.TOO_LARGE,
                problem.MEDIA, problem.INVALID, problem.CONFLICT, problem.BUG, problem.UNAVAILABLE, problem.BUSY,
            ),
        },
    }  # fmt: skip


def _follow() -> dict[str, Any]:
    return {
        "operationId": "followComplaint",
        "tags": ["complaints"],
        "summary": "Where a complaint is, and how it came there.",
        "description": "Scope read or admin: every complaint. department.<id>: those that are at that department now. "
        "intake: those that the key itself filed. The contact is there for admin; for read and the department unless "
        "the complaint is confidential or the department's settings withhold it; never for intake.",
        "security": _BEARER,
        "parameters": [
            {
                "name": "reference",
                "in": "path",
                "required": True,
                "description": "Ten digits, of any script, in groups if you like; or the complaint's id, a UUID.",
                "schema": {"type": "string", "maxLength": 64},
            }
        ],
        "responses": {
            "200": {
                "description": "The complaint.",
                "content": {"application/json": {"schema": _ref(ComplaintView)}},
            },
            **refusals(problem.UNAUTHORIZED, problem.NOT_FOUND, problem.BUG, problem.UNAVAILABLE),
        },
    }


def _attachment() -> dict[str, Any]:
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "operationId": "getAttachment",
        "tags": ["complaints"],
        "summary": "The bytes of a photo, recording or scan.",
        "description": "For a key that may see its complaint. Content-Type is what the content was found to be.",
        "security": _BEARER,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {
            "200": {"description": "All of it.", "content": content},
            "206": {"description": "The range that was asked for.", "content": content},
            "304": {"description": "It has not changed."},
            "412": {"description": "It is not what If-Match or If-Unmodified-Since asked for."},
            "416": {"description": "It has no such range."},
            **refusals(problem.UNAUTHORIZED, problem.NOT_FOUND, problem.NOT_HELD, problem.BUG, problem.UNAVAILABLE),
        },
    }


def _documents() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    responses = {
        "200": {"description": "The document.", "content": content},
        "304": {"description": "It is unchanged."},
    }
    one = {
        "operationId": "getDocument",
        "tags": ["documents"],
        "summary": "complaint.v1.json, event.v1.json, asyncapi.json or openapi.json.",
        "parameters": [name],
        "responses": responses | refusals(problem.NOT_FOUND),
    }
    openapi_ = {
        "operationId": "getOpenapi",
        "tags": ["documents"],
        "summary": "This document.",
        "responses": responses,
    }
    return {"/schemas/{name}": {"get": one}, "/api/v1/openapi.json": {"get": openapi_}}


def _operation() -> dict[str, Any]:
    health = {
        "type": "object",
        "properties": {"status": {"enum": ["ok", "unavailable"]}},
        "required": ["status"],
        "additionalProperties": True,
    }
    state = {"application/json": {"schema": health}}

    def get(name: str, summary: str, responses: Mapping[str, Any]) -> dict[str, Any]:
        return {"get": {"operationId": name, "tags": ["operation"], "summary": summary, "responses": responses}}

    return {
        "/health/live": get("live", "The process turns.", {"200": {"description": "It does.", "content": state}}),
        "/health/ready": get(
            "ready",
            "It can accept, and what it can reach.",
            {
                "200": {"description": "It can.", "content": state},
                "503": {"description": "It cannot.", "content": state},
            },
        ),
        "/metrics": get("metrics", "Figures for Prometheus.", {"200": {"description": "Them.", "content": _TEXT}}),
    }


def _tasks() -> dict[str, Any]:
    """Describe the tasks that people do."""
    always = (problem.UNAUTHORIZED, problem.FORBIDDEN, problem.UNAVAILABLE)
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    query = [
        {
            "name": "kind",
            "in": "query",
            "schema": {"type": "array", "items": {"enum": [kind.value for kind in TaskKind]}},
        },
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST}},
    ]

    def operation(name: str, summary: str, model: type[BaseModel], *kinds: Kind, **more: Any) -> dict[str, Any]:
        well = {"description": "It.", "content": {"application/json": {"schema": _ref(model)}}}
        return {
            "operationId": name,
            "tags": ["tasks"],
            "summary": summary,
            "description": "For a key with the scope admin, or with intake and read.",
            "security": _BEARER,
            "responses": {"200": well, **refusals(*kinds, *always)},
            **more,
        }

    changed = (problem.NOT_FOUND, problem.TAKEN, problem.GONE_BY)
    answer = {"required": True, "content": {"application/json": {"schema": _ref(AnswerGiven)}}}
    path = f"{tasks.PATH}/{{id}}"
    return {
        tasks.PATH: {
            "get": operation(
                "listTasks", "List open tasks.", TaskList, problem.INVALID, problem.UNREADABLE, parameters=query
            )
        },
        path: {"get": operation("getTask", "Show a task.", TaskShown, problem.NOT_FOUND, parameters=[one])},
        f"{path}/claim": {"post": operation("claimTask", "Take it in hand.", TaskShown, *changed, parameters=[one])},
        f"{path}/release": {"post": operation("releaseTask", "Let go of it.", TaskShown, *changed, parameters=[one])},
        f"{path}/complete": {
            "post": operation(
                "completeTask",
                "Do what the answer says, and close it.",
                TaskShown,
                *changed,
                *(problem.UNREADABLE, problem.TOO_SLOW, problem.TOO_LARGE, problem.MEDIA, problem.INVALID),
                parameters=[one],
                requestBody=answer,
            )
        },
    }


def _channels() -> dict[str, Any]:
    """Summarise the providers' doors. Their bodies are the providers' own, and described by them."""
    paths: dict[str, Any] = {}
    for channel in WEBHOOKS:
        about = inspect.getdoc(channel) or channel.name
        for path in channel.paths:
            paths[f"/channels/{channel.name}{path}"] = {
                **_read(channel, path),
                "post": {
                    "operationId": f"hear_{channel.name}{path.replace('/', '_')}".replace("-", "_"),
                    "tags": ["channels"],
                    "summary": about.splitlines()[0],
                    "description": "Called by the provider; there only when the channel is set up.",
                    "requestBody": {"content": {"*/*": {}}},
                    "responses": {
                        "200": {"description": "On disk, or not for us."},
                        "403": {"description": "Not provably from the provider."},
                        "413": {"description": f"More than {channel.max_body} bytes."},
                        "503": {"description": "It could not be stored: send it again."},
                    },
                },
            }
        for path in channel.reads.keys() - set(channel.paths):
            paths[f"/channels/{channel.name}{path}"] = _read(channel, path)
    return paths


def _read(channel: type[Webhook], path: str) -> dict[str, Any]:
    """Describe what a channel hears by GET at a path, if anything."""
    if path not in channel.reads:
        return {}
    parts = re.findall(r"\{(\w+)\}", path)
    return {
        "get": {
            "operationId": "_".join(("read", *re.findall(r"\w+", f"{channel.name}{path}"))),
            "tags": ["channels"],
            "summary": channel.reads[path],
            "parameters": [
                {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in parts
            ],
            "responses": {
                "200": {"description": "What was asked for."},
                "403": {"description": "Not provably from the provider."},
                "404": {"description": "There is no such thing."},
            },
        }
    }
