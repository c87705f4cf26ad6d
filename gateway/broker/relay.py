"""The relay: publish the outbox, each complaint's events in order, distress first.

An event is marked only when every exchange it belongs on has confirmed it. Nothing reaches the broker in any other way,
copies of the quarantine and refusals of departments' answers included.

An event that the broker refuses is parked, with an alarm; the events of its complaint wait behind it, the others pass.
A lost connection parks nothing: whatever was not confirmed is published again, under the same id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gateway import observe
from gateway.broker.bus import Bus, Confirmed, Lost, Nacked, Outcome, Parcel, Returned
from gateway.broker.topology import COMPLAINTS, DEAD, DEPARTMENTS, department_queue
from gateway.cloudevents import REFUSED, Envelopes
from gateway.signals import Signal
from gateway.store import answers, outbox, stranded
from gateway.store.answers import Answer
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.outbox import Letter, Torn

WINDOW = 200  # events published and awaited together
BREATH = 16  # letters written between two turns of the event loop
POLL = 0.25  # seconds between looks when another process files
PARK = 5.0  # seconds before a refused event is tried again; doubles up to …
DOUBLINGS = 10  # past that the pause is the longest anyway, and 2 to the number of tries would outgrow a float
PARK_MOST = 60.0  # a broker that comes back is noticed at once; this is for a queue that has room again
FOLLOW = 4  # refused events that are tried at once for each that gets through
ROUTED = {"received", "amended"}  # a router's queue must take these, so they are mandatory on balagh.complaints

log = observe.logger("relay")

_QUEUE = department_queue("")

Refusal = tuple[Letter | Torn, Returned | Nacked]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is to be published next, and a word for each department's queue that was `made` anew."""

    letters: Sequence[Letter | Torn]
    made: Mapping[str, str]
    broken: Sequence[Any]  # rows of the quarantine
    refusals: Sequence[Answer]


