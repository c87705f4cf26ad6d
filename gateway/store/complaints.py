"""Complaints and their events.

Every change appends an event, its relay entry and a version of the personal payload in the same transaction; nothing
else may change a complaint.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select, text, update
from sqlalchemy.engine import Row

from gateway.store.tables import complaints, events, personal, relay
from normalizer.complaint import Complaint, Priority, Status
from router.route import Route

FINAL = (Status.RESOLVED.value, Status.CLOSED.value, Status.WITHDRAWN.value)
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


def create(connection: Connection, complaint: Complaint, *, sender: str, account: str, now: datetime) -> Case:
    """File a new complaint with its `received` event."""
    if connection.dialect.name == "postgresql":
        _appending(connection)
    connection.execute(
        complaints.insert(),
        {
            **_columns(complaint),
            "id": complaint.id,
            "reference": complaint.reference,
            "channel": complaint.channel,
            "received_at": complaint.received_at,
            "account": account,
            "sender": sender,
            "heard_at": complaint.received_at,
            "updated_at": now,
            "version": 1,
            "sequence": 1,
        },
    )
    digest = _keep(connection, complaint, 1)
    _append(connection, complaint, 1, "received", now, None, _facts(complaint), 1, digest)
    return Case(complaint, sender, account, 1, 1, 0, complaint.received_at, None, None, None, None)


def amend(
    connection: Connection,
    case: Case,
    complaint: Complaint,
    *,
    heard_at: datetime,
    now: datetime,
    facts: Mapping[str, Any],
) -> None:
    """Replace what a complaint says by a newer version, with its `amended` event; its department hears it."""
    if connection.dialect.name == "postgresql":
        _appending(connection)
    version, sequence = case.version + 1, case.sequence + 1
    digest = _keep(connection, complaint, version)
    _append(
        connection,
        complaint,
        sequence,
        "amended",
        now,
        case.department,
        {**_facts(complaint), **facts},
        version,
        digest,
    )
    connection.execute(
        update(complaints)
        .where(complaints.c.id == complaint.id)
        .values(**_columns(complaint), version=version, sequence=sequence, heard_at=heard_at, updated_at=now)
    )


def offer(connection: Connection, case: Case, route: Route, *, now: datetime, routed_sequence: int) -> list[str]:
    """Put a complaint to the department of a route, recalling it from another first. Returns the events' types."""
    if connection.dialect.name == "postgresql":
        _appending(connection)
    status = Status.OFFERED if route.automatic else Status.TRIAGE
    complaint = case.complaint.but(status=status, category=route.category)
    digest, sequence, told = _digest(connection, complaint.id, case.version), case.sequence, []
    if case.department is not None and case.department != route.department:
        sequence += 1
        moved = {"offer": case.offer, "moved_to": route.department}
        _append(connection, complaint, sequence, "recalled", now, case.department, moved, case.version, digest)
        told.append("recalled")
    sequence += 1
    facts = {"status": status.value, "route": route.model_dump(mode="json")}
    event_id = _append(connection, complaint, sequence, "offered", now, route.department, facts, case.version, digest)
    told.append("offered")
    connection.execute(
        update(complaints)
        .where(complaints.c.id == complaint.id)
        .values(
            status=status.value,
            category=route.category,
            sequence=sequence,
            routed_sequence=routed_sequence,
            department=route.department,
            offer=event_id,
            route=route.model_dump_json(),
            updated_at=now,
        )
    )
    return told


def seen(connection: Connection, complaint_id: str, routed_sequence: int) -> None:
    """Record that dispatch has dealt with an event that changed no route."""
    connection.execute(
        update(complaints).where(complaints.c.id == complaint_id).values(routed_sequence=routed_sequence)
    )


def load(connection: Connection, reference: str, *, lock: bool = False) -> Case | None:
    """Return the complaint with this reference; `lock` keeps others from changing it until the commit."""
    return _load(connection, complaints.c.reference == reference, lock=lock)


