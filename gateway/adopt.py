"""Adopt: what joins an incident by itself, before its department is told, because nothing about it is in doubt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.store import incidents as store
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.incidents import HOUSE
from gateway.store.ledger import Ledger
from normalizer.complaint import Priority
from router.incident import IncidentTable, bursts, same_cause, spot
from router.route import Route


def adopt(ledger: Ledger, case: Case, route: Route, table: IncidentTable) -> Case:
    """Join a complaint to the incident that it surely belongs to, before its department is told of it.

    Sure is: the same category at the same place or pin, on its way by the city's rules to the department that has the
    incident, neither danger nor confidence involved; and people have confirmed several members of it, or its district
    has a burst. Everything else is only suggested.
    """
    complaint, connection = case.complaint, ledger.connection
    if complaint.incident or complaint.confidential or complaint.priority is Priority.DISTRESS or not route.automatic:
        return case
    seen = spot(complaint.but(category=route.category))
    habit = table.habit(seen.category)
    if not habit.shared or (seen.place is None and seen.latitude is None):
        return case
    near = store.near(connection, seen, families={seen.family}, since=seen.at - habit.window, reach=habit.reach)
    candidates = dict.fromkeys(
        one.incident
        for one in near
        if one.spot.category == seen.category and same_cause(seen, one.spot, table) and one.incident
    )
    for incident_id in candidates:
        if _sure(connection, incident_id, case, route, table, ledger.now):
            return _joined_by_itself(ledger, case, incident_id)
    return case


def _sure(
    connection: Connection, incident_id: str, case: Case, route: Route, table: IncidentTable, now: datetime
) -> bool:
    incident = store.find(connection, incident_id)
    if incident is None or incident.department != route.department or store.is_apart(connection, case.complaint.id):
        return False
    if incident.confirmed < table.confirmed:
        place, family = case.complaint.place, spot(case.complaint.but(category=route.category)).family
        lately = (
            store.lately(connection, family, place.district, now - table.burst_window)
            if place and place.district
            else ()
        )
        if not bursts([(one.sender, one.spot) for one in lately], table, now):
            return False
    return store.hold(connection, incident_id, share=True)


def _joined_by_itself(ledger: Ledger, case: Case, incident_id: str) -> Case:
    connection = ledger.connection
    ledger.flush()  # others of this very batch may have joined it a moment ago
    following, _ = store.counts(connection, incident_id)
    facts = {**fact(connection, incident_id, following), "joined_by": HOUSE}
    case = ledger.amend(case, case.complaint.but(incident=incident_id), heard_at=case.heard_at, facts=facts)
    ledger.flush()
    store.joined(connection, [case.complaint.id], HOUSE)
    return case


def told(connection: Connection, case: Case) -> dict[str, Any]:
    """Return what an offer says of the incident that a complaint belongs to; nothing where there is none."""
    incident_id = case.complaint.incident
    return fact(connection, incident_id, store.counts(connection, incident_id)[0] - 1) if incident_id else {}


def fact(connection: Connection, incident_id: str, following: int) -> dict[str, Any]:
    """Return what an event says of an incident: its id, its lead's reference, and how many others follow that."""
    incident = store.find(connection, incident_id)
    reference = incident.reference if incident else ""
    return {"incident": {"id": incident_id, "lead": reference, "followers": max(following, 0)}}
