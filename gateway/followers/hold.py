"""A complaint and those that follow it, locked together."""

from __future__ import annotations

from gateway.store import complaints, incidents
from gateway.store.complaints import Case
from gateway.store.engine import Connection


def held(connection: Connection, complaint_id: str) -> tuple[Case | None, list[Case]]:
    """Return a complaint and those that follow it, all locked until the commit, in the one order of all locks.

    Call it before any of them is locked otherwise.
    """
    wanted = {complaint_id, *incidents.followers(connection, complaint_id)}
    cases = {case.complaint.id: case for case in complaints.load_these(connection, wanted, lock=True)}
    lead = cases.pop(complaint_id, None)
    if lead is not None and lead.complaint.incident:
        incidents.hold(connection, lead.complaint.incident)
        joined = set(incidents.followers(connection, complaint_id))
        late = joined - cases.keys()  # between the look and the lock; of a deadlock over these the store makes a retry
        cases |= {case.complaint.id: case for case in complaints.load_these(connection, late, lock=True)}
        cases = {name: case for name, case in cases.items() if name in joined}
    return lead, [cases[name] for name in sorted(cases)]