class Relay:
    """Feeds the broker from the outbox. The departments that are `pulling` fetch theirs from us: they have no queue."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        envelopes: Callable[[], Envelopes],
        filed: Signal,
        *,
        mine: Callable[[], Awaitable[bool]],
        pulling: Collection[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.bus, self.envelopes, self.filed, self.clock = store, bus, envelopes, filed, clock
        self.mine, self.pulling = mine, pulling
        self._was_connected = False
        self._unrecorded: Callable[[Any], None] | None = None  # what the broker said and the store has not heard

    async def run(self) -> None:
        """Publish for ever: while the lease is ours, the store answers and the broker is connected."""
        while True:
            try:
                if not self.bus.connected or not await self.mine():
                    self._was_connected = self.bus.connected and self._was_connected
                    await asyncio.sleep(POLL)
                    continue
                if not self._was_connected:
                    self._was_connected = True
                    await self.store.write(outbox.unpark)  # what an absent queue refused may be welcome now
                if not await self.step():
                    await self.filed.wait(POLL)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(1)

    async def step(self) -> int:
        """Publish one window and return how many were confirmed."""
        await self._record()
        window = await self.store.read(partial(_window, now=self.clock()))
        confirmed = await self._publish(window.letters, window.made) if window.letters else 0
        confirmed += await self._copy_quarantine(window.broken) if window.broken else 0
        return confirmed + (await self._tell_refusals(window.refusals) if window.refusals else 0)

    async def _publish(self, letters: Sequence[Letter | Torn], made: Mapping[str, str]) -> int:
        written, refused = await self._written(letters)
        sent = self.clock()
        with observe.timed("relay"):
            outcomes = iter(await self.bus.publish([parcel for _, parcels in written for parcel in parcels]))
        now, done = self.clock(), []
        for letter, parcels in written:
            verdict = _worst([next(outcomes) for _ in parcels])
            if isinstance(verdict, Confirmed):
                done.append(letter)
            elif isinstance(verdict, Returned | Nacked):
                refused.append((letter, verdict))
        self._unrecorded = partial(_record, done=done, refused=refused, made=made, sent=sent, now=now)
        await self._record()
        for letter in done:
            observe.ROOM.labels("relay", letter.event.type).inc()
            if letter.event.type == "offered":
                observe.SECONDS.labels("journey").observe(
                    max(0.0, (now - letter.complaint.received_at).total_seconds())
                )
            log.info("published", event_id=letter.event.id, type=letter.event.type, reference=letter.event.reference)
        for parked, verdict in refused:
            observe.ALARM.labels("parked").inc()
            observe.ROOM.labels("relay", "parked").inc()
            log.error("parked", event_id=parked.event.id, reference=parked.event.reference, reason=verdict.reason)
        if len(done) + len(refused) < len(letters):
            await asyncio.sleep(POLL)  # the connection went: what is unmarked goes again
        return len(done)

    async def _record(self) -> None:
        """Note what the last window came to before the next goes out: a full disk must not send it every second."""
        job, self._unrecorded = self._unrecorded, None
        if job is not None:
            try:
                await self.store.write(job)
            except StoreUnavailable:
                self._unrecorded = job
                raise

    async def _written(
        self, letters: Sequence[Letter | Torn]
    ) -> tuple[list[tuple[Letter, list[Parcel]]], list[Refusal]]:
        """Write what can be written, and set aside what cannot: it must not stop the others."""
        envelopes = self.envelopes()
        written: list[tuple[Letter, list[Parcel]]] = []
        refused: list[Refusal] = []
        for number, letter in enumerate(letters):
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)  # long letters take their time, and citizens wait at the door
            if isinstance(letter, Torn):
                refused.append((letter, Nacked(letter.reason)))
                continue
            try:
                written.append((letter, self._parcels(letter, envelopes)))
            except Exception as error:  # a bug
                log.exception("cannot be written", event_id=letter.event.id, exc_info=observe.bare(error))
                refused.append((letter, Nacked(f"{type(error).__name__} while writing it")))
        return written, refused

    def _parcels(self, letter: Letter, envelopes: Envelopes) -> list[Parcel]:
        event = letter.event
        # 9 is for danger to life; RabbitMQ 4 honours it on quorum queues, older ones only carry it.
        priority = {"distress": 9, "high": 5}.get(event.priority, 0)
        public = Parcel(
            exchange=COMPLAINTS,
            routing_key=f"{event.type}.{event.channel}.{event.priority}",
            id=event.id,
            body=envelopes.for_everybody(letter),
            priority=priority,
            mandatory=event.type in ROUTED,
            type=f"balagh.complaint.{event.type}.v1",
            timestamp=event.time,
        )
        if event.department is None:
            return [public]
        return [
            public,
            replace(
                public,
                exchange=DEPARTMENTS,
                routing_key=f"{event.department}.{event.type}",
                body=envelopes.for_department(letter),
                mandatory=event.department not in self.pulling,
            ),
        ]

    async def _copy_quarantine(self, rows: Sequence[Any]) -> int:
        outcomes = await self.bus.publish([_dead(row) for row in rows])
        copied = [row.id for row, outcome in zip(rows, outcomes, strict=True) if isinstance(outcome, Confirmed)]
        await self.store.write(partial(outbox.copied, ids=copied, now=self.clock()))
        return len(copied)

    async def _tell_refusals(self, refusals: Sequence[Answer]) -> int:
        """Tell departments which of their answers changed nothing. One that its queue does not take is told later.

        One that has left the city, or fetches its complaints now, has no queue of ours any more: nobody need take it.
        """
        envelopes, queued = self.envelopes(), self.bus.topology.departments
        outcomes = await self.bus.publish(
            [_refusal(answer, envelopes, mandatory=answer.department in queued) for answer in refusals]
        )
        paired = list(zip(refusals, outcomes, strict=True))
        told = [answer.id for answer, outcome in paired if isinstance(outcome, Confirmed)]
        vain = [answer.id for answer, outcome in paired if isinstance(outcome, Returned | Nacked)]
        if vain:
            observe.ALARM.labels("parked").inc(len(vain))
            log.error("refusals parked", refusals=len(vain))
        await self.store.write(partial(_record_refusals, told=told, vain=vain, now=self.clock()))
        return len(told)


def _dead(row: Any) -> Parcel:
    return Parcel(
        exchange="",
        routing_key=DEAD,
        id=f"quarantine-{row.id}",
        body=row.body.encode("utf-8", "replace"),
        headers={"reason": row.reason, "stage": row.stage, "subject": row.subject, "quarantine": str(row.id)},
        type="balagh.quarantine.v1",
        timestamp=row.created_at,
    )


def _refusal(answer: Answer, envelopes: Envelopes, *, mandatory: bool) -> Parcel:
    return Parcel(
        exchange=DEPARTMENTS,
        routing_key=f"{answer.department}.refused",
        id=answer.id,
        body=envelopes.refusal(answer),
        mandatory=mandatory,
        type=REFUSED,
        timestamp=answer.at,
    )


def _record_refusals(connection: Any, told: Sequence[str], vain: Sequence[str], now: datetime) -> None:
    answers.told(connection, told, now)
    answers.put_off(connection, vain, now + timedelta(seconds=PARK_MOST))


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    """An event is out only when every exchange has it; a lost answer weighs less than a refusal."""
    for kind in (Returned, Nacked, Lost):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                return outcome
    return outcomes[0]


def _window(connection: Any, now: datetime) -> _Window:
    return _Window(
        outbox.unpublished(connection, now=now, limit=WINDOW),
        stranded.made(connection),
        outbox.uncopied(connection, limit=WINDOW),
        answers.untold(connection, now=now, limit=WINDOW),
    )


def _record(
    connection: Any,
    done: Sequence[Letter],
    refused: Sequence[Refusal],
    made: Mapping[str, str],
    sent: datetime,
    now: datetime,
) -> None:
    """Mark what got through as of when it was sent: whoever puts back what a queue held asks what can have been in it.

    Where a queue was deleted and made anew while its confirm was awaited, the letter may lie in the old one: it stays
    unmarked and goes once more.
    """
    present = stranded.made(connection)
    anew = {name.removeprefix(_QUEUE) for name, told in present.items() if made.get(name) != told}
    kept = [letter.event.seq for letter in done if letter.event.department not in anew]
    outbox.published(connection, kept, sent)
    for letter, verdict in refused:
        wait = min(PARK * 2 ** min(letter.attempts, DOUBLINGS), PARK_MOST)
        outbox.park(connection, letter.event.seq, verdict.reason[:300], now + timedelta(seconds=wait))
    # Where one gets through after a refusal there is room again. A few follow it, and a few each of those: a queue that
    # is emptied drains what waits within moments, and one that takes one message at a time is not stormed.
    through = Counter(letter.event.department for letter in done if letter.attempts)
    for department, number in through.items():
        outbox.unpark_some(connection, department, FOLLOW * number)
