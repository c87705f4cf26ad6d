"""Sightings: what each complaint is about, where and when, in columns to search by. The ledger keeps them true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, update

from gateway.store.insert import insert_or_ignore
from gateway.store.prepared import Prepared
from gateway.store.tables import sightings
from normalizer.complaint import Complaint
from router.incident import spot

_CHANGING = ("family", "district", "place", "latitude", "longitude", "at", "incident")
_SEE = Prepared(sightings.insert(), ("complaint_id", *_CHANGING, "caller"))
_SEE_AGAIN = Prepared(
    update(sightings)
    .where(sightings.c.complaint_id == bindparam("b_id"))
    .values({name: bindparam(name) for name in _CHANGING}),
    (*_CHANGING, "b_id"),
)


def keep(connection: Connection, seen: Sequence[tuple[Complaint, str, bool]]) -> None:
    """Record complaints as they are now: each with a digest of who called, and whether it is a new one."""
    fresh = [{**_row(complaint), "caller": caller or None} for complaint, caller, new in seen if new]
    known = [_row(complaint) for complaint, _, new in seen if not new]
    _SEE.run(connection, fresh)
    changed = _SEE_AGAIN.run(connection, [{**row, "b_id": row["complaint_id"]} for row in known])
    if changed < len(known):  # filed by a gateway of the version before
        connection.execute(insert_or_ignore(connection, sightings), known)


def _row(complaint: Complaint) -> dict[str, Any]:
    seen = spot(complaint)
    return {
        "complaint_id": complaint.id,
        "family": seen.family,
        "district": seen.district,
        "place": seen.place,
        "latitude": seen.latitude,
        "longitude": seen.longitude,
        "at": seen.at,
        "incident": complaint.incident,
    }
