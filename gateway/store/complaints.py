"""Complaints as they stand, and the story of their events. `gateway.store.ledger` is what changes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select
from sqlalchemy.engine import Row

from gateway.store.parts import parts
from gateway.store.tables import Instant, complaints, events, personal
from normalizer.complaint import Complaint, Priority, Status
from router.route import Route

FINAL = tuple(status.value for status in Status if status.final)  # for statements; elsewhere ask the status
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
BY = ("by", "joined_by", "left_by", "split_by", "transcribed_by", "called_back_by")
"""Facts of an event that name who of the city's people did it."""

EVENT_LOCK = 0x62616C61_65766E74  # held shared by whoever appends events, so that the sealer can wait for all of them


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint as it stands, with what only the house keeps about it."""

    complaint: Complaint
    sender: str = field(repr=False)
    account: str
    sequence: int
    version: int
    routed_sequence: int
    heard_at: datetime
    department: str | None
    offer: str | None
    route: Route | None
    due_at: datetime | None
    digest: str = ""  # salted, of the personal payload at this version

    def but(self, **changes: Any) -> Case:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def as_decided(self, newer: Complaint) -> Complaint:
        """Return a newer version of the complaint with the category that it has at a department.

        The department that has it decides what it is; before that, all its words do.
        """
        known = self.complaint
        if known.status.undecided:
            return newer
        return newer.but(category=known.category, category_confidence=known.category_confidence)


@dataclass(frozen=True, slots=True)
class Event:
    """One immutable change of a complaint."""

    seq: int
    id: str
    complaint_id: str
    reference: str
    sequence: int
    type: str
    time: datetime
    channel: str
    priority: str
    department: str | None
    data: Mapping[str, Any]


def load(connection: Connection, reference: str, *, lock: bool = False) -> Case | None:
    """Return the complaint with this reference; `lock` keeps others from changing it until the commit."""
    return next(iter(load_many(connection, [reference], lock=lock).values()), None)


def load_many(connection: Connection, references: Collection[str], *, lock: bool = False) -> dict[str, Case]:
    """Return the complaints with these references, by reference."""
    found = _load(connection, _BY_REFERENCE, {"references": references}, lock=lock)
    return {case.complaint.reference: case for case in found}


def load_by_id(connection: Connection, complaint_id: str, *, lock: bool = False) -> Case | None:
    """Return the complaint with this id; `lock` as for `load`."""
    return next(iter(_load(connection, _BY_ID, {"id": complaint_id}, lock=lock)), None)


def load_these(connection: Connection, ids: Collection[str], *, lock: bool = False) -> list[Case]:
    """Return the complaints with these ids, in the order of their ids; `lock` as for `load`."""
    found: list[Case] = []
    for some in parts(sorted(set(ids))):
        found += _load(connection, _BY_IDS, {"ids": some}, lock=lock)
    return sorted(found, key=lambda case: case.complaint.id)


def open_of(
    connection: Connection, senders: Collection[str], *, since: datetime, until: datetime | None = None
) -> dict[str, Case]:
    """Return the open complaint of each sender about which they last wrote, from `since` to `until`; locked."""
    if not senders:
        return {}
    found = _load(connection, _OPEN, {"senders": senders, "since": since, "until": until or LATEST}, lock=True)
    # Between the look and the lock a department may have closed one.
    return {
        case.sender: case for case in sorted(found, key=lambda case: case.heard_at) if not case.complaint.status.final
    }


def sent_since(connection: Connection, senders: Collection[str], since: datetime) -> dict[str, list[str]]:
    """Return the ids of the open complaints about which each sender wrote since a moment, the newest first."""
    if not senders:
        return {}
    found: dict[str, list[str]] = {}
    for row in connection.execute(_SENT, {"senders": list(senders), "since": since}):
        found.setdefault(row.sender, []).append(row.id)
    return found


def story(connection: Connection, complaint_id: str) -> list[Event]:
    """Return every event of a complaint, in order."""
    rows = connection.execute(
        select(events).where(events.c.complaint_id == complaint_id).order_by(events.c.sequence)
    ).all()
    return [as_event(row) for row in rows]


def as_event(row: Row[Any]) -> Event:
    """Read an event from a row that holds its columns."""
    return Event(
        row.seq,
        row.id,
        row.complaint_id,
        row.reference,
        row.sequence,
        row.type,
        row.time,
        row.channel,
        row.priority,
        row.department,
        json.loads(row.data),
    )


_SENT = (
    select(complaints.c.id, complaints.c.sender)
    .where(
        complaints.c.sender.in_(bindparam("senders", expanding=True)),
        complaints.c.heard_at >= bindparam("since", type_=Instant),
        complaints.c.status.not_in(FINAL),
    )
    .order_by(complaints.c.heard_at.desc())
)


class _Search:
    """A way to find complaints, as two statements that are built once: to lock their rows, and to read them."""

    def __init__(self, condition: ColumnElement[bool]) -> None:
        at_version = and_(personal.c.complaint_id == complaints.c.id, personal.c.version == complaints.c.version)
        self.lock = select(complaints.c.id).where(condition).order_by(complaints.c.id).with_for_update()
        self.read = (
            select(complaints, personal.c.body, personal.c.salt).outerjoin(personal, at_version).where(condition)
        )


_BY_ID = _Search(complaints.c.id == bindparam("id"))
_BY_IDS = _Search(complaints.c.id.in_(bindparam("ids", expanding=True)))
_BY_REFERENCE = _Search(complaints.c.reference.in_(bindparam("references", expanding=True)))
_OPEN = _Search(
    and_(
        complaints.c.sender.in_(bindparam("senders", expanding=True)),
        complaints.c.heard_at >= bindparam("since", type_=Instant),
        complaints.c.heard_at <= bindparam("until", type_=Instant),
        complaints.c.status.not_in(FINAL),
    )
)


def _load(connection: Connection, search: _Search, parameters: Mapping[str, Any], *, lock: bool) -> list[Case]:
    if lock and connection.dialect.name == "postgresql":
        # Lock first, in one order for everybody; read the payload of the version that is then current.
        connection.execute(search.lock, parameters).all()
    rows = connection.execute(search.read, parameters)
    return [
        Case(
            complaint=restore(row, row.body),
            sender=row.sender,
            account=row.account,
            sequence=row.sequence,
            version=row.version,
            routed_sequence=row.routed_sequence,
            heard_at=row.heard_at,
            department=row.department,
            offer=row.offer,
            route=Route.model_validate_json(row.route) if row.route else None,
            due_at=row.due_at,
            digest=salted(row.salt, row.body) if row.body is not None else "",
        )
        for row in rows
    ]


def restore(row: Any, body: str | None, **then: Any) -> Complaint:
    """Rebuild a complaint from its row and its personal payload; without the payload, what is not personal.

    `then` are fields as they were at another moment than the row's.
    """
    now = {
        "kind": row.kind,
        "status": Status(row.status),
        "category": row.category,
        "priority": Priority(row.priority),
    }
    if body is None:  # erased
        return Complaint(
            id=row.id,
            reference=row.reference,
            channel=row.channel,
            language=row.language,
            confidential=row.confidential,
            received_at=row.received_at,
            **{**now, **then},
        )
    return Complaint.model_validate_json(body).but(
        **{**{name: now[name] for name in ("status", "category", "priority")}, **then}
    )


def mutable(case: Case) -> dict[str, Any]:
    """Return the columns of a case that may change in its life."""
    complaint = case.complaint
    return {
        "kind": complaint.kind.value,
        "status": complaint.status.value,
        "category": complaint.category,
        "priority": complaint.priority.value,
        "district": complaint.place.district if complaint.place else None,
        "language": complaint.language,
        "confidential": complaint.confidential,
        "heard_at": case.heard_at,
        "version": case.version,
        "sequence": case.sequence,
        "routed_sequence": case.routed_sequence,
        "department": case.department,
        "offer": case.offer,
        "route": case.route.model_dump_json() if case.route else None,
        "due_at": case.due_at,
    }


def salted(salt: str, body: str) -> str:
    """Digest a personal payload so that an event can prove it without holding it."""
    return hashlib.sha256(f"{salt}:{body}".encode()).hexdigest()
