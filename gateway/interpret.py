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
from gateway import observe
from gateway.acknowledge import Acknowledger
from gateway.city.city import City
from gateway.signals import Signal
from gateway.store import attachments, complaints, journal, quarantine, replies
from gateway.store.engine import Connection, DatabaseError, Store, StoreUnavailable, refuses_the_value
from gateway.store.journal import Row
from normalizer.complaint import Attachment, Complaint
from normalizer.normalize import amend, normalize, nothing_to_file

BATCH = 32  # Inbounds in one transaction: more would keep the acceptance of others waiting
POLL = 0.25  # seconds between looks when another process does the accepting
ALONE = {
    Scheme.WEB,
    Scheme.API,
}  # a form or a program files each time; a person in a conversation adds to what was said

log = observe.logger("interpret")


@dataclass(frozen=True, slots=True)
class Reading:
    """An Inbound read back from the journal, with the complaint it would make on its own."""

    row: Row
    inbound: Inbound | None = field(repr=False)
    draft: Complaint | None = field(repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What one Inbound became."""

    outcome: str
    reference: str = ""
    reason: str = ""


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
        rows = await self.store.read(partial(journal.pending, limit=BATCH))
        if not rows:
            return 0
        with observe.timed("interpret"):
            readings = [self.read(row) for row in rows]
            done = await self.store.write(partial(self.file, readings=readings))
        for result in done:
            observe.ROOM.labels("interpret", result.outcome).inc()
            note = {"reason": result.reason} if result.reason else {}
            log.info(result.outcome, reference=result.reference, **note)
        for signal in self.wake:
            signal.set()
        if not done:
            await asyncio.sleep(0.05)  # other interpreters hold these senders
        return len(rows)

    def read(self, row: Row) -> Reading:
        """Understand one Inbound by itself. What cannot be read becomes a fault, never an exception."""
        try:
            inbound = Inbound.from_json(row.body)
            draft = None
            if inbound.purpose is Purpose.MESSAGE:
                draft = normalize(
                    inbound, self.city().matcher, id=row.id, reference=row.reference, received_at=row.received_at
                )
        except Exception as error:  # a bug must cost no message
            log.exception("cannot be understood", reference=row.reference, exc_info=observe.bare(error))
            return Reading(row, None, None, fault=f"{type(error).__name__} while understanding it")
        return Reading(row, inbound, draft)

    def file(self, connection: Connection, readings: Sequence[Reading]) -> list[Done]:
        """Make the readings what they are, each in a savepoint of its own."""
        mine = {row.seq for row in journal.claim(connection, [reading.row for reading in readings])}
        results = []
        for reading in readings:
            if reading.row.seq not in mine:
                continue
            savepoint = connection.begin_nested()
            try:
                result = self._file(connection, reading)
                savepoint.commit()
            except DatabaseError as error:
                savepoint.rollback()
                if not refuses_the_value(error):
                    raise  # the store's trouble, not this message's: the whole batch is tried again
                result = self._set_aside(connection, reading, f"{type(error).__name__} while filing it")
            except Exception as error:
                savepoint.rollback()
                log.exception("cannot be filed", reference=reading.row.reference, exc_info=observe.bare(error))
                result = self._set_aside(connection, reading, f"{type(error).__name__} while filing it")
            results.append(result)
        return results

    def _file(self, connection: Connection, reading: Reading) -> Done:
        row, inbound, now = reading.row, reading.inbound, self.clock()
        if inbound is None:
            return self._set_aside(connection, reading, reading.fault)
        match inbound.purpose:
            case Purpose.UNREADABLE:
                return self._set_aside(connection, reading, inbound.note or "unreadable")
            case Purpose.DELIVERY if inbound.delivery is not None:
                reply = replies.delivered(connection, row.channel, inbound.delivery, now)
                outcome = f"delivery: {inbound.delivery.status}" + ("" if reply else ", of an unknown reply")
                journal.finish(connection, row.seq, outcome, now)
                return Done("delivery")
            case Purpose.OPT_OUT:
                return self._silence(connection, reading, now, wanted=True, answered=True)
            case Purpose.OPT_IN:
                return self._silence(connection, reading, now, wanted=False, answered=True)
        return self._message(connection, reading, inbound, now)

    def _message(self, connection: Connection, reading: Reading, inbound: Inbound, now: datetime) -> Done:
        row, draft, city = reading.row, reading.draft, self.city()
        assert draft is not None
        words_alone = inbound.sender.scheme not in ALONE and not inbound.media and inbound.place is None
        wish = city.matcher.asks(inbound.text) if words_alone else Purpose.MESSAGE
        if wish is not Purpose.MESSAGE:
            return self._silence(connection, reading, now, wanted=wish is Purpose.OPT_OUT, answered=False)
        reason = nothing_to_file(inbound)
        if reason:
            journal.finish(connection, row.seq, f"nothing to file: {reason}", now)
            self.acknowledger.owe(connection, row, inbound, "nothing", None, now)
            return Done("nothing", row.reference, reason)
        case = None
        if inbound.sender.scheme not in ALONE and inbound.sender.scheme != Scheme.UNKNOWN:
            case = complaints.open_of(connection, row.sender, at=row.received_at, window=city.amend_window)
        if case is None:
            complaints.create(connection, draft, sender=row.sender, account=row.account, now=now)
            self._attach(connection, inbound, draft.id, draft.attachments, now)
            journal.finish(connection, row.seq, "complaint", now, draft.id)
            purpose = "distress" if draft.priority == "distress" else "received"
            self.acknowledger.owe(connection, row, inbound, purpose, draft, now)
            return Done("complaint", draft.reference)
        amended = amend(case.complaint, inbound, city.matcher, received_at=row.received_at)
        fresh = amended.attachments[len(case.complaint.attachments) :]
        raised = amended.priority != case.complaint.priority
        complaints.amend(
            connection,
            case,
            amended,
            heard_at=max(row.received_at, case.heard_at),
            now=now,
            facts={"amended_by": row.id, "attachments_added": len(fresh), "priority_raised": raised},
        )
        self._attach(connection, inbound, case.complaint.id, fresh, now)
        journal.finish(connection, row.seq, "amendment", now, case.complaint.id)
        # The parts of an album and of a long thought come in one breath: they are thanked once.
        if raised or row.received_at - case.heard_at > timedelta(seconds=60):
            purpose = "distress" if raised and amended.priority == "distress" else "amended"
            self.acknowledger.owe(connection, row, inbound, purpose, amended, now)
        return Done("amendment", case.complaint.reference)

    def _attach(
        self,
        connection: Connection,
        inbound: Inbound,
        complaint_id: str,
        fresh: Sequence[Attachment],
        now: datetime,
    ) -> None:
        for media, attachment in zip(inbound.media, fresh, strict=True):
            attachments.add(
                connection,
                attachment_id=attachment.id,
                complaint_id=complaint_id,
                channel=inbound.channel,
                url=media.url,
                content_type=media.content_type,
                sha256=media.sha256,
                size=media.size,
                now=now,
            )

    def _silence(
        self, connection: Connection, reading: Reading, now: datetime, *, wanted: bool, answered: bool
    ) -> Done:
        """Honour a wish for silence, or take it back. `answered` says that the provider has confirmed it already."""
        row, inbound = reading.row, reading.inbound
        assert inbound is not None
        outcome = "opt_out" if wanted else "opt_in"
        if wanted:
            replies.opt_out(connection, row.channel, row.account, row.sender, now)
        else:
            replies.opt_in(connection, row.channel, row.account, row.sender)
        if not answered:
            self.acknowledger.owe(connection, row, inbound, outcome, None, now, even_if_silent=True)
        journal.finish(connection, row.seq, outcome, now)
        return Done(outcome)

    def _set_aside(self, connection: Connection, reading: Reading, reason: str) -> Done:
        row, now = reading.row, self.clock()
        quarantine.add(connection, stage="interpret", subject=row.id, reason=reason, body=row.body, now=now)
        journal.set_aside(connection, row.seq, reason, now)
        observe.ALARM.labels("quarantine").inc()
        return Done("quarantined", row.reference, reason)
