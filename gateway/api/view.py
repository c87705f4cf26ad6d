"""Who may see a complaint, how much of it, and what a program is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from channels.message import Inbound, Purpose
from gateway.api.report import NAME
from gateway.city.city import City
from gateway.cloudevents import without_contact
from gateway.settings import ApiKey
from gateway.store import answers, complaints, journal
from gateway.store.answers import Answer
from gateway.store.complaints import BY, Event
from gateway.store.engine import Connection
from gateway.store.incidents import HOUSE
from normalizer.complaint import Complaint, Contact, Moment
from normalizer.normalize import normalize
from normalizer.personal import conceal
from router.lifecycle import Verb
from router.route import Route

STAFF: Final = "staff"
"""Who did something, for a department: whose name that is concerns the city's own people."""

_WORDS: Final = frozenset({"officer", "reason", "note", "outcome", "answer"})


class Sight(IntEnum):
    """How much of a complaint a key sees."""

    NOTHING = 0
    WITHOUT_CONTACT = 1
    WHOLE = 2


class ComplaintEvent(BaseModel):
    """One change in a complaint's life."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence: int = Field(ge=1, description="Counts per complaint, from 1.")
    type: str = Field(description="received, amended, offered, recalled, …")
    time: Moment
    department: str | None = Field(description="The department that had to hear it.")
    data: dict[str, Any] = Field(description="What changed.")


class AnswerView(BaseModel):
    """What a department said to the complaint. Which of the last six are there depends on the verb."""

    model_config = ConfigDict(frozen=True)

    department: str
    verb: str = Field(description="accepted, rejected, progressed or resolved.")
    at: Moment
    due_at: Moment | None = Field(None, description="By when it will be dealt with.")
    officer: str | None = Field(None, description="Who deals with it.")
    reason: str | None = Field(None, description="Why the department is not responsible.")
    suggested_department: str | None = Field(None, description="Who is, as the department says.")
    note: str | None = Field(None, description="What goes on.")
    outcome: str | None = Field(None, description="How it ended, in a word.")
    answer: str | None = Field(None, description="What the citizen is told.")


class ComplaintView(Complaint):
    """A complaint as the API shows it: the common schema, where it is now, and how it came there."""

    department: str | None = None
    due_at: Moment | None = None
    route: Route | None = None
    events: tuple[ComplaintEvent, ...] = ()
    answers: tuple[AnswerView, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A complaint, or what one will be made of, with what only the house keeps about it."""

    complaint: Complaint = field(repr=False)
    filed: bool = True
    department: str | None = None
    due_at: datetime | None = None
    route: Route | None = None
    events: Sequence[Event] = ()
    answers: Sequence[Answer] = field(default=(), repr=False)


def find(connection: Connection, named: str, city: City) -> Found | None:
    """Look a reference up: the complaint with its events, or the message that waits to be understood.

    `named` may also be a complaint's id; a message that waits has none, for it may become a part of another complaint.
    """
    by_id = "-" in named
    case = complaints.load_by_id(connection, named) if by_id else complaints.load(connection, named)
    if case is not None:
        story = complaints.story(connection, case.complaint.id)
        said = answers.of_complaint(connection, case.complaint.id)
        return Found(case.complaint, True, case.department, case.due_at, case.route, story, said)
    row = None if by_id else journal.find(connection, named)
    return Found(_draft(row, city), filed=False) if row else None


def _draft(row: journal.Row, city: City) -> Complaint:
    """Read a message as `interpret` will; one that cannot be read is only known to have been received."""
    try:
        inbound = Inbound.from_json(row.body)
        if inbound.purpose is Purpose.MESSAGE:
            return normalize(inbound, city.reader, id=row.id, reference=row.reference, received_at=row.received_at)
    except Exception:  # noqa: BLE001 - interpret meets the same fault, and alarms
        return Complaint(id=row.id, reference=row.reference, channel=row.channel, received_at=row.received_at)
    return Complaint(id=row.id, reference=row.reference, channel=row.channel, received_at=row.received_at)


