"""The media worker: fetch, after acceptance, what messages only pointed at. A failed fetch costs no complaint."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from channels.base import Barred, Busy, Fetches, Forgets, Refused
from channels.message import MediaKind
from gateway import breaker, observe
from gateway.breaker import BARRED_FOR, Bars
from gateway.files import Stored
from gateway.media.fetch import Fetcher, TryLater, Unfetchable
from gateway.signals import Signal
from gateway.store import attachments, complaints
from gateway.store.attachments import Wanted
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.ledger import Ledger

BATCH = 4  # fetched at once: they are large, and their providers slow
HOLD = timedelta(minutes=5)  # longer than any fetch; after it a dead worker's are due again
PATIENCE = timedelta(days=7)  # with a channel that is off, or barred: about as long as providers keep their files
POLL = 1.0
SAFE = timedelta(minutes=10)  # between our keeping it and its deletion at the provider
LIMIT = 32 * 1024 * 1024  # bytes of one attachment
TRIES = 10
FIRST, MOST = 2.0, 3600.0  # seconds of backoff: a provider may need some before the file is there
DENIED_FOR = 900.0  # seconds before an address is asked again that did not accept what we show
BARRED = "its provider does not let us in"
REFUSALS = 3  # of different files in a row: one may be another account's, so many say that our token has ended

log = observe.logger("media")


class MediaWorker:
    """Fetches due attachments through the channels' sources."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        sources: Mapping[str, Fetches],
        wanted: Signal,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.fetcher, self.sources, self.wanted, self.wake, self.clock = (
            store,
            fetcher,
            sources,
            wanted,
            wake,
            clock,
        )
        self.bars, self.deleting = Bars(breaker.MEDIA), Bars(breaker.DELETING)
        # channel, account -> the files for which what we show was not accepted, since one came for which it was
        self._refused: dict[tuple[str, str], set[str]] = {}

    async def run(self) -> None:
        """Fetch for ever."""
        while True:
            try:
                if not await self.step():
                    await self.wanted.wait(POLL)
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(1)

    async def step(self) -> int:
        """Fetch what is due now and return how many were tried."""
        due = await self.store.write(partial(attachments.due, now=self.clock(), limit=BATCH, hold=HOLD))
        if due:
            await asyncio.gather(*(self._forget(item) if item.forget else self._fetch(item) for item in due))
        return len(due)

    async def _fetch(self, wanted: Wanted) -> None:
        source = self.sources.get(wanted.channel)
        if source is None:
            await self._wait(wanted, "the channel is off", MOST)
            return
        if self.bars.holds(wanted.channel, wanted.account):
            await self._wait(wanted, BARRED, BARRED_FOR)
            return
        try:
            with observe.timed("media"):
                found = await source.source(wanted.url)
                stored = await self.fetcher.fetch(
                    found, declared=wanted.content_type, limit=LIMIT, expected_sha256=found.sha256 or None
                )
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one attachment meets must not stop the others
            await self._missed(wanted, error)
            return
        self._let_in(wanted, shown=bool(found.headers))
        safe = self.clock() + SAFE if isinstance(source, Forgets) else None
        reference = await self.store.write(
            partial(_keep, wanted=wanted, stored=stored, now=self.clock(), forget_at=safe)
        )
        observe.ROOM.labels("media", "fetched").inc()
        log.info("fetched", reference=reference, attachment=wanted.id, size=stored.size, type=stored.content_type)
        for signal in self.wake:
            signal.set()

    async def _missed(self, wanted: Wanted, error: Exception) -> None:
        """Say what a fetch without a file means: never, later, or when the provider lets us in again."""
        match error:
            case Unfetchable() | Refused():
                await self._fail(wanted, str(error))
            case Busy():  # the provider was asked where it is, and did not say
                await self._later(wanted, str(error), error.retry_after)
            case Barred():
                self.bars.bar(wanted.channel, wanted.account, error.code)
                await self._wait(wanted, str(error), BARRED_FOR)
            case TryLater(denied=True):
                self._deny(wanted)
                await self._wait(wanted, str(error), DENIED_FOR)
            case TryLater():
                if error.ours:  # a full disk is no fault of the photo's: it waits as long as it takes
                    observe.ALARM.labels("files_unusable").inc()
                await self._later(wanted, str(error), error.retry_after, counted=not error.ours)
            case _:
                log.error("cannot be fetched", attachment=wanted.id, exc_info=observe.bare(error))
                await self._later(wanted, type(error).__name__, None)

    def _deny(self, wanted: Wanted) -> None:
        """Note that what we showed for a file was not accepted: of several in a row that is no link's fault."""
        refused = self._refused.setdefault((wanted.channel, wanted.account), set())
        refused.add(wanted.id)
        if len(refused) >= REFUSALS:
            self.bars.bar(wanted.channel, wanted.account, "401")

    def _let_in(self, wanted: Wanted, *, shown: bool) -> None:
        """Note that a file came: where others were refused, only one for which our token was `shown` says much."""
        if shown or (wanted.channel, wanted.account) not in self._refused:
            self._refused.pop((wanted.channel, wanted.account), None)
            self.bars.lift(wanted.channel, wanted.account)

    def _let_go(self, wanted: Wanted) -> None:
        """Forget the refusals of a file that is asked for no more: with the last of them goes what they said."""
        refused = self._refused.get((wanted.channel, wanted.account), set())
        if wanted.id in refused:
            refused.remove(wanted.id)
            if not refused:
                del self._refused[wanted.channel, wanted.account]
                self.bars.lift(wanted.channel, wanted.account)

    async def _wait(self, wanted: Wanted, reason: str, seconds: float) -> None:
        """Wait for a channel that is off, or a token that died: neither shall cost a recording."""
        if self.clock() - wanted.created_at > PATIENCE:
            await self._fail(wanted, reason)
        else:
            await self._later(wanted, reason, seconds, counted=False)

    async def _forget(self, wanted: Wanted) -> None:
        """Delete at the provider what is safe with us. What it will not delete is said, and left there."""
        try:
            reason = await self._delete(wanted)
        except (Busy, Barred) as error:
            barred = isinstance(error, Barred)
            if self.clock() - wanted.created_at < PATIENCE if barred else wanted.attempts < TRIES:
                pause = BARRED_FOR if barred else min(MOST, FIRST * 2**wanted.attempts)
                at = self.clock() + timedelta(seconds=pause)
                job = partial(attachments.later, attachment_id=wanted.id, reason=str(error), at=at, counted=not barred)
                await self.store.write(job)
                return
            reason = str(error)
        if reason is not None:
            reason = f"the provider keeps it: {reason}"
            observe.ALARM.labels("media_kept_by_provider").inc()
        await self.store.write(partial(attachments.forgotten, attachment_id=wanted.id, reason=reason))
        observe.ROOM.labels("media", "forgotten" if reason is None else "kept_by_provider").inc()

    async def _delete(self, wanted: Wanted) -> str | None:
        """Ask the provider to delete a file, and return why it never will; None when it did. Raises Busy, Barred."""
        channel = self.sources.get(wanted.channel)
        if not isinstance(channel, Forgets):
            return None
        if self.deleting.holds(wanted.channel, wanted.account):
            raise Barred("barred", BARRED)
        try:
            await channel.forget(wanted.url)
        except Refused as error:
            return str(error)
        except Barred as error:
            self.deleting.bar(wanted.channel, wanted.account, error.code)
            raise
        self.deleting.lift(wanted.channel, wanted.account)
        return None

    async def _later(self, wanted: Wanted, reason: str, after: float | None, *, counted: bool = True) -> None:
        if counted and wanted.attempts >= TRIES:
            await self._fail(wanted, reason)
            return
        if after is None:
            after = FIRST * 2**wanted.attempts * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        pause = min(MOST, after)
        at = self.clock() + timedelta(seconds=pause)
        await self.store.write(
            partial(attachments.later, attachment_id=wanted.id, reason=reason, at=at, counted=counted)
        )
        observe.ROOM.labels("media", "later").inc()
        log.info("later", attachment=wanted.id, reason=reason, attempts=wanted.attempts)

    async def _fail(self, wanted: Wanted, reason: str) -> None:
        self._let_go(wanted)
        await self.store.write(partial(attachments.failed, attachment_id=wanted.id, reason=reason))
        observe.ROOM.labels("media", "failed").inc()
        observe.ALARM.labels("media_failed").inc()
        log.warning("failed", attachment=wanted.id, reason=reason, attempts=wanted.attempts)


def _keep(connection: Connection, *, wanted: Wanted, stored: Stored, now: datetime, forget_at: datetime | None) -> str:
    """Record the bytes and tell the complaint's department, once."""
    case = complaints.load_by_id(connection, wanted.complaint_id, lock=True)
    fresh = attachments.fetched(
        connection,
        wanted.id,
        sha256=stored.sha256,
        size=stored.size,
        content_type=stored.content_type,
        forget_at=forget_at,
    )
    if case is None or not fresh:
        return case.complaint.reference if case else ""
    found = tuple(
        attachment.model_copy(
            update={
                "sha256": stored.sha256,
                "size": stored.size,
                "content_type": stored.content_type,
                "kind": MediaKind.of(stored.content_type).value,
            }
        )
        if attachment.id == wanted.id
        else attachment
        for attachment in case.complaint.attachments
    )
    amended = case.complaint.but(attachments=found)
    with Ledger(connection, now) as ledger:
        ledger.amend(case, amended, heard_at=case.heard_at, facts={"attachments_fetched": 1})
    return case.complaint.reference
