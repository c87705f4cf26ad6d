"""Asking a person: what the house cannot understand by itself becomes a task, never a guess."""

from __future__ import annotations

from collections.abc import Sequence

from channels.message import Inbound, MediaKind
from gateway.store import tasks
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.tasks import Draft, TaskKind
from normalizer.complaint import Attachment, Complaint, Priority
from normalizer.text import clean

PAPER = frozenset({"fax", "paper_box", "office", "newspaper", "inspector_general"})
"""The ways by which words come as a picture of them."""


def confirm(ledger: Ledger, row: Row, inbound: Inbound, draft: Complaint) -> None:
    """Ask whether a public post is a complaint to the city."""
    task = Draft(
        kind=TaskKind.CONFIRM,
        subject=row.id,
        channel=draft.channel,
        journal_id=row.id,
        language=draft.language,
        urgent=draft.priority is Priority.DISTRESS,
        body={"text": inbound.text, "url": inbound.url, "category": draft.category},
    )
    tasks.open_task(ledger.connection, task, ledger.now)


def transcribe(ledger: Ledger, row: Row, inbound: Inbound, complaint: Complaint, fresh: Sequence[Attachment]) -> None:
    """Ask for the words of what was only spoken, or came on paper: the recording stays the original of record."""
    spoken = any(attachment.kind == MediaKind.AUDIO.value for attachment in fresh)
    if not fresh or clean(inbound.text) or not (spoken or inbound.way in PAPER):
        return
    task = Draft(
        kind=TaskKind.TRANSCRIBE,
        subject=row.id,
        channel=complaint.channel,
        complaint_id=complaint.id,
        journal_id=row.id,
        reference=complaint.reference,
        language=complaint.language,
        urgent=complaint.priority is Priority.DISTRESS,
        body={
            "attachments": [attachment.id for attachment in fresh],
            "proposed": str(inbound.answers.get("proposed_text", "")),
        },
    )
    tasks.open_task(ledger.connection, task, ledger.now)


def triage(ledger: Ledger, complaint: Complaint) -> None:
    """Ask which department a complaint is for."""
    task = Draft(
        kind=TaskKind.TRIAGE,
        subject=complaint.id,
        channel=complaint.channel,
        complaint_id=complaint.id,
        reference=complaint.reference,
        language=complaint.language,
        urgent=complaint.priority is Priority.DISTRESS,
    )
    tasks.reopen(ledger.connection, task, ledger.now)


def decided(ledger: Ledger, complaint: Complaint) -> None:
    """Ask no more: what the citizen wrote later said which department it is for."""
    tasks.settle(ledger.connection, TaskKind.TRIAGE, complaint.id, outcome="later words decided it", now=ledger.now)
