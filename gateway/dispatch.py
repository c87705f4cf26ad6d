"""Dispatch: take what the router's queues bring, decide who is responsible, and put the complaint to that department.

The message only says that something happened; the decision is made from the complaint's own row, locked, so a late,
doubled or reordered copy decides nothing twice. What fails for good becomes a quarantine row (and from there a copy in
balagh.dead) and is acknowledged. While the store is away nothing is acknowledged and nothing more is taken, since every
delivery in vain brings a message nearer to the broker's delivery limit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from channels.message import Inbound
from gateway import asking, observe
from gateway.acknowledge import Acknowledger
from gateway.adopt import adopt, told
from gateway.batcher import Batcher
from gateway.broker.bus import Bus, Delivery, Retry
from gateway.broker.topology import ROUTER, ROUTER_DISTRESS
from gateway.city.city import City
from gateway.followers import follow
from gateway.outage import Outage
from gateway.signals import Signal
from gateway.store import answers, complaints, incidents, journal, quarantine, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.ledger import Ledger
from normalizer.complaint import Complaint, Priority, Status
from normalizer.text import storable
from normalizer.urgency import OF_A_RULE
from router.route import Route
from router.rules import Decision, decide

PREFETCH = 64  # deliveries in hand; they share the store's transactions
CONCURRENT = 4  # transactions at once on PostgreSQL
TRIES = 3  # of one delivery before a person must look

log = observe.logger("dispatch")


class Unroutable(Exception):
    """The delivery is not an event of ours that can be decided on. Says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a delivery asks: has this complaint, up to this event, been decided?"""

    reference: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was done about it, and which department has the complaint now."""

    outcome: str
    reference: str = ""
    department: str | None = None
    danger: bool = False  # a rule of the city made it one of danger to life


