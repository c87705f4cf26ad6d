"""The replies worker: hand what we owe the citizens to the channels' providers, at the pace each number may speak.

A reply is taken from the store and held there; whatever happens to this process, it becomes due again. A try whose
outcome nobody knows is looked up at the provider before it is repeated, for no provider here takes an idempotency key.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from aiolimiter import AsyncLimiter

from channels.base import Barred, Busy, OutcomeUnknown, Refused, Speaker
from channels.message import Scheme
from gateway import breaker, observe
from gateway.acknowledge import Acknowledger
from gateway.batcher import Batcher
from gateway.breaker import BARRED_FOR, Bars
from gateway.signals import Signal
from gateway.store import replies
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.moments import LONGEST
from gateway.store.replies import Due

BATCH = 32  # replies in hand at once
HOLD = timedelta(minutes=3)  # longer than any try takes; after it a dead worker's replies are due again
CLOSING = 60.0  # seconds between looks for what a channel that is off will never say
POLL = 0.5  # seconds between looks when another process owes
FIRST, MOST = 2.0, 1800.0  # seconds of backoff: the first, and the longest
TRIES = 12  # at least, however long ago a reply was owed
DOUBT = timedelta(hours=2)  # of tries that nobody knows the outcome of: each may have reached the citizen
SELDOM = 600.0  # seconds until what was answered in words that nobody can read goes a second time

log = observe.logger("replies")


class Replies:
    """Sends due replies through the speakers of this process."""

    def __init__(
        self,
        store: Store,
        speakers: Mapping[str, Speaker],
        owed: Signal,
        acknowledger: Acknowledger,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.speakers, self.owed, self.clock = store, speakers, owed, clock
        self.acknowledger = acknowledger
        self.bars = Bars(breaker.REPLIES)
        self._paces: dict[tuple[str, str], AsyncLimiter] = {}
        # What became of them is written together: a transaction for each word of thanks would cost too much.
        self._records = Batcher(self._write, size=4 * BATCH, concurrent=1)
        self._sent = Batcher(self._write_sent, size=4 * BATCH, concurrent=1)

    async def run(self) -> None:
        """Send for ever, each channel by itself, so that a slow one holds up no other. With the store away it waits."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._patiently(self._close, partial(asyncio.sleep, CLOSING)))
            for name in self.speakers:
                group.create_task(self._patiently(partial(self._send, name), partial(self.owed.wait, POLL)))

    async def _patiently(self, work: Callable[[], Awaitable[int]], rest: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                if not await work():
                    await rest()
            except StoreUnavailable as error:
                log.warning("store away", reason=str(error))
                await asyncio.sleep(1)

    async def step(self) -> int:
        """Send what is due now on every channel and return how many were dealt with."""
        return sum([await self._close(), *await asyncio.gather(*(self._send(name) for name in self.speakers))])

    async def _send(self, channel: str) -> int:
        barred = self.bars.accounts(channel)
        job = partial(replies.due, now=self.clock(), channels=(channel,), limit=BATCH, hold=HOLD, without=barred)
        due = await self.store.write(job)
        if due:
            await asyncio.gather(*(self._try(item) for item in due))
        return len(due)

    async def _close(self) -> int:
        """Owe nothing on a channel that was turned off: it goes by SMS, or not at all."""
        closed = await self.store.write(self._closed)
        observe.ROOM.labels("replies", "no_channel").inc(closed)
        if closed:
            observe.ALARM.labels("reply_given_up").inc(closed)
            log.error("given up", code="channel is off", number=closed)
        return closed

    async def _try(self, due: Due) -> None:
        speaker = self.speakers[due.channel]
        try:
            async with self._pace(due, speaker):
                with observe.timed("replies"):
                    sent = await speaker.send(due.reply)
        except Refused as error:
            if error.alarm:
                observe.ALARM.labels("reply_refused").inc()
                log.error("provider refuses us", channel=due.channel, code=error.code)
            await self._record("refused", due, partial(self._refused, code=error.code, error=error, due=due))
        except Barred as error:
            await self._bar(due, error)
        except Busy as error:
            # After a try of unknown outcome it may have been the look-up that was refused: the next try looks again.
            unknown = due.reply.first_tried_at is not None
            await self._again("busy", due, error.code, error.retry_after, unknown=unknown)
        except OutcomeUnknown as error:
            await (self._unclear(due) if error.answered else self._doubtful("unknown", due, error.code))
        except Exception as error:  # a bug in a channel must not stop the others' replies
            log.exception("cannot be sent", channel=due.channel, reply=due.reply.id, exc_info=observe.bare(error))
            await self._doubtful("broken", due, type(error).__name__)
        else:
            await self._sent.ask((due, sent.provider_id))
            self.bars.lift(due.channel, due.reply.account)
            self._note("sent", due)

    async def _bar(self, due: Due, error: Barred) -> None:
        """Let a provider be that takes nothing from one account: one reply tries again later, for all there."""
        self.bars.bar(due.channel, due.reply.account, error.code)
        if self._late(due):
            await self._give_up(due, error.code)
            return
        at = self.clock() + timedelta(seconds=BARRED_FOR)
        unknown = due.reply.first_tried_at is not None
        await self._record(
            "barred", due, partial(replies.again, code=error.code, at=at, unknown=unknown, counted=False)
        )

    async def _again(self, outcome: str, due: Due, code: str, after: float | None, *, unknown: bool) -> None:
        if due.attempts >= TRIES and self._late(due):
            await self._give_up(due, code)
            return
        pause = backoff(due.attempts) if after is None else min(after, LONGEST.total_seconds())
        at = self.clock() + timedelta(seconds=pause)
        await self._record(outcome, due, partial(replies.again, code=code, at=at, unknown=unknown))

    async def _doubtful(self, outcome: str, due: Due, code: str) -> None:
        """Try again what may have been sent, for some hours: not every provider can be asked."""
        first = due.reply.first_tried_at
        if due.attempts >= TRIES and first is not None and self.clock() - first > DOUBT:
            await self._give_up(due, code)
        else:
            await self._again(outcome, due, code, None, unknown=True)

    async def _unclear(self, due: Due) -> None:
        """Try again, and seldom, what was answered in words that nobody here knows: each time they may mean "taken".

        After ten minutes, an hour and two: time for a report of what was taken, and for a person to teach us the words.
        """
        observe.ALARM.labels("reply_unclear").inc()
        log.error("answer not understood", channel=due.channel, reply=due.reply.id, purpose=due.reply.purpose)
        lasting = self.clock() - (due.reply.first_tried_at or self.clock())
        if lasting >= DOUBT:
            await self._give_up(due, "unclear")
        else:
            await self._again("unclear", due, "unclear", max(SELDOM, 5 * lasting.total_seconds()), unknown=True)

    def _late(self, due: Due) -> bool:
        # A reply from the future was owed by a clock that ran ahead, and is not tried until that year.
        return abs(self.clock() - due.created_at) > replies.patience(due.reply.purpose)

    async def _give_up(self, due: Due, code: str) -> None:
        observe.ALARM.labels("reply_given_up").inc()
        log.error("given up", channel=due.channel, reply=due.reply.id, purpose=due.reply.purpose, code=code)
        await self._record("given_up", due, partial(self._given_up, code=code))

    async def _record(self, outcome: str, due: Due, job: Callable[..., None]) -> None:
        await self._records.ask(partial(job, reply_id=due.reply.id, now=self.clock()))
        self._note(outcome, due)

    def _refused(
        self, connection: Connection, *, reply_id: str, code: str, error: Refused, due: Due, now: datetime
    ) -> None:
        replies.refused(connection, reply_id, code, now)
        if error.opted_out:
            replies.opt_out_of(connection, reply_id, due.channel, due.reply.account, now)
        # Behind the address is a telephone: whatever this way has against these words, another SMS may bring them.
        telephone = due.reply.to.scheme in {Scheme.WHATSAPP, Scheme.TEL} and not error.opted_out
        if error.elsewhere or telephone:
            self.acknowledger.elsewhere(connection, reply_id, now)

    def _given_up(self, connection: Connection, *, reply_id: str, code: str, now: datetime) -> None:
        replies.refused(connection, reply_id, f"{replies.GAVE_UP}{code}", now)
        self.acknowledger.elsewhere(connection, reply_id, now)

    def _closed(self, connection: Connection) -> int:
        now = self.clock()
        closed = replies.close_all_but(connection, tuple(self.speakers), now, limit=BATCH)
        for reply_id in closed:
            self.acknowledger.elsewhere(connection, reply_id, now)
        return len(closed)

    def _note(self, outcome: str, due: Due) -> None:
        observe.ROOM.labels("replies", outcome).inc()
        log.info(outcome, channel=due.channel, reply=due.reply.id, attempts=due.attempts)

    async def _write(self, jobs: Sequence[Callable[[Connection], None]]) -> Sequence[None]:
        def write(connection: Connection) -> list[None]:
            return [job(connection) for job in jobs]

        return await self.store.write(write)

    async def _write_sent(self, taken: Sequence[tuple[Due, str]]) -> Sequence[None]:
        by_channel: dict[str, dict[str, str]] = {}
        for due, provider_id in taken:
            by_channel.setdefault(due.channel, {})[due.reply.id] = provider_id

        def write(connection: Connection) -> None:
            for channel, ids in by_channel.items():
                for reported in replies.sent(connection, channel, ids, self.clock()):
                    self.acknowledger.elsewhere(connection, reported, self.clock())

        await self.store.write(write)
        return [None] * len(taken)

    def _pace(self, due: Due, speaker: Speaker) -> AsyncLimiter:
        key = due.channel, due.reply.account
        if key not in self._paces:
            # A bucket of one second's worth: a number that was silent may not burst past what its carrier takes.
            self._paces[key] = AsyncLimiter(max(1.0, speaker.rate), max(1.0, 1 / speaker.rate))
        return self._paces[key]


def backoff(attempts: int) -> float:
    """Return the seconds until the next try: doubling, with jitter, so that tries do not come in waves."""
    longest = min(MOST, FIRST * 2 ** min(attempts, 32))
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
