"""Second thoughts: an edit, or a message taken back, becomes a version of the complaint that it was part of.

They come in any order: an edit before its original, an old edit after a newer one, a removal of what was never heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels.message import Inbound, Purpose
from gateway.store import complaints, journal, revisions, tasks
from gateway.store.complaints import Case
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from normalizer.category import Matcher
from normalizer.complaint import Attachment, Status
from normalizer.normalize import revise

UNDECIDED = {Status.RECEIVED, Status.TRIAGE}


@dataclass(frozen=True, slots=True)
class Revised:
    """What a second thought did: to which complaint, if any, and which attachments are new."""

    outcome: str
    case: Case | None = None
    fresh: Sequence[Attachment] = ()
    reason: str = ""


def apply(ledger: Ledger, row: Row, inbound: Inbound, matcher: Matcher) -> Revised | None:
    """Apply a second thought; None when it must be filed itself, its original being unknown or never filed."""
    connection = ledger.connection
    first = journal.of_identity(connection, row.channel, row.account, inbound.revises)
    latest = revisions.latest(connection, row.channel, row.account, inbound.revises)
    origin = latest or first
    last = Inbound.from_json(origin.body) if origin else None
    if latest is not None and last is not None and (_older(inbound, last) or last.purpose is Purpose.DELETION):
        return Revised("nothing to file: what came later is known", reason="late")
    revisions.keep(connection, row, inbound.revises, inbound.purpose, ledger.now)
    filed = next((found.complaint_id for found in (first, latest) if found and found.complaint_id), None)
    case = complaints.load_by_id(connection, filed, lock=True) if filed else None
    if case is None or last is None:
        return _of_nothing(ledger, inbound, first)
    gone = inbound.purpose is Purpose.DELETION
    amended = revise(case.complaint, last, None if gone else inbound, matcher)
    if case.complaint.status not in UNDECIDED:  # the department that has it decides what it is
        known = case.complaint
        amended = amended.but(category=known.category, category_confidence=known.category_confidence)
    fresh = amended.attachments[len(case.complaint.attachments) :]
    raised = amended.priority != case.complaint.priority
    facts = {"taken_back" if gone else "edited": 1, "amended_by": row.id, "priority_raised": raised}
    case = ledger.amend(case, amended, heard_at=case.heard_at, facts=facts)
    return Revised("taken back" if gone else "edit", case, fresh)


def _of_nothing(ledger: Ledger, inbound: Inbound, first: Row | None) -> Revised | None:
    """Deal with a second thought about what is no complaint, or not yet."""
    if inbound.purpose is Purpose.DELETION:
        if first is not None:
            tasks.settle(ledger.connection, TaskKind.CONFIRM, first.id, outcome="its author removed it", now=ledger.now)
        return Revised("nothing to file: taken back", reason="taken back")
    if first is not None and tasks.retell(ledger.connection, TaskKind.CONFIRM, first.id, {"text": inbound.text}):
        return Revised("edit of a post that waits for a person")
    return None


def _older(inbound: Inbound, than: Inbound) -> bool:
    """Tell whether one edit of a message was made before another, where the provider says when."""
    return inbound.sent_at is not None and than.sent_at is not None and inbound.sent_at < than.sent_at
