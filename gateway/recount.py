"""The recount: ask every provider that keeps a log what it delivered, and take in what never came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from channels.base import Adapter, Barred, Reception, Recounts, SpeakError
from gateway import breaker, observe
from gateway.intake import NotStored
from gateway.store.engine import StoreUnavailable

PATIENCE = 120.0  # seconds for one provider's log

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
    """Asks the channels whose providers keep a log."""

    def __init__(self, channels: Mapping[str, Adapter], reception: Callable[[str], Reception]) -> None:
        self.channels, self.reception = channels, reception

    async def all(self, since: datetime) -> list[Tallied]:
        """Ask each. What was missing is accepted under the identity that its delivery would have had.

        Raises NotStored and StoreUnavailable when it could not be kept.
        """
        return [await self.one(name, since) for name in self.names]

    @property
    def names(self) -> list[str]:
        """The channels whose providers keep a log."""
        return [name for name, channel in self.channels.items() if isinstance(channel, Recounts)]

    async def one(self, name: str, since: datetime) -> Tallied:
        """Ask one of `names`. Raises NotStored and StoreUnavailable."""
        channel = self.channels[name]
        assert isinstance(channel, Recounts)
        reception = self.reception(name)
        listed = missing = 0
        problem = ""
        try:
            async with asyncio.timeout(PATIENCE):
                async for inbound in channel.recount(since, reception):
                    listed += 1
                    receipt = await reception.accept(inbound)
                    missing += not receipt.duplicate
            breaker.reset(name, breaker.LOG)
        except Barred as error:
            breaker.trip(name, breaker.LOG, error.code)
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
