"""The sealer: chain what was committed, and keep each seal outside the store as well."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway import observe
from gateway.store import seals
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.seals import Seal

TAIL = 64 * 1024  # bytes at the end of the witness that are read at start: it grows for years
PERIOD = 2.0  # seconds between seals: what is younger could be altered unseen

log = observe.logger("sealer")


class Sealer:
    """Seals events every PERIOD, while the lease is ours."""

    def __init__(self, store: Store, key: bytes, witness: Path, *, mine: Callable[[], Awaitable[bool]]) -> None:
        self.store, self.key, self.witness, self.mine = store, key, witness, mine
        self._noted: int | None = None  # the last seal in the witness; None when that must be looked up

    async def run(self) -> None:
        """Seal for ever."""
        while True:
            try:
                if not await self.mine() or not await self.step():
                    await asyncio.sleep(PERIOD)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(PERIOD)
            except OSError as error:  # the disk is full: the seal is in the store, its line follows
                observe.ALARM.labels("seal_not_noted").inc()
                log.error("seal not noted", reason=error.strerror)
                await asyncio.sleep(PERIOD)

    async def step(self) -> bool:
        """Seal one batch; False when there was nothing to seal."""
        noted, self._noted = self._noted, None  # whatever breaks below, the next step looks the witness up again
        first = noted is None
        if noted is None:
            last = await asyncio.to_thread(latest, self.witness)
            # A store that lost its last seals makes others under their numbers: those are noted too.
            noted = await self.store.read(partial(seals.reached, at_most=last.seq)) if last else 0
        seal = await self.store.write(partial(seals.seal, key=self.key, now=datetime.now(UTC)))
        if seal is not None or first:
            # Also what another node sealed meanwhile, and what we had no time to note before a crash.
            made = await self.store.read(partial(seals.since, number=noted))
            if made:
                await asyncio.to_thread(_note, self.witness, made)
                noted = made[-1].seq
        self._noted = noted
        if seal is not None:
            log.info("sealed", seal=seal.seq, events=seal.count, last=seal.last_event, digest=seal.digest)
        return seal is not None


def witnessed(path: Path) -> Iterator[Seal]:
    """Read the seals kept outside the store."""
    if path.is_file():
        with path.open(encoding="ascii", errors="replace") as file:
            yield from _seals(file)


def latest(path: Path) -> Seal | None:
    """Return the seal with the highest number among the last lines kept outside the store."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        tail = file.read().decode("ascii", "replace")
    return max(_seals(tail.splitlines()[size > TAIL :]), key=lambda seal: seal.seq, default=None)


def _seals(lines: Iterable[str]) -> Iterator[Seal]:
    for line in lines:
        try:
            yield Seal.read(line)
        except ValueError:
            continue  # a line cut off by a crash: its seal is in the store


def _note(path: Path, made: Sequence[Seal]) -> None:
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # a line that a crash cut off must not spoil the next
                file.write(b"\n")
        file.write("".join(f"{seal.line()}\n" for seal in made).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
