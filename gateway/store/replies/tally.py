"""How many replies there are, by how they fare."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from gateway.store.replies.state import GAVE_UP, LOST, REFUSED, SUPPRESSED, instead
from gateway.store.tables import replies


def given_up(connection: Connection, since: datetime) -> int:
    """Count the replies that were given up since a moment, because a provider or a channel stayed away.

    Not those whose words went another way in their place, or may still go.
    """
    other = replies.alias()
    told = select(other.c.id).where(instead(other, replies), other.c.state.not_in((SUPPRESSED, *LOST)))
    lost = select(func.count()).select_from(replies)
    lost = lost.where(
        replies.c.state == REFUSED,
        replies.c.error_code.startswith(GAVE_UP),
        replies.c.updated_at >= since,
        ~told.exists(),
    )
    return int(connection.execute(lost).scalar_one())


def states(connection: Connection) -> dict[str, int]:
    """Count the replies by state."""
    return {
        row.state: row.number
        for row in connection.execute(select(replies.c.state, func.count().label("number")).group_by(replies.c.state))
    }


def waiting(connection: Connection) -> int:
    """Count what is still to be done, whatever the history."""
    due = select(func.count()).select_from(replies).where(replies.c.next_at.is_not(None))
    return int(connection.execute(due).scalar_one())
