"""What happened since: the rows that a copy of the store does not hold yet, read in frames that stand by themselves.

A frame is read in one view of the store and is whole: a journaled message with its words, its replies and what people
were asked about it, and, once it is a complaint, everything of that complaint. Later frames replace earlier rows. What
channels remember (cursors) is left out: with an older cursor a message is fetched again and known, with a newer one it
would be missed. PostgreSQL gives numbers before the commit, so a lower one may appear after a higher one: what is
younger than OVERLAP is looked through again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, select

from gateway.store import snapshot
from gateway.store.engine import Store
from gateway.store.faults import StoreMismatch
from gateway.store.migrate import HEAD, revision
from gateway.store.parts import parts
from gateway.store.tables import (
    Instant,
    attachments,
    complaints,
    events,
    journal,
    journal_payload,
    metadata,
    personal,
    pointers,
    relay,
    replies,
    reply_payload,
    revisions,
    seals,
    task_payload,
    tasks,
)
from normalizer.complaint import rfc3339

OVERLAP = 90.0  # seconds: no transaction of ours may last as long (`statement_timeout`, `idle_in_transaction…`)
MOST = 500  # new rows of a kind in one frame
YOUNGEST = 50_000  # numbers below the last of a copy among which one may still appear
COUNTED = {"journal": journal.c.seq, "events": events.c.seq, "seals": seals.c.seq}


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows by table. `full`: there may be more to read at once."""

    rows: dict[str, list[dict[str, Any]]] = field(repr=False)
    full: bool = False

    @property
    def last(self) -> dict[str, Any] | None:
        """The youngest message in it."""
        return max(self.rows.get("journal", []), key=lambda row: row["seq"], default=None)


@dataclass(slots=True)
class _Numbers:
    """Which numbers of one table are kept already: all up to `low`, and those of `above`."""

    overlap: float  # seconds
    low: int = 0
    above: set[int] = field(default_factory=set)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)  # (when, the highest number seen by then)

    def keep(self, numbers: Iterable[int], now: float, *, all_of_them: bool) -> None:
        """Note what is kept. `all_of_them`: the store had no others, so what was missing long ago will never come."""
        self.above.update(number for number in numbers if number > self.low)
        self._marks.append((now, max(self.above, default=self.low)))
        while all_of_them and self._marks and now - self._marks[0][0] >= self.overlap:
            self.low = self._marks.popleft()[1]
        self.above = {number for number in self.above if number > self.low}


