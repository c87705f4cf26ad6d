"""Accept: on disk before it is thanked for, once, in order, whatever becomes of the store."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from channels.message import Delivery, DeliveryState, Purpose, Receipt
from gateway import observe
from gateway.identity import Identities
from gateway.intake import Intake, NotStored
from gateway.signals import Signal
from gateway.spool import Spool
from gateway.store import journal, quarantine
from gateway.store.engine import DatabaseError, Job, Store, StoreUnavailable, T
from tests.gateway.store.making import IDENTITIES, KEY, NOW, sms
from tests.servers.postgres import PostgresServer
from tests.servers.waiting import until

UNWRITABLE = "\ud800"  # half a character


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often whether the store is back."""
    monkeypatch.setattr("gateway.intake.PROBE", 0.05)


def intake_of(store: Store, spool: Spool | None = None, identities: Identities = IDENTITIES) -> Intake:
    return Intake(store, identities, spool, Signal())


def opened(folder: Path) -> Spool:
    made = Spool(folder)
    made.open()
    return made


async def external_ids(store: Store) -> list[str]:
    query = text("SELECT external_id FROM journal ORDER BY seq")
    return list(await store.read(lambda found: found.execute(query).scalars().all()))


def foretold(sid: str) -> str:
    """The reference that a message gets, whenever and wherever it is accepted."""
    refer = IDENTITIES.entry(sms(sid), NOW).refer
    assert refer is not None
    return refer(0)


def alarms(kind: str) -> float:
    return observe.registry.get_sample_value("balagh_alarms_total", {"kind": kind}) or 0.0


@asynccontextmanager
async def draining(intake: Intake) -> AsyncIterator[None]:
    task = asyncio.create_task(intake.drain())
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_receipt_means_that_it_is_on_disk(store: Store) -> None:
    """Another program opens the store at the moment of the receipt: the message is there, under the same reference."""
    receipt = await intake_of(store).accept(sms("SM1"), fingerprint="print")

    other = Store(store.url.render_as_string(hide_password=False))
    found = await other.read(partial(journal.find, reference=receipt.reference))
    other.close()
    assert found is not None
    assert (receipt.id, sms("SM1").to_json()) == (found.id, found.body)
    assert (IDENTITIES.pin(receipt.reference), "print", False) == (receipt.pin, receipt.fingerprint, receipt.duplicate)


async def test_a_thousand_at_once_are_a_thousand(store: Store) -> None:
    """A thousand requests, each message three times: a thousand rows, one reference each, one first each."""
    intake = intake_of(store)
    receipts = await asyncio.gather(*(intake.accept(sms(f"SM{number % 1000}")) for number in range(3000)))

    assert 1000 == len(await external_ids(store))
    assert 1000 == len({receipt.reference for receipt in receipts})
    assert 1000 == sum(not receipt.duplicate for receipt in receipts)
    for number in range(1000):
        assert 1 == len({receipt.reference for receipt in receipts[number::1000]})


async def test_one_after_the_other_stays_in_that_order(store: Store) -> None:
    """Fifty messages started in an order, at once: they are numbered in it."""
    intake = intake_of(store)
    if not store.embedded:
        intake._concurrent = 1  # several transactions have no order among themselves; one has
    await asyncio.gather(*(intake.accept(sms(f"SM{number}")) for number in range(50)))

    assert [f"SM{number}" for number in range(50)] == await external_ids(store)


class Nudging(Store):
    """A store whose answer wakes somebody else in the very same turn of the event loop."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate: asyncio.Future[None] | None = None

    async def write(self, job: Job[T], *, urgent: bool = False) -> T:
        """Write, and let whoever waits at the gate go."""
        found = await super().write(job, urgent=urgent)
        if self.gate is not None and not self.gate.done():
            self.gate.set_result(None)
        return found


async def test_a_message_that_comes_just_when_a_batch_ends_is_not_forgotten(tmp_path: Path) -> None:
    """It arrives between the last look at the queue and the end of the flush: nobody else comes to wake anybody."""
    store = Nudging(f"sqlite:///{tmp_path / 'balagh.db'}")
    store.migrate()
    intake = intake_of(store)
    store.gate = asyncio.get_running_loop().create_future()

    async def second() -> Receipt:
        assert store.gate is not None
        await store.gate
        return await intake.accept(sms("SM2"))

    waiting = asyncio.create_task(second())
    await intake.accept(sms("SM1"))
    await asyncio.wait_for(waiting, 60)
    assert ["SM1", "SM2"] == await external_ids(store)
    store.close()


async def test_one_that_the_store_refuses_does_not_take_the_others_with_it(store: Store) -> None:
    """In a crowd stands a message with a value that no store can write: it fails alone, the crowd is thanked."""
    intake = intake_of(store)
    crowd = [intake.accept(sms(f"SM{number}"), fingerprint=UNWRITABLE if number == 7 else "") for number in range(20)]
    answers = await asyncio.gather(*crowd, return_exceptions=True)

    assert [7] == [number for number, answer in enumerate(answers) if not isinstance(answer, Receipt)]
    assert [f"SM{number}" for number in range(20) if number != 7] == sorted(
        await external_ids(store), key=lambda sid: int(sid[2:])
    )


@pytest.mark.servers
async def test_an_id_that_is_too_long_for_the_store_does_not_send_it_away(
    postgres_store: Store, tmp_path: Path
) -> None:
    """PostgreSQL calls it an operational error: it is this message's fault, and the house must not begin to spool."""
    spool = opened(tmp_path / "spool")
    intake = intake_of(postgres_store, spool)
    with pytest.raises(DatabaseError):
        await intake.accept(sms(secrets.token_hex(100_000)))

    assert (False, 0) == (intake.spooling, spool.depth)


