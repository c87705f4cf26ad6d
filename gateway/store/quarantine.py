"""What could not be dealt with, kept whole until a person settles it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from gateway.store.tables import quarantine

# Where it broke, which says how it may be tried again.
SPOOL: Final = "spool"  # kept on the disk while the store was away, and not to be filed as it is
INTERPRET: Final = "interpret"  # an Inbound that could not be understood
DISPATCH: Final = "dispatch"  # an event that nobody could decide or publish
FOLLOW: Final = "follow"  # what a provider pointed at and does not give out
UPDATES: Final = "updates"  # what was sent to balagh.updates and could not be read


def add(connection: Connection, *, stage: str, subject: str, reason: str, body: str, now: datetime) -> int:
    """Put something into quarantine, once: the same subject at the same stage keeps its open row."""
    if connection.dialect.name == "postgresql":  # two that look at once would both see none
        turn = func.hashtextextended(f"quarantine {stage} {subject}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(turn)))
    known = connection.execute(
        select(quarantine.c.id).where(
            quarantine.c.stage == stage, quarantine.c.subject == subject, quarantine.c.state == "open"
        )
    ).scalar()
    if known is not None:
        return int(known)
    return int(
        connection.execute(
            quarantine.insert().returning(quarantine.c.id),
            {"stage": stage, "subject": subject, "reason": reason[:500], "body": body, "created_at": now},
        ).scalar_one()
    )


def entries(connection: Connection, *, state: str = "open", limit: int = 200) -> Sequence[Any]:
    """Return rows in a state, oldest first."""
    return connection.execute(
        select(quarantine).where(quarantine.c.state == state).order_by(quarantine.c.id).limit(limit)
    ).all()


def entry(connection: Connection, number: int) -> Any | None:
    """Return one row, or None."""
    return connection.execute(select(quarantine).where(quarantine.c.id == number)).first()


def settle(connection: Connection, number: int, *, state: str, by: str, now: datetime) -> bool:
    """Close an open row as retried or dropped. Returns False when it is not open."""
    result = connection.execute(
        update(quarantine)
        .where(quarantine.c.id == number, quarantine.c.state == "open")
        .values(state=state, settled_at=now, settled_by=by)
    )
    return bool(result.rowcount)


def count(connection: Connection) -> int:
    """Count the open rows."""
    return int(
        connection.execute(
            select(func.count()).select_from(quarantine).where(quarantine.c.state == "open")
        ).scalar_one()
    )
