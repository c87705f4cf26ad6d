"""The second visit: public posts whose provider does not tell of each removal are asked for again, once a day.

Only as long as somebody works with them: a complaint that is not done with, or a post that waits for a person.

No channel takes longer than its time; the next go begins where it stopped. A portion that broke off is asked for in
smaller ones, down to the one post for which no answer comes: that is stepped over until the next walk.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any

from channels.base import Adapter, Barred, Busy, Refused, Revisits
from channels.message import Inbound
from gateway import breaker, observe
from gateway.intake import NotStored
from gateway.reception import HouseReception
from gateway.store import revisions
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.journal import Row

EVERY = timedelta(days=1)
FURTHEST = timedelta(days=30)  # back: by then what was said in public is history
AT_ONCE = 100  # messages looked through for public ones, and asked for
WALKS = 20  # of them in one go: other work waits meanwhile
LONGEST = 120.0  # seconds for one channel in one go
REVISITED = "revisited"  # the key under which a channel's walk is remembered

log = observe.logger("revisit")


class Ended(Enum):
    """How asking for a portion of posts ended."""

    TOLD = "told"  # also of posts of which the provider will not speak
    WAITS = "waits"  # the provider bars us, or says when to come again
    BROKE = "broke off"  # no time was left, or no answer came: perhaps by the fault of one post


@dataclass(frozen=True, slots=True)
class Walked:
    """How far a walk through a channel's posts came: when it began, and behind which it goes on; None at its end.

    `at_once` is how many messages it looks through next.
    """

    began: datetime
    after: int | None
    at_once: int = AT_ONCE

    @classmethod
    def of(cls, kept: str, now: datetime) -> Walked:
        """Read what `to_json` wrote, and begin anew where a day has passed."""
        known: dict[str, Any] = json.loads(kept) if kept else {"began": now.isoformat(), "after": 0}
        walked = cls(datetime.fromisoformat(known["began"]), known["after"], known.get("at_once", AT_ONCE))
        return cls(now, 0) if walked.after is None and abs(now - walked.began) >= EVERY else walked

    def to_json(self) -> str:
        """Write it."""
        known = {"began": self.began.isoformat(), "after": self.after, "at_once": self.at_once}
        return json.dumps(known, separators=(",", ":"))

    def then(self, rows: Sequence[Row], ended: Ended) -> Walked:
        """Say where the walk goes on: behind the rows that were asked for, or at the first of them with fewer."""
        if ended is Ended.TOLD or (ended is Ended.BROKE and self.at_once == 1):  # a lone one held itself up
            return Walked(self.began, rows[-1].seq if len(rows) == self.at_once else None)
        return Walked(self.began, self.after, max(len(rows) // 2, 1))


class Revisit:
    """Asks the channels that can be asked what became of public posts."""

    def __init__(
        self,
        channels: Mapping[str, Adapter],
        store: Store,
        reception: Callable[[str], HouseReception],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        longest: float = LONGEST,
    ) -> None:
        self.channels = {name: channel for name, channel in channels.items() if isinstance(channel, Revisits)}
        self.store, self.reception, self.clock, self.longest = store, reception, clock, longest

    async def all(self) -> int:
        """Go on with every channel's walk; returns how many posts were edited or gone.

        Raises NotStored and StoreUnavailable when that could not be kept.
        """
        return sum([await self.one(name, channel) for name, channel in self.channels.items()])

    async def one(self, name: str, channel: Revisits) -> int:
        """Go on with one channel's walk, for as long as it may take.

        While the provider is away it stays where it is; posts that it refuses to speak of hold up none behind them, and
        are asked for again on the next walk.
        """
        found, reception = 0, self.reception(name)
        now = asyncio.get_running_loop().time
        until = now() + self.longest
        walked = Walked.of(await reception.recall(REVISITED), self.clock())
        for _ in range(WALKS):
            if walked.after is None:
                break
            since = self.clock() - FURTHEST
            rows = await self.store.read(
                partial(revisions.standing, channel=name, after=walked.after, since=since, limit=walked.at_once)
            )
            changed, ended = await self._ask(channel, rows, reception, until)
            found += changed
            walked = walked.then(rows, ended)
            await reception.remember(REVISITED, walked.to_json())
            if ended is not Ended.TOLD or now() >= until:
                break
        if found:
            log.info("posts were edited or are gone", channel=name, number=found)
        return found

    async def _ask(
        self, channel: Revisits, rows: Sequence[Row], reception: HouseReception, until: float
    ) -> tuple[int, Ended]:
        """Ask for the public ones among some messages until a moment of the loop. Returns how many changed."""
        found, name = 0, reception.channel
        try:
            posts = [post for post in (Inbound.from_json(row.body) for row in rows) if post.public]
            told = channel.revisit(posts)
            while (inbound := await _next(told, until)) is not None:
                found += not (await reception.accept(inbound)).duplicate
        except Barred as error:
            breaker.trip(name, breaker.REVISITING, error.code)
            return found, Ended.WAITS
        except Busy as error:
            log.warning("the provider does not say what became of posts", channel=name, code=error.code)
            return found, Ended.BROKE if error.retry_after is None else Ended.WAITS
        except TimeoutError:
            log.warning("it takes too long to ask what became of posts", channel=name)
            return found, Ended.BROKE
        except Refused as error:
            log.warning("the provider does not say what became of some posts", channel=name, code=error.code)
        except (NotStored, StoreUnavailable):
            raise
        except Exception as error:  # a bug in asking one provider must not keep the others from being asked
            observe.ALARM.labels("revisit_failed").inc()
            log.exception("posts cannot be asked for", channel=name, exc_info=observe.bare(error))
            return found, Ended.TOLD
        breaker.reset(name, breaker.REVISITING)  # also where nothing was to be asked: then nothing is barred
        return found, Ended.TOLD


async def _next(told: AsyncIterator[Inbound], until: float) -> Inbound | None:
    """Return what the provider tells next, None at the end. Raises TimeoutError, and never while we store something."""
    async with asyncio.timeout_at(until):
        return await anext(told, None)
