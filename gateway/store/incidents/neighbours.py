"""Neighbours: complaints that may have one cause, by where they are, when they came, and the number they came from."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from math import cos, radians

from sqlalchemy import Connection, and_, bindparam, or_, select

from gateway.store.complaints import FINAL
from gateway.store.incidents.incident import OPEN
from gateway.store.incidents.member import SEEN, Member, member
from gateway.store.tables import Instant, complaints, incidents, sightings
from router.incident import Spot

MOST = 2000  # complaints of which causes are looked for at once: the newest
CLOSEST = 20  # members that are compared with a complaint that may join
NOWHERE = 1000.0  # degrees: no pin is near it
METRES_A_DEGREE = 111_000.0  # of latitude, and of longitude at the equator

# Built once: every complaint on its way to a department asks this.
_NEAR = (
    SEEN.join(incidents, incidents.c.id == sightings.c.incident)
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
    return [member(row) for row in connection.execute(_NEAR, {"family": seen.family, "since": since, **where})]


def lately(connection: Connection, family: str, district: str, since: datetime) -> list[Member]:
    """Return what was seen of a family in a district since a moment: many of them are a burst."""
    found = SEEN.where(sightings.c.family == family, sightings.c.district == district, sightings.c.at >= since)
    return [member(row) for row in connection.execute(found.limit(MOST))]


def lone(connection: Connection, *, since: datetime) -> list[Member]:
    """Return open complaints since a moment that belong to no incident and may to one: the newest, oldest first."""
    found = (
        SEEN.where(
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
    return [member(row) for row in connection.execute(found)][::-1]


def recent(connection: Connection, *, since: datetime) -> list[Member]:
    """Return the members of open incidents that were heard of since a moment, the newest first."""
    found = (
        SEEN.join(incidents, incidents.c.id == sightings.c.incident)
        .where(sightings.c.incident.is_not(None), sightings.c.at >= since, incidents.c.state == OPEN)
        .order_by(sightings.c.at.desc())
        .limit(MOST)
    )
    return [member(row) for row in connection.execute(found)]


def called_since(connection: Connection, callers: Collection[str], since: datetime) -> dict[str, list[str]]:
    """Return the ids of the open complaints that came from each number since a moment, the newest first."""
    found: dict[str, list[str]] = {}
    if callers:
        for row in connection.execute(_CALLED, {"callers": list(callers), "since": since}):
            found.setdefault(row.caller, []).append(row.complaint_id)
    return found