async def test_what_is_no_message_gets_no_number(store: Store) -> None:
    """A delivery report is kept like everything else, without reference and PIN; what is unreadable has both."""
    intake = intake_of(store)
    report = sms("SM1:sent", purpose=Purpose.DELIVERY, delivery=Delivery("SM1", DeliveryState.SENT))
    receipt = await intake.accept(report)
    unreadable = await intake.accept(sms("raw:1", purpose=Purpose.UNREADABLE))

    assert ("", "") == (receipt.reference, receipt.pin)
    assert (10, 6) == (len(unreadable.reference), len(unreadable.pin))


async def test_another_key_gives_other_numbers(store: Store) -> None:
    """References hang on the city's secret: who does not have it cannot foretell them."""
    one = await intake_of(store).accept(sms("SM1"))
    other = await intake_of(store, identities=Identities(KEY + b"!")).accept(sms("SM2"))

    assert foretold("SM1") == one.reference
    assert foretold("SM2") != other.reference


async def test_without_a_store_nobody_is_thanked(tmp_path: Path) -> None:
    """SQLite's disk is gone: every caller hears that it was not stored, so that the provider tries again."""
    folder = tmp_path / "data"
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'balagh.db'}")
    shutil.rmtree(folder)
    intake = intake_of(store)
    before = alarms("not_stored")

    answers = await asyncio.gather(*(intake.accept(sms(f"SM{number}")) for number in range(9)), return_exceptions=True)
    assert [NotStored] * 9 == [type(answer) for answer in answers]
    assert 9 == alarms("not_stored") - before
    store.close()


