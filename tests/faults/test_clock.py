"""A clock that jumps, back and ahead, while the gateway runs and while it does not: nothing is lost, nothing waits."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens, Saying
from tests.faults.departments import Departments
from tests.faults.machine import Machine
from tests.servers.processes import free_port
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

Make = Callable[..., GatewayProcess]
HOURS, YEAR = timedelta(hours=7), timedelta(days=400)
TALKER = "+9647911111111"


def negative(house: GatewayProcess) -> list[str]:
    """The numbers of /metrics that are below nothing."""
    with urllib.request.urlopen(f"{house.url}/metrics", timeout=5) as response:
        lines = response.read().decode().splitlines()
    return [line for line in lines if not line.startswith("#") and float(line.rsplit(" ", 1)[1]) < 0]


def seals(house: GatewayProcess) -> int:
    """How many seals are kept outside the store."""
    witness = house.folder / "data" / "seals.log"
    return len(witness.read_text("ascii").splitlines()) if witness.exists() else 0


def steps(house: GatewayProcess) -> list[int]:
    """By how many seconds the clock was set, each time that the log says so."""
    return [json.loads(line)["seconds"] for line in house.log().splitlines() if '"the clock was set"' in line]


async def talk(house: GatewayProcess, number: int) -> None:
    """Let one and the same citizen write the next sentence, by SMS."""
    [(_, body, headers)] = house.forms("sms", {f"SM{10**9 + number:032x}": (TALKER, f"عطل في الإنارة {number}")})
    async with aiohttp.ClientSession() as session:
        assert 200 == await house.post(session, "sms", body, headers)


def heard(departments: Departments) -> list[int]:
    """The numbers of the talker's sentences in the order in which the departments got them."""
    numbers: list[int] = []
    for event in departments.told:
        complaint = event["data"].get("complaint", {})
        if (complaint.get("contact") or {}).get("phone") != TALKER:
            continue
        for word in complaint["original_text"].split():
            if word.isdecimal() and int(word) not in numbers:
                numbers.append(int(word))
    return numbers


@pytest.mark.servers
@pytest.mark.parametrize(
    ("restarted", "jumps"),
    [(False, [HOURS, -HOURS, YEAR, timedelta()]), (True, [YEAR, -HOURS])],
    ids=["running", "between restarts"],
)
async def test_a_clock_that_jumps_changes_no_order_and_loses_nothing(
    gateway: Make,
    machine: Machine,
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
    restarted: bool,
    jumps: list[timedelta],
) -> None:
    """Hours and years, back and ahead: in order per sender, nothing lost or doubled, seals go on, no negative age."""
    share = size(24, 600)
    citizens = Citizens(share * (len(jumps) + 1))
    house = gateway(BALAGH_BROKER_URL=rabbitmq.url, **machine.settings)
    departments = Departments(rabbitmq.url)
    house.start()
    await departments.listen()
    ids = list(citizens.sayings)
    for number, jump in enumerate([timedelta(), *jumps]):
        if restarted:
            house.kill9()
        machine.jump(jump)
        if restarted:
            house.start()
        sealed = seals(house)
        await talk(house, 2 * number)
        await citizens.insist(house, ids[number * share : (number + 1) * share])
        await talk(house, 2 * number + 1)
        await until(lambda before=sealed: seals(house) > before)  # type: ignore[misc]
        assert [] == negative(house)
    if not restarted:
        await until(lambda: house.metric('balagh_alarms_total{kind="clock_stepped"}') >= len(jumps) - 1)
    await citizens.insist(house, citizens.deliveries())
    await departments.take(complaints=len(ids) + 1)

    citizens.sayings["talker"] = Saying("talker", "sms", TALKER, "")
    departments.kept_the_promise(citizens, of=set(ids))
    assert list(range(2 * len(jumps) + 2)) == heard(departments)
    books, found = house.command("reconcile"), house.command("check")
    assert 0 == books.returncode, books.stdout
    assert "for -" not in found.stdout


async def test_no_reply_waits_for_a_year_that_was_a_mistake(gateway: Make, machine: Machine) -> None:
    """The clock leaps a year ahead while the provider is away, and is set right: the thanks go out within seconds."""
    port, sent = free_port(), []

    async def take(request: web.Request) -> web.Response:
        sent.append((await request.post())["To"])
        return web.json_response({"sid": f"SM{len(sent):032x}", "status": "queued"}, status=201)

    async def none(_request: web.Request) -> web.Response:
        return web.json_response({"messages": []})

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    app.router.add_get("/{path:.*}", none)
    house = gateway(BALAGH_SMS__API_URL=f"http://127.0.0.1:{port}", **machine.settings)
    house.start()
    machine.jump(timedelta(days=365))
    await talk(house, 1)
    busy = 'balagh_room_total{outcome="busy",room="replies"}'
    await until(lambda: house.metric(busy) >= 1)
    await until(lambda: house.metric('balagh_alarms_total{kind="clock_stepped"}') >= 1)
    machine.jump(timedelta())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await until(lambda: bool(sent))
    except TimeoutError as error:
        raise AssertionError(house.log()[-3000:]) from error
    finally:
        await runner.cleanup()
    assert [TALKER] == sent
    await until(lambda: any(seconds < -300 * 24 * 3600 for seconds in steps(house)))
