"""Putting complaints together: they are one job from now on, and as far as the one that leads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from gateway.adopt import fact
from gateway.city.city import City
from gateway.followers import catch_up
from gateway.incidents.refusal import Elsewhere, Finished, NotThere
from gateway.incidents.view import IncidentView, cases_of, view
from gateway.store import complaints, tasks
from gateway.store import incidents as store
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger, event_id
from gateway.store.tasks import TaskKind
from normalizer.complaint import Status
from router.route import Route


def create(connection: Connection, references: Collection[str], by: str, now: datetime, city: City) -> IncidentView:
    """Make complaints one incident, once; the oldest leads. Raises NotThere, Elsewhere, Finished."""
    cases = cases_of(connection, references, lock=True)
    theirs = {case.complaint.incident for case in cases}
    if len(theirs) == 1 and None not in theirs:  # asked for a second time
        return view(connection, theirs.pop() or "")
    _may_join(cases, None)
    first = min(cases, key=lambda case: (case.complaint.received_at, case.complaint.id))
    incident_id = event_id(now)
    store.begin(connection, incident_id, first.complaint.id, by, now)
    _add(connection, incident_id, first, cases, by, now, city)
    return view(connection, incident_id)


def join(
    connection: Connection, incident_id: str, references: Collection[str], by: str, now: datetime, city: City
) -> IncidentView:
    """Add complaints to an incident; who is in it stays. Raises NotThere, Elsewhere, Finished."""
    cases = cases_of(connection, references, lock=True)
    found = view(connection, incident_id)
    fresh = [case for case in cases if case.complaint.incident != incident_id]
    if not fresh:
        return found
    _may_join(fresh, incident_id)
    if not store.hold(connection, incident_id):
        raise Finished("the incident is closed")
    lead = complaints.load_by_id(connection, store.lead_of(connection, incident_id))
    if lead is not None and lead.complaint.status.final:
        raise Finished(f"{lead.complaint.reference}, which leads it, is {lead.complaint.status.value}")
    _add(connection, incident_id, lead, fresh, by, now, city)
    return view(connection, incident_id)


def _may_join(cases: Sequence[Case], incident_id: str | None) -> None:
    for case in cases:
        if case.complaint.incident not in {None, incident_id}:
            raise Elsewhere(case.complaint.reference)
        if case.complaint.status.final:
            raise Finished(f"{case.complaint.reference} is {case.complaint.status.value}")


def _add(
    connection: Connection,
    incident_id: str,
    lead: Case | None,
    cases: Sequence[Case],
    by: str,
    now: datetime,
    city: City,
) -> None:
    """Add complaints to an incident that is held; those at the triage desk go where their lead is."""
    incident = store.brief(connection, incident_id)
    if incident is None:
        raise NotThere("such incident")
    said = fact(incident, incident.members + len(cases) - 1)
    with Ledger(connection, now) as ledger:
        for found in cases:
            joined = found.complaint.but(incident=incident_id)
            case = ledger.amend(found, joined, heard_at=found.heard_at, facts={**said, "joined_by": by})
            if lead is not None and _decides(lead, case, city):
                case = _decided(ledger, case, lead, said, city)
            if lead is not None:
                catch_up(ledger, case, lead, said)
    store.joined(connection, [case.complaint.id for case in cases], by)


def _decides(lead: Case, case: Case, city: City) -> bool:
    """Tell whether a complaint that waits for a decision gets that of its lead."""
    waits = case.complaint.status is Status.TRIAGE and case.complaint.id != lead.complaint.id
    return waits and not lead.complaint.status.undecided and lead.department not in {None, city.triage}


def _decided(ledger: Ledger, case: Case, lead: Case, said: dict[str, Any], city: City) -> Case:
    reference = lead.complaint.reference
    route = Route(
        department=lead.department or "",
        category=lead.complaint.category if case.complaint.category == "other" else case.complaint.category,
        automatic=False,
        rule="incident",
        reason=f"ضُمّ إلى حادثة البلاغ {reference} / joined to the incident of {reference}",
        confidence=1.0,
        suggestions=case.route.suggestions if case.route else (),
        version=city.rules.version,
    )
    outcome = f"joined to the incident of {reference}"
    tasks.settle(ledger.connection, TaskKind.TRIAGE, case.complaint.id, outcome=outcome, now=ledger.now)
    return ledger.offer(case, route, routed_sequence=case.sequence, decided=True, facts=said)
