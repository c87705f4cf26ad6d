"""What a citizen may know of a report: where it stands, who has it, what happened, and what the department answers.

Why it was routed as it was, who works on it and what departments wrote to each other stays in the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from gateway.city.phrases import DATED, PHRASES
from gateway.store import answers, complaints, journal
from gateway.store.complaints import Case, Event
from gateway.store.engine import Connection, Store
from normalizer.complaint import Status
from router.lifecycle import Verb

_IN_HAND = frozenset({Status.ACCEPTED, Status.IN_PROGRESS})
_ENDED = frozenset({Status.RESOLVED, Status.CLOSED})
_WRITTEN = frozenset({"amended_by", "transcribed_by", "called_back_by"})
"""Facts of an `amended` event that adds the citizen's own words or files. Rules, incidents and photos that we fetched
amend a report too, and are nothing that the citizen knows of."""

_LETS_GO = frozenset({"offered", "recalled", "rejected", "resolved", "closed", "reopened", "withdrawn"})
"""Events after which a department has to accept a report again, beside all that leave it offered: its lead, which had
been accepted, is followed no more."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: the city's phrase for it, and the department that it speaks of.

    `due` is until when that department then promised to deal with it.
    """

    phrase: str
    department: str | None
    at: datetime
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A report as its citizen sees it. `due` is until when it will be dealt with, while somebody deals with it.

    `answer` is what the department that resolved it wrote to the citizen.
    """

    reference: str
    status: Status
    department: str | None
    steps: tuple[Step, ...]
    due: datetime | None = None
    answer: str = field(default="", repr=False)

    @property
    def handled(self) -> bool:
        """Whether the department has dealt with it, and has it no more."""
        return self.status in _ENDED

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected soon."""
        return self.status.final


async def tell(store: Store, reference: str) -> Story | None:
    """Return the story of a report; None when no such report was ever received. Raises StoreUnavailable."""
    return await store.read(partial(_tell, reference=reference))


def _tell(connection: Connection, reference: str) -> Story | None:
    case = complaints.load(connection, reference)
    if case is not None:
        status, steps = case.complaint.status, _steps(complaints.story(connection, case.complaint.id))
        due = case.due_at if status in _IN_HAND else None
        return Story(reference, status, case.department, steps, due, _answer(connection, case))
    row = journal.find(connection, reference)
    if row is None:
        return None
    return unread(reference, row.received_at)


def _answer(connection: Connection, case: Case) -> str:
    """Return what was written to the citizen. Who only follows an incident reads nothing that was meant for another."""
    if case.complaint.status not in _ENDED:
        return ""
    said = answers.of_complaint(connection, case.complaint.id)
    return next((str(one.body.get("answer", "")) for one in reversed(said) if one.verb == Verb.RESOLVED), "")


def unread(reference: str, *at: datetime) -> Story:
    """Return the story of a report that is safe on our disk and that nobody has looked at yet."""
    return Story(reference, Status.RECEIVED, None, tuple(Step("event-received", None, moment) for moment in at))


def _steps(events: Sequence[Event]) -> tuple[Step, ...]:
    steps = []
    accepted = False  # by the department that has it now
    for event in events:
        phrase = f"event-{event.type}"
        if event.type == Verb.ACCEPTED:
            phrase, accepted = DATED if accepted else phrase, True
        elif event.type in _LETS_GO or event.data.get("status") == Status.OFFERED.value:
            accepted = False
        if event.type == "offered" and event.data.get("status") == Status.TRIAGE.value:
            phrase = "event-triaged"
        ours = event.type == "amended" and _WRITTEN.isdisjoint(event.data)
        if phrase in PHRASES and not ours:
            steps.append(Step(phrase, event.department, event.time, _due(event)))
    return tuple(steps)


def _due(event: Event) -> datetime | None:
    """Read the date that was promised; other events than `accepted` only repeat it."""
    given = event.data.get("due_at") if event.type == Verb.ACCEPTED else None
    return datetime.fromisoformat(given) if given else None
