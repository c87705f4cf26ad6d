"""The two verbs of the store: what is kept, what is rolled back, and who is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from gateway.store.engine import Connection, DatabaseError, Store, StoreMismatch, StoreUnavailable, refuses_the_value
from gateway.store.migrate import HEAD
from tests.servers.postgres import Database, PostgresServer
from tests.servers.waiting import until


def note(name: str) -> Callable[[Connection], str]:
    """A job that keeps one row."""

    def job(connection: Connection) -> str:
        connection.execute(text("INSERT INTO alembic_version VALUES (:name)"), {"name": name})
        return name

    return job


def spoil(name: str) -> Callable[[Connection], None]:
    """A job that keeps one row and then thinks better of it."""

    def job(connection: Connection) -> None:
        note(name)(connection)
        raise LookupError(name)

    return job


async def noted(store: Store) -> set[str]:
    rows = await store.read(
        lambda found: found.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    )
    return set(rows) - {HEAD}


@contextmanager
def held(store: Store) -> Iterator[threading.Event]:
    """Keep SQLite's writer busy, so that what is written meanwhile goes into one transaction."""
    gate = threading.Event()
    began = threading.Event()

    def job(_connection: Connection) -> None:
        began.set()
        gate.wait(10)

    waiting = asyncio.ensure_future(store.write(job))
    try:
        yield gate
    finally:
        gate.set()
    assert not waiting.cancelled()


async def test_what_was_written_is_there_after_the_house_burned(store: Store) -> None:
    """A job's answer comes after its commit: another program sees it."""
    assert "x" == await store.write(note("x"))

    other = Store(store.url.render_as_string(hide_password=False))
    assert {"x"} == await noted(other)
    other.close()


async def test_a_job_that_raises_takes_nobody_with_it(store: Store) -> None:
    """Fifty jobs at once, each third of which fails half way: the others are kept, and each hears its own outcome."""
    with held(store):
        jobs = [spoil(str(number)) if number % 3 == 0 else note(str(number)) for number in range(50)]
        told = asyncio.gather(*(store.write(job) for job in jobs), return_exceptions=True)
    answers: list[Any] = await told

    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert isinstance(answer, LookupError)
            assert (str(number),) == answer.args
        else:
            assert str(number) == answer
    assert {str(number) for number in range(50) if number % 3} == await noted(store)


async def test_a_statement_that_is_wrong_fails_alone(store: Store) -> None:
    """A job with an error in its SQL is told so, and it is not mistaken for a store that is away."""
    with held(store):
        wrong = asyncio.ensure_future(store.write(lambda found: found.execute(text("SELECT nonsense FROM nowhere"))))
        right = asyncio.ensure_future(store.write(note("right")))

    with pytest.raises(DatabaseError):
        await wrong
    await right
    assert {"right"} == await noted(store)


async def test_when_the_commit_breaks_everybody_in_it_is_told(sqlite_store: Store) -> None:
    """SQLite cannot finish a transaction that twenty requests share: nobody is thanked, and the next ones are kept."""
    broken = True

    @event.listens_for(sqlite_store.engine, "commit")
    def commit(connection: Connection) -> None:
        if broken:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            connection.exec_driver_sql("DELETE FROM alembic_version")

    with held(sqlite_store):
        told = asyncio.gather(*(sqlite_store.write(note(str(number))) for number in range(20)), return_exceptions=True)
    answers = await told
    assert [StoreUnavailable] * 20 == [type(answer) for answer in answers]
    assert set() == await noted(sqlite_store)

    broken = False
    sqlite_store.engine.dispose()
    await sqlite_store.write(note("well again"))
    assert {"well again"} == await noted(sqlite_store)


async def test_whoever_goes_away_loses_nothing_and_stops_nobody(store: Store) -> None:
    """A caller hangs up while the transaction waits: what it wrote may be kept, and the others get their answers."""
    with held(store):
        callers = [asyncio.ensure_future(store.write(note(str(number)))) for number in range(10)]
        await asyncio.sleep(0)
        for caller in callers[::2]:
            caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)

    assert ["1", "3", "5", "7", "9"] == answers[1::2]
    assert {asyncio.CancelledError} == {type(answer) for answer in answers[::2]}
    assert {"1", "3", "5", "7", "9"} <= await noted(store)


