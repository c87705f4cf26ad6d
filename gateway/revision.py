"""Second thoughts: an edit, or a message taken back, becomes a version of the complaint that it was part of.

They come in any order: an edit before its original, an old edit after a newer one, a removal of what was never heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels.message import Inbound, Purpose
from gateway.store import complaints, journal, revisions, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from normalizer.complaint import Attachment, Priority
from normalizer.normalize import revise
from normalizer.reader import Reader

REMOVED = "its author removed it"


@dataclass(frozen=True, slots=True)
class Revised:
    """What a second thought did: to which complaint, if any, and which attachments are new.

    `waits` is the id that the complaint will have of a post that waits for a person's word.
    """

    outcome: str
    case: Case | None = None
    fresh: Sequence[Attachment] = ()
    reason: str = ""
    waits: str | None = None
    danger: bool = False  # the complaint became one of danger to life by it


def apply(ledger: Ledger, row: Row, inbound: Inbound, reader: Reader) -> Revised | None:
    """Apply a second thought; None when it must be filed itself, its original being unknown or never filed."""
    connection = ledger.connection
    first, latest = _known(connection, row, inbound)
    if tasks.hold(connection, TaskKind.CONFIRM, _bearers(first, latest)):
        first, latest = _known(connection, row, inbound)  # a person may have decided between the look and the lock
    origin = latest or first
    last = Inbound.from_json(origin.body) if origin else None
    if latest is not None and last is not None and (_older(inbound, last) or last.purpose is Purpose.DELETION):
        return Revised("nothing to file: what came later is known", reason="late")
    revisions.keep(connection, row, inbound.revises, inbound.purpose, ledger.now)
    filed = next((found.complaint_id for found in (first, latest) if found and found.complaint_id), None)
    case = complaints.load_by_id(connection, filed, lock=True) if filed else None
    if case is None or last is None:
        return _of_nothing(ledger, inbound, _bearers(first, latest))
    gone = inbound.purpose is Purpose.DELETION
    amended = case.as_decided(revise(case.complaint, last, None if gone else inbound, reader))
    fresh = amended.attachments[len(case.complaint.attachments) :]
    raised = amended.priority != case.complaint.priority
    facts = {"taken_back" if gone else "edited": 1, "amended_by": row.id, "priority_raised": raised}
    case = ledger.amend(case, amended, heard_at=case.heard_at, facts=facts)
    danger = raised and amended.priority is Priority.DISTRESS
    return Revised("taken back" if gone else "edit", case, fresh, danger=danger)


def _known(connection: Connection, row: Row, inbound: Inbound) -> tuple[Row | None, Row | None]:
    """Return the message that is revised and the last that was heard about it, as far as they are known."""
    first = journal.of_identity(connection, row.channel, row.account, inbound.revises)
    return first, revisions.latest(connection, row.channel, row.account, inbound.revises)


def _bearers(first: Row | None, latest: Row | None) -> list[str]:
    """Return under which ids a person may have been asked about it: an edit that came first is asked about itself."""
    return list(dict.fromkeys(found.complaint_id or found.id for found in (first, latest) if found))


def _of_nothing(ledger: Ledger, inbound: Inbound, bearers: Sequence[str]) -> Revised | None:
    """Deal with a second thought about what is no complaint, or not yet."""
    connection = ledger.connection
    if inbound.purpose is Purpose.DELETION:
        for asked in bearers:
            waiting = journal.by_id(connection, asked)
            if tasks.settle(connection, TaskKind.CONFIRM, asked, outcome=REMOVED, now=ledger.now) and waiting:
                ledger.finish(waiting.seq, f"nothing to file: {REMOVED}")
        return Revised("nothing to file: taken back", reason="taken back")
    for asked in bearers:
        if tasks.retell(connection, TaskKind.CONFIRM, asked, {"text": inbound.text}):
            return Revised("edit of a post that waits for a person", waits=asked)
    return None


def _older(inbound: Inbound, than: Inbound) -> bool:
    """Tell whether one edit of a message was made before another, where the provider says when."""
    return inbound.sent_at is not None and than.sent_at is not None and inbound.sent_at < than.sent_at
