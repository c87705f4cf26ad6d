"""The journal as a queue: what waits to be understood, whose turn it is, and what is taken out of quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text, update

from gateway.store.journal.row import Row, these
from gateway.store.tables import journal
from gateway.store.visits import Round

PER_SENDER = 6  # Inbounds of one sender in one batch
VISITED = 300  # senders that are looked at behind a few who fill the front

_WAITING = (
    select(journal.c.seq, journal.c.sender)
    .where(journal.c.state == text("'pending'"))  # a literal, so that SQLite sees the partial index fits
    .where(journal.c.sender.not_in(bindparam("besides", expanding=True)))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_STILL = select(journal.c.seq).where(
    journal.c.seq.in_(bindparam("seqs", expanding=True)), journal.c.state == text("'pending'")
)


def pending(
    connection: Connection,
    limit: int,
    *,
    per_sender: int = PER_SENDER,
    besides: Collection[str] = (),
    visits: Round | None = None,
) -> list[Row]:
    """Return the oldest Inbounds that nobody has understood yet, in order of arrival; of one sender only a few.

    A machine that floods one number must not stand before everybody else: when a few senders fill the front of the
    queue, however far, the oldest of each of the others follow. `besides` are senders to leave out.
    """
    waiting = connection.execute(_WAITING, {"most": 2 * limit, "besides": list(besides)}).all()
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    for row in waiting:
        taken[row.sender] += 1
        if taken[row.sender] <= per_sender and len(chosen) < limit:
            chosen.append(row.seq)
    if len(chosen) < limit and len(waiting) == 2 * limit:
        oldest = (visits or Round()).visit(connection, VISITED)
        others = sorted(seq for sender, seq in oldest.items() if sender not in taken and sender not in besides)
        chosen += others[: limit - len(chosen)]
    return these(connection, chosen)


def claim(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Keep the rows that are still pending and whose senders nobody else is working on, locked until the commit.

    Order per sender holds with any number of interpreters: a sender's rows are taken under that sender's lock, in
    order of arrival, from a read that saw every earlier one done or in the same hands.
    """
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        free = {
            sender
            for sender in sorted({row.sender for row in rows})
            if connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtextextended(sender, 0)))).scalar()
        }
        rows = [row for row in rows if row.sender in free]
    still = set(connection.execute(_STILL, {"seqs": [row.seq for row in rows]}).scalars())
    return [row for row in rows if row.seq in still]


def reopen(connection: Connection, journal_id: str) -> bool:
    """Let a quarantined Inbound be understood again. Returns False when it is not in quarantine."""
    result = connection.execute(
        update(journal)
        .where(journal.c.id == journal_id, journal.c.state == "quarantined")
        .values(state="pending", outcome=None, done_at=None)
    )
    return bool(result.rowcount)


def drop(connection: Connection, journal_id: str, reason: str, now: datetime) -> None:
    """Close a quarantined Inbound for good, with the reason a person gave."""
    connection.execute(
        update(journal)
        .where(journal.c.id == journal_id, journal.c.state == "quarantined")
        .values(state="done", outcome=reason, done_at=now)
    )


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """Count the Inbounds that wait, and say since when the oldest does."""
    row = connection.execute(
        select(func.count(), func.min(journal.c.received_at)).where(journal.c.state == text("'pending'"))
    ).one()
    return int(row[0]), row[1]
