"""The journal: every Inbound under its identity, kept for good, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from channels.message import Purpose
from gateway.store.prepared import Prepared, known
from gateway.store.tables import complaints, journal, journal_payload
from gateway.store.visits import Round

CANDIDATE = "candidate: a person says whether it is a complaint"
"""The outcome of a public post until somebody has looked at it."""

PER_SENDER = 6  # Inbounds of one sender in one batch
VISITED = 300  # senders that are looked at behind a few who fill the front
_ROW = ("seq", "id", "channel", "account", "sender", "reference", "received_at", "complaint_id", "state")
COUNTERS = 64  # references of one identity to try before giving up: with a million stored, two are rarely needed


@dataclass(frozen=True, slots=True)
class Entry:
    """An Inbound about to be journaled. `refer(counter)` yields its reference; None when it needs none."""

    id: str
    channel: str
    account: str
    external_id: str
    sender: str
    purpose: Purpose
    fingerprint: str
    received_at: datetime
    body: str = field(repr=False)
    refer: Callable[[int], str] | None = field(default=None, repr=False)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it this message and no other."""
        return self.channel, self.account, self.external_id


@dataclass(frozen=True, slots=True)
class Kept:
    """What the journal holds for an entry: this one's, or that of its first delivery."""

    id: str
    reference: str
    fingerprint: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A journaled Inbound that waits to be understood."""

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


def insert_or_ignore(connection: Connection, table: Table) -> Any:
    """Begin an INSERT that leaves existing rows alone, in the dialect of the connection."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    return insert(table).on_conflict_do_nothing()


_APPEND = Prepared(
    journal.insert(),
    ("id", "channel", "account", "external_id", "reference", "sender", "purpose", "fingerprint", "received_at"),
)
_KEEP = Prepared(journal_payload.insert(), ("id", "body"))


def append(connection: Connection, entries: Sequence[Entry]) -> list[Kept]:
    """Journal the entries and return what is kept for each, in order.

    An entry whose identity is known gets what its first delivery got. A reference that another message holds is tried
    again with the next counter.
    """
    kept: dict[tuple[str, str, str], Kept] = {}
    todo: dict[tuple[str, str, str], Entry] = {}  # in order of arrival: the rows are numbered, and understood, in it
    for entry in entries:
        todo.setdefault(entry.identity, entry)
    for counter in range(COUNTERS):
        if not todo:
            break
        inserted = _insert(connection, list(todo.values()), counter)
        for identity in inserted:
            entry = todo.pop(identity)
            kept[identity] = Kept(
                entry.id, entry.refer(counter) if entry.refer else "", entry.fingerprint, duplicate=False
            )
        if not todo:
            break
        for identity in list(todo):
            known = _known(connection, identity)
            if known is not None:
                del todo[identity]
                kept[identity] = known
    if todo:
        raise IntegrityError("no free reference", None, Exception("reference space exhausted"))
    answers, seen = [], set()
    for entry in entries:
        found = kept[entry.identity]
        again = entry.identity in seen
        seen.add(entry.identity)
        answers.append(Kept(found.id, found.reference, found.fingerprint, duplicate=True) if again else found)
    return answers


def _insert(connection: Connection, entries: list[Entry], counter: int) -> list[tuple[str, str, str]]:
    rows = [
        {
            "id": entry.id,
            "channel": entry.channel,
            "account": entry.account,
            "external_id": entry.external_id,
            "reference": entry.refer(counter) if entry.refer else None,
            "sender": entry.sender,
            "purpose": entry.purpose.value,
            "fingerprint": entry.fingerprint,
            "received_at": entry.received_at,
        }
        for entry in entries
    ]
    if connection.dialect.name == "postgresql" and len(rows) > 1:
        # Copies of the same messages may stand in another node's batch in another order. Whoever finds one waits for
        # that batch, so everybody inserts in one order, under numbers that say the order of arrival.
        number = func.nextval(func.pg_get_serial_sequence(journal.name, journal.c.seq.name))
        numbers = connection.execute(select(number).select_from(func.generate_series(1, len(rows)))).scalars()
        rows = sorted(({**row, "seq": seq} for row, seq in zip(rows, numbers, strict=True)), key=itemgetter("id"))
    if connection.dialect.name == "postgresql":
        statement = insert_or_ignore(connection, journal).returning(journal.c.id)
        fresh = {row.id for row in connection.execute(statement, rows)}
    else:
        rows = _unknown(connection, rows)  # SQLite has one writer: nobody comes between the look and the insert
        fresh = {row["id"] for row in rows}
        _APPEND.run(connection, rows)
    written = [entry for entry in entries if entry.id in fresh]
    _KEEP.run(connection, [{"id": entry.id, "body": entry.body} for entry in written])
    return [entry.identity for entry in written]


def _unknown(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the rows whose id or reference is taken, be it by a row before them."""
    ids = known(connection, journal.c.id, [row["id"] for row in rows])
    references = known(connection, journal.c.reference, [row["reference"] for row in rows if row["reference"]])
    free = []
    for row in rows:
        if row["id"] not in ids and row["reference"] not in references:
            free.append(row)
            references.update(filter(None, [row["reference"]]))
    return free


def _known(connection: Connection, identity: tuple[str, str, str]) -> Kept | None:
    channel, account, external_id = identity
    row = connection.execute(
        select(journal.c.id, journal.c.reference, journal.c.fingerprint).where(
            journal.c.channel == channel, journal.c.account == account, journal.c.external_id == external_id
        )
    ).first()
    return Kept(row.id, row.reference or "", row.fingerprint, duplicate=True) if row else None


_WAITING = (
    select(journal.c.seq, journal.c.sender)
    .where(journal.c.state == text("'pending'"))  # a literal, so that SQLite sees the partial index fits
    .where(journal.c.sender.not_in(bindparam("besides", expanding=True)))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_CHOSEN = (
    select(*(journal.c[name] for name in _ROW), journal_payload.c.body)
    .join(journal_payload, journal_payload.c.id == journal.c.id)
    .where(journal.c.seq.in_(bindparam("chosen", expanding=True)))
    .order_by(journal.c.seq)
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
    return [_row(found) for found in connection.execute(_CHOSEN, {"chosen": chosen})] if chosen else []


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


def find(connection: Connection, reference: str) -> Row | None:
    """Return the Inbound to which a reference was given."""
    return _first(connection, journal.c.reference == reference)


def by_id(connection: Connection, journal_id: str) -> Row | None:
    """Return the Inbound with this id."""
    return _first(connection, journal.c.id == journal_id)


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
    return [_row(rows[seq]) for seq in sorted(rows)]


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
    return _row(row) if row is not None else None


_WITH_BODY: Select[Any] = select(journal, journal_payload.c.body).join(
    journal_payload, journal_payload.c.id == journal.c.id
)


def _row(row: Any) -> Row:
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
