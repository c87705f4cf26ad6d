"""GET /api/v1/attachments/{id}: the bytes of a photo, recording or scan, for a key that may see its complaint."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web

from gateway import observe
from gateway.api.keys import Keys
from gateway.api.problem import NOT_FOUND, NOT_HELD, Problem
from gateway.api.view import Sight, sight
from gateway.files import Files
from gateway.house import House
from gateway.store import attachments, complaints
from gateway.store.complaints import Case
from gateway.store.engine import Connection

PATH: Final = "/api/v1/attachments/{id}"
EXTENSIONS: Final = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/heic": "heic",
    "image/tiff": "tiff", "application/pdf": "pdf", "text/plain": "txt", "audio/ogg": "ogg", "audio/mpeg": "mp3",
    "audio/mp4": "m4a", "audio/aac": "aac", "audio/amr": "amr", "audio/amr-wb": "awb", "audio/wav": "wav",
    "audio/3gpp": "3gp", "audio/webm": "weba", "video/mp4": "mp4", "video/3gpp": "3gp", "video/webm": "webm",
    "video/quicktime": "mov",
}  # fmt: skip
"""What a saved file is called, by what its content is: the sender's own name for it proves nothing."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A citizen's file shall be saved and looked at, and never run as a page of the city's own site.
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}

log = observe.logger("api")


class AttachmentDoor:
    """The handler, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys = house, keys

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send the bytes, or the range of them that was asked for."""
        key = self._keys.caller(request)
        wanted = request.match_info["id"].lower()
        found = await self._house.store.read(partial(find, attachment_id=wanted))
        if found is None or sight(key, found.case.complaint, found.case.department, self._house.city) is Sight.NOTHING:
            raise Problem(NOT_FOUND)
        return await deliver(found, self._house.files)


@dataclass(frozen=True, slots=True)
class Found:
    """An attachment's row, its complaint, and which of the complaint's attachments it is, from 1."""

    row: Any
    case: Case
    number: int


def find(connection: Connection, attachment_id: str) -> Found | None:
    """Look an attachment up by its id; None for what is no id."""
    row = attachments.find(connection, attachment_id) if _ID.fullmatch(attachment_id) else None
    case = complaints.load_by_id(connection, row.complaint_id) if row is not None else None
    if row is None or case is None:
        return None
    ids = [item.id for item in case.complaint.attachments]
    return Found(row, case, ids.index(attachment_id) + 1 if attachment_id in ids else 1)


async def deliver(found: Found, files: Files) -> web.FileResponse:
    """Answer with the bytes, for somebody who may see them. Raises Problem 404 while we do not hold them."""
    row, reference = found.row, found.case.complaint.reference
    if row.sha256 is None:
        failed = row.state == "failed"
        raise Problem(
            NOT_HELD,
            "It could not be fetched from its provider." if failed else "It is not fetched yet; try later.",
        )
    path = files.path(row.sha256)
    if not await asyncio.to_thread(path.is_file):
        observe.ALARM.labels("file_missing").inc()
        log.error("a file is missing", reference=reference, sha256=row.sha256)
        raise Problem(NOT_HELD, "Its file is missing; the operator has been told.")
    extension = EXTENSIONS.get(row.content_type)
    name = f"{reference}-{found.number}.{extension or 'bin'}"
    return web.FileResponse(
        path,
        headers={
            "Content-Type": row.content_type if extension else "application/octet-stream",
            "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            **_SAFE,
        },
    )
