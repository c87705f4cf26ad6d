"""Mount the API: complaints and attachments for programs with a key, and the public documents that describe them."""

from __future__ import annotations

from aiohttp import web

from gateway.api import attachments, complaints, documents, tasks
from gateway.api.attachments import AttachmentDoor
from gateway.api.complaints import ComplaintDoor
from gateway.api.documents import DocumentDoor, add_schemas
from gateway.api.keys import Keys
from gateway.api.tasks import TaskDoor
from gateway.house import House


def add_api(app: web.Application, house: House) -> None:
    """Add everything below /api and /schemas, and answer every error there with problem details."""
    keys = Keys(house.settings.api_keys)
    reports, files = ComplaintDoor(house, keys), AttachmentDoor(house, keys)
    add_schemas(app, house)
    app.router.add_post(complaints.PATH, reports.post)
    app.router.add_get(f"{complaints.PATH}/{{reference}}", reports.get)
    app.router.add_get(attachments.PATH, files.get)
    work = TaskDoor(house, keys)
    app.router.add_get(tasks.PATH, work.list)
    app.router.add_get(f"{tasks.PATH}/{{id}}", work.get)
    for verb, handler in (("claim", work.claim), ("release", work.release), ("complete", work.complete)):
        app.router.add_post(f"{tasks.PATH}/{{id}}/{verb}", handler)
    app.router.add_get(documents.OPENAPI_PATH, DocumentDoor(house).openapi)
