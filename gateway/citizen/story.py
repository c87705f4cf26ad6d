"""What a citizen may know of a report: where it stands, who has it, and what happened, in neutral facts.

Why it was routed as it was, who works on it and what departments wrote to each other stays in the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.city.phrases import PHRASES
from gateway.store import complaints, journal
from gateway.store.complaints import FINAL, Event
from gateway.store.engine import Connection, Store
from normalizer.complaint import Status


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: the city's phrase for it, and the department that it speaks of."""

    phrase: str
    department: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """A report as its citizen sees it."""

    reference: str
    status: str
    department: str | None
    steps: tuple[Step, ...]

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected soon."""
        return self.status in FINAL


async def tell(store: Store, reference: str) -> Story | None:
    """Return the story of a report; None when no such report was ever received. Raises StoreUnavailable."""
    return await store.read(partial(_tell, reference=reference))


def _tell(connection: Connection, reference: str) -> Story | None:
    case = complaints.load(connection, reference)
    if case is not None:
        events = complaints.story(connection, case.complaint.id)
        return Story(reference, case.complaint.status.value, case.department, _steps(events))
    row = journal.find(connection, reference)
    if row is None:
        return None
    return unread(reference, row.received_at)


def unread(reference: str, *at: datetime) -> Story:
    """Return the story of a report that is safe on our disk and that nobody has looked at yet."""
    return Story(reference, Status.RECEIVED.value, None, tuple(Step("event-received", None, moment) for moment in at))


def _steps(events: Sequence[Event]) -> tuple[Step, ...]:
    steps = []
    for event in events:
        phrase = f"event-{event.type}"
        if event.type == "offered" and event.data.get("status") == Status.TRIAGE.value:
            phrase = "event-triaged"
        # A photo that we fetched ourselves is nothing that the citizen added just now.
        own = event.type == "amended" and "attachments_fetched" in event.data
        if phrase in PHRASES and not own:
            steps.append(Step(phrase, event.department, event.time))
    return tuple(steps)
