"""The pollers: fetch from the providers that must be asked, each line in one process at a time.

What a channel yields is on disk before the channel goes on, so a cursor never runs ahead of what is kept; whatever
happens in between is fetched again and found under its identity. A line that fails holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial

from channels.base import Barred, Busy, Follows, Poller, Refused
from channels.message import Inbound
from gateway import breaker, observe
from gateway.breaker import BARRED_FOR
from gateway.house import House
from gateway.intake import NotStored
from gateway.lease import RENEWALS, TERM, Lease
from gateway.reception import HouseReception
from gateway.recount import Recount
from gateway.revisit import Revisit
from gateway.store import pointers, quarantine
from gateway.store.engine import Connection, StoreUnavailable

FIRST, MOST = 1.0, 300.0  # seconds of backoff after a failure: the first, and the longest
ASIDE = 2.0  # seconds between looks whether a line has come free
FOLLOWED = 20  # pointers at once
HOLD = timedelta(minutes=2)
POLL = 2.0  # seconds between looks for pointers
TRIES = 40  # of one pointer, over about a day
RECOUNTING = 900.0  # seconds between two looks into the providers' logs
OVERLAP = timedelta(hours=2)  # how far before the last whole one each log is read
FURTHEST = timedelta(days=30)  # back, however long nobody looked
RECOUNTED = "recounted"  # the key under which is remembered when a log was last read to its end
LONGEST = 24 * 3600.0  # seconds that a provider can make us wait: quotas are of a day

log = observe.logger("pollers")


class Pollers:
    """Every line of every channel that fetches, and what else is asked of providers."""

    def __init__(self, house: House, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.house, self.clock = house, clock

    async def run(self) -> None:
        """Fetch for ever."""
        async with asyncio.TaskGroup() as group:
            for channel in self.house.channels.values():
                if isinstance(channel, Poller):
                    for line in channel.lines():
                        group.create_task(self._hold(channel, line), name=f"poll {channel.name}")
                if isinstance(channel, Follows):
                    group.create_task(self._follow(channel.name, channel), name=f"follow {channel.name}")
            group.create_task(self._recount(), name="recount")

    def reception(self, channel: str) -> HouseReception:
        """Return the house as this channel sees it."""
        house = self.house
        return HouseReception(channel, house.intake.accept, house.files, house.store, clock=self.clock)

    async def _hold(self, channel: Poller, line: str) -> None:
        """Fetch a line while its lease is ours; let go at once when it is another's."""
        lease = Lease(self.house.store, f"poll:{channel.name}:{self.house.identities.digest('line', line)}")
        fetching: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    mine = await lease.mine()
                except StoreUnavailable:
                    mine = False
                if mine and (fetching is None or fetching.done()):
                    fetching = asyncio.create_task(self._forever(channel, line), name=f"fetch {channel.name}")
                elif not mine and fetching is not None:
                    await _end(fetching)
                    fetching = None
                await asyncio.sleep(TERM.total_seconds() / RENEWALS if mine else ASIDE)
        finally:
            if fetching is not None:
                await _end(fetching)
            await lease.release()

    async def _forever(self, channel: Poller, line: str) -> None:
        failures = 0
        while True:
            pause, failed = await self.fetch(channel, line)
            failures = failures + 1 if failed else 0
            if pause is None:
                pause = min(MOST, FIRST * 2 ** min(failures, 9)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
            await asyncio.sleep(pause)

    async def fetch(self, channel: Poller, line: str) -> tuple[float | None, bool]:
        """Fetch once. Returns the seconds to wait (None: as after a failure), and whether it failed."""
        name, way = channel.name, breaker.fetching(line)
        try:
            async with aclosing(channel.fetch(line, self.reception(name))) as fetched:  # type: ignore[type-var]
                async for inbound in fetched:
                    breaker.reset(name, way)  # some fetches last as long as their connection
                    await self.house.intake.accept(inbound)
        except Barred as error:
            breaker.trip(name, way, error.code)
            return BARRED_FOR, True
        except (Busy, Refused) as error:
            log.warning("provider away", channel=name, code=error.code)
            return (_bounded(error.retry_after) if isinstance(error, Busy) else None), True
        except (NotStored, StoreUnavailable) as error:
            log.warning("store away", channel=name, reason=str(error))
            return None, True
        except Exception as error:  # a bug in one channel must not stop the others
            observe.ALARM.labels("poll_failed").inc()
            log.exception("cannot be fetched", channel=name, exc_info=observe.bare(error))
            return None, True
        breaker.reset(name, way)
        return channel.interval, False

    async def _follow(self, name: str, channel: Follows) -> None:
        while True:
            try:
                if not await self.follow(name, channel):
                    await asyncio.sleep(POLL)
            except (NotStored, StoreUnavailable) as error:
                log.warning("store away", channel=name, reason=str(error))
                await asyncio.sleep(ASIDE)

    async def follow(self, name: str, channel: Follows) -> int:
        """Ask for the words of what is only pointed at, and return how many were asked for."""
        store = self.house.store
        due = await store.write(partial(pointers.due, channel=name, now=self.clock(), limit=FOLLOWED, hold=HOLD))
        for found in due:
            reason, at = "", None
            try:
                async for inbound in channel.follow(Inbound.from_json(found.body)):
                    await self.house.intake.accept(inbound)
            except Refused as error:
                reason = str(error)
            except Barred as error:
                breaker.trip(name, breaker.FOLLOWING, error.code)
                reason, at = str(error), self._next(found.attempts, None)
            except Busy as error:
                reason, at = str(error), self._next(found.attempts, _bounded(error.retry_after))
            except (NotStored, StoreUnavailable):
                raise
            except Exception as error:  # a bug must not stop the others
                log.exception("cannot be followed", channel=name, exc_info=observe.bare(error))
                reason, at = type(error).__name__, self._next(found.attempts, None)
            if not reason:
                breaker.reset(name, breaker.FOLLOWING)
                await store.write(partial(pointers.followed, journal_id=found.journal_id))
                continue
            if at is None:
                observe.ALARM.labels("pointer_lost").inc()
                log.error("its words cannot be had", channel=name, reason=reason)
            await store.write(partial(self._put_off, found=found, reason=reason, at=at))
        return len(due)

    def _put_off(self, connection: Connection, *, found: pointers.Due, reason: str, at: datetime | None) -> None:
        """Ask for words later; what is of no use any more is left to a person, who can have it asked for again."""
        pointers.later(connection, found.journal_id, reason, at)
        if at is None:
            why = f"its words cannot be had: {reason}"
            quarantine.add(
                connection,
                stage=quarantine.FOLLOW,
                subject=found.journal_id,
                reason=why,
                body=found.body,
                now=self.clock(),
            )

    def _next(self, attempts: int, after: float | None) -> datetime | None:
        if attempts >= TRIES:
            return None
        return self.clock() + timedelta(
            seconds=after if after is not None else min(1800.0, 5.0 * 2 ** min(attempts, 9))
        )

    async def _recount(self) -> None:
        """Look into the providers' logs from time to time, take in what never came, and see which posts are gone."""
        lease = Lease(self.house.store, "recount")
        recount = Recount(self.house.channels, self.reception)
        revisit = Revisit(self.house.channels, self.house.store, self.reception, clock=self.clock)
        try:
            while True:
                await asyncio.sleep(RECOUNTING)
                with contextlib.suppress(StoreUnavailable, NotStored):
                    if await lease.mine():
                        await self.recount(recount)
                        await revisit.all()
        finally:
            await lease.release()

    async def recount(self, recount: Recount) -> None:
        """Read every log from where it was last read to its end, so that an outage of any length is covered.

        Each for itself: one that cannot be read does not let the others be read again. Raises StoreUnavailable,
        NotStored.
        """
        for name, line in recount.logs:
            began, reception, key = self.clock(), self.reception(name), f"{RECOUNTED} {line}".strip()
            # What was read as one log may have become one for each line: they go on where that ended.
            last = await reception.recall(key) or await reception.recall(RECOUNTED)
            since = min(began, datetime.fromisoformat(last)) if last else began
            tallied = await recount.read(name, line, max(since - OVERLAP, began - FURTHEST))
            if not (last and tallied.problem):  # one that could never be read is owed from the first try on
                await reception.remember(key, began.isoformat())


def _bounded(retry_after: float | None) -> float | None:
    """Return what a provider asks for within reason: its answer is a stranger's word."""
    return None if retry_after is None else min(max(retry_after, FIRST), LONGEST)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
