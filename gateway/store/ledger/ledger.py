"""The ledger: the changes that one transaction makes, collected and written together.

Every change of a complaint appends an event, its relay entry and, when its words changed, a version of the personal
payload. A batch of thirty messages costs a dozen statements this way, and not several hundred.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from sqlalchemy import Connection

from gateway.store import replies
from gateway.store.complaints import Case, salted
from gateway.store.ledger.entries import Entries
from gateway.store.ledger.event import event_id, facts_of
from gateway.store.replies import Draft
from normalizer.complaint import Attachment, Complaint, Status, rfc3339
from router.route import Route


class Ledger:
    """What happens in one transaction at one moment. Nothing is written before `flush`."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now
        self._entries = Entries()

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
        self._entries.new.add(complaint.id)
        self._entries.sighted[complaint.id] = caller
        return self._tell(case, "received", None, facts_of(complaint))

    def amend(self, case: Case, complaint: Complaint, *, heard_at: datetime, facts: Mapping[str, Any]) -> Case:
        """Replace what a complaint says by a newer version, with its `amended` event; its department hears it."""
        version = case.version + 1
        digest = self._keep(complaint, version)
        case = case.but(complaint=complaint, version=version, digest=digest, heard_at=heard_at)
        self._entries.sighted.setdefault(complaint.id, "")
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
            self._entries.sighted.setdefault(case.complaint.id, "")
        if case.department is not None and case.department != route.department:
            moved = {"offer": case.offer, "moved_to": route.department, "status": case.complaint.status.value}
            case = self._tell(case, "recalled", case.department, moved, routing=True)
        status = Status.OFFERED if route.automatic or decided else Status.TRIAGE
        complaint = case.complaint.but(status=status, category=route.category)
        case = case.but(complaint=complaint, department=route.department, route=route, routed_sequence=routed_sequence)
        told = {**facts, "status": status.value, "route": route.model_dump(mode="json")}
        case = self._tell(case, "offered", route.department, told, routing=True)
        case = case.but(offer=self._entries.events[-1]["id"])
        self._entries.cases[complaint.id] = case
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
        self._entries.cases[case.complaint.id] = case
        return case

    def attach(self, complaint_id: str, channel: str, attachment: Attachment, url: str | None) -> None:
        """Record an attachment of a message: held already, or still to be fetched."""
        held = attachment.sha256 is not None
        self._entries.attachments.append(
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
        self._entries.finished.append(
            {"b_seq": seq, "state": state, "outcome": outcome, "complaint_id": complaint_id, "done_at": self.now}
        )

    def owe(self, draft: Draft, state: str = replies.QUEUED) -> None:
        """Owe a citizen a reply."""
        self._entries.replies.append((draft, state))

    def hush(self, sender: str) -> None:
        """Send nothing of what this very batch owes a sender who has just asked for silence."""
        self._entries.replies = [
            (draft, replies.SUPPRESSED if draft.sender == sender else state) for draft, state in self._entries.replies
        ]

    def flush(self) -> None:
        """Write everything and begin anew."""
        self._entries.write(self.connection, self.now)
        self._entries = Entries()

    def _keep(self, complaint: Complaint, version: int) -> str:
        body, salt = complaint.model_dump_json(exclude_none=True), secrets.token_hex(16)
        self._entries.personal.append({"complaint_id": complaint.id, "version": version, "body": body, "salt": salt})
        return salted(salt, body)

    def _tell(
        self, case: Case, kind: str, department: str | None, facts: Mapping[str, Any], *, routing: bool = False
    ) -> Case:
        if not routing:
            self._entries.whole.add(case.complaint.id)
        case = case.but(sequence=case.sequence + 1)
        complaint = case.complaint
        if case.due_at is not None:
            facts = {**facts, "due_at": rfc3339(case.due_at)}
        self._entries.events.append(
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
        self._entries.cases[complaint.id] = case
        return case
