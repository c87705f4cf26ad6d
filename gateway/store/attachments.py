"""Photos, recordings and scans: which must still be fetched, and which are on our disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from gateway.store.tables import attachments, complaints


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attachment to fetch now."""

    id: str
    complaint_id: str
    channel: str
    url: str = field(repr=False)
    content_type: str
    attempts: int
    created_at: datetime
    account: str = ""  # of ours, at which its complaint was first heard; empty when that was on another channel
    forget: bool = False  # it is on our disk: what is left to do is to delete it at the provider


def due(connection: Connection, now: datetime, *, limit: int, hold: timedelta) -> list[Wanted]:
    """Take the attachments whose time has come and hold each for `hold`, so that no other worker takes it meanwhile."""
    heard = complaints.c.id == attachments.c.complaint_id, complaints.c.channel == attachments.c.channel
    rows = connection.execute(
        select(attachments, select(complaints.c.account).where(*heard).scalar_subquery().label("account"))
        .where(attachments.c.next_at <= now)
        .order_by(attachments.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=attachments)
    ).all()
    for row in rows:
        connection.execute(
            update(attachments).where(attachments.c.id == row.id).values(next_at=now + hold, attempts=row.attempts + 1)
        )
    return [
        Wanted(
            row.id,
            row.complaint_id,
            row.channel,
            row.url,
            row.content_type,
            row.attempts + 1,
            row.created_at,
            account=row.account or "",
            forget=row.state == "fetched",
        )
        for row in rows
    ]


def fetched(
    connection: Connection,
    attachment_id: str,
    *,
    sha256: str,
    size: int,
    content_type: str,
    forget_at: datetime | None = None,
) -> bool:
    """Record that the bytes are on our disk. Returns False when they already were.

    With `forget_at` the provider's address is kept until then, for them to be deleted there.
    """
    result = connection.execute(
        update(attachments)
        .where(attachments.c.id == attachment_id, attachments.c.state != "fetched")
        .values(
            state="fetched",
            sha256=sha256,
            size=size,
            content_type=content_type,
            next_at=forget_at,
            reason=None,
            attempts=0,
            **({} if forget_at else {"url": None}),
        )
    )
    return bool(result.rowcount)


def forgotten(connection: Connection, attachment_id: str, reason: str | None = None) -> None:
    """Record that the provider has the bytes no more, or why it keeps them."""
    connection.execute(
        update(attachments).where(attachments.c.id == attachment_id).values(url=None, next_at=None, reason=reason)
    )


def later(connection: Connection, attachment_id: str, reason: str, at: datetime, *, counted: bool = True) -> None:
    """Record a try that failed for now; one that is not `counted` was no fault of the provider's."""
    uncounted = {} if counted else {"attempts": attachments.c.attempts - 1}
    connection.execute(
        update(attachments).where(attachments.c.id == attachment_id).values(next_at=at, reason=reason, **uncounted)
    )


def failed(connection: Connection, attachment_id: str, reason: str) -> None:
    """Record that the bytes cannot be had. The complaint stands without them; the address is kept for a person."""
    connection.execute(
        update(attachments).where(attachments.c.id == attachment_id).values(state="failed", next_at=None, reason=reason)
    )


def find(connection: Connection, attachment_id: str) -> Any | None:
    """Return one attachment's row, or None."""
    return connection.execute(select(attachments).where(attachments.c.id == attachment_id)).first()


def states(connection: Connection) -> dict[str, int]:
    """Count the attachments by state."""
    return {
        row.state: row.number
        for row in connection.execute(
            select(attachments.c.state, func.count().label("number")).group_by(attachments.c.state)
        )
    }


def waiting(connection: Connection) -> int:
    """Count what is still to be done, whatever the history."""
    due = select(func.count()).select_from(attachments).where(attachments.c.next_at.is_not(None))
    return int(connection.execute(due).scalar_one())
