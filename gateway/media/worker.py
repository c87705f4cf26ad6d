"""The media worker: fetch, after acceptance, what messages only pointed at. A failed fetch costs no complaint."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from channels.base import Barred, Busy, Fetches, Forgets, Refused
from channels.message import MediaKind
from gateway import observe
from gateway.files import Stored
from gateway.media.fetch import Fetcher, TryLater, Unfetchable
from gateway.signals import Signal
from gateway.store import attachments, complaints
from gateway.store.attachments import Wanted
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.ledger import Ledger

BATCH = 4  # fetched at once: they are large, and their providers slow
HOLD = timedelta(minutes=5)  # longer than any fetch; after it a dead worker's are due again
PATIENCE = timedelta(days=7)  # with a channel that is off: about as long as providers keep their files
POLL = 1.0
SAFE = timedelta(minutes=10)  # between our keeping it and its deletion at the provider
LIMIT = 32 * 1024 * 1024  # bytes of one attachment
TRIES = 10
FIRST, MOST = 2.0, 3600.0  # seconds of backoff: a provider may need some before the file is there

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
        try:
            if source is None:
                raise self._off(wanted)
            with observe.timed("media"):
                found = await source.source(wanted.url)
                stored = await self.fetcher.fetch(
                    found, declared=wanted.content_type, limit=LIMIT, expected_sha256=found.sha256 or None
                )
        except (Unfetchable, Refused) as error:
            await self._fail(wanted, str(error))
        except (Busy, Barred) as error:  # the provider was asked where it is, and did not say
            await self._later(wanted, str(error), getattr(error, "retry_after", None))
        except TryLater as error:
            if (
                error.ours and source is not None
            ):  # a full disk is no fault of the photo's: it waits as long as it takes
                observe.ALARM.labels("files_unusable").inc()
            await self._later(wanted, str(error), error.retry_after, counted=not error.ours)
        except StoreUnavailable:
            raise
        except Exception as error:  # a bug must not stop the others
            log.exception("cannot be fetched", attachment=wanted.id, exc_info=observe.bare(error))
            await self._later(wanted, type(error).__name__, None)
        else:
            safe = self.clock() + SAFE if isinstance(source, Forgets) else None
            reference = await self.store.write(
                partial(_keep, wanted=wanted, stored=stored, now=self.clock(), forget_at=safe)
            )
            observe.ROOM.labels("media", "fetched").inc()
            log.info("fetched", reference=reference, attachment=wanted.id, size=stored.size, type=stored.content_type)
            for signal in self.wake:
                signal.set()

    def _off(self, wanted: Wanted) -> Unfetchable | TryLater:
        """Say how long to wait for a channel that is off: a start without its settings must cost no recording."""
        if self.clock() - wanted.created_at > PATIENCE:
            return Unfetchable("the channel is off")
        return TryLater("the channel is off", MOST, ours=True)

    async def _forget(self, wanted: Wanted) -> None:
        """Delete at the provider what is safe with us. What it will not delete is said, and left there."""
        channel, reason = self.sources.get(wanted.channel), None
        try:
            if isinstance(channel, Forgets):
                await channel.forget(wanted.url)
        except Refused as error:
            reason = f"the provider keeps it: {error}"
            observe.ALARM.labels("media_kept_by_provider").inc()
        except (Busy, Barred) as error:
            if wanted.attempts < TRIES:
                at = self.clock() + timedelta(seconds=min(MOST, FIRST * 2**wanted.attempts))
                job = partial(attachments.later, attachment_id=wanted.id, reason=str(error), at=at)
                await self.store.write(job)
                return
            reason = f"the provider keeps it: {error}"
            observe.ALARM.labels("media_kept_by_provider").inc()
        await self.store.write(partial(attachments.forgotten, attachment_id=wanted.id, reason=reason))
        observe.ROOM.labels("media", "forgotten" if reason is None else "kept_by_provider").inc()

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