class Tail:
    """Reads what is new, frame by frame, in a store that is `embedded` or not."""

    def __init__(self, *, embedded: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        overlap = 0.0 if embedded else OVERLAP  # SQLite has one writer: its numbers appear in order
        self._numbers = {name: _Numbers(overlap) for name in COUNTED}
        self._open: set[int] = set()  # numbers of messages that were kept before they were understood

    def begin(self, path: Path, frames: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start behind a copy, and behind the frames that an earlier process kept."""
        engine = snapshot.sealed_file(path)
        try:
            with engine.connect() as connection:
                for name, column in COUNTED.items():
                    youngest = select(column).order_by(column.desc()).limit(YOUNGEST)
                    found = connection.execute(youngest).scalars().all()
                    self._numbers[name].low = min(found, default=1) - 1
                    self._numbers[name].keep(found, self._clock(), all_of_them=True)
                waiting = select(journal.c.seq).where(journal.c.state == "pending")
                self._open = set(connection.execute(waiting).scalars())
        finally:
            engine.dispose()
        for frame in frames:
            self.kept(Frame(frame["rows"], full=True))

    def read(self, store: Store) -> Frame:
        """Return the next frame, without rows when nothing is new; `kept` says that it is safe.

        Raises StoreUnavailable, StoreMismatch.
        """
        with snapshot.moment(store) as connection:
            if (found := revision(connection)) != HEAD:
                raise StoreMismatch(f"its tables are of version {found} now: begin a new backup")
            return self._read(connection)

    def kept(self, frame: Frame) -> None:
        """Note that a frame is on disk."""
        now = self._clock()
        for name, numbers in self._numbers.items():
            numbers.keep((row["seq"] for row in frame.rows.get(name, [])), now, all_of_them=not frame.full)
        for row in frame.rows.get("journal", []):
            (self._open.add if row["state"] == "pending" else self._open.discard)(row["seq"])

    def _read(self, connection: Connection) -> Frame:
        fresh = {name: self._fresh(connection, name) for name in COUNTED}
        done = self._done(connection)
        full = any(len(seqs) == MOST for seqs in fresh.values())
        if full:  # a seal must not come before the events that it covers
            fresh["seals"] = []
        messages = {row["seq"]: row for row in _rows(connection, journal, journal.c.seq, fresh["journal"] + done)}
        told = _rows(connection, events, events.c.seq, fresh["events"])
        cases = {row["complaint_id"] for row in (*told, *messages.values()) if row["complaint_id"]}
        messages |= {row["seq"]: row for row in _rows(connection, journal, journal.c.complaint_id, cases)}
        ids = [row["id"] for row in messages.values()]
        owed = _rows(connection, replies, replies.c.journal_id, ids)
        asked = {row["id"]: row for row in _rows(connection, tasks, tasks.c.journal_id, ids)}
        asked |= {row["id"]: row for row in _rows(connection, tasks, tasks.c.complaint_id, cases)}
        found = {
            "journal": list(messages.values()),
            "journal_payload": _rows(connection, journal_payload, journal_payload.c.id, ids),
            "complaints": _rows(connection, complaints, complaints.c.id, cases),
            "personal": _rows(connection, personal, personal.c.complaint_id, cases),
            "events": _rows(connection, events, events.c.complaint_id, cases),
            "relay": _rows(connection, relay, relay.c.complaint_id, cases),
            "attachments": _rows(connection, attachments, attachments.c.complaint_id, cases),
            "replies": owed,
            "reply_payload": _rows(connection, reply_payload, reply_payload.c.id, [row["id"] for row in owed]),
            "revisions": _rows(connection, revisions, revisions.c.journal_id, ids),
            "pointers": _rows(connection, pointers, pointers.c.journal_id, ids),
            "tasks": list(asked.values()),
            "task_payload": _rows(connection, task_payload, task_payload.c.id, asked.keys()),
            "seals": _rows(connection, seals, seals.c.seq, fresh["seals"]),
        }
        return Frame({name: rows for name, rows in found.items() if rows}, full)

    def _fresh(self, connection: Connection, name: str) -> list[int]:
        """Numbers that are not kept yet, lowest first."""
        column, numbers = COUNTED[name], self._numbers[name]
        limit = MOST + len(numbers.above)
        found = connection.execute(select(column).where(column > numbers.low).order_by(column).limit(limit))
        return [seq for seq in found.scalars() if seq not in numbers.above][:MOST]

    def _done(self, connection: Connection) -> list[int]:
        """Messages that were kept while they waited, and that have become something since; the oldest few."""
        oldest = sorted(self._open)[:MOST]
        return [
            row.seq
            for part in parts(oldest)
            for row in connection.execute(
                select(journal.c.seq).where(journal.c.seq.in_(part), journal.c.state != "pending")
            )
        ]


def replay(engine: Engine, frames: Iterable[Mapping[str, Any]]) -> int:
    """Put frames into a copy of the store, one transaction each, and return how many there were."""
    count = 0
    for frame in frames:
        count += 1
        with engine.begin() as connection:
            for name, rows in frame["rows"].items():
                table = metadata.tables[name]
                statement = table.insert().prefix_with("OR REPLACE")
                connection.execute(statement, [_decoded(table, row) for row in rows])
    return count


def _rows(
    connection: Connection, table: Table, column: ColumnElement[Any], keys: Collection[Any]
) -> list[dict[str, Any]]:
    return [
        {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in row.items()}
        for part in parts(sorted(keys))
        for row in connection.execute(select(table).where(column.in_(part))).mappings()
    ]


def _decoded(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if value is not None and isinstance(table.c[name].type, Instant) else value
        for name, value in row.items()
    }
