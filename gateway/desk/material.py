"""What lies on the desk beside a form: recordings, scans and photos, and who may look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aiohttp import web

from gateway.api.attachments import EXTENSIONS, Found, deliver, find
from gateway.api.problem import Problem
from gateway.desk.page import VISIT, DeskPages
from gateway.house import House
from gateway.people import Visit
from gateway.store import tasks
from gateway.store.engine import Connection
from gateway.store.tasks import OPEN
from normalizer.complaint import Attachment, Status

SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What every browser shows in a page; a TIFF, a HEIC or a PDF is opened in a program of its own."""

PLAYED: Final = frozenset(
    {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/wav", "audio/webm", "video/mp4", "video/webm"}
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at or listen to. `way` is image, audio, video, file, or waiting when it is not fetched yet."""

    address: str
    way: str
    ending: str
    number: int


def items(attachments: Sequence[Attachment]) -> list[Item]:
    """Lay out a complaint's attachments for a page."""
    return [
        Item(f"/desk/attachments/{one.id}", _way(one), EXTENSIONS.get(one.content_type, "bin"), number)
        for number, one in enumerate(attachments, 1)
    ]


def _way(attachment: Attachment) -> str:
    if attachment.sha256 is None:
        return "waiting"
    if attachment.content_type in SHOWN:
        return "image"
    return attachment.content_type.partition("/")[0] if attachment.content_type in PLAYED else "file"


class Material:
    """Serves /desk/attachments/<id>."""

    def __init__(self, house: House, pages: DeskPages) -> None:
        self.house, self.pages = house, pages

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send the bytes, or a range of them, to who has the complaint in hand. Others learn nothing of it."""
        wanted = request.match_info["id"].lower()
        look = partial(_look, attachment_id=wanted, visit=request[VISIT], now=datetime.now(UTC))
        found = await self.house.store.read(look)
        if found is None:
            raise web.HTTPNotFound
        try:
            return await deliver(found, self.house.files)
        except Problem:
            return self.pages.render(request, "message.html", status=404, name="not-held")


def _look(connection: Connection, attachment_id: str, visit: Visit, now: datetime) -> Found | None:
    """Return an attachment, if its complaint waits at the triage desk or is about a task that this person has."""
    found = find(connection, attachment_id)
    if found is None:
        return None
    complaint = found.case.complaint
    if visit.may("supervisor") or (visit.may("triage") and complaint.status is Status.TRIAGE):
        return found
    held = (task for task in tasks.of_complaint(connection, complaint.id) if task.state == OPEN)
    return found if visit.may("agent") and any(task.held(now) == visit.name for task in held) else None
