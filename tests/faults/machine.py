"""A machine with a bad day: a disk that is slow, full or read-only, and a clock that jumps, under the real program."""

from __future__ import annotations

import errno
import mmap
import struct
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.servers.processes import require

SOURCE = Path(__file__).with_name("machine.c")
HEAD = struct.Struct("=4q")
NOTE = struct.Struct("=2q48s")
NOTES = 16384


@dataclass(frozen=True, slots=True)
class Sync:
    """One fsync: when it began and ended, in seconds of the monotonic clock, and of which file."""

    begun: float
    ended: float
    name: str


def compiled(folder: Path) -> Path:
    """Compile the library that is preloaded."""
    library = folder / "machine.so"
    gcc = require("gcc", "gcc libc6-dev")
    command = [gcc, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


class Machine:
    """What the programs that are given `settings` find below `folder`, and what time it is for them."""

    def __init__(self, library: Path, orders: Path, folder: Path) -> None:
        orders.write_bytes(bytes(HEAD.size + NOTES * NOTE.size))
        with orders.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.settings = {
            "LD_PRELOAD": str(library),
            "MACHINE_ORDERS": str(orders),
            "MACHINE_FOLDER": str(folder.resolve()),
        }

    def jump(self, by: timedelta) -> None:
        """Set the clock so far from the true time."""
        self._order(0, round(by.total_seconds() * 1e9))

    def slow(self, milliseconds: int) -> None:
        """Let every fsync take so much longer."""
        self._order(1, milliseconds * 1000)

    def read_only(self) -> None:
        """Refuse every write, as a disk does that the kernel has set to read-only."""
        self._order(2, errno.EROFS)

    def full(self) -> None:
        """Refuse every write for want of space."""
        self._order(2, errno.ENOSPC)

    def well(self) -> None:
        """Write again, and at once."""
        self._order(1, 0)
        self._order(2, 0)

    def syncs(self) -> list[Sync]:
        """Every fsync so far that has ended."""
        noted = min(HEAD.unpack_from(self._memory)[3], NOTES)
        rows = (NOTE.unpack_from(self._memory, HEAD.size + number * NOTE.size) for number in range(noted))
        return [Sync(begun / 1e9, ended / 1e9, name.rstrip(b"\0").decode()) for begun, ended, name in rows if ended]

    def _order(self, place: int, value: int) -> None:
        struct.pack_into("=q", self._memory, place * 8, value)