async def test_closing_finishes_what_is_waiting(store: Store) -> None:
    """The house is closed with twenty jobs on their way: all are kept, and no thread stays behind."""
    callers = [asyncio.ensure_future(store.write(note(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)

    assert [str(number) for number in range(20)] == await asyncio.gather(*callers)
    assert not [one for one in threading.enumerate() if one.name.startswith("store")]


async def test_a_closed_store_says_so_instead_of_keeping_a_caller_for_ever(sqlite_store: Store) -> None:
    """A request that comes while the house shuts must get an answer."""
    await sqlite_store.write(note("x"))
    sqlite_store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await asyncio.wait_for(sqlite_store.write(note("late")), 60)


def test_a_store_outlives_an_event_loop_that_went_away(sqlite_store: Store) -> None:
    """A loop ends with a job still on its way: the writer shrugs, and serves the next loop."""

    async def leave() -> None:
        with held(sqlite_store):
            caller = asyncio.ensure_future(sqlite_store.write(note("from the first loop")))
            await asyncio.sleep(0)
            caller.cancel()

    asyncio.run(leave())
    assert "from the second" == asyncio.run(sqlite_store.write(note("from the second")))


async def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The first start of a city: its data folder does not exist yet."""
    store = Store(f"sqlite:///{tmp_path}/data/of/the/city.db")
    store.migrate()
    await store.write(note("x"))
    assert {"x"} == await noted(store)
    store.close()


async def test_a_file_that_cannot_be_a_store_is_refused_with_its_name(tmp_path: Path) -> None:
    """The setting names a photo by mistake: one line says so, and the photo stays as it is."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0" * 1000)
    store = Store(f"sqlite:///{photo}")

    with pytest.raises(
        StoreMismatch, match=r"photo\.jpg is not a database: restore the latest backup, or name another file"
    ):
        store.migrate()
    assert b"\xff\xd8\xff\xe0" * 1000 == photo.read_bytes()
    store.close()


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    """A password with a colon, not encoded: the message must not repeat it."""
    with pytest.raises(StoreMismatch) as refused:
        Store("postgresql://balagh:se/cret:9@host:port/db")
    assert "se/cret" not in str(refused.value)
    assert "percent-encoding" in str(refused.value)


def test_the_name_of_a_store_hides_its_password() -> None:
    """What stands in logs and in `balagh check`."""
    store = Store("postgresql://balagh:secret@127.0.0.1:1/db")
    assert "postgresql://balagh:***@127.0.0.1:1/db" == store.name
    store.close()


async def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    """Nobody listens on the port: reading, writing and migrating all say that the store is away."""
    store = Store("postgresql://balagh:secret@127.0.0.1:1/db")
    for attempt in (store.read(lambda _: None), store.write(lambda _: None), asyncio.to_thread(store.migrate)):
        with pytest.raises(StoreUnavailable) as away:
            await attempt
        assert "\n" not in str(away.value)
        assert "secret" not in str(away.value)
    store.close()


@pytest.mark.servers
async def test_a_server_that_came_back_is_used_at_once(postgres_node: Callable[[], PostgresServer]) -> None:
    """Restarted behind our back, with every connection we had dead: the next job neither fails nor runs twice."""
    server = postgres_node()
    server.start()
    store = Store(server.url())
    store.migrate()
    await asyncio.gather(*(store.write(note(f"before {number}")) for number in range(8)))
    await asyncio.to_thread(server.restart)

    assert 8 == len(await noted(store))
    assert "after" == await store.write(note("after"))
    assert 9 == len(await noted(store))
    store.close()


@pytest.mark.servers
async def test_a_connection_lost_in_the_middle_of_a_savepoint_is_tried_again(postgres_store: Store) -> None:
    """The server ends our session while a message is being filed: the job runs once more, on a new one."""
    runs = []

    def job(connection: Connection) -> str:
        runs.append(1)
        savepoint = connection.begin_nested()
        try:
            note("x")(connection)
            if len(runs) == 1:
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            savepoint.commit()
        except DatabaseError:
            savepoint.rollback()
            raise
        return "done"

    assert "done" == await postgres_store.write(job)
    assert 2 == len(runs)
    assert {"x"} == await noted(postgres_store)


@pytest.mark.servers
async def test_jobs_that_lock_each_other_out_are_both_done(postgres_store: Store) -> None:
    """Two transactions wait for each other: the server ends one, and it is run again.

    The one that is run again may be quicker than the other wakes, and then they meet once more.
    """
    for name in ("a", "b"):
        await postgres_store.write(note(name))
    met = threading.Barrier(2, timeout=60)
    runs: list[str] = []

    def touch(first: str, second: str) -> Callable[[Connection], str]:
        def job(connection: Connection) -> str:
            runs.append(first)
            lock = text("SELECT * FROM alembic_version WHERE version_num = :name FOR UPDATE")
            connection.execute(lock, {"name": first})
            if runs.count(first) == 1:
                met.wait()
            connection.execute(lock, {"name": second})
            return first

        return job

    done = await asyncio.gather(postgres_store.write(touch("a", "b")), postgres_store.write(touch("b", "a")))
    assert ["a", "b"] == done
    assert 3 <= len(runs)


@pytest.mark.servers
async def test_a_server_that_only_reads_is_away_for_writing(postgres_store: Store) -> None:
    """After a failover we may meet a standby: that is no bug of ours, and a message must go to the spool."""

    def job(connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        note("x")(connection)

    with pytest.raises(StoreUnavailable):
        await postgres_store.write(job)


@pytest.mark.servers
async def test_a_value_that_is_too_long_for_an_index_is_the_value_s_fault(postgres_store: Store) -> None:
    """A provider's id of a megabyte: the driver calls it an operational error, but waiting for the store is no help."""
    import secrets

    with pytest.raises(DatabaseError) as refused:
        await postgres_store.write(
            lambda found: found.execute(
                text("INSERT INTO deliveries VALUES ('sms', :id, 'sent', '', now())"),
                {"id": secrets.token_hex(500_000)},
            )
        )
    assert refuses_the_value(refused.value)


async def test_a_value_that_no_store_takes_is_told_from_a_store_that_takes_nothing(store: Store) -> None:
    """A row that is there twice is the row's fault."""
    await store.write(note("x"))

    with pytest.raises(DatabaseError) as refused:
        await store.write(note("x"))
    assert refuses_the_value(refused.value)


async def test_concurrent_jobs_share_the_cost_of_durability(sqlite_store: Store) -> None:
    """A hundred requests at once cost SQLite a handful of transactions, not a hundred."""
    commits: list[Connection] = []
    event.listen(sqlite_store.engine, "commit", commits.append)

    with held(sqlite_store):
        told = asyncio.gather(*(sqlite_store.write(note(str(number)), urgent=True) for number in range(100)))
        await asyncio.sleep(0)
    await told
    await until(lambda: bool(commits))
    assert len(commits) <= 3


@pytest.mark.servers
async def test_a_job_that_waited_for_a_lock_sees_what_was_done_meanwhile(
    postgres: Database, postgres_store: Store
) -> None:
    """However strict the database is by default: two nodes count to two, and neither is refused."""
    postgres.server.run(f"ALTER DATABASE {postgres.name} SET default_transaction_isolation = 'serializable'")
    postgres_store.engine.dispose()  # what connects from here on finds the new default
    met, runs = threading.Barrier(2, timeout=60), []

    def count(connection: Connection) -> None:
        runs.append(1)
        connection.execute(text("SELECT 1"))  # with one snapshot for the whole job, it would be taken here
        met.wait()
        connection.execute(text("LOCK TABLE alembic_version IN EXCLUSIVE MODE"))
        before = connection.execute(text("SELECT count(*) FROM alembic_version")).scalar()
        note(f"after {before}")(connection)

    await asyncio.gather(postgres_store.write(count), postgres_store.write(count))
    assert 2 == len(runs)
    assert {"after 1", "after 2"} == await noted(postgres_store)
