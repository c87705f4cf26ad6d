"""What SQLite's log has lost: found by the index that a dead process left beside it, and never a false alarm."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.engine import Store
from gateway.store.faults import StoreMismatch
from gateway.store.wal import Lost, broken, database_file, lost

DIES = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE IF NOT EXISTS rows (body)")
for _ in range(int(sys.argv[2])):
    connection.execute("INSERT INTO rows VALUES (zeroblob(3000))")
if "half" in sys.argv:
    connection.execute("PRAGMA cache_size=2")
    connection.execute("BEGIN")
    for _ in range(50):
        connection.execute("INSERT INTO rows VALUES (zeroblob(3000))")
os.kill(os.getpid(), 9)
"""


def died(database: Path, rows: int, *more: str) -> Path:
    """Let a process write so many rows and die; return its log."""
    subprocess.run([sys.executable, "-c", DIES, str(database), str(rows), *more], check=False)
    return database.with_name(database.name + "-wal")


def cut(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 4)


def flip(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[40_000] ^= 1
    log.write_bytes(content)


def flip_its_header(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[17] ^= 1
    log.write_bytes(content)


def empty(log: Path) -> None:
    os.truncate(log, 0)


@pytest.mark.parametrize("harm", [cut, flip, flip_its_header, empty, Path.unlink], ids=lambda harm: str(harm.__name__))
@pytest.mark.parametrize("rows", [60, 2000], ids=["young", "begun anew"])
def test_a_log_that_lost_commits_is_found_and_set_aside(
    tmp_path: Path, harm: Callable[[Path], None], rows: int
) -> None:
    """Cut off, damaged, emptied or taken away after a crash: what is left of it is kept for a person."""
    database, aside = tmp_path / "a.db", tmp_path / "aside" / "now"
    log = died(database, rows)
    harm(log)
    left = log.read_bytes() if log.exists() else None
    found = lost(database, aside)

    if harm is cut and rows == 2000 and found is None:  # the end of an older, longer log
        assert not aside.exists()
        return
    assert found is not None
    assert found.has < found.had
    assert (aside / "a.db-shm").stat().st_size > 136
    assert left == ((aside / "a.db-wal").read_bytes() if left is not None else None)
    assert lost(database, aside) is None  # said once: from now on the folder says it


@pytest.mark.parametrize("rows", [0, 1, 60, 990, 2000])
@pytest.mark.parametrize("more", [(), ("half",)], ids=["between", "in the middle"])
def test_a_crash_alone_is_no_loss(tmp_path: Path, rows: int, more: tuple[str, ...]) -> None:
    """Killed between two commits or within one: nothing is missing, and nothing is said to be."""
    died(tmp_path / "a.db", rows, *more)

    assert lost(tmp_path / "a.db", tmp_path / "aside") is None
    assert not (tmp_path / "aside").exists()
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert [(rows,)] == connection.execute("SELECT count(*) FROM rows").fetchall()


def test_what_the_database_has_already_is_not_lost_with_the_log(tmp_path: Path) -> None:
    """All of the log was carried over before the crash: it may go."""
    log = died(tmp_path / "a.db", 60)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        left = {path.name: path.read_bytes() for path in tmp_path.glob("a.db-*")}
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    log.unlink()

    assert lost(tmp_path / "a.db", tmp_path / "aside") is None


def test_a_log_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    """A gateway is running: its log grows and begins anew as we look, and that says nothing."""
    code = DIES.replace("os.kill(os.getpid(), 9)", "print(1, flush=True); input()")
    command = [sys.executable, "-c", code, str(tmp_path / "a.db"), "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:
        assert living.stdout is not None
        living.stdout.readline()
        cut(tmp_path / "a.db-wal")
        assert lost(tmp_path / "a.db", tmp_path / "aside") is None
        living.kill()
    assert Lost(181, 43) == lost(tmp_path / "a.db", tmp_path / "aside")


def test_traces_that_cannot_be_kept_are_not_wiped(tmp_path: Path) -> None:
    """There is no room for the copy: an error, and the log is there for the next try."""
    log = died(tmp_path / "a.db", 60)
    cut(log)
    (tmp_path / "aside").write_text("a file")
    with pytest.raises(OSError, match="Not a directory"):
        lost(tmp_path / "a.db", tmp_path / "aside" / "now")
    (tmp_path / "aside").unlink()
    assert lost(tmp_path / "a.db", tmp_path / "aside" / "now") is not None


def test_a_database_that_is_none_is_said(tmp_path: Path) -> None:
    """Its first page is noise, and a log lies beside it."""
    died(tmp_path / "a.db", 60)
    with (tmp_path / "a.db").open("r+b") as file:
        file.write(b"\xff" * 4096)
    (tmp_path / "a.db-wal").unlink()
    with pytest.raises(StoreMismatch, match=r"a\.db is damaged: .*: restore the latest backup"):
        lost(tmp_path / "a.db", tmp_path / "aside")


@pytest.mark.parametrize("url", ["postgresql://somebody@example/balagh", "sqlite://", "sqlite:////not/there.db"])
def test_other_stores_have_no_such_log(url: str) -> None:
    """PostgreSQL, a store in memory, and one that is not made yet."""
    assert database_file(url) is None


async def test_a_file_that_does_not_fit_together_is_said(tmp_path: Path) -> None:
    """A page of a table is overwritten: the check names it, as it does nothing on a file that is well."""
    died(tmp_path / "a.db", 60)
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    assert [] == await store.read(broken)
    store.close()
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek(20 * 4096)
        file.write(bytes(4096))
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    found = await store.read(broken)
    store.close()
    assert found
    assert all(line.startswith("the store's file is damaged: ") for line in found)
