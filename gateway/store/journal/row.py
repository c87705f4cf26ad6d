"""What is journaled, found by what one knows of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, select, text

from channels.message import Purpose
from gateway.store.tables import complaints, journal, journal_payload

CANDIDATE = "candidate: a person says whether it is a complaint"
"""The outcome of a public post until somebody has looked at it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A journaled Inbound."""

    seq: int
    id: str
    channel: str
    account: str
    sender: str
    reference: str
    received_at: datetime
    body: str = field(repr=False)
    complaint_id: str | None = None
    state: str = "pending"


def _as_row(row: Any) -> Row:
    """Read a Row from one that holds its columns and its body."""
    return Row(
        row.seq,
        row.id,
        row.channel,
        row.account,
        row.sender,
        row.reference or "",
        row.received_at,
        row.body,
        row.complaint_id,
        row.state,
    )


_ROW = ("seq", "id", "channel", "account", "sender", "reference", "received_at", "complaint_id", "state")
_WITH_BODY: Select[Any] = select(*(journal.c[name] for name in _ROW), journal_payload.c.body).join(
    journal_payload, journal_payload.c.id == journal.c.id
)
_THESE = _WITH_BODY.where(journal.c.seq.in_(bindparam("seqs", expanding=True))).order_by(journal.c.seq)


def find(connection: Connection, reference: str) -> Row | None:
    """Return the Inbound to which a reference was given."""
    return _first(connection, journal.c.reference == reference)


def by_id(connection: Connection, journal_id: str) -> Row | None:
    """Return the Inbound with this id."""
    return _first(connection, journal.c.id == journal_id)


def these(connection: Connection, seqs: Collection[int]) -> list[Row]:
    """Return the Inbounds with these numbers, in order of arrival."""
    return [_as_row(row) for row in connection.execute(_THESE, {"seqs": list(seqs)})] if seqs else []


def of_identity(connection: Connection, channel: str, account: str, external_id: str) -> Row | None:
    """Return the Inbound with this identity."""
    return _first(
        connection,
        and_(journal.c.channel == channel, journal.c.account == account, journal.c.external_id == external_id),
    )


def of_call(connection: Connection, sender: str) -> list[Row]:
    """Return everything that is journaled of one telephone call, in order: its steps, and what was filed of it."""
    steps = and_(journal.c.sender == sender, journal.c.purpose == text("'call'"))  # a literal: it has an index
    filed = select(complaints.c.id).where(complaints.c.sender == sender)
    said = and_(journal.c.sender == sender, journal.c.complaint_id.in_(filed))
    rows = {row.seq: row for part in (steps, said) for row in connection.execute(_WITH_BODY.where(part))}
    return [_as_row(rows[seq]) for seq in sorted(rows)]


def arrivals(connection: Connection, *, after: int, limit: int) -> list[tuple[int, str, datetime]]:
    """Return number, channel and time of what citizens sent after a number, in order."""
    rows = connection.execute(
        select(journal.c.seq, journal.c.channel, journal.c.received_at)
        .where(journal.c.seq > after, journal.c.purpose != Purpose.DELIVERY.value)
        .order_by(journal.c.seq)
        .limit(limit)
    )
    return [(row.seq, row.channel, row.received_at) for row in rows]


def _first(connection: Connection, condition: ColumnElement[bool]) -> Row | None:
    row = connection.execute(_WITH_BODY.where(condition)).first()
    return _as_row(row) if row is not None else None
