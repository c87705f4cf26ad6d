"""What a bad sector or a bad hand did to what was stored is found, and said in one line; nothing is lost silently."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.servers.postgres import Database, PostgresServer
from tests.servers.waiting import until

Make = Callable[..., GatewayProcess]


async def filed(house: GatewayProcess, count: int, *, sealed: bool = True, first: int = 0) -> Citizens:
    """Let so many citizens complain, and wait until all of it is routed, published and sealed."""
    citizens = Citizens(count, first=first)
    await citizens.insist(house, list(citizens.sayings))
    offered = 'balagh_room_total{outcome="offered",room="relay"}'
    before = 0.0 if house.starts == 1 else house.metric(offered)
    await until(lambda: house.metric(offered) >= before + count)
    if sealed:
        await until(lambda: sealed_up_to(house) >= 2 * (count + first))
    return citizens


def sealed_up_to(house: GatewayProcess) -> int:
    """The last event under a seal, as the lines outside the store say."""
    witness = house.folder / "data" / "seals.log"
    lines = witness.read_text("ascii").splitlines() if witness.exists() else []
    return max((int(line.split()[2]) for line in lines), default=0)


def database(house: GatewayProcess) -> Path:
    return house.folder / "data" / "balagh.db"


def said(house: GatewayProcess, event: str) -> list[dict[str, Any]]:
    """The log's lines about something."""
    lines = [json.loads(line) for line in house.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


Restore = Callable[[], None]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def store(
    request: pytest.FixtureRequest, gateway: Make
) -> AsyncIterator[tuple[GatewayProcess, Callable[[str], None], Restore]]:
    """A gateway that has filed and sealed eight complaints and is stopped, a hand in its store, and the way back."""
    found: Database | None = None
    if request.param == "postgresql":
        found = request.getfixturevalue("postgres")
    house = gateway(**({"BALAGH_STORE_URL": found.url} if found else {}))
    house.start()
    await filed(house, 4)
    await filed(house, 4, first=4)
    assert 0 == house.stop()
    if found is None:
        whole = database(house).read_bytes()

        def on_sqlite(statement: str) -> None:
            with closing(sqlite3.connect(database(house), isolation_level=None)) as connection:
                connection.execute(statement)

        yield house, on_sqlite, lambda: _none(database(house).write_bytes(whole))
        return
    server, copy = found.server, f"{found.name}_copy"

    def on_postgresql(statement: str) -> None:
        with psycopg.connect(server.url(copy), autocommit=True) as connection:
            connection.execute(statement.encode())

    def restore() -> None:
        server.run(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
        server.run(f"CREATE DATABASE {copy} TEMPLATE {found.name}")

    house.environment["BALAGH_STORE_URL"] = server.url(copy)
    restore()
    yield house, on_postgresql, restore
    house.close()
    server.run(f"DROP DATABASE {copy} WITH (FORCE)")


def _none(_result: object) -> None:
    return None


MIDDLE = "(SELECT seq FROM events ORDER BY seq LIMIT 1 OFFSET 7)"
LAST_SEAL = "(SELECT max(seq) FROM seals)"
HARMS = {
    "altered": (["UPDATE events SET department = 'roads' WHERE seq = " + MIDDLE], "was altered"),
    "backdated": (["UPDATE events SET time = '2020-01-01T00:00:00.000000Z' WHERE seq = " + MIDDLE], "was altered"),
    "removed": (["DELETE FROM events WHERE seq = " + MIDDLE], "the store has"),
    "reordered": (
        [
            "UPDATE events SET seq = 99999 WHERE seq = 7",
            "UPDATE events SET seq = 7 WHERE seq = 8",
            "UPDATE events SET seq = 8 WHERE seq = 99999",
        ],
        "was altered",
    ),
    "cut off with its seal": (
        [
            f"DELETE FROM events WHERE seq >= (SELECT first_event FROM seals WHERE seq = {LAST_SEAL})",
            f"DELETE FROM seals WHERE seq = {LAST_SEAL}",
        ],
        "is kept outside the store, but the store has lost it",
    ),
    "words altered": (
        ["UPDATE personal SET body = body || ' ' WHERE complaint_id = (SELECT min(complaint_id) FROM personal)"],
        "the personal payload of",
    ),
}


async def test_what_a_hand_did_in_the_store_is_named(
    store: tuple[GatewayProcess, Callable[[str], None], Restore],
) -> None:
    """With plain SQL: an event altered, removed, reordered, cut off with its seal, or a citizen's words altered."""
    house, execute, restore = store
    books = house.command("reconcile")
    assert 0 == books.returncode, books.stdout
    for statements, words in HARMS.values():
        restore()
        for statement in statements:
            execute(statement)
        books = house.command("reconcile")
        assert 1 == books.returncode, books.stdout
        faults = [line for line in books.stdout.splitlines() if line.startswith("FAULT ")]
        assert any(words in line for line in faults), books.stdout
        assert "NOT balanced" == books.stdout.splitlines()[-1]
        assert "شارع" not in books.stdout + books.stderr


def truncated(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)


def flipped(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0x10
    log.write_bytes(content)


def emptied(log: Path) -> None:
    os.truncate(log, 0)


@pytest.mark.parametrize(("harm", "first"), [(truncated, "run"), (flipped, "check")], ids=["truncated", "flipped"])
async def test_a_damaged_write_ahead_log_is_found_though_sqlite_says_nothing(
    gateway: Make, harm: Callable[[Path], None], first: str
) -> None:
    """Killed, and the log loses its end: whichever command comes first says so, until a person has dealt with it."""
    house = gateway()
    house.start()
    await filed(house, 10)
    house.kill9()
    harm(database(house).with_name("balagh.db-wal"))

    if first != "run":
        assert 0 != house.command(first).returncode
    house.start()
    if first == "run":
        [line] = said(house, "the store has lost acknowledged commits")
        assert line["had"] > line["has"]
        assert 1 == house.metric('balagh_alarms_total{kind="store_lost_commits"}')
    await until(lambda: house.metric("balagh_store_damaged") == 1)
    await filed(house, 3, sealed=False, first=50)  # who writes now is heard
    for command in ("check", "reconcile"):
        found = house.command(command)
        assert 1 == found.returncode, found.stdout + found.stderr
        assert "the store has lost acknowledged commits" in found.stdout
    (folder,) = (house.folder / "data" / "damaged").iterdir()
    assert (folder / "balagh.db-shm").is_file()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    await until(lambda: house.metric("balagh_store_damaged") == 0)


async def test_a_kill_leaves_a_log_that_nobody_complains_of(gateway: Make) -> None:
    """Killed at any moment, again and again, nothing is missing in the log, and nothing is said to be."""
    house = gateway()
    for number in range(3):
        house.start()
        citizens = Citizens(40, first=number * 40)
        await citizens.insist(house, list(citizens.sayings))
        house.kill9()
    house.start()
    assert [] == said(house, "the store has lost acknowledged commits")
    assert not (house.folder / "data" / "damaged").exists()


async def test_an_older_copy_of_the_store_is_known_by_its_own_seals(gateway: Make) -> None:
    """Somebody puts last night's file in place of today's: the lines outside the store know more than it does."""
    house = gateway()
    house.start()
    await filed(house, 5)
    house.stop()
    older = database(house).read_bytes()
    house.start()
    await filed(house, 5, first=5)
    house.stop()
    database(house).write_bytes(older)

    found = house.command("check")
    assert (1, True) == (found.returncode, "the store ends before seal" in found.stdout), found.stdout
    house.start()
    assert 1 == house.metric('balagh_alarms_total{kind="store_behind"}')
    assert 1 == len(said(house, "the store has lost what it had"))
    assert 1 == house.command("reconcile").returncode


@pytest.mark.parametrize("where", ["beginning", "everywhere"])
async def test_a_damaged_database_stops_the_start_with_one_line(gateway: Make, where: str) -> None:
    """Its first page is noise, or all but its first words: exit code 2 and one clear line, and no traceback."""
    house = gateway()
    house.start()
    await filed(house, 10)
    house.stop()
    chance = random.Random(7)
    content = bytearray(database(house).read_bytes())
    spoilt = {"beginning": range(4096), "everywhere": range(100, len(content))}[where]
    for place in spoilt:
        content[place] = chance.randrange(256)
    database(house).write_bytes(content)

    house.launch()
    assert house.process is not None
    assert 2 == house.process.wait(20), house.log()[-2000:]
    run = house.log().splitlines()
    [line] = [line for line in run if line.startswith("balagh:")]
    assert "balagh.db is not a database" in line or "its file is damaged" in line
    assert "Traceback" not in house.log()
    assert "restore the latest backup" in line
    for command in ("check", "reconcile"):
        found = house.command(command)
        assert found.returncode in {1, 2}
        assert "Traceback" not in found.stdout + found.stderr


async def test_a_page_that_goes_bad_while_running_is_said_and_nothing_is_thanked_for_in_vain(gateway: Make) -> None:
    """Pages of the journal go bad under the running gateway: 503 and alarms; check and reconcile say it too."""
    house = gateway()
    house.start()
    await filed(house, 30)
    house.stop()
    with closing(sqlite3.connect(database(house))) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'journal'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        unique = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'journal' AND type = 'index'"
        ).fetchall()
    house.start()
    with database(house).open("r+b") as file:
        for (number,) in [(page,), *unique]:
            file.seek((number - 1) * size)
            file.write(b"\xff" * size)
    citizens = Citizens(10, first=100)
    failed = await citizens.deliver(house, list(citizens.sayings))

    assert 10 == len(failed)
    assert {503} == set(citizens.statuses)
    await until(lambda: house.metric('balagh_alarms_total{kind="store_damaged"}') >= 1)
    assert 0 == house.metric("balagh_store_up")
    for command in ("check", "reconcile"):
        found = house.command(command)
        assert found.returncode in {1, 2}
        assert "damaged" in found.stdout + found.stderr
        assert "Traceback" not in found.stdout + found.stderr


@pytest.mark.servers
async def test_damaged_spool_files_are_set_aside_and_said(
    gateway: Make, postgres_node: Callable[[], PostgresServer]
) -> None:
    """Three of twenty messages that wait for PostgreSQL go bad: the others arrive, and these are named everywhere."""
    server = postgres_node()
    server.start()
    house = gateway(BALAGH_STORE_URL=server.url())
    house.start()
    server.stop()
    citizens = Citizens(20)
    await citizens.insist(house, list(citizens.sayings))
    spool = house.folder / "data" / "spool"
    bad = sorted(spool.glob("*.json"))[7:10]
    for path, harm in zip(bad, (truncated, flipped, emptied), strict=True):
        harm(path)
    server.start()
    await until(lambda: house.metric('balagh_room_total{outcome="complaint",room="interpret"}') == 17)

    names = {path.name for path in bad}
    assert names == {path.name for path in (spool / "bad").iterdir()}
    assert names == {line["file"] for line in said(house, "spool file set aside")}
    assert 3 == house.metric('balagh_alarms_total{kind="spool_spoiled"}')
    await until(lambda: house.metric("balagh_spool_spoiled") == 3)
    found, books = house.command("check"), house.command("reconcile")
    assert (1, True) == (found.returncode, "WRONG spool: 0 wait for the store, 3 damaged" in found.stdout), found.stdout
    assert (1, True) == (books.returncode, "FAULT 3 spool files could not be read" in books.stdout), books.stdout
