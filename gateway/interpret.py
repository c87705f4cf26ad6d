"""Interpret: make each journaled Inbound what it is, with the reason kept.

A complaint, an amendment, a delivery report, a wish for silence, or nothing to file. In order per sender, restartable
anywhere, and independent of the broker.

What it does to one Inbound happens in one transaction with the journal's mark, so a crash leaves it either undone or
done. An exception here is a bug: the Inbound goes to quarantine, the others pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from channels.message import Inbound, Purpose, Scheme
from gateway import asking, observe, revision
from gateway.acknowledge import Acknowledger, Correspondents
from gateway.calls import Calls
from gateway.city.city import City
from gateway.ear import Ear
from gateway.identity import Identities
from gateway.resend import Earlier
from gateway.signals import Signal
from gateway.store import complaints, journal, pointers, quarantine, replies, revisions
from gateway.store.complaints import Case
from gateway.store.engine import Connection, DatabaseError, Store, StoreUnavailable, refuses_the_value
from gateway.store.journal import CANDIDATE, Row
from gateway.store.ledger import Ledger
from gateway.store.visits import Round
from normalizer.complaint import Attachment, Complaint, Priority
from normalizer.normalize import STATED, amend, normalize, nothing_to_file
from normalizer.resend import nothing_new

BATCH = 48  # Inbounds in one transaction: more would keep the acceptance of others waiting
BREATH = 8  # Inbounds understood between two turns of the event loop
ONE_BREATH = timedelta(seconds=60)  # between messages that are thanked once
MOST_VERSIONS = 40  # of one complaint
MOST_LETTERS = 6_000  # in one complaint
DAWN = datetime(2000, 1, 1, tzinfo=UTC)
HELD = 0.5  # seconds for which senders that another interpreter has in hand are passed over
POLL = 0.25  # seconds between looks when another process does the accepting
# A form or a program files each time; a person in a conversation adds to what was said.
ALONE = {Scheme.WEB, Scheme.API, Scheme.MAILTO}
NO_SECOND_THOUGHTS = {Scheme.TEL, Scheme.SENDER_ID, Scheme.CALL, *ALONE}  # what is sent there can never be edited
FEWEST_WORDS = 4  # of a public post that is taken for a complaint without a person

log = observe.logger("interpret")


@dataclass(frozen=True, slots=True)
class Reading:
    """An Inbound read back from the journal, with the complaint it would make on its own."""

    row: Row
    inbound: Inbound | None = field(repr=False)
    draft: Complaint | None = field(repr=False)
    fault: str = ""
    wish: Purpose = Purpose.MESSAGE  # for silence, or for words again, when that is all it says
    nothing: str | None = None  # why there is nothing to file


@dataclass(frozen=True, slots=True)
class Done:
    """What one Inbound became."""

    outcome: str
    reference: str = ""
    reason: str = ""
    danger: bool = False  # a complaint became one of danger to life by it


class Interpreter:
    """Takes Inbounds from the journal, oldest first."""

    def __init__(
        self,
        store: Store,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        arrived: Signal,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.city, self.acknowledger, self.clock = store, city, acknowledger, clock
        self.arrived, self.wake = arrived, wake
        self.calls = Calls(acknowledger.identities)
        self._ear = Ear(store, city)
        self._visits = Round()
        self._held: set[str] = set()  # senders that other interpreters work on
        self._held_since = 0.0

    async def run(self) -> None:
        """Interpret for ever. With the store away it waits."""
        while True:
            try:
                if not await self.step():
                    await self.arrived.wait(POLL)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(1)

    async def step(self) -> int:
        """Interpret one batch and return how many were dealt with."""
        now = asyncio.get_running_loop().time()
        if now - self._held_since > HELD:
            self._held, self._held_since = set(), now
        rows = await self.store.read(partial(journal.pending, limit=BATCH, besides=self._held, visits=self._visits))
        if not rows:
            return 0
        if len(rows) == BATCH:  # more waits: who is in danger goes first
            rows = await self._ear.first(rows)
        with observe.timed("interpret"):
            readings = []
            for number, row in enumerate(rows, 1):
                readings.append(self.read(row))
                if number % BREATH == 0:
                    await asyncio.sleep(0)  # citizens wait at the door
            done = await self.store.write(partial(self.file, readings=readings))
        for result in done:
            observe.ROOM.labels("interpret", result.outcome).inc()
            note = {"reason": result.reason} if result.reason else {}
            log.info(result.outcome, reference=result.reference, **note)
            if result.danger:
                observe.distress("interpret", result.reference)
        for signal in self.wake:
            signal.set()
        if not done:  # another has these in hand, or died over them a moment ago: on with what is behind them
            self._held.update(row.sender for row in rows)
        return len(rows)

    def read(self, row: Row) -> Reading:
        """Understand one Inbound by itself. What cannot be read becomes a fault, never an exception."""
        try:
            inbound = Inbound.from_json(row.body)
            if inbound.purpose not in {Purpose.MESSAGE, Purpose.EDIT}:
                return Reading(row, inbound, None)
            reader = self.city().reader
            draft = normalize(inbound, reader, id=row.id, reference=row.reference, received_at=row.received_at)
            words_alone = inbound.sender.scheme not in ALONE and not inbound.media and inbound.place is None
            wish = reader.asks(inbound.text) if words_alone else Purpose.MESSAGE
            return Reading(row, inbound, draft, wish=wish, nothing=nothing_to_file(inbound))
        except Exception as error:  # a bug must cost no message
            log.exception("cannot be understood", reference=row.reference, exc_info=observe.bare(error))
            return Reading(row, None, None, fault=f"{type(error).__name__} while understanding it")

    def file(self, connection: Connection, readings: Sequence[Reading]) -> list[Done]:
        """Make the readings what they are: all of them at once, or, when one of them breaks that, one by one."""
        mine = {row.seq for row in journal.claim(connection, [reading.row for reading in readings])}
        readings = [reading for reading in readings if reading.row.seq in mine]
        if not readings:
            return []
        try:
            return self._together(connection, readings)
        except Exception as error:
            if isinstance(error, DatabaseError) and not refuses_the_value(error):
                raise  # the store's trouble, not a message's: the whole batch is tried again
            if len(readings) == 1:
                return [self._broken(connection, readings[0], error)]
        return [done for reading in readings for done in self.file(connection, [reading])]

    def _together(self, connection: Connection, readings: Sequence[Reading]) -> list[Done]:
        """File a batch in a savepoint of its own."""
        savepoint = connection.begin_nested()
        try:
            window = self.city().amend_window if any(reading.draft for reading in readings) else timedelta()
            batch = _Batch(connection, readings, self.clock(), window, self.acknowledger.identities)
            results = [self._file(batch, reading) for reading in readings]
            batch.ledger.flush()
        except BaseException:
            savepoint.rollback()
            raise
        savepoint.commit()
        return results

    def _broken(self, connection: Connection, reading: Reading, error: Exception) -> Done:
        log.error("cannot be filed", reference=reading.row.reference, exc_info=observe.bare(error))
        with Ledger(connection, self.clock()) as ledger:
            return self._set_aside(ledger, reading, f"{type(error).__name__} while filing it")

    def _file(self, batch: _Batch, reading: Reading) -> Done:
        row, inbound, ledger = reading.row, reading.inbound, batch.ledger
        if inbound is None:
            return self._set_aside(ledger, reading, reading.fault)
        match inbound.purpose:
            case Purpose.OPT_OUT | Purpose.OPT_IN:
                return self._silence(batch, row, inbound, wanted=inbound.purpose is Purpose.OPT_OUT, answered=True)
            case Purpose.EDIT | Purpose.DELETION:
                return self._revision(batch, reading, inbound)
            case Purpose.MESSAGE:
                return self._message(batch, reading, inbound)
        return self._note(batch, row, inbound) or self._set_aside(ledger, reading, inbound.note or "unreadable")

    def _note(self, batch: _Batch, row: Row, inbound: Inbound) -> Done | None:
        """Record what is nobody's words: a delivery report, a step of a call, a pointer, what is ignored."""
        ledger = batch.ledger
        match inbound.purpose:
            case Purpose.DELIVERY if inbound.delivery is not None:
                reply = replies.delivered(ledger.connection, row.channel, inbound.delivery, ledger.now)
                outcome = f"delivery: {inbound.delivery.status}" + ("" if reply else ", of an unknown reply")
                lost = inbound.delivery.status.lost and not inbound.delivery.transient
                if reply and lost and self.acknowledger.elsewhere(ledger.connection, reply, ledger.now):
                    outcome += ", sent by SMS instead"
            case Purpose.CALL:
                outcome = self.calls.note(ledger, row, inbound).outcome
            case Purpose.POINTER:
                pointers.add(ledger.connection, row.id, row.channel, ledger.now)
                outcome = "pointer: its words are asked for"
            case Purpose.IGNORED:
                outcome = f"ignored: {inbound.note}"
            case _:
                return None
        ledger.finish(row.seq, outcome)
        return Done(inbound.purpose.value)

    def _revision(self, batch: _Batch, reading: Reading, inbound: Inbound) -> Done:
        """Make a second thought a version of what it was part of, or file it where it came before its original."""
        row, ledger = reading.row, batch.ledger
        ledger.flush()  # the message may be of this very batch
        found = revision.apply(ledger, row, inbound, self.city().reader)
        if found is None:
            return self._message(batch, reading, inbound.but(purpose=Purpose.MESSAGE))
        if found.case is not None:
            batch.opened[found.case.sender] = found.case
            self._attach(ledger, inbound, found.case.complaint.id, found.fresh)
            if found.danger:  # an edit is thanked for no other reason; under a public post we have said that we heard
                quietly = inbound.but(comment_to=None)
                self.acknowledger.owe(ledger, batch.others, row, quietly, "distress", found.case.complaint)
        ledger.finish(row.seq, found.outcome, found.case.complaint.id if found.case else found.waits)
        reference = found.case.complaint.reference if found.case else ""
        return Done(inbound.purpose.value, reference, found.reason, danger=found.danger)

    def _message(self, batch: _Batch, reading: Reading, inbound: Inbound) -> Done:
        row, draft, city, ledger = reading.row, reading.draft, self.city(), batch.ledger
        assert draft is not None
        if inbound.sender.scheme == Scheme.CALL:
            inbound, draft = self._of_a_call(ledger, row, inbound, draft)
        if reading.wish is not Purpose.MESSAGE:
            return self._silence(batch, row, inbound, wanted=reading.wish is Purpose.OPT_OUT, answered=False)
        case = batch.open_case(row, inbound)
        done = self._not_filed(batch, reading, inbound, draft, case)
        if done is not None:
            return done
        if case is None or case.complaint.status.final:
            again = batch.earlier.same(row, inbound, draft)
            if again is not None and not full(again):
                return self._again(batch, row, inbound, draft, again)
            ended = (case.complaint.id,) if case else ()
            draft = draft.but(related=(*ended, *batch.earlier.related(row, inbound, draft)))
        if case is None or case.complaint.status.final or full(case):
            caller = batch.earlier.caller(inbound, draft)
            batch.opened[row.sender] = ledger.create(draft, sender=row.sender, account=row.account, caller=caller)
            batch.earlier.filed(row.sender)
            self._attach(ledger, inbound, draft.id, draft.attachments)
            ledger.finish(row.seq, "complaint", draft.id)
            asking.transcribe(ledger, row, inbound, draft, draft.attachments)
            purpose = "distress" if draft.priority is Priority.DISTRESS else "received"
            self.acknowledger.owe(ledger, batch.others, row, inbound, purpose, draft)
            return Done("complaint", draft.reference, danger=purpose == "distress")
        amended = amend(case.complaint, inbound, city.reader, received_at=row.received_at)
        amended, raised = self._add(batch, row, inbound, case, amended)
        # The parts of an album, of a long thought and of a call come in one breath: they are thanked once.
        one_call = inbound.sender.scheme == Scheme.CALL
        danger = raised and amended.priority is Priority.DISTRESS
        if raised or (row.received_at - case.heard_at > ONE_BREATH and not one_call):
            purpose = "distress" if danger else "amended"
            self.acknowledger.owe(ledger, batch.others, row, inbound, purpose, amended)
        return Done("amendment", amended.reference, danger=danger)

    def _not_filed(
        self, batch: _Batch, reading: Reading, inbound: Inbound, draft: Complaint, case: Case | None
    ) -> Done | None:
        """Deal with what is no complaint, or not yet; None when there is something to file."""
        row, ledger = reading.row, batch.ledger
        tells_who = bool(inbound.answers.get("contact")) and case is not None and not case.complaint.status.final
        if reading.nothing and not tells_who:
            ledger.finish(row.seq, f"nothing to file: {reading.nothing}")
            self.acknowledger.owe(ledger, batch.others, row, inbound, "nothing")
            return Done("nothing", row.reference, reading.nothing)
        newer = batch.revised.get((row.channel, row.account, inbound.external_id))
        if newer is not None:
            ledger.finish(row.seq, f"nothing to file: its {newer.purpose} came first", newer.complaint_id)
            return Done("late_original")
        if inbound.public and not self._clear(draft):
            asking.confirm(ledger, row, inbound, draft)
            ledger.finish(row.seq, CANDIDATE)
            return Done("candidate")
        return None

    def _again(self, batch: _Batch, row: Row, inbound: Inbound, draft: Complaint, case: Case) -> Done:
        """Take what was sent before for the complaint that it was: only what is new in it is added."""
        known = case.complaint
        heard = inbound.but(text="") if nothing_new(draft.text, known.text) else inbound
        amended = amend(known, heard, self.city().reader, received_at=row.received_at)
        if draft.priority is Priority.DISTRESS:
            why = amended.danger_reason or draft.danger_reason
            amended = amended.but(priority=Priority.DISTRESS, danger_reason=why)
        amended, raised = self._add(batch, row, inbound, case, amended, sent_again=True)
        purpose = "distress" if raised and amended.priority is Priority.DISTRESS else "again"
        self.acknowledger.owe(batch.ledger, batch.others, row, inbound, purpose, amended)
        return Done("resend", amended.reference, danger=purpose == "distress")

    def _add(
        self, batch: _Batch, row: Row, inbound: Inbound, case: Case, amended: Complaint, **facts: bool
    ) -> tuple[Complaint, bool]:
        """Record an amendment; return the complaint as it is then, and whether it became more urgent."""
        ledger = batch.ledger
        if not case.complaint.status.undecided:  # the department that has it decides what it is
            known = case.complaint
            amended = amended.but(category=known.category, category_confidence=known.category_confidence)
        fresh = amended.attachments[len(case.complaint.attachments) :]
        raised = amended.priority != case.complaint.priority
        batch.opened[row.sender] = ledger.amend(
            case,
            amended,
            heard_at=max(row.received_at, case.heard_at),
            facts={"amended_by": row.id, "attachments_added": len(fresh), "priority_raised": raised, **facts},
        )
        self._attach(ledger, inbound, amended.id, fresh)
        ledger.finish(row.seq, "amendment", amended.id)
        asking.transcribe(ledger, row, inbound, amended, fresh)
        return amended, raised

    def _of_a_call(self, ledger: Ledger, row: Row, inbound: Inbound, draft: Complaint) -> tuple[Inbound, Complaint]:
        """Add to what was said on the telephone what only other steps of the call told, such as the number."""
        self.calls.heard(ledger, inbound)
        whole = self.calls.complete(ledger.connection, inbound)
        if whole is inbound:
            return inbound, draft
        reader = self.city().reader
        return whole, normalize(whole, reader, id=row.id, reference=row.reference, received_at=row.received_at)

    def _clear(self, draft: Complaint) -> bool:
        """Whether a public post is so clearly a complaint to the city that no person need confirm it."""
        if draft.category_confidence < self.city().public_confidence or len(draft.text.split()) < FEWEST_WORDS:
            return False
        return draft.category_confidence == STATED or self.city().reader.guess(draft.text).agreed

    def _attach(self, ledger: Ledger, inbound: Inbound, complaint_id: str, fresh: Sequence[Attachment]) -> None:
        for media, attachment in zip(inbound.media, fresh, strict=True):
            ledger.attach(complaint_id, inbound.channel, attachment, media.url)

    def _silence(self, batch: _Batch, row: Row, inbound: Inbound, *, wanted: bool, answered: bool) -> Done:
        """Honour a wish for silence, or take it back. `answered` says that the provider has confirmed it already."""
        ledger = batch.ledger
        outcome = "opt_out" if wanted else "opt_in"
        if wanted:
            replies.opt_out(ledger.connection, row.channel, row.account, row.sender, ledger.now)
            ledger.hush(row.sender)
            batch.others.silent.add((row.channel, row.account, row.sender))
        else:
            replies.opt_in(ledger.connection, row.channel, row.account, row.sender)
            batch.others.silent.discard((row.channel, row.account, row.sender))
        if not answered:
            self.acknowledger.owe(ledger, batch.others, row, inbound, outcome)
        ledger.finish(row.seq, outcome)
        return Done(outcome)

    def _set_aside(self, ledger: Ledger, reading: Reading, reason: str) -> Done:
        row = reading.row
        quarantine.add(
            ledger.connection, stage="interpret", subject=row.id, reason=reason, body=row.body, now=ledger.now
        )
        ledger.finish(row.seq, reason, state="quarantined")
        observe.ALARM.labels("quarantine").inc()
        return Done("quarantined", row.reference, reason)


