"""Asking a person: what the house cannot understand by itself becomes a task, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from channels.message import Inbound, MediaKind
from gateway.store import tasks
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.tasks import Draft, TaskKind
from normalizer.complaint import Attachment, Complaint, Priority
from normalizer.text import clean

PAPER = frozenset({"fax", "paper_box", "office", "newspaper", "inspector_general"})
"""The ways by which words come as a picture of them."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def confirm(ledger: Ledger, row: Row, inbound: Inbound, draft: Complaint) -> None:
    """Ask whether a public post is a complaint to the city."""
    body = {"text": inbound.text, "url": inbound.url, "category": draft.category}
    candidate = replace(_about(TaskKind.CONFIRM, draft, row, body), complaint_id=None, reference="")
    tasks.open_task(ledger.connection, candidate, ledger.now)


def transcribe(ledger: Ledger, row: Row, inbound: Inbound, complaint: Complaint, fresh: Sequence[Attachment]) -> None:
    """Ask for the words of what was only spoken, or came on paper: the recording stays the original of record."""
    spoken = any(attachment.kind == MediaKind.AUDIO.value for attachment in fresh)
    if not fresh or clean(inbound.text) or not (spoken or inbound.way in PAPER):
        return
    body = {
        "attachments": [attachment.id for attachment in fresh],
        "proposed": str(inbound.answers.get("proposed_text", "")),
    }
    tasks.open_task(ledger.connection, _about(TaskKind.TRANSCRIBE, complaint, row, body), ledger.now)


def triage(ledger: Ledger, complaint: Complaint) -> None:
    """Ask which department a complaint is for."""
    tasks.reopen(ledger.connection, _about(TaskKind.TRIAGE, complaint), ledger.now)


def decided(ledger: Ledger, complaint: Complaint) -> None:
    """Ask no more: what the citizen wrote later said which department it is for."""
    tasks.settle(ledger.connection, TaskKind.TRIAGE, complaint.id, outcome="later words decided it", now=ledger.now)


def _about(kind: TaskKind, complaint: Complaint, row: Row | None = None, body: Mapping[str, Any] = _NOTHING) -> Draft:
    """Draft a task about a complaint, or about one message of it."""
    return Draft(
        kind=kind,
        subject=row.id if row else complaint.id,
        channel=complaint.channel,
        complaint_id=complaint.id,
        journal_id=row.id if row else None,
        reference=complaint.reference,
        language=complaint.language,
        urgent=complaint.priority is Priority.DISTRESS,
        body=body,
    )
