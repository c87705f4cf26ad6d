"""The store at one moment: copy it into a file of its own, look at such a file, and fill an empty store from one.

The copy is a SQLite file whatever the store is, with the same tables: one format to verify, to look into and to
restore, into SQLite or PostgreSQL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.store import outbox, seals
from gateway.store.engine import Store
from gateway.store.faults import StoreMismatch, StoreUnavailable
from gateway.store.migrate import revision, upgrade
from gateway.store.quarantine import INTERPRET
from gateway.store.seals import Seal
from gateway.store.tables import (
    complaints,
    events,
    facts,
    journal,
    leases,
    metadata,
    quarantine,
    relay,
    replies,
)

ROWS = 2_000  # rows in memory at once
COUNTED = ("journal", "events", "quarantine")  # tables that number their rows by themselves
BUSY = ("journal", "complaints", "events", "quarantine")  # what holds a row in these is not empty


class CopyFailed(Exception):
    """A copy of the store could not be written, or the store could not be read to its end. One line."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds."""

    schema: str
    tables: dict[str, int]  # name -> rows
    last: int  # the youngest journal entry's number; 0 when there is none
    reference: str  # and its reference
    received_at: datetime | None


@contextlib.contextmanager
def moment(store: Store) -> Iterator[Connection]:
    """Give one unchanging view of the store, which holds up nobody who writes. Raises StoreUnavailable."""
    try:
        with store.engine.connect() as connection:
            if not store.embedded:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                _take_your_time(connection)
            yield connection
    except PoolTimeout as error:
        raise StoreUnavailable("no free connection") from error
    except DBAPIError as error:
        raise StoreUnavailable(_line(error)) from error


def copy(store: Store, path: Path) -> None:
    """Write what the store holds at one moment into a new file. Raises CopyFailed, StoreUnavailable."""
    engine = sealed_file(path)
    try:
        if store.embedded:
            _copy_pages(store.engine, engine)
        else:
            upgrade(engine)
            with moment(store) as source, engine.begin() as target:
                _pour(source, target)
    except DBAPIError as error:
        raise CopyFailed(_line(error)) from error
    finally:
        engine.dispose()


def sealed_file(path: Path) -> Engine:
    """Open a copy: one file without a log beside it, whose rows may come in any order."""
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("synchronous=FULL", "foreign_keys=OFF", "cache_size=-64000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def contents(path: Path) -> Contents:
    """Count what a copy holds. Raises StoreMismatch when it is none."""
    engine = sealed_file(path)
    try:
        with engine.connect() as connection:
            schema = revision(connection)
            if schema is None:
                raise StoreMismatch(f"{path} holds no store")
            last = connection.execute(
                select(journal.c.seq, journal.c.reference, journal.c.received_at)
                .order_by(journal.c.seq.desc())
                .limit(1)
            ).first()
            return Contents(
                schema,
                {
                    table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in metadata.sorted_tables
                },
                last.seq if last else 0,
                (last.reference or "") if last else "",
                last.received_at if last else None,
            )
    except DBAPIError as error:
        raise StoreMismatch(f"{path} cannot be read: {_line(error)}") from error
    finally:
        engine.dispose()


def flaws(path: Path, key: bytes, outside: Iterable[Seal]) -> Iterator[str]:
    """Yield a sentence for everything that is wrong in a copy: pages, keys between tables, seals."""
    engine = sealed_file(path)
    try:
        with engine.connect() as connection:
            found = [str(line) for line in connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars()]
            if found != ["ok"]:
                yield f"the store is damaged: {'; '.join(found)}"
                return
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if orphans:
                yield f"{len(orphans)} rows belong to rows that are not there, the first in {orphans[0][0]}"
            yield from seals.verify(connection, key, outside)
    except DBAPIError as error:
        yield f"the store is damaged: {_line(error)}"
    finally:
        engine.dispose()


def occupied(store: Store) -> bool:
    """Tell a store that holds anything, ours or another's, from one that may be filled. Raises StoreUnavailable."""
    with moment(store) as connection:
        if revision(connection) is None:
            return bool(set(inspect(connection).get_table_names()) & set(metadata.tables))
        return any(connection.execute(select(metadata.tables[name]).limit(1)).first() for name in BUSY)


def fill(store: Store, path: Path) -> None:
    """Put a copy of this version into an empty PostgreSQL store, in one transaction. Raises StoreUnavailable."""
    store.migrate()
    engine = sealed_file(path)
    try:
        with engine.connect() as source, store.engine.begin() as target:
            _take_your_time(target)
            target.execute(delete(facts))  # a gateway that was started too early has written its own
            _pour(source, target)
            for name in COUNTED:
                column = next(iter(metadata.tables[name].primary_key.columns))
                target.execute(
                    select(
                        func.setval(
                            func.pg_get_serial_sequence(name, column.name),
                            func.coalesce(select(func.max(column)).scalar_subquery(), 1),
                        )
                    )
                )
    except DBAPIError as error:
        raise StoreUnavailable(_line(error)) from error
    finally:
        engine.dispose()


def awaken(connection: Connection, *, republish: bool) -> int:
    """Make ready to go on what a copy holds. Returns how many events are published anew, each under its own id.

    After the copy was made the world went on: what the broker had confirmed but no router had dealt with was dealt with
    by a store that is lost, so it goes there again. A reply that was still to be sent may have been sent, so the
    provider is asked first. With `republish` every event goes out again: the broker's queues are lost too.
    """
    connection.execute(delete(leases))
    connection.execute(
        update(replies)
        .where(replies.c.next_at.is_not(None), replies.c.first_tried_at.is_(None))
        .values(first_tried_at=replies.c.created_at)
    )
    shown = select(quarantine.c.subject).where(quarantine.c.stage == INTERPRET, quarantine.c.state == "open")
    connection.execute(
        update(journal).where(journal.c.state == "quarantined", journal.c.id.not_in(shown)).values(state="pending")
    )
    published = relay.c.published_at.is_not(None)
    if republish:
        return outbox.anew(connection, published)
    unrouted = (
        select(events.c.seq)
        .join(complaints, complaints.c.id == events.c.complaint_id)
        .where(events.c.type.in_(("received", "amended")), events.c.sequence > complaints.c.routed_sequence)
    )
    return outbox.anew(connection, published & relay.c.event_seq.in_(unrouted))


def _copy_pages(source: Engine, target: Engine) -> None:
    """Copy a SQLite file as one transaction sees it, by SQLite's own backup; writers go on meanwhile."""
    broken = source.dialect.loaded_dbapi.Error
    one, other = source.raw_connection(), target.raw_connection()
    try:
        assert one.driver_connection is not None
        one.driver_connection.backup(other.driver_connection)
        cursor = other.cursor()
        cursor.execute("PRAGMA journal_mode=DELETE")  # the copy says of itself that it has a log beside it
        cursor.close()
    except broken as error:
        raise CopyFailed(" ".join(str(error).split())) from error
    finally:
        one.close()
        other.close()


def _pour(source: Connection, target: Connection) -> None:
    """Copy every row of every table, those first that others refer to."""
    for table in metadata.sorted_tables:
        ordered = select(table).order_by(*table.primary_key.columns)
        rows = source.execute(ordered, execution_options={"yield_per": ROWS})  # streamed, never all in memory
        for part in rows.mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in part])


def _take_your_time(connection: Connection) -> None:
    """Lift the bounds that keep a request from waiting for ever: a whole store takes minutes."""
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {setting} = 0"))


def _line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())[:200]
