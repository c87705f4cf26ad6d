"""Complaints of a past period, a page at a time, for whoever asks what would become of them today. It only reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from gateway.store import complaints as cases
from gateway.store.complaints import Case
from gateway.store.tables import complaints


def page(connection: Connection, since: datetime, until: datetime, *, after: str, limit: int) -> list[Case]:
    """Return complaints received from `since` to before `until`, by reference, the first of them behind `after`."""
    found = connection.scalars(
        select(complaints.c.reference)
        .where(complaints.c.received_at >= since, complaints.c.received_at < until, complaints.c.reference > after)
        .order_by(complaints.c.reference)
        .limit(limit)
    ).all()
    known = cases.load_many(connection, found)
    return [known[reference] for reference in sorted(known)]
