"""Seals: whoever changes, removes, cuts off or reorders what happened is found out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from gateway.sealer import Sealer, witnessed
from gateway.store import seals
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from gateway.store.seals import Seal
from gateway.store.tables import events
from gateway.store.tables import seals as seal_table
from tests.gateway.store.making import ACCOUNT, NOW, complaint, file, offer
from tests.servers.waiting import until

KEY = b"the city's own key"


async def mine() -> bool:
    return True


async def chain(store: Store, count: int = 3) -> list[Seal]:
    """Seal `count` batches of one complaint each, with two events."""
    made = []
    for number in range(count):
        await file(store, str(number))
        await offer(store, str(number))
        seal = await store.write(partial(seals.seal, key=KEY, now=NOW))
        assert seal is not None
        made.append(seal)
    return made


async def faults(store: Store, outside: list[Seal], *, key: bytes = KEY) -> list[str]:
    return await store.read(lambda connection: list(seals.verify(connection, key, outside)))


async def test_a_store_that_nobody_touched_verifies(store: Store) -> None:
    """Three seals over six events, and the lines kept outside: no word of complaint."""
    made = await chain(store)

    assert [(1, 1, 2, 2), (2, 3, 4, 2), (3, 5, 6, 2)] == [
        (seal.seq, seal.first_event, seal.last_event, seal.count) for seal in made
    ]
    assert [] == await faults(store, made)
    assert [] == await faults(store, [Seal.read(seal.line()) for seal in made])
    assert made == [Seal.read(seal.line()) for seal in made]


async def test_there_is_nothing_to_seal_twice(store: Store) -> None:
    """Events that have a seal get no second one; an empty store gets none."""
    assert await store.write(partial(seals.seal, key=KEY, now=NOW)) is None
    await chain(store, 1)
    assert await store.write(partial(seals.seal, key=KEY, now=NOW)) is None


async def test_who_has_not_the_key_cannot_make_a_seal(store: Store) -> None:
    """Sealed with another key, every seal is wrong."""
    made = await chain(store)
    assert 3 == len(await faults(store, [], key=b"another key"))
    assert [] == await faults(store, made)


def _alter(**values: object) -> Callable[[Connection], None]:
    return lambda connection: _none(connection.execute(update(events).where(events.c.seq == 3).values(**values)))


def _none(_result: object) -> None:
    return None


def _remove(connection: Connection) -> None:
    connection.execute(delete(events).where(events.c.seq == 3))


def _swap(connection: Connection) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        connection.execute(update(events).where(events.c.seq == old).values(seq=new))


def _add(connection: Connection) -> None:
    row = connection.execute(events.select().where(events.c.seq == 3)).mappings().one()
    connection.execute(update(events).where(events.c.seq > 3).values(seq=events.c.seq + 100))
    connection.execute(update(events).where(events.c.seq > 100).values(seq=events.c.seq - 99))
    connection.execute(events.insert(), {**row, "seq": 4, "id": "forged", "sequence": 77})


def _remove_seal(connection: Connection) -> None:
    connection.execute(delete(seal_table).where(seal_table.c.seq == 2))


@pytest.mark.parametrize(
    "harm",
    [
        _alter(department="sewage"),
        _alter(time=NOW + timedelta(microseconds=1)),
        _alter(data='{"status":"closed"}'),
        _alter(digest="0" * 64),
        _alter(complaint_id="id-9"),
        _alter(reference="1000000005"),
        _alter(priority="distress"),
        _alter(version=9),
        _remove,
        _swap,
        _add,
        _remove_seal,
    ],
    ids=["department", "time", "data", "digest", "complaint", "reference", "priority", "version", "removed",
         "reordered", "added", "seal"],
)  # fmt: skip
async def test_what_was_done_to_an_event_is_found(store: Store, harm: Callable[[Connection], None]) -> None:
    """Altered in any column, removed, exchanged, slipped in, or its seal taken away: found from the store alone."""
    made = await chain(store)
    await store.write(harm)

    assert await faults(store, [])
    assert await faults(store, made)


async def test_a_store_that_was_cut_off_is_found_by_what_is_kept_outside(store: Store) -> None:
    """Somebody removes the last events with their seal: the store alone looks well, the line outside does not fit."""
    made = await chain(store)
    await store.write(lambda connection: _none(connection.execute(delete(seal_table).where(seal_table.c.seq == 3))))
    await store.write(lambda connection: _none(connection.execute(delete(events).where(events.c.seq > 4))))

    assert [] == await faults(store, [])
    assert ["seal 3 is kept outside the store, but the store has lost it"] == await faults(store, made)


async def test_a_store_that_was_cut_off_and_sealed_anew_is_found(store: Store, tmp_path: Path) -> None:
    """Cut off, and the house goes on and seals other events under the same number: both lines stand outside."""
    made = await chain(store)
    witness = tmp_path / "seals.log"
    witness.write_text("".join(f"{seal.line()}\n" for seal in made))
    await store.write(lambda connection: _none(connection.execute(delete(seal_table).where(seal_table.c.seq == 3))))
    await store.write(lambda connection: _none(connection.execute(delete(events).where(events.c.seq > 4))))
    sealer = Sealer(store, KEY, witness, mine=mine)
    for name in ("another", "and another"):
        await file(store, name)
        assert await sealer.step()

    found = await faults(store, list(witnessed(witness)))
    assert ["seal 3 differs from the one kept outside the store"] == found
    both = [*made, replace(made[2], digest="0" * 64)]
    assert found == await faults(store, [*both, made[2]])


async def test_the_sealer_keeps_a_line_for_every_seal(store: Store, tmp_path: Path) -> None:
    """Each seal is a line outside the store, readable by whoever has the key."""
    witness = tmp_path / "seals.log"
    sealer = Sealer(store, KEY, witness, mine=mine)
    assert not await sealer.step()
    for name in ("one", "two"):
        await file(store, name)
        assert await sealer.step()
        assert not await sealer.step()

    assert [1, 2] == [seal.seq for seal in witnessed(witness)]
    assert [] == await faults(store, list(witnessed(witness)))


async def test_a_seal_that_had_no_time_to_be_noted_is_noted_later(store: Store, tmp_path: Path) -> None:
    """Killed between the commit and the line, in the middle of another line: the next run makes it whole."""
    made = await chain(store)
    witness = tmp_path / "seals.log"
    witness.write_text(f"{made[0].line()}\n{made[1].line()[:40]}")
    sealer = Sealer(store, KEY, witness, mine=mine)
    assert not await sealer.step()

    assert made == list(witnessed(witness))


async def test_a_full_disk_delays_a_line_and_loses_none(store: Store, tmp_path: Path) -> None:
    """The line cannot be written: the sealer says so, and once it can, every seal has its line."""
    witness = tmp_path / "not a folder yet" / "seals.log"
    sealer = Sealer(store, KEY, witness, mine=mine)
    await file(store, "one")
    with pytest.raises(OSError, match="No such file"):
        await sealer.step()
    await file(store, "two")
    witness.parent.mkdir()
    assert await sealer.step()

    assert [1, 2] == [seal.seq for seal in witnessed(witness)]


async def test_a_sealer_without_the_lease_seals_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes: the one that holds the lease seals; when it changes hands the other goes on with the same chain."""
    monkeypatch.setattr("gateway.sealer.PERIOD", 0.05)
    holder = "a"
    asked = []

    def node(name: str) -> Sealer:
        async def held() -> bool:
            asked.append(name)
            return holder == name

        return Sealer(store, KEY, tmp_path / f"{name}.log", mine=held)

    running = [asyncio.create_task(node(name).run()) for name in ("a", "b")]
    await file(store, "one")
    await until(lambda: len(list(witnessed(tmp_path / "a.log"))) == 1)
    assert "b" in asked
    assert [] == list(witnessed(tmp_path / "b.log"))
    holder = "b"
    await file(store, "two")
    await until(lambda: len(list(witnessed(tmp_path / "b.log"))) == 2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert [] == await faults(store, [*witnessed(tmp_path / "a.log"), *witnessed(tmp_path / "b.log")])


@pytest.mark.servers
async def test_a_slow_transaction_is_never_left_out_of_the_chain(postgres_store: Store) -> None:
    """An event got its number and its transaction dawdles while later ones commit: the sealer waits for it."""
    gate, appended = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        with Ledger(connection, NOW) as ledger:
            ledger.create(complaint("slow"), sender="s", account=ACCOUNT)
        appended.set()
        assert gate.wait(20)

    dawdling = asyncio.create_task(postgres_store.write(slow))
    await asyncio.to_thread(appended.wait, 10)
    await file(postgres_store, "quick")
    sealing = asyncio.create_task(postgres_store.write(partial(seals.seal, key=KEY, now=NOW)))
    await until(lambda: postgres_store.read(_somebody_waits))
    gate.set()
    await dawdling
    seal = await sealing or await postgres_store.write(partial(seals.seal, key=KEY, now=NOW))

    assert seal is not None
    assert (1, 2, 2) == (seal.first_event, seal.last_event, seal.count)
    assert [] == await faults(postgres_store, [seal])


@pytest.mark.servers
async def test_a_node_that_stopped_amid_its_transaction_holds_up_nobody(postgres_store: Store) -> None:
    """Paused while it appends: sealing waits for it, and the other nodes' complaints wait for neither."""
    began, gate = threading.Event(), threading.Event()

    def paused(connection: Connection) -> None:
        with Ledger(connection, NOW) as ledger:
            ledger.create(complaint("paused"), sender="paused", account=ACCOUNT)
        began.set()
        gate.wait(20)

    stopped = asyncio.create_task(postgres_store.write(paused))
    await until(began.is_set)
    sealing = asyncio.create_task(postgres_store.write(partial(seals.seal, key=KEY, now=NOW)))
    await until(lambda: postgres_store.read(_somebody_waits))
    async with asyncio.timeout(60):
        await file(postgres_store, "other")
        assert await sealing is None
    assert not stopped.done()
    gate.set()
    await stopped
    seal = await postgres_store.write(partial(seals.seal, key=KEY, now=NOW))

    assert seal is not None
    assert 2 == seal.count


def _somebody_waits(connection: Connection) -> bool:
    waiting = text("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return bool(connection.execute(waiting).scalar())
