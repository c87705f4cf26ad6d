"""Providers that deliver while the gateway comes and goes, and citizens who write again and again of the same thing."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens, Saying
from tests.faults.departments import Departments

PAUSE = 0.05  # seconds before what was refused is tried again


@dataclass(slots=True)
class Providers:
    """Everything that is still to be delivered, in a shuffled order; what failed comes again after the rest."""

    citizens: Citizens
    waiting: deque[str] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = deque(self.citizens.deliveries())

    async def deliver(self, gateways: GatewayProcess | Sequence[GatewayProcess], number: int, **how: float) -> int:
        """Deliver the next so many, all at once, and return how many were answered."""
        ids = [self.waiting.popleft() for _ in range(min(number, len(self.waiting)))]
        failed = await self.citizens.deliver(gateways, ids, at_once=max(1, number), **how)
        self.waiting.extend(failed)
        if failed:
            await asyncio.sleep(PAUSE)
        return len(ids) - len(failed)

    async def deliver_all(
        self, gateways: GatewayProcess | Sequence[GatewayProcess], *, but: int = 0, seconds: float = 120
    ) -> None:
        """Deliver until nothing is left, or no more than so many. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.waiting) > but:
                await self.deliver(gateways, min(32, len(self.waiting) - but))

    async def amid(
        self,
        gateways: GatewayProcess | Sequence[GatewayProcess],
        happens: Sequence[Callable[[], Awaitable[None]]],
        *,
        seconds: float = 120,
    ) -> None:
        """Let things happen one after the other, each at a random moment while its share of the messages arrives."""
        share = len(self.waiting) / max(1, len(happens))
        for number, event in enumerate(happens, 1):
            left = round(share * (len(happens) - number))
            moment = left + self.citizens.chance.random() * (len(self.waiting) - left)
            arriving = asyncio.create_task(self.deliver_all(gateways, but=left, seconds=seconds))
            while len(self.waiting) > moment and not arriving.done():
                await asyncio.sleep(0.002)
            await event()
            await arriving


@dataclass(slots=True)
class Talkers:
    """Citizens who write several messages of one thing: the next when the one before was answered, in one order.

    Copies of what was answered already come again later, at any time.
    """

    count: int
    messages: int = 4
    first: int = 50_000_000
    citizens: Citizens = field(init=False)
    said: defaultdict[str, list[Saying]] = field(default_factory=lambda: defaultdict(list))  # sender -> in order

    def __post_init__(self) -> None:
        self.citizens = Citizens(0, seed=11)
        for number in range(self.first, self.first + self.count):
            sender = f"+96479{number:08d}"
            for turn in range(self.messages):
                words = f"الماء مقطوع عن بيتنا رقم {number} وهذه رسالتي {turn}"
                saying = Saying(f"SM{number:028x}{turn:04x}", "sms", sender, words)
                self.said[sender].append(saying)
                self.citizens.sayings[saying.id] = saying

    async def talk(
        self, gateways: GatewayProcess | Sequence[GatewayProcess], *, only: str | None = None, seconds: float = 120
    ) -> None:
        """Let them (or one of them) say everything, each in order, however often it takes. Raises TimeoutError."""
        talking = [self.said[only]] if only else list(self.said.values())
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(self._talk(gateways, sayings) for sayings in talking))

    async def _talk(self, gateways: GatewayProcess | Sequence[GatewayProcess], sayings: Sequence[Saying]) -> None:
        said: list[str] = []
        for saying in sayings:
            while saying.id not in self.citizens.accepted:
                again = [self.citizens.chance.choice(said)] if said else []
                copies = [saying.id] * self.citizens.chance.choice((1, 2)) + again
                if await self.citizens.deliver(gateways, copies):
                    await asyncio.sleep(PAUSE)
            said.append(saying.id)

    def unheard(self, departments: Departments) -> list[str]:
        """Name the senders who are not one complaint whose last version holds all their words, once and in order."""
        held = list(departments.last_words().values())
        missing = []
        for sender, sayings in self.said.items():
            theirs = [text for text in held if f"رقم {int(sender[-8:])} " in text]
            if theirs != ["\n".join(saying.words for saying in sayings)]:
                missing.append(sender)
        return missing


async def all_is_well(
    citizens: Citizens, talkers: Talkers, departments: Departments, balagh: GatewayProcess, *, seconds: float = 90
) -> None:
    """Assert that all that was written was accepted and is where it must be, as departments and operators see it."""
    assert set(citizens.sayings) == citizens.accepted
    with contextlib.suppress(TimeoutError):  # what is missing is said below
        await departments.take(
            complaints=citizens.count + talkers.count, enough=lambda: not talkers.unheard(departments), seconds=seconds
        )
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    assert [] == talkers.unheard(departments), "not one complaint with all the words in order"
    books = await asyncio.to_thread(balagh.command, "reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    assert "balanced" in books.stdout
