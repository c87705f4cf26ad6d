"""What becomes of followers when their lead is done with, or goes to another department."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.acknowledge import Acknowledger
from gateway.adopt import told
from gateway.store import incidents, tasks
from gateway.store.complaints import Case
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from normalizer.complaint import Status
from router.route import Route

NEWS = {Status.RESOLVED: "resolved", Status.CLOSED: "closed"}
"""What a citizen hears when it happens to their complaint -> the purpose of the reply."""


def resolve_followers(
    ledger: Ledger, lead: Case, following: Sequence[Case], status: Status, acknowledger: Acknowledger
) -> list[Case]:
    """Let what became of a complaint (resolved, closed) become of its followers too, and tell each citizen.

    `lead` and `following` are as `held` returned them. Whoever was done with already stays as they are. The incident
    ends with it: whoever joined later would share a fate that is past, and never hear.
    """
    reference = lead.complaint.reference
    facts = {**told(ledger.connection, lead), "as": reference}
    done = []
    for found in following:
        if found.complaint.status.final:
            continue
        case = ledger.become(found, status, facts)
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
            case = found.but(due_at=None)
            named = told(ledger.connection, found)
            ledger.offer(case, moved, routed_sequence=found.sequence, decided=True, facts=named)
