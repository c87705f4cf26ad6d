"""The members of incidents, and who said that they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, select, update
from sqlalchemy.engine import Row

from gateway.store.tables import complaints, incidents, sightings
from normalizer.complaint import Priority, Status
from router.incident import Spot


@dataclass(frozen=True, slots=True)
class Member:
    """A complaint as far as its cause goes: no words, nobody's name."""

    id: str
    reference: str
    status: Status
    channel: str
    priority: Priority
    department: str | None
    confidential: bool
    spot: Spot
    incident: str | None
    joined_by: str | None
    sender: str = field(repr=False)


SEEN: Select[Any] = select(
    sightings,
    complaints.c.reference,
    complaints.c.status,
    complaints.c.channel,
    complaints.c.category,
    complaints.c.priority,
    complaints.c.department,
    complaints.c.confidential,
    complaints.c.sender,
).join(complaints, complaints.c.id == sightings.c.complaint_id)
"""What `member` reads: every complaint with where and when the city heard of it."""


def member(row: Row[Any]) -> Member:
    """Read a row of `SEEN`."""
    return Member(
        id=row.complaint_id,
        reference=row.reference,
        status=Status(row.status),
        channel=row.channel,
        priority=Priority(row.priority),
        department=row.department,
        confidential=row.confidential,
        spot=Spot(row.category, row.at, row.district, row.place, row.latitude, row.longitude),
        incident=row.incident,
        joined_by=row.joined_by,
        sender=row.sender,
    )


def members(connection: Connection, incident_id: str) -> list[Member]:
    """Return the complaints of an incident, the oldest first."""
    found = SEEN.where(sightings.c.incident == incident_id).order_by(sightings.c.at, sightings.c.complaint_id)
    return [member(row) for row in connection.execute(found)]


def followers(connection: Connection, complaint_id: str) -> list[str]:
    """Return the ids of the complaints that share the fate of this one, in order of their ids."""
    led = select(incidents.c.id).where(incidents.c.lead == complaint_id)
    found = select(sightings.c.complaint_id).where(
        sightings.c.incident.in_(led), sightings.c.complaint_id != complaint_id
    )
    return list(connection.execute(found.order_by(sightings.c.complaint_id)).scalars())


def joined(connection: Connection, ids: Collection[str], by: str | None) -> None:
    """Record who joined complaints to the incident that they are in now."""
    if ids:
        changed = update(sightings).where(sightings.c.complaint_id.in_(list(ids)))
        connection.execute(changed.values(joined_by=by, alone=False))


def apart(connection: Connection, ids: Collection[str]) -> None:
    """Record that complaints have causes of their own: they are suggested no more. Who is in an incident stays so."""
    if ids:
        changed = update(sightings).where(sightings.c.complaint_id.in_(list(ids)), sightings.c.incident.is_(None))
        connection.execute(changed.values(joined_by=None, alone=True))


def is_apart(connection: Connection, complaint_id: str) -> bool:
    """Tell whether a person has said that a complaint has a cause of its own."""
    return bool(connection.execute(select(sightings.c.alone).where(sightings.c.complaint_id == complaint_id)).scalar())
