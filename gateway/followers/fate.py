"""What becomes of followers when their lead is done with, or goes to another department."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.acknowledge import Acknowledger
from gateway.adopt import told, told_each
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
    moving = [found for found in following if found.department in left and _moves(found, route)]
    for found, named in zip(moving, told_each(ledger.connection, moving), strict=True):
        moved = route.model_copy(update={"category": found.complaint.category})
        case = found.but(due_at=None)
        ledger.offer(case, moved, routed_sequence=found.sequence, decided=True, facts=named)


def _moves(case: Case, route: Route) -> bool:
    status = case.complaint.status
    return case.department != route.department and not status.undecided and not status.final
