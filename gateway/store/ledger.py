"""The ledger: the changes that one transaction makes, collected and written together.

Every change of a complaint appends an event, its relay entry and, when its words changed, a version of the personal
payload. A batch of thirty messages costs a dozen statements this way, and not several hundred.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, bindparam, literal_column, select, text, update

from gateway.store import replies, sightings
from gateway.store.complaints import EVENT_LOCK, Case, mutable, salted
from gateway.store.prepared import Prepared
from gateway.store.replies import Draft
from gateway.store.tables import attachments, complaints, events, journal, personal, relay
from normalizer.complaint import Attachment, Complaint, Priority, Status, rfc3339
from router.route import Route

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


class Ledger:
    """What happens in one transaction at one moment. Nothing is written before `flush`."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now
        self._empty()

    def _empty(self) -> None:
        self._cases: dict[str, Case] = {}
        self._new: set[str] = set()
        self._whole: set[str] = set()  # changed in more than their route
        self._sighted: dict[str, str] = {}  # complaints of which what or where changed -> who called, if they are new
        self._personal: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._attachments: list[dict[str, Any]] = []
        self._finished: list[dict[str, Any]] = []
        self._replies: list[tuple[Draft, str]] = []

    def __enter__(self) -> Self:
        """Collect what follows."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Write it, unless an exception is on its way: then the transaction ends without it."""
        if kind is None:
            self.flush()

    def create(self, complaint: Complaint, *, sender: str, account: str, caller: str = "") -> Case:
        """File a new complaint, with its `received` event. `caller` digests the number that is the sender's."""
        digest = self._keep(complaint, 1)
        case = Case(
            complaint=complaint,
            sender=sender,
            account=account,
            sequence=0,
            version=1,
            routed_sequence=0,
            heard_at=complaint.received_at,
            department=None,
            offer=None,
            route=None,
            due_at=None,
            digest=digest,
        )
        self._new.add(complaint.id)
        self._sighted[complaint.id] = caller
        return self._tell(case, "received", None, facts_of(complaint))

    def amend(self, case: Case, complaint: Complaint, *, heard_at: datetime, facts: Mapping[str, Any]) -> Case:
        """Replace what a complaint says by a newer version, with its `amended` event; its department hears it."""
        version = case.version + 1
        digest = self._keep(complaint, version)
        case = case.but(complaint=complaint, version=version, digest=digest, heard_at=heard_at)
        self._sighted.setdefault(complaint.id, "")
        route = {"route": case.route.model_dump(mode="json")} if case.route else {}
        return self._tell(case, "amended", case.department, {**facts_of(complaint), **route, **facts})

    def offer(
        self,
        case: Case,
        route: Route,
        *,
        routed_sequence: int,
        decided: bool = False,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> Case:
        """Put a complaint to the department of a route, recalling it from another first.

        `decided` says that a person chose it, so that it is no longer at the triage desk. `facts` are told with it.
        """
        if route.category != case.complaint.category:
            self._sighted.setdefault(case.complaint.id, "")
        if case.department is not None and case.department != route.department:
            moved = {"offer": case.offer, "moved_to": route.department, "status": case.complaint.status.value}
            case = self._tell(case, "recalled", case.department, moved, routing=True)
        status = Status.OFFERED if route.automatic or decided else Status.TRIAGE
        complaint = case.complaint.but(status=status, category=route.category)
        case = case.but(complaint=complaint, department=route.department, route=route, routed_sequence=routed_sequence)
        told = {**facts, "status": status.value, "route": route.model_dump(mode="json")}
        case = self._tell(case, "offered", route.department, told, routing=True)
        case = case.but(offer=self._events[-1]["id"])
        self._cases[complaint.id] = case
        return case

    def become(
        self,
        case: Case,
        status: Status,
        facts: Mapping[str, Any] = MappingProxyType({}),
        *,
        event: str | None = None,
    ) -> Case:
        """Let a complaint reach a state of its life (resolved, closed), with the event of that name.

        `event` is for where the event is named otherwise: `progressed` leads to `in_progress`, `rejected` to no state.
        """
        case = case.but(complaint=case.complaint.but(status=status))
        told = {**facts, "status": status.value}
        return self._tell(case, event or status.value, case.department, told, routing=True)

    def seen(self, case: Case, routed_sequence: int) -> Case:
        """Record that dispatch has dealt with an event that changed no route."""
        case = case.but(routed_sequence=routed_sequence)
        self._cases[case.complaint.id] = case
        return case

    def attach(self, complaint_id: str, channel: str, attachment: Attachment, url: str | None) -> None:
        """Record an attachment of a message: held already, or still to be fetched."""
        held = attachment.sha256 is not None
        self._attachments.append(
            {
                "id": attachment.id,
                "complaint_id": complaint_id,
                "channel": channel,
                "state": "fetched" if held else "pending",
                "url": None if held else url,
                "content_type": attachment.content_type,
                "sha256": attachment.sha256,
                "size": attachment.size,
                "created_at": self.now,
                "next_at": None if held or not url else self.now,
            }
        )

    def finish(self, seq: int, outcome: str, complaint_id: str | None = None, *, state: str = "done") -> None:
        """Record what an Inbound became."""
        self._finished.append(
            {"b_seq": seq, "state": state, "outcome": outcome, "complaint_id": complaint_id, "done_at": self.now}
        )

    def owe(self, draft: Draft, state: str = replies.QUEUED) -> None:
        """Owe a citizen a reply."""
        self._replies.append((draft, state))

    def hush(self, sender: str) -> None:
        """Send nothing of what this very batch owes a sender who has just asked for silence."""
        self._replies = [
            (draft, replies.SUPPRESSED if draft.sender == sender else state) for draft, state in self._replies
        ]

    def flush(self) -> None:
        """Write everything, in the order in which rows refer to each other, and begin anew."""
        if self._events and self.connection.dialect.name == "postgresql":
            self.connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": EVENT_LOCK})
        self._flush_complaints()
        _KEEP.run(self.connection, self._personal)
        self._flush_events()
        if self._attachments:
            self.connection.execute(attachments.insert(), self._attachments)
        _FINISH.run(self.connection, self._finished)
        replies.queue(self.connection, self._replies, self.now)
        self._empty()

    def _flush_complaints(self) -> None:
        fresh: list[dict[str, Any]] = []
        whole: list[dict[str, Any]] = []
        routed: list[dict[str, Any]] = []
        for complaint_id, case in self._cases.items():
            row = {**mutable(case), "updated_at": self.now}
            if complaint_id in self._new:
                lasting = case.complaint
                fresh.append(
                    {
                        **row,
                        "id": complaint_id,
                        "reference": lasting.reference,
                        "channel": lasting.channel,
                        "received_at": lasting.received_at,
                        "account": case.account,
                        "sender": case.sender,
                    }
                )
            else:
                (whole if complaint_id in self._whole else routed).append({**row, "b_id": complaint_id})
        _FILE.run(self.connection, fresh)
        _CHANGE.run(self.connection, whole)
        _ROUTE.run(self.connection, routed)
        sightings.keep(
            self.connection,
            [(self._cases[name].complaint, caller, name in self._new) for name, caller in self._sighted.items()],
        )

    def _flush_events(self) -> None:
        if not self._events:
            return
        _TELL.run(self.connection, self._events)
        urgent = {row["complaint_id"] for row in self._events if row["priority"] == Priority.DISTRESS.value}
        if urgent:  # what must go before it must not wait its turn either
            self.connection.execute(
                update(relay)
                .where(relay.c.complaint_id.in_(urgent), relay.c.published_at.is_(None))
                .values(urgent=True)
            )
        _OWE.run(self.connection, self._events)

    def _keep(self, complaint: Complaint, version: int) -> str:
        body, salt = complaint.model_dump_json(exclude_none=True), secrets.token_hex(16)
        self._personal.append({"complaint_id": complaint.id, "version": version, "body": body, "salt": salt})
        return salted(salt, body)

    def _tell(
        self, case: Case, kind: str, department: str | None, facts: Mapping[str, Any], *, routing: bool = False
    ) -> Case:
        if not routing:
            self._whole.add(case.complaint.id)
        case = case.but(sequence=case.sequence + 1)
        complaint = case.complaint
        if case.due_at is not None:
            facts = {**facts, "due_at": rfc3339(case.due_at)}
        self._events.append(
            {
                "id": event_id(self.now),
                "complaint_id": complaint.id,
                "reference": complaint.reference,
                "sequence": case.sequence,
                "type": kind,
                "time": self.now,
                "channel": complaint.channel,
                "priority": complaint.priority.value,
                "department": department,
                "data": json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
                "version": case.version,
                "digest": case.digest,
            }
        )
        self._cases[complaint.id] = case
        return case


def event_id(now: datetime) -> str:
    """Make the id of an event: UUID version 7 (RFC 9562).

    They grow with time, so that an index of millions takes each at its end and not on a page that must be fetched.
    """
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return str(UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62))


def facts_of(complaint: Complaint) -> dict[str, Any]:
    """Return what an event says of a complaint without saying who or what was said."""
    return {
        "kind": complaint.kind.value,
        "status": complaint.status.value,
        "category": complaint.category,
        "category_confidence": complaint.category_confidence,
        "priority": complaint.priority.value,
        **({"danger_reason": complaint.danger_reason} if complaint.danger_reason else {}),
        "district": complaint.place.district if complaint.place else None,
        "language": complaint.language,
        "confidential": complaint.confidential,
    }
