"""Filing: one reading becomes what it is, by the purpose of its Inbound."""

from __future__ import annotations

from channels.message import Delivery, Inbound, Purpose
from gateway import observe, revision
from gateway.interpret.batch import Batch
from gateway.interpret.message import file_message
from gateway.interpret.reading import Done, Reading
from gateway.interpret.wish import silence
from gateway.store import pointers, quarantine, replies
from gateway.store.journal import Row
from gateway.store.ledger import Ledger


def file(batch: Batch, reading: Reading) -> Done:
    """Make one reading what it is, and mark it in the journal."""
    row, inbound = reading.row, reading.inbound
    if inbound is None:
        return set_aside(batch.ledger, reading, reading.fault)
    match inbound.purpose:
        case Purpose.OPT_OUT | Purpose.OPT_IN:
            return silence(batch, row, inbound, wanted=inbound.purpose is Purpose.OPT_OUT, answered=True)
        case Purpose.EDIT | Purpose.DELETION:
            return _revision(batch, reading, inbound)
        case Purpose.MESSAGE:
            return file_message(batch, reading, inbound)
    outcome = _note(batch, row, inbound)
    if outcome is None:
        return set_aside(batch.ledger, reading, inbound.note or "unreadable")
    batch.ledger.finish(row.seq, outcome)
    return Done(inbound.purpose.value)


def set_aside(ledger: Ledger, reading: Reading, reason: str) -> Done:
    """Put what cannot be dealt with into quarantine, for a person."""
    row = reading.row
    quarantine.add(
        ledger.connection, stage=quarantine.INTERPRET, subject=row.id, reason=reason, body=row.body, now=ledger.now
    )
    ledger.finish(row.seq, reason, state="quarantined")
    observe.ALARM.labels("quarantine").inc()
    return Done("quarantined", row.reference, reason)


def _note(batch: Batch, row: Row, inbound: Inbound) -> str | None:
    """Record what is nobody's words, and return what it was; None when nobody knows."""
    match inbound.purpose:
        case Purpose.DELIVERY if inbound.delivery is not None:
            return _delivery(batch, row, inbound.delivery)
        case Purpose.CALL:
            return batch.calls.note(batch.ledger, row, inbound).outcome
        case Purpose.POINTER:
            pointers.add(batch.ledger.connection, row.id, row.channel, batch.ledger.now)
            return "pointer: its words are asked for"
        case Purpose.IGNORED:
            return f"ignored: {inbound.note}"
    return None


def _delivery(batch: Batch, row: Row, delivery: Delivery) -> str:
    """Record how a reply of ours fared; one that is lost is sent another way where there is one."""
    connection, now = batch.ledger.connection, batch.ledger.now
    reply = replies.delivered(connection, row.channel, delivery, now)
    outcome = f"delivery: {delivery.status}" + ("" if reply else ", of an unknown reply")
    if reply and delivery.status.lost and batch.acknowledger.elsewhere(connection, reply, now):
        outcome += ", sent by SMS instead"
    return outcome


def _revision(batch: Batch, reading: Reading, inbound: Inbound) -> Done:
    """Make a second thought a version of what it was part of, or file it where it came before its original."""
    row, ledger = reading.row, batch.ledger
    ledger.flush()  # the message may be of this very batch
    found = revision.apply(ledger, row, inbound, batch.city().reader)
    if found is None:
        return file_message(batch, reading, inbound.but(purpose=Purpose.MESSAGE))
    if found.case is not None:
        batch.opened[found.case.sender] = found.case
        batch.attach(inbound, found.case.complaint.id, found.fresh)
        if found.danger:  # an edit is thanked for no other reason; under a public post we have said that we heard
            batch.owe(row, inbound.but(comment_to=None), "distress", found.case.complaint)
    ledger.finish(row.seq, found.outcome, found.case.complaint.id if found.case else found.waits)
    reference = found.case.complaint.reference if found.case else ""
    return Done(inbound.purpose.value, reference, found.reason, danger=found.danger)
