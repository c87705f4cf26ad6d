"""POST /api/v1/complaints and GET /api/v1/complaints/{reference}, where the complaint's id will do as well."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, Field

from gateway import observe
from gateway.api.body import Sent, read_body
from gateway.api.keys import Keys, require
from gateway.api.problem import BUSY, CONFLICT, NOT_FOUND, UNAVAILABLE, UNREADABLE, Problem
from gateway.api.report import Bounds, fingerprint, read_report, to_inbound
from gateway.api.view import Sight, find, heard, names, show, sight
from gateway.house import House
from normalizer.reference import read as read_reference
from normalizer.text import ascii_digits

PATH: Final = "/api/v1/complaints"
UPLOADS: Final = 16  # forms read at once: each holds a file and some memory open for as long as its sender likes
TURN: Final = 10.0  # seconds to wait for a place among them

_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_WAITING: Final = "Messages wait to be put into the store, and this may be one of them."
_LONGEST_REFERENCE: Final = 64  # characters, separators included

log = observe.logger("api")


class ReceiptView(BaseModel):
    """What the citizen needs to follow the complaint."""

    id: str = Field(description="The complaint's UUID.")
    reference: str = Field(pattern=r"^[1-9][0-9]{9}$", description="The tracking number; shown as 4821 093 756.")
    pin: str = Field(pattern=r"^[0-9]{6}$", description="Proves, beside the reference, who holds the receipt.")
    status: Literal["received"] = "received"


class ComplaintDoor:
    """The handlers, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys = house, keys
        self._uploads = asyncio.Semaphore(UPLOADS)

    async def post(self, request: web.Request) -> web.Response:
        """Take a report: 201, or 200 and the same receipt when this very request was taken before."""
        key = self._keys.caller(request)
        require(key, "intake", "admin")
        external_id = _idempotency_key(request)
        sent = await self._read(request)
        bounds = Bounds(self._house.city, len(sent.media) + len(sent.faults), datetime.now(UTC))
        report = read_report(sent.document, bounds, sent.faults)
        mark = fingerprint(report, sent.media)
        inbound = to_inbound(report, sent.media, account=key.name, external_id=external_id)
        receipt = await self._house.intake.accept(inbound, fingerprint=mark)
        if receipt.duplicate and receipt.fingerprint != mark:
            raise Problem(CONFLICT, "Use a new Idempotency-Key for each report, and the same only to send it again.")
        view = ReceiptView(id=receipt.id, reference=receipt.reference, pin=receipt.pin)
        return web.json_response(
            text=view.model_dump_json(),
            status=200 if receipt.duplicate else 201,
            headers={"Location": f"{PATH}/{receipt.reference}", **_PRIVATE},
        )

    async def get(self, request: web.Request) -> web.Response:
        """Show a complaint to a key that may see it. 503 as long as it may be one that the store has yet to be told."""
        key = self._keys.caller(request)
        written = request.match_info["reference"]
        named = _reference(written) or (written.lower() if _ID.fullmatch(written) else None)
        house = self._house
        waiting = (
            house.spool is not None and house.spool.depth > 0
        )  # asked before the journal: it moves from here to there
        found = await house.store.read(partial(find, named=named, city=house.city)) if named else None
        if found is None:
            raise Problem(UNAVAILABLE, _WAITING) if named and waiting else Problem(NOT_FOUND)
        seen = sight(key, found.complaint, found.department, house.city)
        if seen is Sight.NOTHING:
            raise Problem(NOT_FOUND)
        view = show(replace(found, answers=heard(key, found)), seen, house.settings.public_url, named=names(key))
        return web.json_response(text=view.model_dump_json(), headers=_PRIVATE)

    async def _read(self, request: web.Request) -> Sent:
        if request.content_type != "multipart/form-data":
            return await read_body(request, self._house.files)
        try:
            async with asyncio.timeout(TURN):
                await self._uploads.acquire()
        except TimeoutError:
            raise Problem(BUSY) from None
        try:
            return await read_body(request, self._house.files)
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            observe.ALARM.labels("files").inc()
            log.error("a file could not be kept", reason=error.strerror)
            raise Problem(UNAVAILABLE) from error
        finally:
            self._uploads.release()


def _idempotency_key(request: web.Request) -> str:
    """Return the caller's own id of the request, or a fresh one: without it every request is a report of its own."""
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return str(uuid4())
    if len(given) > 1 or not _IDEMPOTENCY_KEY.fullmatch(given[0]):
        raise Problem(UNREADABLE, "Idempotency-Key must be there once, with 1 to 255 printable ASCII characters.")
    return given[0]


def _reference(written: str) -> str | None:
    """Read a reference that stands alone, in any digits, with whatever people put between them."""
    if len(written) > _LONGEST_REFERENCE or any(character.isalpha() for character in written):
        return None
    found = read_reference(written)
    return found if found == "".join(filter(str.isdecimal, ascii_digits(written))) else None