class Dispatcher:
    """The consumer of the router's queues."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.bus, self.city, self.acknowledger = store, bus, city, acknowledger
        self.wake, self.clock = wake, clock
        self._tries: dict[str, int] = {}
        self._batches = Batcher(self._decide, size=PREFETCH, concurrent=1 if store.embedded else CONCURRENT)
        self._outage = Outage(bus, (ROUTER_DISTRESS, ROUTER), lambda: self.store)

    async def start(self) -> None:
        """Begin to consume; distress has a consumer of its own, so that it never waits behind the rest."""
        await self.bus.consume(ROUTER_DISTRESS, self.handle, PREFETCH)
        await self.bus.consume(ROUTER, self.handle, PREFETCH)

    async def handle(self, delivery: Delivery) -> None:
        """Deal with one delivery; returning acknowledges it. Raises Retry."""
        try:
            with observe.timed("dispatch"):
                verdict = await self._batches.ask(_read(delivery))
        except StoreUnavailable as error:
            raise self._outage.begins() from error
        except Exception as error:
            tries = self._tries[delivery.id] = self._tries.get(delivery.id, 0) + 1
            if tries < TRIES and not isinstance(error, Unroutable):
                raise Retry(0.2 * tries) from error
            reason = str(error) if isinstance(error, Unroutable) else f"{type(error).__name__} while routing it"
            await self._set_aside(delivery, reason)
            verdict = Verdict("quarantined")
        self._tries.pop(delivery.id, None)
        observe.ROOM.labels("dispatch", verdict.outcome).inc()
        log.info(verdict.outcome, event_id=delivery.id, reference=verdict.reference, department=verdict.department)
        if verdict.danger:
            observe.distress("dispatch", verdict.reference)
        for signal in self.wake:
            signal.set()

    async def _decide(self, questions: Sequence[Question]) -> Sequence[Verdict]:
        return await self.store.write(partial(self.decide, questions=questions))

    def decide(self, connection: Connection, questions: Sequence[Question]) -> list[Verdict]:
        """Decide from the locked rows and record it. Raises Unroutable."""
        cases = complaints.load_many(connection, {question.reference for question in questions}, lock=True)
        verdicts = []
        with Ledger(connection, self.clock()) as ledger:
            for question in questions:
                case = cases.get(question.reference)
                if case is None:
                    raise Unroutable("no complaint has this reference")
                before = case.complaint.priority
                case, outcome = self._one(ledger, case, question.sequence)
                cases[question.reference] = case
                danger = case.complaint.priority != before and case.complaint.priority is Priority.DISTRESS
                verdicts.append(Verdict(outcome, question.reference, case.department, danger=danger))
        return verdicts

    def _one(self, ledger: Ledger, case: Case, sequence: int) -> tuple[Case, str]:
        if sequence > case.sequence:  # believed, it would make the real event of that number a duplicate
            raise Unroutable("the complaint has no event of this number")
        if sequence <= case.routed_sequence:
            return case, "duplicate"
        if not case.complaint.status.undecided:
            return ledger.seen(case, case.sequence), "told"  # the amendment itself went to the department
        city = self.city()
        looked_at = case.complaint.source.public and tasks.confirmed(ledger.connection, case.complaint.id)
        decision = decide(case.complaint, city.rules, city.reader.guess(case.complaint.text), confirmed=looked_at)
        decided = decision.route
        if not (decided.automatic or decision.settled or decision.confidential or case.complaint.confidential):
            decided = self._addressed(ledger.connection, case, decided, city)
        case = self._amend(ledger, case, decision, decided.rule)
        latest = case.sequence  # the row holds everything up to its last event
        if case.complaint.priority is Priority.DISTRESS and case.complaint.status is Status.TRIAGE:
            tasks.urge(ledger.connection, case.complaint.id)
        if case.department == decided.department and case.route is not None:
            return ledger.seen(case, latest), "unmoved"
        if case.complaint.status is Status.TRIAGE and _is_for_a_person(ledger.connection, case, decided):
            return ledger.seen(case, latest), "unmoved"
        if decided.automatic:
            if case.complaint.status is Status.TRIAGE:
                asking.decided(ledger, case.complaint)
            case = adopt(ledger, case, decided, city.incidents)
            facts = told(ledger.connection, case)
            case = ledger.offer(case, decided, routed_sequence=case.sequence, facts=facts)
            return follow(ledger, case), "offered"
        asking.triage(ledger, case.complaint)
        return ledger.offer(case, decided, routed_sequence=latest), "triage"

    def _amend(self, ledger: Ledger, case: Case, decision: Decision, rule: str) -> Case:
        """Make a complaint what the rules want it to be; whom they see in danger hears whom to call."""
        amended = _amended(case.complaint, decision)
        if amended == case.complaint:
            return case
        raised = amended.priority != case.complaint.priority
        facts = {"amended_by_rule": rule, "priority_raised": raised}
        case = ledger.amend(case, amended, heard_at=case.heard_at, facts=facts)
        if raised and amended.priority is Priority.DISTRESS:
            self.acknowledger.news(ledger, case.complaint, "distress")
        return case

    def _addressed(self, connection: Connection, case: Case, decided: Route, city: City) -> Route:
        """Let a complaint that no rule decides go to the department to whose own mailbox it was written, if any.

        What is or may be confidential never comes here: it may be about the people who read that mailbox.
        """
        row = journal.by_id(connection, case.complaint.id)
        department = str(Inbound.from_json(row.body).answers.get("department", "")) if row else ""
        if department not in city.departments or department == city.triage:
            return decided
        reason = "وصل إلى بريد الدائرة نفسها / came to the department's own mailbox"
        return decided.model_copy(
            update={"department": department, "automatic": True, "rule": "inbox", "reason": reason}
        )

    async def _set_aside(self, delivery: Delivery, reason: str) -> None:
        observe.ALARM.labels("quarantine").inc()
        try:
            await self.store.write(
                partial(
                    quarantine.add,
                    stage=quarantine.DISPATCH,
                    subject=_subject(delivery),
                    reason=reason,
                    body=storable(delivery.body.decode("utf-8", "replace")),
                    now=self.clock(),
                )
            )
        except StoreUnavailable as error:
            raise self._outage.begins() from error


def _is_for_a_person(connection: Connection, case: Case, decided: Route) -> bool:
    """Tell whether what was rejected stays at the desk: it goes back to nobody, and takes along those that follow it.

    Only danger does not wait for these.
    """
    said_no = answers.said_no(connection, case.complaint.id)
    waits = bool(said_no) and case.complaint.priority is not Priority.DISTRESS
    return decided.department in said_no or (waits and bool(incidents.followers(connection, case.complaint.id)))


def _amended(complaint: Complaint, decision: Decision) -> Complaint:
    """Return the complaint as the rules want it: more urgent, or without who complains; never less of either."""
    danger = decision.raises is Priority.DISTRESS
    return complaint.but(
        priority=decision.raises or complaint.priority,
        danger_reason=f"{OF_A_RULE}{decision.raised_by}" if danger else complaint.danger_reason,
        confidential=complaint.confidential or decision.confidential,
    )


def _subject(delivery: Delivery) -> str:
    """Name a delivery for the quarantine; what came without an id goes by its content, so that each keeps its row."""
    return storable(delivery.id) or f"sha256:{hashlib.sha256(delivery.body).hexdigest()}"


def _read(delivery: Delivery) -> Question:
    try:
        event = json.loads(delivery.body)
        return Question(str(event["subject"]), int(event["sequence"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unroutable("not a CloudEvent with subject and sequence") from error
