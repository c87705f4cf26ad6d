"""A citizen's message: the beginning of a complaint, more of one, the same again, or nothing to file."""

from __future__ import annotations

from datetime import timedelta

from channels.message import Inbound, Purpose, Scheme
from gateway import asking
from gateway.city.city import City
from gateway.interpret.batch import Batch, full
from gateway.interpret.reading import Done, Reading
from gateway.interpret.wish import silence
from gateway.store.complaints import Case
from gateway.store.journal import CANDIDATE, Row
from normalizer.complaint import Complaint, Priority
from normalizer.normalize import STATED, amend, normalize
from normalizer.resend import nothing_new

ONE_BREATH = timedelta(seconds=60)  # between messages that are thanked once
FEWEST_WORDS = 4  # of a public post that is taken for a complaint without a person


def file_message(batch: Batch, reading: Reading, inbound: Inbound) -> Done:
    """File what somebody said, and owe them an answer."""
    row, draft = reading.row, reading.draft
    assert draft is not None
    if inbound.sender.scheme == Scheme.CALL:
        inbound, draft = _of_a_call(batch, row, inbound, draft)
    if reading.wish is not Purpose.MESSAGE:
        return silence(batch, row, inbound, wanted=reading.wish is Purpose.OPT_OUT, answered=False)
    case = batch.open_case(row, inbound)
    done = _not_filed(batch, reading, inbound, draft, case)
    if done is not None:
        return done
    if case is None or case.complaint.status.final:
        again = batch.earlier.same(row, inbound, draft)
        if again is not None and not full(again):
            return _again(batch, row, inbound, draft, again)
        ended = (case.complaint.id,) if case else ()
        draft = draft.but(related=(*ended, *batch.earlier.related(row, inbound, draft)))
    if case is None or case.complaint.status.final or full(case):
        return _begin(batch, row, inbound, draft)
    return _go_on(batch, row, inbound, case)


def _of_a_call(batch: Batch, row: Row, inbound: Inbound, draft: Complaint) -> tuple[Inbound, Complaint]:
    """Add to what was said on the telephone what only other steps of the call told, such as the number."""
    batch.calls.heard(batch.ledger, inbound)
    whole = batch.calls.complete(batch.ledger.connection, inbound)
    if whole is inbound:
        return inbound, draft
    reader = batch.city().reader
    return whole, normalize(whole, reader, id=row.id, reference=row.reference, received_at=row.received_at)


def _not_filed(batch: Batch, reading: Reading, inbound: Inbound, draft: Complaint, case: Case | None) -> Done | None:
    """Deal with what is no complaint, or not yet; None when there is something to file."""
    row, ledger = reading.row, batch.ledger
    tells_who = bool(inbound.answers.get("contact")) and case is not None and not case.complaint.status.final
    if reading.nothing and not tells_who:
        ledger.finish(row.seq, f"nothing to file: {reading.nothing}")
        if not inbound.public:  # a sticker below a post of ours is said to nobody in particular
            batch.owe(row, inbound, "nothing")
        return Done("nothing", row.reference, reading.nothing)
    newer = batch.revised.get((row.channel, row.account, inbound.external_id))
    if newer is not None:
        ledger.finish(row.seq, f"nothing to file: its {newer.purpose} came first", newer.complaint_id)
        return Done("late_original")
    if inbound.public and not _clear(batch.city(), draft):
        asking.confirm(ledger, row, inbound, draft)
        ledger.finish(row.seq, CANDIDATE)
        return Done("candidate")
    return None


def _clear(city: City, draft: Complaint) -> bool:
    """Whether a public post is so clearly a complaint to the city that no person need confirm it."""
    if draft.category_confidence < city.public_confidence or len(draft.text.split()) < FEWEST_WORDS:
        return False
    return draft.category_confidence == STATED or city.reader.guess(draft.text).agreed


def _begin(batch: Batch, row: Row, inbound: Inbound, draft: Complaint) -> Done:
    """File a complaint."""
    ledger, caller = batch.ledger, batch.earlier.caller(inbound, draft)
    batch.opened[row.sender] = ledger.create(draft, sender=row.sender, account=row.account, caller=caller)
    batch.earlier.filed(row.sender)
    batch.attach(inbound, draft.id, draft.attachments)
    ledger.finish(row.seq, "complaint", draft.id)
    asking.transcribe(ledger, row, inbound, draft, draft.attachments)
    danger = draft.priority is Priority.DISTRESS
    batch.owe(row, inbound, "distress" if danger else "received", draft)
    return Done("complaint", draft.reference, danger=danger)


def _go_on(batch: Batch, row: Row, inbound: Inbound, case: Case) -> Done:
    """Add a message to the open complaint that it belongs to."""
    amended = amend(case.complaint, inbound, batch.city().reader, received_at=row.received_at)
    amended, raised = _add(batch, row, inbound, case, amended)
    # The parts of an album, of a long thought and of a call come in one breath: they are thanked once.
    one_call = inbound.sender.scheme == Scheme.CALL
    danger = raised and amended.priority is Priority.DISTRESS
    if raised or (row.received_at - case.heard_at > ONE_BREATH and not one_call):
        batch.owe(row, inbound, "distress" if danger else "amended", amended)
    return Done("amendment", amended.reference, danger=danger)


def _again(batch: Batch, row: Row, inbound: Inbound, draft: Complaint, case: Case) -> Done:
    """Take what was sent before for the complaint that it was: only what is new in it is added."""
    known = case.complaint
    heard = inbound.but(text="") if nothing_new(draft.text, known.text) else inbound
    amended = amend(known, heard, batch.city().reader, received_at=row.received_at)
    if draft.priority is Priority.DISTRESS:
        why = amended.danger_reason or draft.danger_reason
        amended = amended.but(priority=Priority.DISTRESS, danger_reason=why)
    amended, raised = _add(batch, row, inbound, case, amended, sent_again=True)
    danger = raised and amended.priority is Priority.DISTRESS
    batch.owe(row, inbound, "distress" if danger else "again", amended)
    return Done("resend", amended.reference, danger=danger)


def _add(
    batch: Batch, row: Row, inbound: Inbound, case: Case, amended: Complaint, **facts: bool
) -> tuple[Complaint, bool]:
    """Record an amendment; return the complaint as it is then, and whether it became more urgent."""
    ledger = batch.ledger
    amended = case.as_decided(amended)
    fresh = amended.attachments[len(case.complaint.attachments) :]
    raised = amended.priority != case.complaint.priority
    batch.opened[row.sender] = ledger.amend(
        case,
        amended,
        heard_at=max(row.received_at, case.heard_at),
        facts={"amended_by": row.id, "attachments_added": len(fresh), "priority_raised": raised, **facts},
    )
    batch.attach(inbound, amended.id, fresh)
    ledger.finish(row.seq, "amendment", amended.id)
    asking.transcribe(ledger, row, inbound, amended, fresh)
    return amended, raised
