"""Incidents themselves: each is one cause, led by a complaint whose fate the others share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from gateway.store.tables import complaints, incidents, sightings
from normalizer.complaint import Status

OPEN, CLOSED = "open", "closed"
HOUSE = "*"
"""Who joined a complaint to an incident when no person did; nobody at the desk can have this name."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause behind many complaints. `lead` is the id of the complaint whose fate the others share.

    `members` counts the lead too; `confirmed` counts those that a person has joined.
    """

    id: str
    lead: str
    reference: str
    category: str
    department: str | None
    state: str
    members: int
    confirmed: int
    began_at: datetime
    last_at: datetime
    created_at: datetime
    created_by: str
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class Brief:
    """What an event says of an incident: as in `Incident`."""

    id: str
    reference: str
    department: str | None
    status: Status  # of its lead
    members: int
    confirmed: int


# Built once: every complaint that may join an incident asks this.
_MEMBERS = select(func.count()).where(sightings.c.incident == incidents.c.id)
_BRIEF = (
    select(
        complaints.c.reference,
        complaints.c.department,
        complaints.c.status,
        _MEMBERS.correlate(incidents).scalar_subquery(),
        _MEMBERS.where(sightings.c.joined_by != HOUSE).correlate(incidents).scalar_subquery(),
    )
    .select_from(incidents)
    .join(complaints, complaints.c.id == incidents.c.lead)
    .where(incidents.c.id == bindparam("id"))
)


def find(connection: Connection, incident_id: str) -> Incident | None:
    """Return an incident, or None."""
    return next(iter(_counted(connection, incidents.c.id == incident_id)), None)


def listing(
    connection: Connection, *, state: str = OPEN, departments: Collection[str] | None = None, limit: int
) -> list[Incident]:
    """Return incidents in a state, the newest first; with `departments` only those whose lead is at one of them."""
    wanted = incidents.c.state == state
    if departments is not None:
        wanted = and_(wanted, complaints.c.department.in_(list(departments)))
    return _counted(connection, wanted, limit)


def brief(connection: Connection, incident_id: str) -> Brief | None:
    """Return how an incident stands, or None: cheaply, for every complaint that may join it asks."""
    row = connection.execute(_BRIEF, {"id": incident_id}).first()
    if row is None:
        return None
    lead, department, status, *counts = row
    return Brief(incident_id, lead, department, Status(status), *counts)


def lead_of(connection: Connection, incident_id: str) -> str:
    """Return the id of the complaint that leads an incident; empty when there is no such incident."""
    return connection.execute(select(incidents.c.lead).where(incidents.c.id == incident_id)).scalar() or ""


def hold(connection: Connection, incident_id: str, *, share: bool = False) -> bool:
    """Keep others from closing or changing an incident until the commit. Returns whether there is one that is open.

    With `share` several may hold it at once, each of whom only adds to it.
    """
    held = select(incidents.c.state).where(incidents.c.id == incident_id).with_for_update(read=share)
    return connection.execute(held).scalar() == OPEN


def begin(connection: Connection, incident_id: str, lead: str, by: str, now: datetime) -> None:
    """Record a new incident."""
    connection.execute(
        incidents.insert(), {"id": incident_id, "lead": lead, "state": OPEN, "created_at": now, "created_by": by}
    )


def lead(connection: Connection, incident_id: str, complaint_id: str) -> None:
    """Give an incident another lead."""
    connection.execute(update(incidents).where(incidents.c.id == incident_id).values(lead=complaint_id))


def close(connection: Connection, incident_id: str, by: str, now: datetime) -> bool:
    """Close an incident: nothing joins it any more. Returns whether it was open."""
    changed = update(incidents).where(incidents.c.id == incident_id, incidents.c.state == OPEN)
    return bool(connection.execute(changed.values(state=CLOSED, closed_at=now, closed_by=by)).rowcount)


def end(connection: Connection, complaint_id: str, now: datetime) -> None:
    """Close what a complaint leads, for that is done."""
    changed = update(incidents).where(incidents.c.lead == complaint_id, incidents.c.state == OPEN)
    connection.execute(changed.values(state=CLOSED, closed_at=now, closed_by=HOUSE))


def _counted(connection: Connection, wanted: ColumnElement[bool], limit: int = 1) -> list[Incident]:
    chosen = (
        select(incidents, complaints.c.reference, complaints.c.category, complaints.c.department)
        .join(complaints, complaints.c.id == incidents.c.lead)
        .where(wanted)
        .order_by(incidents.c.created_at.desc(), incidents.c.id)
        .limit(limit)
        .subquery()
    )
    counted = (
        select(
            sightings.c.incident,
            func.count().label("members"),
            func.count(sightings.c.joined_by).filter(sightings.c.joined_by != HOUSE).label("confirmed"),
            func.min(sightings.c.at).label("began_at"),
            func.max(sightings.c.at).label("last_at"),
        )
        .where(sightings.c.incident.in_(select(chosen.c.id)))
        .group_by(sightings.c.incident)
        .subquery()
    )
    rows = connection.execute(
        select(chosen, counted.c.members, counted.c.confirmed, counted.c.began_at, counted.c.last_at)
        .outerjoin(counted, counted.c.incident == chosen.c.id)
        .order_by(chosen.c.created_at.desc(), chosen.c.id)
    )
    return [
        Incident(
            id=row.id,
            lead=row.lead,
            reference=row.reference,
            category=row.category,
            department=row.department,
            state=row.state,
            members=row.members or 0,
            confirmed=row.confirmed or 0,
            began_at=row.began_at or row.created_at,
            last_at=row.last_at or row.created_at,
            created_at=row.created_at,
            created_by=row.created_by,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
        )
        for row in rows
    ]
