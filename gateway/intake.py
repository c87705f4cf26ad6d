"""Accept: put an Inbound on disk and give its receipt. Nothing is understood here, and nothing is lost after it.

Messages that arrive while a batch is being committed wait for the next one, so that an fsync is paid once a batch.
When PostgreSQL is out of reach they go to the spool instead, and keep going there until it is drained, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from channels.message import Inbound, Receipt
from gateway import observe
from gateway.batcher import Batcher
from gateway.identity import Identities
from gateway.signals import Signal
from gateway.spool import Spool, SpoolBroken, Spooled
from gateway.store import facts, journal, quarantine
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.journal import Entry, Kept

BATCH = 256  # entries in one transaction
CONCURRENT = 4  # transactions at once on PostgreSQL
PATIENCE = 4.0  # seconds for the store to answer before the spool takes over; providers give us 15
PROBE = 0.5  # seconds between looks whether the store is back
DRAIN = 200  # spooled messages put into the journal at once

log = observe.logger("intake")


class NotStored(Exception):
    """Neither the store nor the spool could keep it: the provider must try again."""


class Intake:
    """The one function that channels are handed, and what stands behind it."""

    def __init__(
        self,
        store: Store,
        identities: Identities,
        spool: Spool | None,
        arrived: Signal,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.identities, self.spool, self.arrived, self.clock = store, identities, spool, arrived, clock
        self._batches = Batcher(self._journal, size=BATCH, concurrent=1 if store.embedded else CONCURRENT)
        self._away = False
        self.refusing = False  # the last message could not be stored

    async def accept(self, inbound: Inbound, *, fingerprint: str = "") -> Receipt:
        """Put an Inbound on disk and return its receipt. Raises NotStored.

        The same identity again gets the same receipt, marked as a duplicate; `fingerprint` is kept with the first.
        """
        with observe.timed("intake"):
            entry = self.identities.entry(inbound, self.clock(), fingerprint=fingerprint)
            try:
                kept, where = await self._keep(entry)
            except (StoreUnavailable, SpoolBroken) as error:
                observe.RECEIVED.labels(inbound.channel, "refused").inc()
                observe.ALARM.labels("not_stored").inc()
                self.refusing = True
                log.error("not stored", channel=inbound.channel, reason=str(error))
                raise NotStored(str(error)) from error
        self.refusing = False
        outcome = "duplicate" if kept.duplicate else where
        observe.RECEIVED.labels(inbound.channel, outcome).inc()
        log.info(outcome, channel=inbound.channel, reference=kept.reference, purpose=inbound.purpose.value)
        return Receipt(
            id=kept.id,
            reference=kept.reference,
            pin=self.identities.pin(kept.reference) if kept.reference else "",
            duplicate=kept.duplicate,
            fingerprint=kept.fingerprint,
        )

    def spool_only(self) -> None:
        """Begin with the store away: spool until the drain has seen it."""
        self._away = True

    async def probe(self) -> None:
        """After a refusal, see whether a message could be stored again, so that health need not wait for one."""
        try:
            if self.spool is not None and self.spooling:
                await asyncio.to_thread(self.spool.probe)
            else:
                await self.store.write(facts.touch)
        except (StoreUnavailable, SpoolBroken):
            return
        self.refusing = False
        log.info("storing again")

    @property
    def spooling(self) -> bool:
        """Whether messages go to the spool: the store is away, or what waits there goes first."""
        return self._away or (self.spool is not None and self.spool.depth > 0)

    async def _keep(self, entry: Entry) -> tuple[Kept, str]:
        if not self.spooling:
            try:
                async with asyncio.timeout(None if self.spool is None else PATIENCE):
                    kept = await self._batches.ask(entry)
            except (StoreUnavailable, TimeoutError) as error:
                # A commit whose answer was lost may be in the journal too: the drain finds it there by its identity.
                if self.spool is None:
                    raise
                if not self._away:
                    log.warning("store away, spooling", reason=str(error) or "no answer")
                    observe.ALARM.labels("store_away").inc()
                self._away = True
            else:
                self.arrived.set()
                return kept, "accepted"
        assert self.spool is not None
        first = await self.spool.keep(entry)
        reference = entry.refer(0) if entry.refer else ""
        if first is None:
            return Kept(entry.id, reference, entry.fingerprint, duplicate=False), "spooled"
        return Kept(entry.id, reference, first, duplicate=True), "spooled"

    async def _journal(self, entries: Sequence[Entry]) -> Sequence[Kept]:
        return await self.store.write(partial(journal.append, entries=entries), urgent=True)

    async def drain(self) -> None:
        """Move the spool into the journal whenever the store answers, for ever."""
        assert self.spool is not None
        while True:
            if self.spooling:
                try:
                    await self._drain()
                except StoreUnavailable:
                    pass
                except OSError as error:
                    log.error("spool cannot be read", reason=error.strerror)
                    observe.ALARM.labels("spool_unreadable").inc()
            await asyncio.sleep(PROBE)

    async def _drain(self) -> None:
        assert self.spool is not None
        await self.store.read(journal.backlog)  # an empty spool alone does not prove that the store is back
        while found := await asyncio.to_thread(self.spool.oldest, DRAIN):
            try:
                await self._move(found)
            except (StoreUnavailable, OSError):
                raise
            except Exception:  # noqa: BLE001 - one of them is refused: the others must not wait for it
                for one in found:
                    await self._move_or_spoil(one)
            self.arrived.set()
        if self.spool.depth == 0:
            self._away = False
            log.info("store back, spool drained")

    async def _move(self, found: list[Spooled]) -> None:
        """Put spooled messages into the journal, then forget their files."""
        assert self.spool is not None
        entries = [self.identities.restore(one.fields) for one in found]
        kept = await self.store.write(partial(journal.append, entries=entries))
        for entry, stored in zip(entries, kept, strict=True):
            if entry.refer and stored.reference != entry.refer(0):
                await self._two_of_a_number(entry, stored)
        await asyncio.to_thread(self.spool.remove, [one.path for one in found])

    async def _move_or_spoil(self, one: Spooled) -> None:
        assert self.spool is not None
        try:
            await self._move([one])
        except (StoreUnavailable, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - what the store refuses for good is for a person
            await asyncio.to_thread(self.spool.spoil, one.path, type(error).__name__)

    async def _two_of_a_number(self, entry: Entry, stored: Kept) -> None:
        """Tell a person: while the store was away, a reference was given that another complaint already had."""
        observe.ALARM.labels("reference_given_twice").inc()
        await self.store.write(
            partial(
                quarantine.add,
                stage=quarantine.SPOOL,
                subject=entry.id,
                reason=f"was given another message's number; it is filed under {stored.reference}: tell the citizen",
                body=entry.body,
                now=self.clock(),
            )
        )
