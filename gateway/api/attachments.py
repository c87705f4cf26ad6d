"""GET /api/v1/attachments/{id}: the bytes of a photo, recording or scan, for a key that may see its complaint."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any, Final

from aiohttp import web

from gateway import observe
from gateway.api.keys import Keys
from gateway.api.problem import NOT_FOUND, NOT_HELD, Problem
from gateway.api.view import Sight, sight
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
        found = await self._house.store.read(partial(_find, attachment_id=wanted)) if _ID.fullmatch(wanted) else None
        if found is None:
            raise Problem(NOT_FOUND)
        row, case, number = found
        if sight(key, case.complaint, case.department, self._house.city) is Sight.NOTHING:
            raise Problem(NOT_FOUND)
        if row.sha256 is None:
            failed = row.state == "failed"
            raise Problem(
                NOT_HELD,
                "It could not be fetched from its provider." if failed else "It is not fetched yet; try later.",
            )
        path = self._house.files.path(row.sha256)
        if not await asyncio.to_thread(path.is_file):
            observe.ALARM.labels("file_missing").inc()
            log.error("a file is missing", reference=case.complaint.reference, sha256=row.sha256)
            raise Problem(NOT_HELD, "Its file is missing; the operator has been told.")
        extension = EXTENSIONS.get(row.content_type)
        name = f"{case.complaint.reference}-{number}.{extension or 'bin'}"
        return web.FileResponse(
            path,
            headers={
                "Content-Type": row.content_type if extension else "application/octet-stream",
                "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
                **_SAFE,
            },
        )


def _find(connection: Connection, attachment_id: str) -> tuple[Any, Case, int] | None:
    """Return the attachment's row, its complaint, and which of its attachments it is, from 1."""
    row = attachments.find(connection, attachment_id)
    case = complaints.load_by_id(connection, row.complaint_id) if row is not None else None
    if row is None or case is None:
        return None
    ids = [item.id for item in case.complaint.attachments]
    return row, case, ids.index(attachment_id) + 1 if attachment_id in ids else 1
