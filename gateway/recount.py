"""The recount: ask every provider that keeps a log what it delivered, and take in what never came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from channels.base import Adapter, Barred, Reception, Recounts, RecountsEach, SpeakError
from channels.message import Inbound
from gateway import breaker, observe
from gateway.intake import NotStored
from gateway.store.engine import StoreUnavailable

PATIENCE = 120.0  # seconds for one log

log = observe.logger("recount")


@dataclass(frozen=True, slots=True)
class Tallied:
    """What a provider's log says of a channel: how much it lists, and how much of that we had missed.

    `problem` says why the log could not be read to its end; empty when it was.
    """

    channel: str
    listed: int
    missing: int
    problem: str = ""


class Recount:
    """Asks the channels whose providers keep a log: one for the whole channel, or one for each of its lines."""

    def __init__(self, channels: Mapping[str, Adapter], reception: Callable[[str], Reception]) -> None:
        self.channels, self.reception = channels, reception

    async def all(self, since: datetime) -> list[Tallied]:
        """Ask each channel. What was missing is accepted under the identity that its delivery would have had.

        Raises NotStored and StoreUnavailable when it could not be kept.
        """
        return [await self._one(name, since) for name in dict(self.logs)]

    @property
    def logs(self) -> list[tuple[str, str]]:
        """Every log: the channel, and the line that it is of; no line where the channel has one log for all."""
        found: list[tuple[str, str]] = []
        for name, channel in self.channels.items():
            if isinstance(channel, RecountsEach):
                found += [(name, line) for line in channel.lines()]
            elif isinstance(channel, Recounts):
                found.append((name, ""))
        return found

    async def read(self, name: str, line: str, since: datetime) -> Tallied:
        """Read one of `logs`. Raises NotStored and StoreUnavailable."""
        reception = self.reception(name)
        way = f"{breaker.LOG} {line}".strip()  # of each line its own, as for what is fetched
        listed = missing = 0
        problem = ""
        try:
            async with asyncio.timeout(PATIENCE), aclosing(self._listed(name, line, since, reception)) as listing:  # type: ignore[type-var]
                async for inbound in listing:
                    listed += 1
                    receipt = await reception.accept(inbound)
                    missing += not receipt.duplicate
            breaker.reset(name, way)
        except Barred as error:
            breaker.trip(name, way, error.code)
            problem = str(error)
        except SpeakError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"not read to its end within {PATIENCE:.0f} s"
        except (NotStored, StoreUnavailable):
            raise
        except Exception as error:  # a bug in reading one provider's log must not keep the others from being read
            observe.ALARM.labels("recount_failed").inc()
            log.exception("the provider's log cannot be read", channel=name, exc_info=observe.bare(error))
            problem = f"{type(error).__name__} while reading it"
        if missing:
            observe.ALARM.labels("delivery_missed").inc(missing)
            log.error("the provider had delivered what never came: taken in", channel=name, messages=missing)
        if problem:
            log.warning("the provider's log cannot be read", channel=name, reason=problem)
        return Tallied(name, listed, missing, problem)

    async def _one(self, name: str, since: datetime) -> Tallied:
        read = [(line, await self.read(name, line, since)) for channel, line in self.logs if channel == name]
        problems = (f"{line}: {tallied.problem}".removeprefix(": ") for line, tallied in read if tallied.problem)
        return Tallied(
            name,
            sum(tallied.listed for _, tallied in read),
            sum(tallied.missing for _, tallied in read),
            "; ".join(problems),
        )

    def _listed(self, name: str, line: str, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        channel = self.channels[name]
        if isinstance(channel, RecountsEach):
            return channel.recount_line(line, since, reception)
        assert isinstance(channel, Recounts)
        return channel.recount(since, reception)
