"""Adopt: what joins an incident by itself, before its department is told, because nothing about it is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.store import incidents as store
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.incidents import HOUSE, Brief
from gateway.store.ledger import Ledger
from normalizer.complaint import Priority
from router.incident import IncidentTable, Spot, bursts, same_cause, spot
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
    near = store.near(connection, seen, since=seen.at - habit.window, reach=habit.reach)
    alike = (one for one in near if one.spot.category == seen.category and same_cause(seen, one.spot, table))
    for incident_id in dict.fromkeys(one.incident or "" for one in alike):
        ledger.flush()  # others of this very batch may have joined it a moment ago
        incident = store.brief(connection, incident_id)
        if incident is None or incident.department != route.department or incident.status.final:
            continue  # what becomes of a lead that is done nobody would hear any more
        if store.is_apart(connection, complaint.id):
            continue
        many = incident.confirmed >= table.confirmed or _burst(connection, seen, table, ledger.now)
        if many and store.hold(connection, incident_id, share=True):
            return _joined_by_itself(ledger, case, incident)
    return case


def _burst(connection: Connection, seen: Spot, table: IncidentTable, now: datetime) -> bool:
    if seen.district is None:
        return False
    lately = store.lately(connection, seen.family, seen.district, now - table.burst_window)
    return bool(bursts([(one.sender, one.spot) for one in lately], table, now))


def _joined_by_itself(ledger: Ledger, case: Case, incident: Brief) -> Case:
    facts = {**fact(incident, incident.members), "joined_by": HOUSE}
    case = ledger.amend(case, case.complaint.but(incident=incident.id), heard_at=case.heard_at, facts=facts)
    ledger.flush()
    store.joined(ledger.connection, [case.complaint.id], HOUSE)
    return case


def told(connection: Connection, case: Case) -> dict[str, Any]:
    """Return what an offer says of the incident that a complaint belongs to; nothing where there is none."""
    incident = store.brief(connection, case.complaint.incident) if case.complaint.incident else None
    return fact(incident, incident.members - 1) if incident else {}


def told_each(connection: Connection, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return what is `told` of each complaint; every incident is asked for once, however many are in it."""
    asked = {case.complaint.incident: case for case in cases}
    said = {incident: told(connection, case) for incident, case in asked.items()}
    return [said[case.complaint.incident] for case in cases]


def fact(incident: Brief, following: int) -> dict[str, Any]:
    """Return what an event says of an incident: its id, its lead's reference, and how many others follow that."""
    return {"incident": {"id": incident.id, "lead": incident.reference, "followers": max(following, 0)}}