def sight(key: ApiKey, complaint: Complaint, department: str | None, city: City) -> Sight:
    """Say how much a key sees of a complaint that is at `department` now.

    admin sees everything; read everything but the contact of what is confidential; department.<id> what is there now,
    without the contact where the city withholds it; intake what the key itself filed, without the contact.
    """
    if "admin" in key.scopes:
        return Sight.WHOLE
    open_sight = Sight.WITHOUT_CONTACT if complaint.confidential else Sight.WHOLE
    seen = [open_sight] if "read" in key.scopes else []
    if department is not None and f"department.{department}" in key.scopes:
        known = city.departments.get(department)
        withheld = known is None or known.withhold_contact
        seen.append(Sight.WITHOUT_CONTACT if withheld else open_sight)
    if _filed(key, complaint):
        seen.append(Sight.WITHOUT_CONTACT)
    return max(seen, default=Sight.NOTHING)


def _filed(key: ApiKey, complaint: Complaint) -> bool:
    """Tell whether a complaint came in by this very key."""
    return "intake" in key.scopes and (complaint.source.provider, complaint.source.account) == (NAME, key.name)


def heard(key: ApiKey, found: Found) -> Sequence[Answer]:
    """Return what a key sees of departments' answers.

    admin and read see all; department.<id> its own; whoever filed the complaint sees what its citizen may be told.
    """
    if not key.scopes.isdisjoint({"admin", "read"}):
        return found.answers
    own = [one for one in found.answers if f"department.{one.department}" in key.scopes]
    if own or not _filed(key, found.complaint):
        return own
    told = [replace(one, body=citizens(one)) for one in found.answers if one.verb != Verb.REJECTED]
    return [one for one in told if one.body]


def citizens(answer: Answer) -> dict[str, Any]:
    """Return the fields of an answer that its citizen may know: by when, and how it ended."""
    return {name: answer.body[name] for name in ("due_at", "outcome", "answer") if name in answer.body}


def names(key: ApiKey) -> bool:
    """Say whether a key learns who of the city's people did what."""
    return not key.scopes.isdisjoint({"admin", "read"})


def show(found: Found, seen: Sight, public_url: str, *, named: bool = True) -> ComplaintView:
    """Write what a key sees. Without the contact, nothing else that leads to the citizen is there, as on the bus.

    Unless `named`, events do not say who of the city's people did something, but that it was staff.
    """
    complaint = found.complaint if seen is Sight.WHOLE else without_contact(found.complaint)
    if found.filed:
        held = [
            item.model_copy(update={"url": f"{public_url}/api/v1/attachments/{item.id}"}) if item.sha256 else item
            for item in complaint.attachments
        ]
        complaint = complaint.but(attachments=tuple(held))
    return ComplaintView(
        **{name: getattr(complaint, name) for name in Complaint.model_fields},
        department=found.department,
        due_at=found.due_at,
        route=found.route,
        events=tuple(
            ComplaintEvent(
                id=event.id,
                sequence=event.sequence,
                type=event.type,
                time=event.time,
                department=event.department,
                data=dict(event.data) if named else {name: unnamed(name, fact) for name, fact in event.data.items()},
            )
            for event in found.events
        ),
        answers=tuple(_answer(one, found.complaint, seen) for one in found.answers),
    )


def unnamed(name: str, fact: Any) -> Any:
    """Return a fact without the name of whoever of the city's people it names."""
    return STAFF if name in BY and fact not in {None, HOUSE} else fact


def _answer(said: Answer, complaint: Complaint, seen: Sight) -> AnswerView:
    """Write an answer; who may not see the contact shall not read it in the department's words either."""
    contact = complaint.contact or Contact()
    body = {
        name: conceal(value, contact) if seen is not Sight.WHOLE and name in _WORDS else value
        for name, value in said.body.items()
    }
    return AnswerView(department=said.department, verb=said.verb, at=said.at, **body)
