"""Second thoughts: which messages were edited or taken back, and by what, in whatever order it came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, tuple_

from channels.message import Purpose
from gateway.store import journal
from gateway.store.complaints import FINAL
from gateway.store.insert import insert_or_update
from gateway.store.tables import complaints, revisions
from gateway.store.tables import journal as journal_table


@dataclass(frozen=True, slots=True)
class Revision:
    """What became of a message: its latest edit, or that it was taken back."""

    purpose: str
    complaint_id: str | None


def keep(connection: Connection, row: journal.Row, revises: str, purpose: Purpose, now: datetime) -> None:
    """Record that `row` is the last that was heard about the message `revises`."""
    message = {"channel": row.channel, "account": row.account, "external_id": revises}
    said = {"journal_id": row.id, "purpose": purpose.value, "at": now}
    insert_or_update(connection, revisions, message, said)


def latest(connection: Connection, channel: str, account: str, external_id: str) -> journal.Row | None:
    """Return the last edit of a message, if it has one."""
    found = connection.execute(
        select(revisions.c.journal_id).where(
            revisions.c.channel == channel, revisions.c.account == account, revisions.c.external_id == external_id
        )
    ).scalar()
    return journal.by_id(connection, found) if found else None


def of(connection: Connection, identities: Collection[tuple[str, str, str]]) -> dict[tuple[str, str, str], Revision]:
    """Return what is known to have become of some messages, by their identity."""
    if not identities:
        return {}
    rows = connection.execute(
        select(revisions, journal_table.c.complaint_id)
        .join(journal_table, journal_table.c.id == revisions.c.journal_id)
        .where(tuple_(revisions.c.channel, revisions.c.account, revisions.c.external_id).in_(list(identities)))
    )
    return {(row.channel, row.account, row.external_id): Revision(row.purpose, row.complaint_id) for row in rows}


def standing(connection: Connection, *, channel: str, after: int, since: datetime, limit: int) -> list[journal.Row]:
    """Return a channel's messages behind a place in the journal with which somebody still works, in order.

    Those are messages of complaints that are not done with, and posts that wait for a person; none is returned that is
    known to be taken back.
    """
    found, gone = journal_table, revisions.alias("gone")
    seqs = connection.execute(
        select(found.c.seq)
        .outerjoin(complaints, complaints.c.id == found.c.complaint_id)
        .outerjoin(
            gone,
            and_(
                gone.c.channel == found.c.channel,
                gone.c.account == found.c.account,
                gone.c.external_id == found.c.external_id,
                gone.c.purpose == Purpose.DELETION.value,
            ),
        )
        .where(found.c.channel == channel, found.c.seq > after, found.c.received_at >= since)
        .where(found.c.purpose == Purpose.MESSAGE.value, gone.c.external_id.is_(None))
        .where(or_(found.c.outcome == journal.CANDIDATE, complaints.c.status.not_in(FINAL)))
        .order_by(found.c.seq)
        .limit(limit)
    )
    return journal.these(connection, seqs.scalars().all())
