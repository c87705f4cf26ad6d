"""Mount the API: complaints and attachments for programs with a key, and the public documents that describe them."""

from __future__ import annotations

from aiohttp import web

from gateway.api import attachments, complaints, documents, incidents, offers, tasks, updates
from gateway.api.attachments import AttachmentDoor
from gateway.api.complaints import ComplaintDoor
from gateway.api.documents import DocumentDoor, add_schemas
from gateway.api.incidents import IncidentDoor
from gateway.api.keys import Keys
from gateway.api.offers import OfferDoor
from gateway.api.tasks import TaskDoor
from gateway.api.updates import UpdateDoor
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
    causes = IncidentDoor(house, keys)
    app.router.add_get(incidents.PATH, causes.list)
    app.router.add_post(incidents.PATH, causes.create)
    app.router.add_post(f"{incidents.PATH}/dismiss", causes.dismiss)
    app.router.add_get(f"{incidents.PATH}/{{id}}", causes.get)
    for verb, change in (("join", causes.join), ("leave", causes.leave), ("close", causes.close)):
        app.router.add_post(f"{incidents.PATH}/{{id}}/{verb}", change)
    app.router.add_get(incidents.CAUSES, causes.causes)
    app.router.add_post(incidents.SPLIT, causes.split)
    feed = OfferDoor(house, keys)
    app.router.add_get(offers.PATH, feed.get, allow_head=False)
    app.on_shutdown.append(feed.stop)
    app.router.add_post(updates.PATH, UpdateDoor(house, keys).post)
    app.router.add_get(documents.OPENAPI_PATH, DocumentDoor(house).openapi)
