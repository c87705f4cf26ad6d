"""What a crash left of SQLite's log, and whether commits are missing in it.

SQLite takes the log up to the first frame that is not whole and says nothing of what came after, for that may be a
transaction that never ended. But beside the log lies its index, `<database>-shm`, and there the dead process had noted
after each commit, once that was on the disk, how many frames the log has. When SQLite then finds fewer, acknowledged
messages are gone: the log was cut off or damaged. (The index is not synced, so after a power cut it may say less than
there is and never more. Its layout: https://sqlite.org/walformat.html#the_wal_index_header.)
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DatabaseError

from gateway.store.faults import StoreMismatch

NAMED = 3  # faults of a file that are named: the first says enough
_HEADER = struct.Struct("=I4xIBBHIIII8s8x")  # version, change, initialised, order, page, frames, pages, sums, salt
_BACKFILLED = struct.Struct("=I")  # frames that are in the database file already
_VERSION = 3_007_000
_ALIVE = 128  # the byte of the index that every open connection holds locked
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux


@dataclass(frozen=True, slots=True)
class Lost:
    """Frames of the log, each a page of some acknowledged commit: how many it had, and how many there still are."""

    had: int
    has: int


@dataclass(frozen=True, slots=True)
class _Index:
    """What the index says of the log. The salt changes whenever the log begins anew."""

    frames: int
    backfilled: int
    salt: bytes


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite store; None for another store, or one that has none yet."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        return None
    path = Path(address.database)
    return path if path.is_file() else None


def lost(database: Path, aside: Path) -> Lost | None:
    """Let SQLite take up its log and say what that has lost; the log is then copied into the new folder `aside`.

    For a process that has not opened the database yet; while another has it open, nothing is looked at. Raises
    OSError when the log cannot be copied: opening the store would wipe it. Raises StoreMismatch when SQLite finds
    no database there.
    """
    log, index = (database.with_name(database.name + ending) for ending in ("-wal", "-shm"))
    before = _left(index)
    if before is None or before.frames <= before.backfilled:
        return None
    content = index.read_bytes()  # opening the database rebuilds it
    # Opened for reading alone: whoever closes a database that may be written, as the last, removes the log.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            raise StoreMismatch(f"{database} is damaged: {error}: restore the latest backup") from error
        after = _read(index)
    kept = after.frames if after is not None and after.salt == before.salt else 0
    if max(kept, before.backfilled) >= before.frames:
        return None
    try:
        aside.mkdir(parents=True)
        if log.exists():
            shutil.copyfile(log, aside / log.name)
        (aside / index.name).write_bytes(content)
    except OSError:
        with index.open("r+b") as file:  # so that the next try sees it again
            file.write(content)
        raise
    return Lost(before.frames - before.backfilled, max(0, kept - before.backfilled))


def broken(connection: Connection) -> list[str]:
    """Let SQLite read its whole file and say what does not fit together; nothing on another store."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        found = [str(row[0]) for row in connection.execute(text(f"PRAGMA quick_check({NAMED})"))]
    except DatabaseError as error:
        if not getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            raise
        found = [str(error.orig)]  # so badly that it could not be read to its end
    return [f"the store's file is damaged: {' '.join(line.split())}" for line in found if line != "ok"]


def _left(index: Path) -> _Index | None:
    """Read the index that a dead process left; None while a living one has it."""
    try:
        descriptor = os.open(index, os.O_RDWR)
    except OSError:
        return None
    try:
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _ALIVE, 1, 0)
        kind, *_ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    finally:
        os.close(descriptor)
    return _read(index) if kind == fcntl.F_UNLCK else None


def _read(index: Path) -> _Index | None:
    try:
        content = index.read_bytes()
    except OSError:
        return None
    size = _HEADER.size
    if len(content) < 2 * size + _BACKFILLED.size or content[:size] != content[size : 2 * size]:
        return None  # written twice, so that a half-written one is known
    version, _, initialised, _, _, frames, _, _, _, salt = _HEADER.unpack_from(content)
    if version != _VERSION or not initialised:
        return None
    (backfilled,) = _BACKFILLED.unpack_from(content, 2 * size)
    return _Index(frames, backfilled, salt)
