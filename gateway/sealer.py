"""The sealer: chain what was committed, and keep each seal outside the store as well."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway import observe
from gateway.store import seals
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.seals import Seal

PERIOD = 2.0  # seconds between seals: what is younger could be altered unseen

log = observe.logger("sealer")


class Sealer:
    """Seals events every PERIOD, while the lease is ours."""

    def __init__(self, store: Store, key: bytes, witness: Path, *, mine: Callable[[], Awaitable[bool]]) -> None:
        self.store, self.key, self.witness, self.mine = store, key, witness, mine

    async def run(self) -> None:
        """Seal for ever."""
        while True:
            try:
                if not await self.mine() or not await self.step():
                    await asyncio.sleep(PERIOD)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(PERIOD)

    async def step(self) -> bool:
        """Seal one batch; False when there was nothing to seal."""
        seal = await self.store.write(partial(seals.seal, key=self.key, now=datetime.now(UTC)))
        if seal is None:
            return False
        await asyncio.to_thread(_note, self.witness, seal)
        log.info("sealed", seal=seal.seq, events=seal.count, last=seal.last_event, digest=seal.digest)
        return True


def witnessed(path: Path) -> Iterator[Seal]:
    """Read the seals kept outside the store."""
    if path.is_file():
        for line in path.read_text(encoding="ascii").splitlines():
            try:
                yield Seal.read(line)
            except ValueError:
                continue  # a line cut off by a crash: its seal is in the store


def _note(path: Path, seal: Seal) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write(seal.line() + "\n")
        file.flush()
        os.fsync(file.fileno())
