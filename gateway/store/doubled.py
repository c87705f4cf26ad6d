"""Complaints that were routed by themselves although they speak of a second problem: nobody has been asked of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from gateway.store import complaints as cases
from gateway.store.complaints import FINAL, Case
from gateway.store.tables import complaints, sightings

LOOKED_AT = 5000  # complaints, the newest: in a large city no listing may read days of them


def doubled(connection: Connection, since: datetime, limit: int) -> list[Case]:
    """Return at most `limit` open complaints since a moment, the newest first; none that is confidential."""
    newest = select(sightings.c.complaint_id, sightings.c.at).where(sightings.c.at >= since)
    seen = newest.order_by(sightings.c.at.desc()).limit(LOOKED_AT).subquery()
    found = (
        select(complaints.c.id)
        .join(seen, seen.c.complaint_id == complaints.c.id)
        .where(
            complaints.c.status.not_in(FINAL),
            complaints.c.confidential.is_(False),
            complaints.c.route.contains('"automatic":true'),
            complaints.c.route.contains('"second":["'),
        )
        .order_by(seen.c.at.desc())
        .limit(limit)
    )
    loaded = cases.load_these(connection, connection.execute(found).scalars().all())
    return sorted(loaded, key=lambda case: case.complaint.received_at, reverse=True)