class _Batch:
    """What filing some readings needs to know, read once for all of them."""

    def __init__(
        self,
        connection: Connection,
        readings: Sequence[Reading],
        now: datetime,
        window: timedelta,
        identities: Identities,
    ) -> None:
        self.ledger, self.window = Ledger(connection, now), window
        messages = ((reading.row, reading.inbound, reading.draft) for reading in readings)
        self.earlier = Earlier(self.ledger, identities, [(a, b, c) for a, b, c in messages if b and c])
        senders = {reading.row.sender for reading in readings}
        talking = [reading.row for reading in readings if reading.inbound and may_amend(reading.inbound)]
        since = min((row.received_at for row in talking), default=now) - window
        # A clock that was set back has left complaints of a future: nothing that is said now belongs to them.
        until = max((row.received_at for row in talking), default=now) + window
        self.opened = complaints.open_of(connection, {row.sender for row in talking}, since=since, until=until)
        self.others = Correspondents(connection, senders, now)
        doubtful = [
            (reading.row.channel, reading.row.account, reading.inbound.external_id)
            for reading in readings
            if reading.inbound and reading.inbound.sender.scheme not in NO_SECOND_THOUGHTS
        ]
        self.revised = revisions.of(connection, doubtful)

    def open_case(self, row: Row, inbound: Inbound) -> Case | None:
        """Return the complaint that a message belongs to.

        The one whose thread it continues, the one of its call, or its sender's, if they wrote of it lately.
        """
        if inbound.about:
            self.ledger.flush()
            return complaints.load(self.ledger.connection, inbound.about, lock=True)
        if not may_amend(inbound):
            return None
        case = self.opened.get(row.sender)
        if inbound.sender.scheme == Scheme.CALL:
            return case or self._of_call(row.sender)
        return case if case is not None and abs(row.received_at - case.heard_at) <= self.window else None

    def _of_call(self, sender: str) -> Case | None:
        """Return the complaint of a telephone call, however late its recording comes."""
        return complaints.open_of(self.ledger.connection, {sender}, since=DAWN).get(sender)


def full(case: Case) -> bool:
    """Tell whether a complaint has taken as much as one should: what follows begins another one.

    Every amendment is a version of the whole and goes to the department, so a machine that texts without end would
    otherwise cost the square of what it sends.
    """
    return case.version >= MOST_VERSIONS or len(case.complaint.text) >= MOST_LETTERS


def may_amend(inbound: Inbound) -> bool:
    """Tell whether a further message of this sender may belong to an earlier one: nobody knows who is withheld."""
    return not inbound.public and inbound.sender.scheme not in {*ALONE, Scheme.UNKNOWN}
