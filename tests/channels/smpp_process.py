"""A process that fetches over SMPP into one file, to be killed: python -m tests.channels.smpp_process PORT FILE."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from channels.base import Busy
from channels.message import Inbound, Receipt
from channels.smpp import Smpp
from tests.channels.harness import example_settings
from tests.channels.smsc import House, take_in


class FileHouse(House):
    """A house whose disk is one file of lines: what was written is there, whatever happens to the process."""

    def open(self, file: Path) -> FileHouse:
        """Read what an earlier process left behind. Its last line may be cut off, and then it is none."""
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                kind, key, value = json.loads(line)
            except ValueError:
                continue
            if kind == "accept":
                self.journal[tuple(key)] = Inbound.from_json(value)
            else:
                self.memory[key] = value
        self.file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self.file, b"\n")
        return self

    async def accept(self, inbound: Inbound) -> Receipt:
        """Write it down under its identity."""
        key = inbound.channel, inbound.account, inbound.external_id
        if key not in self.journal:
            self._write("accept", list(key), inbound.to_json())
        return await super().accept(inbound)

    async def remember(self, key: str, value: str) -> None:
        """Write it down."""
        self._write("remember", key, value)
        await super().remember(key, value)

    def _write(self, *line: object) -> None:
        os.write(self.file, json.dumps(line).encode() + b"\n")


async def fetch(port: int, file: Path) -> None:
    """Fetch until killed."""
    channel = Smpp(example_settings(Smpp, host="127.0.0.1", port=port, password="secret"))
    house = FileHouse().open(file)
    while True:
        try:
            await take_in(channel, house)
        except Busy:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(fetch(int(sys.argv[1]), Path(sys.argv[2])))
