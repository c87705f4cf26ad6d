"""What waits to be understood, beyond the batch that is next: to look ahead in it, and to take some of it first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select, text

from gateway.store.journal import Row
from gateway.store.tables import journal, journal_payload

_WAITING = journal.c.state == text("'pending'")  # a literal, so that SQLite sees the partial indexes fit


@dataclass(frozen=True, slots=True)
class Ahead:
    """An Inbound that waits further back."""

    seq: int
    sender: str
    body: str = field(repr=False)


def ahead(connection: Connection, after: int, limit: int) -> list[Ahead]:
    """Return what waits behind a number, in order of arrival."""
    rows = connection.execute(
        select(journal.c.seq, journal.c.sender, journal_payload.c.body)
        .join(journal_payload, journal_payload.c.id == journal.c.id)
        .where(_WAITING, journal.c.seq > after)
        .order_by(journal.c.seq)
        .limit(limit)
    )
    return [Ahead(row.seq, row.sender, row.body) for row in rows]


def of(connection: Connection, senders: Iterable[str], each: int) -> list[Row]:
    """Return the oldest few Inbounds that wait of each of some senders, in order."""
    found: list[Row] = []
    for sender in senders:
        rows = connection.execute(
            select(journal, journal_payload.c.body)
            .join(journal_payload, journal_payload.c.id == journal.c.id)
            .where(_WAITING, journal.c.sender == sender)
            .order_by(journal.c.seq)
            .limit(each)
        )
        found += [
            Row(row.seq, row.id, row.channel, row.account, row.sender, row.reference or "", row.received_at, row.body)
            for row in rows
        ]
    return found
