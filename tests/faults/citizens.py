"""Citizens and providers that never give up: every message is delivered several times until it was answered."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.end_to_end.gateway_process import API_KEY, GatewayProcess

WORDS = (
    "الماء مقطوع عن حي الجامعة منذ يومين",
    "طفح المجاري في الشارع أمام البيت",
    "الكهرباء مقطوعة من الصبح",
    "النفايات متراكمة وما حد شالها",
    "حفرة كبيرة وسط الشارع",
    "كلاب سائبة بالشارع",  # none of these is danger: that would go by another queue
    "عمود الإنارة طافي من أسبوع",
    "مرحبا اريد اشتكي",
)
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Saying:
    """One message of one citizen, and the channel it comes by: `sms`, or `api` (which answers with the reference)."""

    id: str
    channel: str
    sender: str
    words: str


@dataclass(slots=True)
class Citizens:
    """A city's citizens. Each writes once, by SMS or by a program; what they were answered is kept."""

    count: int
    seed: int = 7
    first: int = 0
    sayings: dict[str, Saying] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)  # ids answered with 2xx, at least once
    references: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # id -> what it was told
    statuses: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._come(range(self.first, self.first + self.count))

    def more(self, count: int) -> list[str]:
        """Let so many more citizens write, and return their messages' ids."""
        numbers = range(self.first + self.count, self.first + self.count + count)
        self.count += count
        return self._come(numbers)

    def _come(self, numbers: Sequence[int]) -> list[str]:
        ids = []
        for number in numbers:
            channel = "api" if number % 2 else "sms"
            saying = Saying(
                id=f"SM{number:032x}" if channel == "sms" else f"note-{number}",
                channel=channel,
                sender=f"+96479{number:08d}",
                words=f"{self.chance.choice(WORDS)} {number}",
            )
            self.sayings[saying.id] = saying
            ids.append(saying.id)
        return ids

    def deliveries(self, *, times: Sequence[int] = (2, 3)) -> list[str]:
        """Every message as often as one of `times` says, shuffled."""
        each = [one for one in self.sayings for _ in range(self.chance.choice(times))]
        self.chance.shuffle(each)
        return each

    async def deliver(
        self,
        gateways: GatewayProcess | Sequence[GatewayProcess],
        ids: Sequence[str],
        *,
        at_once: int = AT_ONCE,
        patience: float = 20,
    ) -> list[str]:
        """Deliver the messages, each to one of the gateways, and return the ids of those that were not answered 2xx."""
        doors = [gateways] if isinstance(gateways, GatewayProcess) else list(gateways)
        failed: list[str] = []
        gate = asyncio.Semaphore(at_once)
        wires = aiohttp.TCPConnector(force_close=True, limit=0)  # a kept connection to a killed process would fail
        async with aiohttp.ClientSession(connector=wires, timeout=aiohttp.ClientTimeout(total=patience)) as session:

            async def one(saying: Saying) -> None:
                async with gate:
                    status = await self._post(session, self.chance.choice(doors), saying)
                self.statuses[status] += 1
                if 200 <= status < 300:
                    self.accepted.add(saying.id)
                else:
                    failed.append(saying.id)

            await asyncio.gather(*(one(self.sayings[id_]) for id_ in ids))
        return failed

    async def insist(
        self, gateways: GatewayProcess | Sequence[GatewayProcess], ids: Sequence[str], *, seconds: float = 60
    ) -> None:
        """Deliver until each was answered 2xx, as providers do. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while ids := await self.deliver(gateways, ids):
                await asyncio.sleep(0.2)

    async def _post(self, session: aiohttp.ClientSession, door: GatewayProcess, saying: Saying) -> int:
        if saying.channel == "sms":
            [(_, body, headers)] = door.forms("sms", {saying.id: (saying.sender, saying.words)})
            return await door.post(session, "sms", body, headers)
        document = {"text": saying.words, "contact": {"phone": saying.sender}}
        try:
            async with session.post(
                f"{door.url}/api/v1/complaints",
                json=document,
                headers={"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": saying.id},
            ) as response:
                answer = await response.read()
                if response.status in {200, 201, 202}:
                    self.references[saying.id].add(json.loads(answer)["reference"])
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
