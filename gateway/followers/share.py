"""What a follower has of its lead while the department is at work on that: the status and the date.

Each has them by events of its own, as long as it follows. What the department answered to a follower itself is that
one's own: it goes no step back from it, and keeps a date that it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.adopt import told, told_each
from gateway.store import answers, complaints, incidents
from gateway.store.answers import Answer
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from normalizer.complaint import Status
from router.lifecycle import Verb

_WAY: Final = (Status.OFFERED, Status.ACCEPTED, Status.IN_PROGRESS)
_STEPS: Final = ((Verb.ACCEPTED.value, Status.ACCEPTED), (Verb.PROGRESSED.value, Status.IN_PROGRESS))


def share(ledger: Ledger, lead: Case, following: Sequence[Case], steps: Sequence[tuple[str, Status]]) -> None:
    """Let what the department has just said to a complaint hold for those that follow it there.

    `steps` are the events that it made of the lead, each with the status as of it; `following` is as `held` returned
    it. Who is at another department, waits for a decision or is done with, stays.
    """
    along = [found for found in following if _along(found, lead)]
    if not along or not steps:
        return
    own = _own(ledger.connection, along)
    facts = {**told(ledger.connection, lead), "as": lead.complaint.reference}
    for found in along:
        status, due_at = own[found.complaint.id]
        case = found.but(due_at=due_at or lead.due_at)
        for event, reached in steps:
            moved = event == Verb.ACCEPTED and case.due_at != found.due_at
            if status is Status.OFFERED or moved or _behind(case, reached):
                case = _take(ledger, case, event, reached, facts)


def follow(ledger: Ledger, case: Case) -> Case:
    """Let a complaint that has come to the department of the one that leads it be as far as that is."""
    incident, connection = case.complaint.incident, ledger.connection
    leading = incidents.lead_of(connection, incident) if incident else ""
    lead = complaints.load_by_id(connection, leading) if leading not in {"", case.complaint.id} else None
    return catch_up(ledger, case, lead, told(connection, case)) if lead is not None else case


def alone(connection: Connection, cases: Sequence[Case]) -> list[Case]:
    """Return complaints as the department has answered each by itself, without what they have of a lead."""
    own = _own(connection, [case for case in cases if case.complaint.status in _WAY])
    return [_by_itself(case, *own[case.complaint.id]) if case.complaint.id in own else case for case in cases]


def fall_back(ledger: Ledger, following: Sequence[Case]) -> None:
    """Let followers stand as by themselves, for their lead is at work no more; the department hears of who changes."""
    connection = ledger.connection
    changed = [now for case, now in zip(following, alone(connection, following), strict=True) if now != case]
    for case, incident in zip(changed, told_each(connection, changed), strict=True):
        _amended(ledger, case, incident)


def succeed(ledger: Ledger, lead: Case, following: Sequence[Case]) -> None:
    """Let a follower lead the others: nobody has any more of the one that led before, and all have of this one.

    The department hears of each who leads it now, for that is what it shows of the incident.
    """
    incident = told(ledger.connection, lead)
    lead, *others = [_amended(ledger, case, incident) for case in alone(ledger.connection, [lead, *following])]
    for case in others:
        catch_up(ledger, case, lead, incident)


def catch_up(ledger: Ledger, case: Case, lead: Case, incident: Mapping[str, Any]) -> Case:
    """Let a complaint be as far as the one that leads it, if both are at one department. `incident` is told with it."""
    dated = case.due_at is None and lead.due_at is not None
    if not _along(case, lead) or not (dated or _behind(case, lead.complaint.status)):
        return case
    facts = {**incident, "as": lead.complaint.reference}
    case = case.but(due_at=case.due_at or lead.due_at)
    for event, reached in _STEPS:
        told = _behind(case, reached) or (dated and event == Verb.ACCEPTED)
        if told and not _behind(lead, reached):
            case = _take(ledger, case, event, reached, facts)
    return case


def _amended(ledger: Ledger, case: Case, incident: Mapping[str, Any]) -> Case:
    """Tell how a complaint stands now, and of its incident."""
    route = {"route": case.route.model_dump(mode="json")} if case.route else {}
    return ledger.become(case, case.complaint.status, {**incident, **route}, event="amended")


def _take(ledger: Ledger, case: Case, event: str, reached: Status, facts: Mapping[str, Any]) -> Case:
    if event == Verb.PROGRESSED and case.complaint.status is Status.OFFERED:
        case = ledger.become(case, Status.ACCEPTED, facts, event=Verb.ACCEPTED.value)
    status = max(case.complaint.status, reached, key=_WAY.index)
    return ledger.become(case, status, facts, event=event)


def _along(case: Case, lead: Case) -> bool:
    """Tell whether a follower is where its lead is, and both are on their way there."""
    there = case.department == lead.department
    return there and case.complaint.status in _WAY and lead.complaint.status in _WAY


def _behind(case: Case, reached: Status) -> bool:
    return _WAY.index(case.complaint.status) < _WAY.index(reached)


def _own(connection: Connection, cases: Sequence[Case]) -> dict[str, tuple[Status, datetime | None]]:
    """Return how far the department has come with each by what it answered to its present offer, and until when."""
    said = answers.in_hand(connection, [case.complaint.id for case in cases])
    return {
        case.complaint.id: _reached([one for one in said.get(case.complaint.id, ()) if one.offer == case.offer])
        for case in cases
    }


def _by_itself(case: Case, status: Status, due_at: datetime | None) -> Case:
    return case.but(complaint=case.complaint.but(status=status), due_at=due_at)


def _reached(said: Sequence[Answer]) -> tuple[Status, datetime | None]:
    if not said:
        return Status.OFFERED, None
    status = Status.IN_PROGRESS if any(one.verb == Verb.PROGRESSED for one in said) else Status.ACCEPTED
    dates = [str(one.body["due_at"]) for one in said if one.body.get("due_at")]
    return status, datetime.fromisoformat(dates[-1]) if dates else None
