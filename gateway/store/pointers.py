"""Pointers: what a provider only said was said, until its words have been asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from gateway.store.insert import insert_or_ignore
from gateway.store.tables import journal_payload, pointers


@dataclass(frozen=True, slots=True)
class Due:
    """A pointer to follow now."""

    journal_id: str
    channel: str
    attempts: int
    body: str = field(repr=False)


def add(connection: Connection, journal_id: str, channel: str, now: datetime) -> None:
    """Ask for the words of an Inbound as soon as may be."""
    connection.execute(
        insert_or_ignore(connection, pointers), {"journal_id": journal_id, "channel": channel, "next_at": now}
    )


def due(connection: Connection, channel: str, now: datetime, *, limit: int, hold: timedelta) -> list[Due]:
    """Take the pointers of a channel whose time has come; each is held for `hold`."""
    rows = connection.execute(
        select(pointers, journal_payload.c.body)
        .join(journal_payload, journal_payload.c.id == pointers.c.journal_id)
        .where(pointers.c.channel == channel, pointers.c.next_at <= now)
        .order_by(pointers.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=pointers)
    ).all()
    for row in rows:
        connection.execute(
            update(pointers)
            .where(pointers.c.journal_id == row.journal_id)
            .values(next_at=now + hold, attempts=row.attempts + 1)
        )
    return [Due(row.journal_id, row.channel, row.attempts + 1, row.body) for row in rows]


def followed(connection: Connection, journal_id: str) -> None:
    """Record that the words are here, or gone at the provider."""
    connection.execute(update(pointers).where(pointers.c.journal_id == journal_id).values(next_at=None, reason=None))


def later(connection: Connection, journal_id: str, reason: str, at: datetime | None) -> None:
    """Record a try that failed; `at` is when the next may be made, None when none is of any use."""
    connection.execute(update(pointers).where(pointers.c.journal_id == journal_id).values(next_at=at, reason=reason))


def again(connection: Connection, journal_id: str, now: datetime) -> bool:
    """Ask once more, and as often as the first time, for what was given up. Returns False when nothing was."""
    result = connection.execute(
        update(pointers)
        .where(pointers.c.journal_id == journal_id, pointers.c.next_at.is_(None), pointers.c.reason.is_not(None))
        .values(next_at=now, attempts=0, reason=None)
    )
    return bool(result.rowcount)


def waiting(connection: Connection) -> tuple[int, int]:
    """Count what is still asked for, and what nobody could be asked for."""
    row = connection.execute(
        select(
            func.count(pointers.c.next_at),
            func.count().filter(pointers.c.next_at.is_(None), pointers.c.reason.is_not(None)),
        )
    ).one()
    return int(row[0]), int(row[1])
