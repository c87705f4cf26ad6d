"""The documents that the city publishes: what is on the queues and what is served, for programs to check against.

All are written from the models and tables that the running gateway uses, so they say what it does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from gateway.city.city import City
from gateway.schemas import event
from gateway.schemas.asyncapi import Messages, asyncapi
from gateway.schemas.openapi import openapi
from gateway.schemas.update import refused_schema, update_schema
from normalizer import complaint

COMPLAINT: Final = "complaint.v1.json"
EVENT: Final = "event.v1.json"
UPDATE: Final = "update.v1.json"
REFUSED: Final = "refused.v1.json"
JSON_SCHEMAS: Final = frozenset({COMPLAINT, EVENT, UPDATE, REFUSED})


def documents(city: City, public_url: str) -> dict[str, dict[str, Any]]:
    """Write the documents, by file name. Each is published at <public_url>/schemas/<name>."""
    event_schema = event.schema(f"{public_url}/schemas/{EVENT}")
    update = update_schema(f"{public_url}/schemas/{UPDATE}")
    refused = refused_schema(f"{public_url}/schemas/{REFUSED}")
    return {
        COMPLAINT: complaint.schema(f"{public_url}/schemas/{COMPLAINT}"),
        EVENT: event_schema,
        UPDATE: update,
        REFUSED: refused,
        "asyncapi.json": asyncapi(city, public_url, Messages(event_schema["$id"], update["$id"], refused["$id"])),
        "openapi.json": openapi(city, public_url),
    }


def write(folder: Path, city: City, public_url: str) -> list[Path]:
    """Write the documents into a folder, which is made where it is missing, and return their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in documents(city, public_url).items():
        path = folder / name
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written
