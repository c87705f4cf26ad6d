"""The interpreter: takes Inbounds from the journal, oldest first, reads them, and has them filed batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from gateway import observe
from gateway.acknowledge import Acknowledger
from gateway.calls import Calls
from gateway.city.city import City
from gateway.ear import Ear
from gateway.interpret.batch import Batch
from gateway.interpret.filing import file, set_aside
from gateway.interpret.reading import Done, Reading, read
from gateway.signals import Signal
from gateway.store import journal
from gateway.store.engine import Connection, DatabaseError, Store, StoreUnavailable, refuses_the_value
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.visits import Round

BATCH = 48  # Inbounds in one transaction: more would keep the acceptance of others waiting
BREATH = 8  # Inbounds understood between two turns of the event loop
HELD = 0.5  # seconds for which senders that another interpreter has in hand are passed over
POLL = 0.25  # seconds between looks when another process does the accepting

log = observe.logger("interpret")


class Interpreter:
    """Takes Inbounds from the journal, oldest first."""

    def __init__(
        self,
        store: Store,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        arrived: Signal,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.city, self.acknowledger, self.clock = store, city, acknowledger, clock
        self.arrived, self.wake = arrived, wake
        self.calls = Calls(acknowledger.identities)
        self._ear = Ear(store, city)
        self._visits = Round()
        self._held: set[str] = set()  # senders that other interpreters work on
        self._held_since = 0.0

    async def run(self) -> None:
        """Interpret for ever. With the store away it waits."""
        while True:
            try:
                if not await self.step():
                    await self.arrived.wait(POLL)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(1)

    async def step(self) -> int:
        """Interpret one batch and return how many were dealt with."""
        now = asyncio.get_running_loop().time()
        if now - self._held_since > HELD:
            self._held, self._held_since = set(), now
        rows = await self.store.read(partial(journal.pending, limit=BATCH, besides=self._held, visits=self._visits))
        if not rows:
            return 0
        if len(rows) == BATCH:  # more waits: who is in danger goes first
            rows = await self._ear.first(rows)
        with observe.timed("interpret"):
            readings = []
            for number, row in enumerate(rows, 1):
                readings.append(self.read(row))
                if number % BREATH == 0:
                    await asyncio.sleep(0)  # citizens wait at the door
            done = await self.store.write(partial(self.file, readings=readings))
        for result in done:
            observe.ROOM.labels("interpret", result.outcome).inc()
            note = {"reason": result.reason} if result.reason else {}
            log.info(result.outcome, reference=result.reference, **note)
            if result.danger:
                observe.distress("interpret", result.reference)
        for signal in self.wake:
            signal.set()
        if not done:  # another has these in hand, or died over them a moment ago: on with what is behind them
            self._held.update(row.sender for row in rows)
        return len(rows)

    def read(self, row: Row) -> Reading:
        """Understand one Inbound by itself. What cannot be read becomes a fault, never an exception."""
        return read(row, self.city)

    def file(self, connection: Connection, readings: Sequence[Reading]) -> list[Done]:
        """Make the readings what they are: all of them at once, or, when one of them breaks that, one by one."""
        mine = {row.seq for row in journal.claim(connection, [reading.row for reading in readings])}
        readings = [reading for reading in readings if reading.row.seq in mine]
        if not readings:
            return []
        try:
            return self._together(connection, readings)
        except Exception as error:
            if isinstance(error, DatabaseError) and not refuses_the_value(error):
                raise  # the store's trouble, not a message's: the whole batch is tried again
            if len(readings) == 1:
                return [self._broken(connection, readings[0], error)]
        return [done for reading in readings for done in self.file(connection, [reading])]

    def _together(self, connection: Connection, readings: Sequence[Reading]) -> list[Done]:
        """File a batch in a savepoint of its own."""
        savepoint = connection.begin_nested()
        try:
            batch = Batch(connection, readings, self.clock(), self.city, self.acknowledger, self.calls)
            results = [file(batch, reading) for reading in readings]
            batch.ledger.flush()
        except BaseException:
            savepoint.rollback()
            raise
        savepoint.commit()
        return results

    def _broken(self, connection: Connection, reading: Reading, error: Exception) -> Done:
        log.error("cannot be filed", reference=reading.row.reference, exc_info=observe.bare(error))
        with Ledger(connection, self.clock()) as ledger:
            return set_aside(ledger, reading, f"{type(error).__name__} while filing it")
