"""The consumer of balagh.updates: reads what departments send there and hands it to the one door.

A message is acknowledged when its answer is committed. What names no answer of a department becomes a quarantine row,
and from there a copy in balagh.dead. While the store is away everything stays in the queue.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from gateway import observe
from gateway.broker.bus import Bus, Delivery, Retry
from gateway.broker.topology import UPDATES
from gateway.outage import Outage
from gateway.store import quarantine
from gateway.store.engine import StoreUnavailable
from gateway.updates.answer import Updates
from gateway.updates.update import Update
from normalizer.reference import read as reference_in
from normalizer.text import storable

PREFETCH: Final = 16
TRIES: Final = 3  # of one delivery before a person must look
LARGEST: Final = 65_536  # bytes: the fields that we read have a few thousand characters

log = observe.logger("updates")

_KEY = re.compile(r"(?P<department>[a-z0-9][a-z0-9_-]{0,99})\.(?P<verb>[a-z_]{1,40})", re.ASCII)


class Unreadable(Exception):
    """The message names no answer of a department. Says why."""


class Listener:
    """Takes from balagh.updates."""

    def __init__(self, updates: Updates, bus: Bus) -> None:
        self.updates, self.bus = updates, bus
        self._tries: Counter[str] = Counter()
        self._outage = Outage(bus, (UPDATES,), lambda: self.updates.store)

    async def start(self) -> None:
        """Begin to consume."""
        await self.bus.consume(UPDATES, self.handle, PREFETCH)

    async def handle(self, delivery: Delivery) -> None:
        """Deal with one delivery; returning acknowledges it. Raises Retry."""
        subject = subject_of(delivery.routing_key, delivery.body)
        try:
            with observe.timed("updates"):
                await self._hear(delivery, subject)
        except StoreUnavailable as error:
            raise self._outage.begins() from error
        self._tries.pop(subject, None)

    async def _hear(self, delivery: Delivery, subject: str) -> None:
        try:
            update = read(delivery.routing_key, delivery.body, self.updates.city().departments, self.updates.clock)
            await self.updates.answer(update, tell=True)
        except StoreUnavailable:
            raise
        except Unreadable as error:
            await self._set_aside(delivery, subject, str(error))
        except Exception as error:  # a bug: tried again, and then kept for a person
            self._tries[subject] += 1
            if self._tries[subject] < TRIES:
                raise Retry(0.2 * self._tries[subject]) from error
            log.exception("an answer cannot be heard", exc_info=observe.bare(error))
            await self._set_aside(delivery, subject, f"{type(error).__name__} while hearing it")

    async def _set_aside(self, delivery: Delivery, subject: str, reason: str) -> None:
        body = storable(delivery.body[:LARGEST].decode("utf-8", "replace"))
        add = partial(
            quarantine.add,
            stage=quarantine.UPDATES,
            subject=subject,
            reason=reason,
            body=body,
            now=self.updates.clock(),
        )
        await self.updates.store.write(add)
        observe.ALARM.labels("quarantine").inc()
        observe.ROOM.labels("updates", "quarantined").inc()
        log.error("quarantined", reason=reason)
        for signal in self.updates.wake:
            signal.set()


def subject_of(routing_key: str, body: bytes) -> str:
    """Name a message for the quarantine: where it was sent, and a digest, since the id that it has may be another's."""
    return f"{storable(routing_key)} sha256:{hashlib.sha256(body).hexdigest()}"


def sent_to(subject: str) -> str:
    """Return the routing key in the name of a message."""
    return subject.rpartition(" ")[0]


def read(
    routing_key: str,
    body: bytes,
    departments: Collection[str],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Update:
    """Read an answer. The routing key says who speaks, for the broker's permissions guard it. Raises Unreadable."""
    found = _KEY.fullmatch(routing_key)
    if found is None or found["department"] not in departments:
        raise Unreadable("its routing key is not <a department of the city>.<verb>")
    event = _event(body)
    if event.get("specversion") != "1.0":
        raise Unreadable("not a CloudEvent of version 1.0")
    if event.get("type") != f"balagh.update.{found['verb']}.v1":
        raise Unreadable("its type does not say what its routing key says")
    subject, data = event.get("subject"), event.get("data")
    reference = reference_in(subject[:100]) if isinstance(subject, str) else None
    if reference is None:
        raise Unreadable("its subject is no reference")
    if not isinstance(data, dict):
        raise Unreadable("its data is no object")
    offer, name = data.get("offer", ""), event.get("id")
    if not isinstance(offer, str) or not isinstance(name, str):
        raise Unreadable("its id or data.offer is no text")
    try:
        return Update(name, found["department"], found["verb"], reference, offer, data, _time(event, clock()))
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _event(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        raise Unreadable(f"longer than {LARGEST} bytes")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(event, dict):
        raise Unreadable("not a JSON object")
    return event


def _time(event: dict[str, Any], now: datetime) -> datetime:
    """Return when the department says that it answered; a time that is none, or without a zone, is now."""
    try:
        said = datetime.fromisoformat(event["time"])
        return said.astimezone(UTC) if said.tzinfo else now
    except (KeyError, TypeError, ValueError, OverflowError):
        return now
