"""A small disk that a test fills and frees: a real one in memory where mounting is permitted, else one that refuses."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

from tests.faults.machine import Machine

BLOCK = 4096  # bytes; what a page of SQLite and of a tmpfs takes


class Disk:
    """A file system at `folder`. A program on it needs `settings`."""

    def __init__(self, folder: Path, machine: Machine, *, megabytes: int) -> None:
        self.folder, self._machine = folder, machine
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "balagh-test", str(folder)]
        self.real = subprocess.run(command, capture_output=True, check=False).returncode == 0
        self.settings = {} if self.real else machine.settings

    def fill(self) -> None:
        """Leave no room for one more block."""
        if not self.real:
            self._machine.full()
            return
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (256 * BLOCK, BLOCK):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Make room again."""
        (self.folder / "ballast").unlink(missing_ok=True)
        self._machine.well()

    def read_only(self) -> None:
        """Let nobody write any more. On a real file system nothing may be open for writing."""
        if self.real:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        else:
            self._machine.read_only()

    def close(self) -> None:
        """Take it away, whatever is on it."""
        if self.real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