async def test_sqlite_that_comes_back_is_used_at_once(sqlite_store: Store) -> None:
    """Another program held the file for longer than we wait: refused, and the next one is kept."""
    sqlite_store.engine.dispose()
    event.listen(sqlite_store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    intake = intake_of(sqlite_store)
    with sqlite_store.engine.connect() as other:
        other.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(NotStored, match="locked"):
            await intake.accept(sms("SM1"))

    assert not (await intake.accept(sms("SM1"))).duplicate


class Doubtful(Store):
    """A store that can be made slow, or refuse to answer, without a server to break."""

    trouble: Callable[[], Awaitable[None]] | None = None

    async def write(self, job: Job[T], *, urgent: bool = False) -> T:
        """Write, after the trouble."""
        if self.trouble is not None:
            await self.trouble()
        return await super().write(job, urgent=urgent)

    async def read(self, job: Job[T]) -> T:
        """Read, after the trouble."""
        if self.trouble is not None:
            await self.trouble()
        return await super().read(job)


@pytest.fixture
def doubtful(tmp_path: Path) -> Iterator[Doubtful]:
    made = Doubtful(f"sqlite:///{tmp_path / 'balagh.db'}")
    made.migrate()
    yield made
    made.close()


async def away() -> None:
    raise StoreUnavailable("away")


async def test_with_the_store_away_receipts_come_from_the_spool(doubtful: Doubtful, tmp_path: Path) -> None:
    """The same reference as ever, marked as a copy when it comes twice; when the store is back all of it is there."""
    spool = opened(tmp_path / "spool")
    intake = intake_of(doubtful, spool)
    before = await intake.accept(sms("SM0"))
    doubtful.trouble = away
    kept = [await intake.accept(sms(f"SM{number}"), fingerprint=f"print {number}") for number in (3, 1, 2)]
    copy = await intake.accept(sms("SM1"), fingerprint="another")

    assert [foretold(f"SM{number}") for number in (3, 1, 2)] == [receipt.reference for receipt in kept]
    assert [False] * 3 == [receipt.duplicate for receipt in kept]
    assert (foretold("SM1"), True, "print 1") == (copy.reference, copy.duplicate, copy.fingerprint)
    assert before.reference == (await intake.accept(sms("SM0"))).reference
    assert 4 == spool.depth

    doubtful.trouble = None
    intake.arrived.set()
    await intake.arrived.wait(0)
    async with draining(intake):
        await until(lambda: not intake.spooling)
    assert ["SM0", "SM3", "SM1", "SM2"] == await external_ids(doubtful)
    assert 0 == spool.depth
    after = await intake.accept(sms("SM1"))
    assert (foretold("SM1"), True, "print 1") == (after.reference, after.duplicate, after.fingerprint)
    assert 4 == len(await external_ids(doubtful))


async def test_the_spool_goes_first(doubtful: Doubtful, tmp_path: Path) -> None:
    """The store answers again while older messages wait in the spool: new ones queue behind them, never before."""
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    doubtful.trouble = away
    await intake.accept(sms("SM1"))
    doubtful.trouble = None
    await intake.accept(sms("SM2"))
    assert [] == await external_ids(doubtful)
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert ["SM1", "SM2"] == await external_ids(doubtful)


async def test_what_a_former_run_spooled_goes_first(doubtful: Doubtful, tmp_path: Path) -> None:
    """Killed with messages in the spool: the next run begins with them, before anything new."""
    doubtful.trouble = away
    await intake_of(doubtful, opened(tmp_path / "spool")).accept(sms("SM1"))
    doubtful.trouble = None
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    await intake.accept(sms("SM2"))
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert ["SM1", "SM2"] == await external_ids(doubtful)


async def test_a_store_that_does_not_answer_is_as_good_as_away(
    doubtful: Doubtful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs: the provider gets its answer before it gives up, and what the store did in the end is not doubled."""
    monkeypatch.setattr("gateway.intake.PATIENCE", 0.1)
    gate = asyncio.Event()

    async def hang() -> None:
        await gate.wait()

    doubtful.trouble = hang
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    receipt = await asyncio.wait_for(intake.accept(sms("SM1")), 60)
    gate.set()
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert foretold("SM1") == receipt.reference
    assert ["SM1"] == await external_ids(doubtful)


async def test_with_neither_store_nor_spool_nobody_is_thanked(doubtful: Doubtful, tmp_path: Path) -> None:
    """The database is away and the disk is gone: the provider must keep it. When the disk is back, it is thanked."""
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    doubtful.trouble = away
    shutil.rmtree(tmp_path / "spool")
    answers = await asyncio.gather(*(intake.accept(sms("SM1")) for _ in range(5)), return_exceptions=True)
    assert [NotStored] * 5 == [type(answer) for answer in answers]

    (tmp_path / "spool").mkdir()
    assert foretold("SM1") == (await intake.accept(sms("SM1"))).reference


async def test_copies_at_once_are_one_file(doubtful: Doubtful, tmp_path: Path) -> None:
    """The provider sends the same message ten times while the store is away: one file, one row."""
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    doubtful.trouble = away
    receipts = await asyncio.gather(*(intake.accept(sms("SM1")) for _ in range(10)))

    assert 1 == len(list((tmp_path / "spool").glob("*.json")))
    assert (1, 9) == (len({receipt.reference for receipt in receipts}), sum(one.duplicate for one in receipts))
    doubtful.trouble = None
    async with draining(intake):
        await until(lambda: not intake.spooling)
    assert ["SM1"] == await external_ids(doubtful)


async def test_a_drain_that_dies_half_way_doubles_nothing(doubtful: Doubtful, tmp_path: Path) -> None:
    """Killed after the journal has them and before their files are gone: the next drain finds them known."""
    spool = opened(tmp_path / "spool")
    intake = intake_of(doubtful, spool)
    doubtful.trouble = away
    for number in range(5):
        await intake.accept(sms(f"SM{number}"))
    doubtful.trouble = None
    entries = [IDENTITIES.restore(one.fields) for one in spool.oldest(3)]
    await doubtful.write(partial(journal.append, entries=entries))
    again = intake_of(doubtful, opened(tmp_path / "spool"))
    async with draining(again):
        await until(lambda: not again.spooling)

    assert [f"SM{number}" for number in range(5)] == await external_ids(doubtful)
    assert 0 == await doubtful.read(quarantine.count)


async def test_a_spooled_message_that_the_store_refuses_holds_up_nobody(doubtful: Doubtful, tmp_path: Path) -> None:
    """One of them can never be written, by its value: it is set aside with an alarm, the others are journaled."""
    spool = opened(tmp_path / "spool")
    intake = intake_of(doubtful, spool)
    doubtful.trouble = away
    for sid in ("SM1", "SM2", "SM3"):
        await intake.accept(sms(sid), fingerprint=UNWRITABLE if sid == "SM2" else "")
    doubtful.trouble = None
    before = alarms("spool_spoiled")
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert ["SM1", "SM3"] == await external_ids(doubtful)
    assert (1, 1, 0) == (spool.spoiled, alarms("spool_spoiled") - before, spool.depth)


async def test_a_damaged_file_does_not_keep_the_store_away(doubtful: Doubtful, tmp_path: Path) -> None:
    """The disk spoiled one of three: it is set aside, and the house goes back to the store."""
    spool = opened(tmp_path / "spool")
    intake = intake_of(doubtful, spool)
    doubtful.trouble = away
    for number in range(3):
        await intake.accept(sms(f"SM{number}"))
    sorted((tmp_path / "spool").glob("*.json"))[1].write_bytes(b"damaged")
    doubtful.trouble = None
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert (["SM0", "SM2"], 1) == (await external_ids(doubtful), spool.spoiled)


async def test_a_number_that_was_given_twice_is_told_to_a_person(doubtful: Doubtful, tmp_path: Path) -> None:
    """With the store away nobody can see that a number is taken: it is found at the drain, alarmed and listed, once."""
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    other = replace(IDENTITIES.entry(sms("SM1"), NOW), refer=lambda _counter: foretold("SM2"))
    await doubtful.write(partial(journal.append, entries=[other]))
    doubtful.trouble = away
    await intake.accept(sms("SM2"))
    doubtful.trouble = None
    before = alarms("reference_given_twice")
    async with draining(intake):
        await until(lambda: not intake.spooling)

    (row,) = await doubtful.read(quarantine.entries)
    assert ("spool", IDENTITIES.entry(sms("SM2"), NOW).id) == (row.stage, row.subject)
    assert 1 == alarms("reference_given_twice") - before
    assert ["SM1", "SM2"] == await external_ids(doubtful)


async def test_it_begins_with_the_spool_when_told_to(doubtful: Doubtful, tmp_path: Path) -> None:
    """Started while the store is away: nothing is tried there before the drain has seen it."""
    intake = intake_of(doubtful, opened(tmp_path / "spool"))
    intake.spool_only()
    await intake.accept(sms("SM1"))
    assert [] == await external_ids(doubtful)
    async with draining(intake):
        await until(lambda: not intake.spooling)
    await intake.accept(sms("SM2"))

    assert ["SM1", "SM2"] == await external_ids(doubtful)


@pytest.mark.servers
async def test_postgresql_goes_away_and_comes_back(postgres_node: Callable[[], PostgresServer], tmp_path: Path) -> None:
    """Stopped in the middle of a stream: every message gets its receipt, and all are journaled once, in order."""
    server = postgres_node()
    server.start()
    store = Store(server.url())
    store.migrate()
    spool = opened(tmp_path / "spool")
    intake = intake_of(store, spool)
    receipts: dict[str, str] = {}

    async def send(first: int, last: int) -> None:
        for number in range(first, last):
            receipt = await intake.accept(sms(f"SM{number:03}"))
            receipts[f"SM{number:03}"] = receipt.reference

    async with draining(intake):
        await send(0, 20)
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await send(20, 120)
        await stopping
        await send(120, 140)
        again = await intake.accept(sms("SM130"))
        assert (receipts["SM130"], True) == (again.reference, again.duplicate)
        assert intake.spooling
        assert spool.depth >= 20
        await asyncio.to_thread(server.start)
        await send(140, 160)
        await until(lambda: not intake.spooling)
        await send(160, 180)

    assert [f"SM{number:03}" for number in range(180)] == await external_ids(store)
    assert {sid: foretold(sid) for sid in receipts} == receipts
    assert 180 == len(receipts)
    assert 0 == spool.depth
    assert receipts["SM130"] == (await intake.accept(sms("SM130"))).reference
    store.close()


@pytest.mark.servers
async def test_postgresql_dies_at_the_moment_of_the_commit(
    postgres_node: Callable[[], PostgresServer], tmp_path: Path
) -> None:
    """Killed after it committed and before it could say so: a receipt from the spool, and one row when it is back."""
    server = postgres_node()
    server.start()
    store = Store(server.url())
    store.migrate()
    intake = intake_of(store, opened(tmp_path / "spool"))

    @event.listens_for(store.engine, "commit", once=True)
    def die(connection: Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.commit()
        server.kill9()
        driver.close()  # what the client finds when it reads on: nobody there

    receipt = await intake.accept(sms("SM1"))
    assert (foretold("SM1"), intake.spooling) == (receipt.reference, True)
    await asyncio.to_thread(server.start)
    assert ["SM1"] == await external_ids(store)
    async with draining(intake):
        await until(lambda: not intake.spooling)

    assert ["SM1"] == await external_ids(store)
    assert 0 == await store.read(quarantine.count)
    store.close()
