"""How an Inbound is journaled: once under its identity, with a reference that nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from channels.message import Purpose
from gateway.store.insert import insert_or_ignore
from gateway.store.prepared import Prepared, known
from gateway.store.tables import journal, journal_payload

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
