"""Taking complaints out of an incident, and closing one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from gateway.followers import alone, succeed
from gateway.incidents.view import IncidentView, cases_of, view
from gateway.store import complaints
from gateway.store import incidents as store
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger


def leave(
    connection: Connection, incident_id: str, references: Collection[str], by: str, now: datetime
) -> IncidentView:
    """Take complaints out of an incident; each is then what its department has answered it by itself.

    When the lead leaves, the oldest that is not done leads; when nobody is left to, the incident is closed. Raises
    NotThere.
    """
    leaving = _held(connection, incident_id, references)
    with Ledger(connection, now) as ledger:
        for case in alone(connection, leaving):
            facts = {"incident": None, "left": incident_id, "left_by": by}
            ledger.amend(case, case.complaint.but(incident=None), heard_at=case.heard_at, facts=facts)
    store.apart(connection, [case.complaint.id for case in leaving])
    staying = store.members(connection, incident_id)
    if store.lead_of(connection, incident_id) not in {one.id for one in staying}:
        # Of one that is done already no further news comes, and the others would never hear.
        following = [one.id for one in staying if not one.status.final]
        if following:
            store.lead(connection, incident_id, following[0])
            cases = {case.complaint.id: case for case in complaints.load_these(connection, following, lock=True)}
            with Ledger(connection, now) as ledger:
                succeed(ledger, cases[following[0]], [cases[name] for name in following[1:]])
        else:
            store.close(connection, incident_id, by, now)
    return view(connection, incident_id)


def _held(connection: Connection, incident_id: str, references: Collection[str]) -> list[Case]:
    """Hold an incident, and those of some complaints that are in it; with its lead all others too. Raises NotThere."""
    named = {case.complaint.id for case in cases_of(connection, references)}
    members = view(connection, incident_id).members
    led = store.lead_of(connection, incident_id) in named
    wanted = named | {member.id for member in members} if led else named
    cases = complaints.load_these(connection, wanted, lock=True)
    store.hold(connection, incident_id)
    return [case for case in cases if case.complaint.id in named and case.complaint.incident == incident_id]


def close(connection: Connection, incident_id: str, by: str, now: datetime) -> IncidentView:
    """Let nothing join an incident any more. Raises NotThere."""
    store.close(connection, incident_id, by, now)
    return view(connection, incident_id)
