"""Floods: from one number, from thousands, of forgeries. Others hardly notice, and memory stays what it was."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from tests.end_to_end.gateway_process import ACCOUNT, API_KEY, GatewayProcess
from tests.faults.stream import PROVIDER
from tests.faults.wire import memory, well
from tests.servers.processes import free_port
from tests.servers.waiting import until

FLOODER = "+9647901111111"
BUDGET = 12  # replies to one number in an hour
VERSIONS = 40  # of one complaint
OUTCOMES = ("complaint", "amendment", "nothing", "quarantined")
ROOMS = ("interpret", "relay")


@dataclass
class Twilio:
    """Counts what is sent to whom, and sends it."""

    url: str
    told: Counter[str] = field(default_factory=Counter)

    async def send(self, request: web.Request) -> web.Response:
        """Take a message."""
        form = await request.post()
        self.told[str(form["To"])] += 1
        return web.json_response({"sid": f"SM{self.told.total():032d}", "status": "queued"}, status=201)

    async def find(self, _request: web.Request) -> web.Response:
        """List what was sent: nobody had to ask, so nothing."""
        return web.json_response({"messages": [], "page": 0, "next_page_uri": None})


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    """A provider that answers."""
    port = free_port()
    made = Twilio(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", made.send)
    app.router.add_get(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", made.find)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield made
    await runner.cleanup()


@pytest.fixture
def house(gateway: Callable[..., GatewayProcess], twilio: Twilio) -> GatewayProcess:
    """A gateway that sends a thousand replies a second, so that only the budget holds it back."""
    made = gateway(BALAGH_SMS__API_URL=twilio.url, BALAGH_SMS__RATE="1000")
    made.start()
    return made


async def send(
    house: GatewayProcess, messages: dict[str, tuple[str, str]], *, at_once: int = 32
) -> tuple[Counter[int], list[float]]:
    """Send genuine messages, so many at once; return how they were answered, and after how many seconds each."""
    requests = list(house.forms("sms", messages))
    statuses: Counter[int] = Counter()
    took: list[float] = []
    gate = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def one(body: bytes, headers: dict[str, str]) -> None:
            async with gate:
                begun = time.monotonic()
                statuses[await house.post(session, "sms", body, headers)] += 1
                took.append(time.monotonic() - begun)

        await asyncio.gather(*(one(body, headers) for _, body, headers in requests))
    return statuses, took


async def quiet(house: GatewayProcess, messages: int, seconds: float) -> None:
    """Wait until so many messages were understood, and everything that came of them has reached its department."""

    def understood() -> float:
        return sum(house.metric(f'balagh_room_total{{outcome="{one}",room="interpret"}}') for one in OUTCOMES)

    await until(lambda: understood() >= messages, seconds)
    await until(lambda: not any(house.metric(f'balagh_backlog{{room="{one}"}}') for one in ROOMS), seconds)


async def test_a_flood_from_one_number_holds_up_nobody_else(
    house: GatewayProcess, twilio: Twilio, size: Callable[[int, int], int]
) -> None:
    """While one number writes without end, others are filed within seconds; it gets few replies and few complaints."""
    count = size(1500, 10_000)
    before = memory(house)
    flood = asyncio.create_task(
        send(house, {f"SM{number:032x}": (FLOODER, f"الماء مقطوع {number}") for number in range(count)})
    )
    async with aiohttp.ClientSession() as session:
        journeys = [await journey(house, session, number) for number in range(50)]
    statuses, _ = await flood
    await quiet(house, count, 120)

    assert {200: count} == statuses
    assert sorted(journeys)[len(journeys) // 2] < 4
    assert memory(house) - before < size(96, 256)
    filed = house.metric('balagh_room_total{outcome="complaint",room="interpret"}') - 50
    assert count / VERSIONS <= filed <= count / VERSIONS * 3
    await until(lambda: not house.metric('balagh_backlog{room="replies"}'))
    assert 0 < twilio.told[FLOODER] <= BUDGET
    well(house)


async def journey(house: GatewayProcess, session: aiohttp.ClientSession, number: int) -> float:
    """Report by a program, and wait until a department has it. Returns the seconds that took."""
    begun = time.monotonic()
    document = {"text": f"حفرة كبيرة وسط الشارع {number}", "contact": {"phone": f"+96479022{number:05d}"}}
    key = {"Authorization": f"Bearer {API_KEY}"}
    async with session.post(f"{house.url}/api/v1/complaints", json=document, headers=key) as response:
        assert 201 == response.status
        reference = (await response.json())["reference"]
    while True:
        async with session.get(f"{house.url}/api/v1/complaints/{reference}", headers=key) as response:
            if response.status == 200 and (await response.json())["department"]:
                return time.monotonic() - begun
        assert time.monotonic() - begun < 20
        await asyncio.sleep(0.02)


async def test_ten_thousand_numbers_are_each_one_complaint(
    house: GatewayProcess, twilio: Twilio, size: Callable[[int, int], int]
) -> None:
    """As many people as write at once after a pipe bursts are each filed and thanked once, and memory stays bounded."""
    count = size(1500, 10_000)
    before = memory(house)

    people = {f"SM{number:032x}": (f"+96479{number:08d}", f"طفح المجاري {number}") for number in range(count)}
    statuses, took = await send(house, people, at_once=64)
    await quiet(house, count, 120)
    await until(lambda: twilio.told.total() >= count, 120)

    assert {200: count} == statuses
    assert max(took) < PROVIDER
    assert count == house.metric('balagh_room_total{outcome="complaint",room="interpret"}')
    assert {1} == set(twilio.told.values())
    assert memory(house) - before < size(96, 256)
    well(house)


async def test_a_flood_of_forgeries_costs_little(house: GatewayProcess, size: Callable[[int, int], int]) -> None:
    """Forged messages leave nothing behind: no row, hardly a line in the log, no memory; genuine ones pass at once."""
    count = size(3000, 30_000)
    before, lines = memory(house), len(house.log().splitlines())
    forged = {f"SM{number:032x}": (FLOODER, "مزور") for number in range(100)}
    bodies = [body for _, body, _ in house.forms("sms", forged)]
    waits: list[float] = []
    async with aiohttp.ClientSession() as session:

        async def forge(number: int) -> int:
            headers = {"X-Twilio-Signature": f"forged{number}", "Content-Type": "application/x-www-form-urlencoded"}
            return await house.post(session, "sms", bodies[number % 100], headers)

        for begin in range(0, count, 300):
            answers = asyncio.gather(*(forge(number) for number in range(begin, begin + 300)))
            _, took = await send(house, {f"SM{begin:032x}": (f"+96479033{begin:05d}", "الكهرباء مقطوعة")})
            waits += took
            assert {403} == set(await answers)

    assert max(waits) < PROVIDER
    assert count == house.metric('balagh_refused_total{channel="sms",status="403"}')
    assert len(waits) == house.metric('balagh_inbound_total{channel="sms",outcome="accepted"}')
    refusals = [line for line in house.log().splitlines()[lines:] if "webhook refused" in line]
    assert len(refusals) <= 10 * size(2, 10)
    assert memory(house) - before < 48
    well(house)
