"""One door to the store: hand it a function of a connection, and it runs it in a transaction off the event loop.

    written = await store.write(lambda connection: …)      returns after the commit
    found   = await store.read(lambda connection: …)

A job may run again after a deadlock or a lost connection, so it must not do anything but SQL, and it must be right
the second time (unique keys and locked rows see to that).

SQLite has one writer, a thread of its own, and concurrent jobs share its transactions: whatever waits when a
transaction begins goes into it, each job in its own savepoint, so that durability costs one fsync a batch and not one
a job. PostgreSQL commits in groups by itself: there each job has its own transaction on one of a few threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.store.faults import StoreDamaged, StoreMismatch, StoreUnavailable

__all__ = [  # what a job needs to name; nobody else imports SQLAlchemy
    "Connection",
    "DatabaseError",
    "Store",
    "StoreDamaged",
    "StoreMismatch",
    "StoreUnavailable",
    "refuses_the_value",
]

T = TypeVar("T")
DatabaseError = DBAPIError
Job = Callable[[Connection], T]

BATCH = 128  # urgent jobs in one SQLite transaction: past this the fsync is no longer what costs
TOGETHER = 4  # other jobs in one: each is a batch of its own already, and an urgent one would wait for all
PG_THREADS = 8  # two cores feed no more; each holds one connection
RETRIES = 6  # deadlocks and serialization failures are rare and short
RETRIABLE = {"40001", "40P01"}  # serialization_failure, deadlock_detected
TOO_MUCH = "54"  # the class of program limits, such as a key that is longer than an index takes
READ_ONLY = {"25006"}  # a standby, or a primary that was told to rest
CHECKPOINT = 16_384  # pages (64 MiB) in the WAL before SQLite copies them into the file
BROKEN_FILE = {"SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_SEQUENCE", "SQLITE_NOTADB"}


class Store:
    """SQLite or PostgreSQL behind the same two verbs."""

    def __init__(self, url: str) -> None:
        """Prepare the store at an address. Raises StoreMismatch when that is no address."""
        try:
            self.url = make_url(url)
        except (ArgumentError, ValueError):
            raise StoreMismatch("the store's address cannot be read: its password may need percent-encoding") from None
        self.embedded = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(url) if self.embedded else _postgresql(url)
        self._writer = _Writer(self.engine) if self.embedded else None
        self._threads = ThreadPoolExecutor(2 if self.embedded else PG_THREADS, thread_name_prefix="store")

    @property
    def name(self) -> str:
        """What a person calls it, without its password."""
        return self.url.render_as_string(hide_password=True)

    async def write(self, job: Job[T], *, urgent: bool = False) -> T:
        """Run the job and return what it returned, once that is durable. Raises StoreUnavailable, or what it raised.

        SQLite does `urgent` jobs before others: a provider waits for them.
        """
        loop = asyncio.get_running_loop()
        if self._writer is not None:
            return await self._writer.submit(job, loop, urgent=urgent)
        return await loop.run_in_executor(self._threads, partial(self._run, self.engine.begin, job))

    async def read(self, job: Job[T]) -> T:
        """Run a job that only reads. Raises StoreUnavailable, or what it raised."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self._run, self.engine.connect, job)
        )

    def migrate(self) -> None:
        """Bring the tables to this version; blocks. Raises StoreUnavailable, StoreMismatch."""
        from gateway.store.migrate import upgrade

        if self.embedded and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        try:
            upgrade(self.engine)
        except DBAPIError as error:
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise StoreMismatch(
                    f"{self.url.database} is not a database: restore the latest backup, or name another file"
                ) from error
            if unreachable(error):
                raise _away(error) from error
            raise StoreMismatch(f"its tables cannot be made here: {_why(error)}") from error

    def close(self) -> None:
        """Finish what is waiting and let go of every connection."""
        if self._writer is not None:
            self._writer.close()
        self._threads.shutdown(wait=True)
        self.engine.dispose()

    def _run(self, enter: Callable[[], AbstractContextManager[Connection]], job: Job[T]) -> T:
        """Run a job on a connection of its own; once more after a conflict, or when the server has come back."""
        for attempt in range(1, RETRIES + 1):
            try:
                with enter() as connection:
                    return job(connection)
            except PoolTimeout as error:
                raise StoreUnavailable("no free connection") from error
            except DBAPIError as error:
                again = getattr(error.orig, "sqlstate", None) in RETRIABLE or (
                    error.connection_invalidated and attempt == 1
                )
                if again and attempt < RETRIES:
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
                    continue
                if unreachable(error):
                    raise _away(error) from error
                raise
        raise StoreUnavailable("too many conflicts")


Work = tuple[Job[Any], asyncio.Future[Any], asyncio.AbstractEventLoop]


