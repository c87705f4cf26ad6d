"""How many replies there are, by how they fare."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select

from gateway.store.replies.state import GAVE_UP, LOST, REFUSED, SUPPRESSED, instead
from gateway.store.tables import replies


def given_up(connection: Connection, since: datetime) -> int:
    """Count the replies that were given up since a moment, because a provider or a channel stayed away.

    Not those whose words went another way in their place, or may still go; of words that were given up on several ways
    the first.
    """
    later, earlier = replies.alias(), replies.alias()
    told = select(later.c.id).where(instead(later, replies), later.c.state.not_in((SUPPRESSED, *LOST)))
    before = select(earlier.c.id).where(instead(replies, earlier), _given_up(earlier, since))
    lost = select(func.count()).select_from(replies).where(_given_up(replies, since), ~told.exists(), ~before.exists())
    return int(connection.execute(lost).scalar_one())


def _given_up(reply: FromClause, since: datetime) -> ColumnElement[bool]:
    return and_(reply.c.state == REFUSED, reply.c.error_code.startswith(GAVE_UP), reply.c.updated_at >= since)


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
