"""Followers: the complaints that share the fate of another one, and what becomes of them when that is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.acknowledge import Acknowledger
from gateway.adopt import told
from gateway.store import complaints, incidents, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from normalizer.complaint import Status
from router.route import Route

NEWS = {Status.RESOLVED: "resolved", Status.CLOSED: "closed"}
"""What a citizen hears when it happens to their complaint -> the purpose of the reply."""


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


def resolve_followers(
    ledger: Ledger, lead: Case, following: Sequence[Case], status: Status, acknowledger: Acknowledger
) -> list[Case]:
    """Let what became of a complaint (resolved, closed) become of its followers too, and tell each citizen.

    `lead` and `following` are as `held` returned them. Whoever was done with already stays as they are. The incident
    ends with it: whoever joined later would share a fate that is past, and never hear.
    """
    reference = lead.complaint.reference
    done = []
    for found in following:
        if found.complaint.status.final:
            continue
        case = ledger.become(found, status, {"incident": found.complaint.incident, "as": reference})
        outcome = f"{status.value} with {reference}"
        tasks.settle(ledger.connection, TaskKind.TRIAGE, case.complaint.id, outcome=outcome, now=ledger.now)
        acknowledger.news(ledger, case.complaint, NEWS[status])
        done.append(case)
    incidents.end(ledger.connection, lead.complaint.id, ledger.now)
    return done


def move_followers(ledger: Ledger, following: Sequence[Case], route: Route, left: Collection[str]) -> None:
    """Put those that follow a rejected complaint where it goes, from the departments that rejected it.

    They have one cause, and each of them would be rejected in its turn. Whoever is elsewhere, or done with, stays.
    """
    for found in following:
        if found.department not in left or found.department == route.department or found.complaint.status.undecided:
            continue
        if not found.complaint.status.final:
            moved = route.model_copy(update={"category": found.complaint.category})
            facts = told(ledger.connection, found)
            case = found.but(due_at=None)
            ledger.offer(case, moved, routed_sequence=found.sequence, decided=True, facts=facts)