class _Writer:
    """The one thread that writes SQLite, a batch of jobs to a transaction.

    Urgent jobs have transactions of their own, and never wait for more than one other.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.urgent: deque[Work] = deque()
        self.jobs: deque[Work] = deque()
        self.work = threading.Condition()
        self.thread: threading.Thread | None = None
        self.connection: Connection | None = None  # the thread's own, kept from batch to batch
        self.closed = False

    async def submit(self, job: Job[T], loop: asyncio.AbstractEventLoop, *, urgent: bool) -> T:
        if self.closed:  # nobody would take it out of the queue again
            raise StoreUnavailable("the store is closed")
        if self.thread is None:
            self.thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
            self.thread.start()
        future: asyncio.Future[T] = loop.create_future()
        with self.work:
            (self.urgent if urgent else self.jobs).append((job, future, loop))
            self.work.notify()
        return await future

    def close(self) -> None:
        with self.work:
            self.closed = True
            self.work.notify()
        if self.thread is not None:
            self.thread.join()
            self.thread = None

    def _run(self) -> None:
        while True:
            with self.work:
                self.work.wait_for(lambda: self.urgent or self.jobs or self.closed)
                batches = _taken(self.urgent, BATCH), _taken(self.jobs, TOGETHER)
            if not any(batches):
                break
            for batch in filter(None, batches):
                self._commit(batch)
        self._let_go()

    def _commit(self, work: list[Work]) -> None:
        results: list[tuple[bool, Any]] = []
        try:
            if self.connection is None:
                self.connection = self.engine.connect()
            with self.connection.begin():
                for job, _, _ in work:
                    results.append(_one(self.connection, job))
        except Exception as error:  # noqa: BLE001 - the commit itself failed: nobody's job was kept
            failure = _away(error) if isinstance(error, DBAPIError) else error
            results = [(False, failure)] * len(work)
            self._let_go()
        told = [(future, loop, *result) for (_, future, loop), result in zip(work, results, strict=True)]
        for loop in {loop for _, loop, _, _ in told}:
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(_resolve, [(well, value, one) for one, of, well, value in told if of is loop])

    def _let_go(self) -> None:
        """Begin the next batch on a connection that knows nothing of what went wrong on this one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(DBAPIError):
                connection.close()


def _taken(jobs: deque[Work], most: int) -> list[Work]:
    return [jobs.popleft() for _ in range(min(most, len(jobs)))]


def _one(connection: Connection, job: Job[Any]) -> tuple[bool, Any]:
    # By the driver itself: SQLAlchemy's own savepoints cost more than most jobs do.
    savepoint: Callable[[str], object] = connection.connection.driver_connection.execute  # type: ignore[union-attr]
    savepoint("SAVEPOINT job")
    try:
        result = job(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and unreachable(error):
            raise  # a full disk or a broken file ends the whole batch
        savepoint("ROLLBACK TO job")
        savepoint("RELEASE job")
        return False, error
    savepoint("RELEASE job")
    return True, result


def _resolve(told: list[tuple[bool, Any, asyncio.Future[Any]]]) -> None:
    for well, value, future in told:
        if future.cancelled():
            continue
        if well:
            future.set_result(value)
        else:
            future.set_exception(value)


def unreachable(error: DBAPIError) -> bool:
    """Tell a store that is away, full or broken from a statement or a value that is wrong."""
    sqlite, state = getattr(error.orig, "sqlite_errorname", ""), getattr(error.orig, "sqlstate", None) or ""
    if sqlite == "SQLITE_ERROR" or state.startswith(TOO_MUCH):  # SQLite's word for a statement that is wrong
        return False
    if sqlite in BROKEN_FILE or state in READ_ONLY:  # the drivers hold these for the program's mistake
        return True
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def _away(error: DBAPIError) -> StoreUnavailable:
    if getattr(error.orig, "sqlite_errorname", "") in BROKEN_FILE:
        return StoreDamaged(f"its file is damaged ({_why(error)}): restore the latest backup")
    return StoreUnavailable(_why(error))


def refuses_the_value(error: DBAPIError) -> bool:
    """Tell a value that no store takes from a store that takes nothing now."""
    too_much = (getattr(error.orig, "sqlstate", None) or "").startswith(TOO_MUCH)
    return too_much or type(error).__name__ in {"DataError", "IntegrityError", "ProgrammingError"}


def _why(error: BaseException) -> str:
    """One line for a log, without the statement and its parameters, which may be personal."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:200]


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": 5, "check_same_thread": False}, pool_size=4, max_overflow=4
    )

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's own habit breaks savepoints
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "cache_size=-65536",  # KiB: the upper levels of every index of some million complaints
            # Pages that many commits touch are copied into the file once, not every few commits.
            f"wal_autocheckpoint={CHECKPOINT}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that begins by reading could not upgrade its lock past another: only the writer thread writes.
        writing = threading.current_thread().name == "store-writer"
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        hide_parameters=True,  # they are citizens' words
        pool_size=PG_THREADS,
        max_overflow=2,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 10_000,
            "application_name": "balagh",
            "options": " ".join(
                f"-c {setting}"
                for setting in (
                    "statement_timeout=15s",
                    "lock_timeout=10s",
                    "idle_in_transaction_session_timeout=30s",
                    "TimeZone=UTC",
                    # Every job locks before it looks. With a snapshot of before the lock, as a database that defaults
                    # to a stricter isolation has it, it would look at the past.
                    r"default_transaction_isolation=read\ committed",
                )
            ),
        },
    )
