"""GET /schemas/{name} and GET /api/v1/openapi.json: what is published and served, described for machines. Public."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Final

from aiohttp import ETag, web

from gateway.api.problem import NOT_FOUND, Problem, answer_problems
from gateway.house import House
from gateway.schema import JSON_SCHEMAS, documents

PATH: Final = "/schemas/{name}"
OPENAPI_PATH: Final = "/api/v1/openapi.json"


class DocumentDoor:
    """The handlers, for one house. A document is written once for each version of the city's files."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._written = lru_cache(maxsize=1)(self._write)

    async def get(self, request: web.Request) -> web.Response:
        """Send one of the documents."""
        return self._send(request, request.match_info["name"])

    async def openapi(self, request: web.Request) -> web.Response:
        """Send the description of the HTTP API."""
        return self._send(request, "openapi.json")

    def _send(self, request: web.Request, name: str) -> web.Response:
        content = self._written(self._house.city.version).get(name)
        if content is None:
            raise Problem(NOT_FOUND, "There is no document of that name.")
        etag = ETag(hashlib.sha256(content).hexdigest()[:32])
        known = etag in (request.if_none_match or ())
        response = web.Response(
            status=304 if known else 200,
            body=None if known else content,
            headers={"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"},
            content_type="application/schema+json" if name in JSON_SCHEMAS else "application/json",
        )
        response.etag = etag
        return response

    def _write(self, _version: str) -> dict[str, bytes]:
        written = documents(self._house.city, self._house.settings.public_url)
        return {name: json.dumps(document, ensure_ascii=False).encode() for name, document in written.items()}


def add_schemas(app: web.Application, house: House) -> None:
    """Add /schemas alone: for the public site when the API is elsewhere, since every event names its schema there."""
    if answer_problems not in app.middlewares:
        app.middlewares.append(answer_problems)
    app.router.add_get(PATH, DocumentDoor(house).get)
