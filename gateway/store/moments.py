"""Moments that were written down by a clock which has been set back since.

A clock that leaps ahead and is set right leaves moments in the future: of next tries, of leases, of messages. Nothing
may wait for them. Whoever gives a pause knows the longest, and a moment beyond that was never meant.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, or_, update

from gateway.store.tables import attachments, pointers, relay, replies, tasks

MARGIN = timedelta(minutes=5)  # by which the clocks of two nodes may differ
LONGEST = timedelta(hours=1)  # between two tries of anything


def has_come(moment: ColumnElement[datetime], now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Whether a moment has come that was set at most `longest` ahead, or cannot have been meant."""
    return or_(moment <= now, moment > now + longest + MARGIN)


def young(moment: ColumnElement[datetime], settled: datetime) -> ColumnElement[bool]:
    """Whether something happened after `settled`, a moment ago: neither before it nor in the future."""
    return and_(moment >= settled, moment < settled + MARGIN)


def set_right(connection: Connection, now: datetime) -> int:
    """Let everything be tried now that would else wait for a clock that ran ahead. Returns how many that are."""
    late = now + LONGEST + MARGIN
    found = 0
    for moment, waits in (
        (replies.c.next_at, replies.c.next_at.is_not(None)),
        (attachments.c.next_at, attachments.c.next_at.is_not(None)),
        (pointers.c.next_at, pointers.c.next_at.is_not(None)),
        (tasks.c.claimed_until, tasks.c.state == "open"),
        (relay.c.parked_until, and_(relay.c.published_at.is_(None), relay.c.parked_reason.is_not(None))),
    ):
        job = update(moment.table).where(waits, moment > late).values({moment.name: now})
        found += connection.execute(job).rowcount
    return found
