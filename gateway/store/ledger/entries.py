"""Entries: the rows that one transaction has collected, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, text, update

from gateway.store import replies, sightings
from gateway.store.complaints import EVENT_LOCK, Case, mutable
from gateway.store.parts import parts
from gateway.store.prepared import Prepared
from gateway.store.replies import Draft
from gateway.store.tables import attachments, complaints, events, journal, personal, relay
from normalizer.complaint import Priority

_MUTABLE = (
    "kind",
    "status",
    "category",
    "priority",
    "district",
    "language",
    "confidential",
    "heard_at",
    "version",
    "sequence",
    "routed_sequence",
    "department",
    "offer",
    "route",
    "due_at",
    "updated_at",
)
# What dispatch changes: an index that none of its columns stand in need not be touched.
_ROUTED = ("status", "category", "sequence", "routed_sequence", "department", "offer", "route", "due_at", "updated_at")
_LASTING = ("id", "reference", "channel", "received_at", "account", "sender")
_OUTCOME = ("state", "outcome", "complaint_id", "done_at")
_EVENT = tuple(column.name for column in events.c if column.name != "seq")


def _changing(names: Iterable[str]) -> Prepared:
    names = tuple(names)
    changed = update(complaints).where(complaints.c.id == bindparam("b_id"))
    return Prepared(changed.values({name: bindparam(name) for name in names}), (*names, "b_id"))


_FILE = Prepared(complaints.insert(), (*_LASTING, *_MUTABLE))
_CHANGE = _changing(_MUTABLE)
_ROUTE = _changing(_ROUTED)
_KEEP = Prepared(personal.insert(), [column.name for column in personal.c])
_TELL = Prepared(events.insert(), _EVENT)
_OWE = Prepared(
    relay.insert().from_select(
        [relay.c.event_seq, relay.c.complaint_id, relay.c.urgent, relay.c.created_at],
        select(
            events.c.seq,
            events.c.complaint_id,
            events.c.priority == literal_column(f"'{Priority.DISTRESS.value}'"),
            events.c.time,
        ).where(events.c.id == bindparam("id")),
    ),
    ("id",),
)
_FINISH = Prepared(
    update(journal).where(journal.c.seq == bindparam("b_seq")).values({name: bindparam(name) for name in _OUTCOME}),
    (*_OUTCOME, "b_seq"),
)


@dataclass(slots=True)
class Entries:
    """Rows of every table that a change of a complaint touches; those of many messages cost a dozen statements."""

    cases: dict[str, Case] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)  # changed in more than their route
    sighted: dict[str, str] = field(default_factory=dict)  # of which what or where changed -> who called, if new
    personal: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    finished: list[dict[str, Any]] = field(default_factory=list)
    replies: list[tuple[Draft, str]] = field(default_factory=list)

    def write(self, connection: Connection, now: datetime) -> None:
        """Write everything, in the order in which rows refer to each other."""
        if self.events and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": EVENT_LOCK})
        self._write_cases(connection, now)
        _KEEP.run(connection, self.personal)
        self._write_events(connection)
        if self.attachments:
            connection.execute(attachments.insert(), self.attachments)
        _FINISH.run(connection, self.finished)
        replies.queue(connection, self.replies, now)

    def _write_cases(self, connection: Connection, now: datetime) -> None:
        fresh: list[dict[str, Any]] = []
        whole: list[dict[str, Any]] = []
        routed: list[dict[str, Any]] = []
        for complaint_id, case in self.cases.items():
            row = {**mutable(case), "updated_at": now}
            if complaint_id in self.new:
                fresh.append({**row, **_lasting(case)})
            else:
                (whole if complaint_id in self.whole else routed).append({**row, "b_id": complaint_id})
        _FILE.run(connection, fresh)
        _CHANGE.run(connection, whole)
        _ROUTE.run(connection, routed)
        seen = [(self.cases[name].complaint, caller, name in self.new) for name, caller in self.sighted.items()]
        sightings.keep(connection, seen)

    def _write_events(self, connection: Connection) -> None:
        if not self.events:
            return
        _TELL.run(connection, self.events)
        urgent = {row["complaint_id"] for row in self.events if row["priority"] == Priority.DISTRESS.value}
        for some in parts(sorted(urgent)):  # what must go before it must not wait its turn either
            earlier = update(relay).where(relay.c.complaint_id.in_(some), relay.c.published_at.is_(None))
            connection.execute(earlier.values(urgent=True))
        _OWE.run(connection, self.events)


def _lasting(case: Case) -> dict[str, Any]:
    complaint = case.complaint
    return {
        "id": complaint.id,
        "reference": complaint.reference,
        "channel": complaint.channel,
        "received_at": complaint.received_at,
        "account": case.account,
        "sender": case.sender,
    }
