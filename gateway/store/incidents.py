"""Incidents: which complaints have one cause, who said so, and which of the others may have one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from math import cos, radians
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.engine import Row

from gateway.store.complaints import FINAL
from gateway.store.tables import Instant, complaints, incidents, sightings
from normalizer.complaint import Priority, Status
from router.incident import Spot

OPEN, CLOSED = "open", "closed"
HOUSE = "*"
"""Who joined a complaint to an incident when no person did; nobody at the desk can have this name."""

MOST = 2000  # complaints of which causes are looked for at once: the newest
CLOSEST = 20  # members that are compared with a complaint that may join
NOWHERE = 1000.0  # degrees: no pin is near it
METRES_A_DEGREE = 111_000.0  # of latitude, and of longitude at the equator


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


def members(connection: Connection, incident_id: str) -> list[Member]:
    """Return the complaints of an incident, the oldest first."""
    found = _SEEN.where(sightings.c.incident == incident_id).order_by(sightings.c.at, sightings.c.complaint_id)
    return [_member(row) for row in connection.execute(found)]


def followers(connection: Connection, complaint_id: str) -> list[str]:
    """Return the ids of the complaints that share the fate of this one, in order of their ids."""
    led = select(incidents.c.id).where(incidents.c.lead == complaint_id)
    found = select(sightings.c.complaint_id).where(
        sightings.c.incident.in_(led), sightings.c.complaint_id != complaint_id
    )
    return list(connection.execute(found.order_by(sightings.c.complaint_id)).scalars())


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


def lead_of(connection: Connection, incident_id: str) -> str:
    """Return the id of the complaint that leads an incident; empty when there is no such incident."""
    return connection.execute(select(incidents.c.lead).where(incidents.c.id == incident_id)).scalar() or ""


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


def lone(connection: Connection, *, since: datetime) -> list[Member]:
    """Return open complaints since a moment that belong to no incident and may to one: the newest, oldest first."""
    found = (
        _SEEN.where(
            sightings.c.at >= since,
            sightings.c.incident.is_(None),
            sightings.c.alone.is_(False),
            or_(sightings.c.place.is_not(None), sightings.c.latitude.is_not(None), sightings.c.district.is_not(None)),
            complaints.c.status.not_in(FINAL),
            complaints.c.confidential.is_(False),
        )
        .order_by(sightings.c.at.desc())
        .limit(MOST)
    )
    return [_member(row) for row in connection.execute(found)][::-1]


def recent(connection: Connection, *, since: datetime) -> list[Member]:
    """Return the members of open incidents that were heard of since a moment, the newest first."""
    found = (
        _SEEN.join(incidents, incidents.c.id == sightings.c.incident)
        .where(sightings.c.incident.is_not(None), sightings.c.at >= since, incidents.c.state == OPEN)
        .order_by(sightings.c.at.desc())
        .limit(MOST)
    )
    return [_member(row) for row in connection.execute(found)]


def is_apart(connection: Connection, complaint_id: str) -> bool:
    """Tell whether a person has said that a complaint has a cause of its own."""
    return bool(connection.execute(select(sightings.c.alone).where(sightings.c.complaint_id == complaint_id)).scalar())


def near(connection: Connection, seen: Spot, *, since: datetime, reach: float) -> list[Member]:
    """Return members of open incidents of a family that may be near a place: by its name, or within `reach` metres."""
    pinned = seen.latitude is not None and seen.longitude is not None
    latitude, longitude = (seen.latitude or 0.0, seen.longitude or 0.0) if pinned else (NOWHERE, NOWHERE)
    up = reach / METRES_A_DEGREE
    across = up / max(cos(radians(latitude)), 0.01) if pinned else up
    where = {
        "place": seen.place,
        "south": latitude - up,
        "north": latitude + up,
        "west": longitude - across,
        "east": longitude + across,
    }
    return [_member(row) for row in connection.execute(_NEAR, {"family": seen.family, "since": since, **where})]


def lately(connection: Connection, family: str, district: str, since: datetime) -> list[Member]:
    """Return what was seen of a family in a district since a moment: many of them are a burst."""
    found = _SEEN.where(sightings.c.family == family, sightings.c.district == district, sightings.c.at >= since)
    return [_member(row) for row in connection.execute(found.limit(MOST))]


def brief(connection: Connection, incident_id: str) -> Brief | None:
    """Return how an incident stands, or None: cheaply, for every complaint that may join it asks."""
    row = connection.execute(_BRIEF, {"id": incident_id}).first()
    if row is None:
        return None
    lead, department, status, *counts = row
    return Brief(incident_id, lead, department, Status(status), *counts)


def called_since(connection: Connection, callers: Collection[str], since: datetime) -> dict[str, list[str]]:
    """Return the ids of the open complaints that came from each number since a moment, the newest first."""
    found: dict[str, list[str]] = {}
    if callers:
        for row in connection.execute(_CALLED, {"callers": list(callers), "since": since}):
            found.setdefault(row.caller, []).append(row.complaint_id)
    return found


_CALLED = (
    select(sightings.c.caller, sightings.c.complaint_id)
    .join(complaints, complaints.c.id == sightings.c.complaint_id)
    .where(
        sightings.c.caller.in_(bindparam("callers", expanding=True)),
        sightings.c.at >= bindparam("since", type_=Instant),
        complaints.c.status.not_in(FINAL),
    )
    .order_by(sightings.c.at.desc())
)


_SEEN: Select[Any] = select(
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


# Built once: every complaint on its way to a department asks this.
_NEAR = (
    _SEEN.join(incidents, incidents.c.id == sightings.c.incident)
    .where(
        sightings.c.incident.is_not(None),
        sightings.c.family == bindparam("family"),
        sightings.c.at >= bindparam("since", type_=Instant),
        incidents.c.state == OPEN,
        or_(
            sightings.c.place == bindparam("place"),
            and_(
                sightings.c.latitude.between(bindparam("south"), bindparam("north")),
                sightings.c.longitude.between(bindparam("west"), bindparam("east")),
            ),
        ),
    )
    .order_by(sightings.c.at.desc())
    .limit(CLOSEST)
)
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


def _member(row: Row[Any]) -> Member:
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