def load_by_id(connection: Connection, complaint_id: str, *, lock: bool = False) -> Case | None:
    """The same, by the complaint's id."""
    return _load(connection, complaints.c.id == complaint_id, lock=lock)


def open_of(connection: Connection, sender: str, *, at: datetime, window: timedelta) -> Case | None:
    """Return the open complaint that a message of this sender, heard at `at`, still belongs to; locked."""
    found = connection.execute(
        select(complaints.c.id)
        .where(
            complaints.c.sender == sender,
            complaints.c.heard_at >= at - window,
            complaints.c.status.not_in(FINAL),
        )
        .order_by(complaints.c.heard_at.desc())
        .limit(1)
    ).scalar()
    case = load_by_id(connection, found, lock=True) if found else None
    # Between the look and the lock its department may have closed it.
    return case if case is not None and case.complaint.status.value not in FINAL else None


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


def _load(connection: Connection, condition: Any, *, lock: bool) -> Case | None:
    statement = select(complaints).where(condition)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        return None
    body = connection.execute(
        select(personal.c.body).where(personal.c.complaint_id == row.id, personal.c.version == row.version)
    ).scalar()
    return Case(
        complaint=restore(row, body),
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
    )


def restore(row: Any, body: str | None) -> Complaint:
    """Rebuild a complaint from its row and its personal payload; without the payload, what is not personal."""
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
            **now,
        )
    return Complaint.model_validate_json(body).but(**{name: now[name] for name in ("status", "category", "priority")})


def _columns(complaint: Complaint) -> dict[str, Any]:
    return {
        "kind": complaint.kind.value,
        "status": complaint.status.value,
        "category": complaint.category,
        "priority": complaint.priority.value,
        "district": complaint.place.district if complaint.place else None,
        "language": complaint.language,
        "confidential": complaint.confidential,
    }


def _facts(complaint: Complaint) -> dict[str, Any]:
    """What an event says of a complaint without saying who or what was said."""
    return {**_columns(complaint), "category_confidence": complaint.category_confidence}


def _keep(connection: Connection, complaint: Complaint, version: int) -> str:
    body, salt = complaint.model_dump_json(exclude_none=True), secrets.token_hex(16)
    connection.execute(
        personal.insert(), {"complaint_id": complaint.id, "version": version, "body": body, "salt": salt}
    )
    return salted(salt, body)


def _digest(connection: Connection, complaint_id: str, version: int) -> str:
    row = connection.execute(
        select(personal.c.body, personal.c.salt).where(
            personal.c.complaint_id == complaint_id, personal.c.version == version
        )
    ).first()
    return salted(row.salt, row.body) if row else ""


def salted(salt: str, body: str) -> str:
    """Digest a personal payload so that an event can prove it without holding it."""
    return hashlib.sha256(f"{salt}:{body}".encode()).hexdigest()


def _appending(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": EVENT_LOCK})


def _append(
    connection: Connection,
    complaint: Complaint,
    sequence: int,
    kind: str,
    now: datetime,
    department: str | None,
    facts: Mapping[str, Any],
    version: int,
    digest: str,
) -> str:
    event_id = str(uuid4())
    seq = connection.execute(
        events.insert().returning(events.c.seq),
        {
            "id": event_id,
            "complaint_id": complaint.id,
            "reference": complaint.reference,
            "sequence": sequence,
            "type": kind,
            "time": now,
            "channel": complaint.channel,
            "priority": complaint.priority.value,
            "department": department,
            "data": json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
            "version": version,
            "digest": digest,
        },
    ).scalar_one()
    urgent = complaint.priority is Priority.DISTRESS
    if urgent:  # what must go before it must not wait its turn either
        connection.execute(
            update(relay)
            .where(relay.c.complaint_id == complaint.id, relay.c.published_at.is_(None))
            .values(urgent=True)
        )
    connection.execute(
        relay.insert(), {"event_seq": seq, "complaint_id": complaint.id, "urgent": urgent, "created_at": now}
    )
    return event_id
