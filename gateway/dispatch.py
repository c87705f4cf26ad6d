"""Dispatch: take what the router's queues bring, decide who is responsible, and put the complaint to that department.

The message only says that something happened; the decision is made from the complaint's own row, locked, so a late,
doubled or reordered copy decides nothing twice. What fails for good becomes a quarantine row (and from there a copy in
balagh.dead) and is acknowledged; while the store is away nothing is acknowledged at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial

from gateway import observe
from gateway.broker.bus import Bus, Delivery, Retry
from gateway.broker.topology import ROUTER, ROUTER_DISTRESS
from gateway.city.city import City
from gateway.signals import Signal
from gateway.store import complaints, quarantine
from gateway.store.engine import Connection, Store, StoreUnavailable
from normalizer.complaint import Status
from normalizer.text import storable
from router.rules import route

PREFETCH = 64  # deliveries in hand; they share the store's transactions
TRIES = 3  # of one delivery before a person must look
PAUSE = 2.0  # seconds before a delivery is tried again while the store is away

log = observe.logger("dispatch")


class Unroutable(Exception):
    """The delivery is not an event of ours that can be decided on. Says why."""


class Dispatcher:
    """The consumer of the router's queues."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        city: Callable[[], City],
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.bus, self.city, self.wake, self.clock = store, bus, city, wake, clock
        self._tries: dict[str, int] = {}

    async def start(self) -> None:
        """Begin to consume; distress has a consumer of its own, so that it never waits behind the rest."""
        await self.bus.consume(ROUTER_DISTRESS, self.handle, PREFETCH)
        await self.bus.consume(ROUTER, self.handle, PREFETCH)

    async def handle(self, delivery: Delivery) -> None:
        """Deal with one delivery; returning acknowledges it. Raises Retry."""
        try:
            with observe.timed("dispatch"):
                outcome, reference, department = await self.store.write(partial(self.decide, delivery=delivery))
        except StoreUnavailable as error:
            raise Retry(PAUSE) from error
        except Exception as error:
            tries = self._tries[delivery.id] = self._tries.get(delivery.id, 0) + 1
            if tries < TRIES and not isinstance(error, Unroutable):
                raise Retry(0.2 * tries) from error
            reason = str(error) if isinstance(error, Unroutable) else f"{type(error).__name__} while routing it"
            await self._set_aside(delivery, reason)
            outcome, reference, department = "quarantined", "", None
        self._tries.pop(delivery.id, None)
        observe.ROOM.labels("dispatch", outcome).inc()
        log.info(outcome, event_id=delivery.id, reference=reference, department=department)
        for signal in self.wake:
            signal.set()

    def decide(self, connection: Connection, delivery: Delivery) -> tuple[str, str, str | None]:
        """Decide from the locked row and record it. Returns what happened, the reference and the department."""
        reference, sequence = _read(delivery)
        case = complaints.load(connection, reference, lock=True)
        if case is None:
            raise Unroutable("no complaint has this reference")
        if sequence > case.sequence:  # believed, it would make the real event of that number a duplicate
            raise Unroutable("the complaint has no event of this number")
        if sequence <= case.routed_sequence:
            return "duplicate", reference, case.department
        seen = case.sequence  # the row holds everything up to its last event
        if case.complaint.status not in {Status.RECEIVED, Status.TRIAGE}:
            complaints.seen(connection, case.complaint.id, seen)
            return "told", reference, case.department  # the amendment itself went to the department
        city = self.city()
        decided = route(case.complaint, city.rules, city.matcher.guess(case.complaint.text).scores)
        if case.department == decided.department and case.route is not None:
            complaints.seen(connection, case.complaint.id, seen)
            return "unmoved", reference, case.department
        told = complaints.offer(connection, case, decided, now=self.clock(), routed_sequence=seen)
        return told[-1] if decided.automatic else "triage", reference, decided.department

    async def _set_aside(self, delivery: Delivery, reason: str) -> None:
        observe.ALARM.labels("quarantine").inc()
        try:
            await self.store.write(
                partial(
                    quarantine.add,
                    stage="dispatch",
                    subject=_subject(delivery),
                    reason=reason,
                    body=storable(delivery.body.decode("utf-8", "replace")),
                    now=self.clock(),
                )
            )
        except StoreUnavailable as error:
            raise Retry(PAUSE) from error


def _subject(delivery: Delivery) -> str:
    """Name a delivery for the quarantine; what came without an id goes by its content, so that each keeps its row."""
    return storable(delivery.id) or f"sha256:{hashlib.sha256(delivery.body).hexdigest()}"


def _read(delivery: Delivery) -> tuple[str, int]:
    try:
        event = json.loads(delivery.body)
        return str(event["subject"]), int(event["sequence"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unroutable("not a CloudEvent with subject and sequence") from error
