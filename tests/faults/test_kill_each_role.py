"""Killed at random moments, whole or role by role, amid messages delivered two and three times: the promise holds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.providers import Providers, Talkers, all_is_well
from tests.servers.postgres import Database
from tests.servers.rabbitmq import RabbitNode, Vhost

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

ROLES = ("intake", "interpret", "relay", "router", "replies", "clock")
Make = Callable[..., GatewayProcess]
Size = Callable[[int, int], int]


async def test_killed_at_random_moments(gateway: Make, rabbitmq: Vhost, postgres: Database, size: Size) -> None:
    """The whole program killed at random, on PostgreSQL: each message is in its department, by one id."""
    balagh = gateway(BALAGH_BROKER_URL=rabbitmq.url, BALAGH_STORE_URL=postgres.url, FAULT_LEASE="2")
    balagh.program = "tests.faults.crashing"
    departments = Departments(rabbitmq.url)
    citizens, talkers = Citizens(size(300, 2000)), Talkers(size(9, 90))
    await departments.listen()
    await asyncio.to_thread(balagh.start)

    async def killed() -> None:
        balagh.kill9()
        await asyncio.to_thread(balagh.start)

    await providers_and_talkers(citizens, talkers, balagh, [killed] * size(3, 12))
    await all_is_well(citizens, talkers, departments, balagh)
    assert 0 == await asyncio.to_thread(balagh.stop)


async def test_everything_killed_at_once(gateway: Make, rabbitmq_node: Callable[[], RabbitNode], size: Size) -> None:
    """The gateway and its RabbitMQ killed together, as by a power cut: each message is in its department, by one id."""
    node = rabbitmq_node()
    balagh, departments = gateway(BALAGH_BROKER_URL=node.url()), Departments(node.url())
    citizens, talkers = Citizens(size(300, 2000)), Talkers(size(9, 90))
    await asyncio.to_thread(node.start)
    await departments.listen()
    await asyncio.to_thread(balagh.start)
    # A node that is killed in the seconds after its queues were made forgets them and gets stuck (RabbitMQ 3.10).
    await asyncio.to_thread(node.ctl, "eval", "mnesia:dump_log().")

    async def killed() -> None:
        balagh.kill9()
        await asyncio.to_thread(balagh.start)

    async def both_killed() -> None:
        balagh.kill9()
        node.kill9()
        await asyncio.to_thread(balagh.start)
        await asyncio.to_thread(node.start)

    await providers_and_talkers(citizens, talkers, balagh, [killed, both_killed] * size(1, 5))
    await all_is_well(citizens, talkers, departments, balagh)
    assert 0 == await asyncio.to_thread(balagh.stop)


async def test_each_role_killed_by_itself(gateway: Make, rabbitmq: Vhost, postgres: Database, size: Size) -> None:
    """Every role a process, two of the doors; each is killed again and again while all the others go on."""
    settings = {"BALAGH_BROKER_URL": rabbitmq.url, "BALAGH_STORE_URL": postgres.url, "FAULT_LEASE": "2"}
    # The first door and those behind it share a folder, as on one machine; the second door is another machine.
    houses = {role: gateway(folder="shared", **settings) for role in ROLES}
    houses["second intake"] = gateway(folder="other", **settings)
    for house in houses.values():
        house.program = "tests.faults.crashing"
    doors = [houses["intake"], houses["second intake"]]
    departments = Departments(rabbitmq.url)
    await departments.listen()
    citizens, talkers = Citizens(size(400, 2000)), Talkers(size(10, 100))
    victims = list(houses) * size(1, 5)
    random.Random(9).shuffle(victims)
    await asyncio.gather(*(start(house, name) for name, house in houses.items()))

    async def killed(name: str) -> None:
        houses[name].kill9()
        await start(houses[name], name)

    await providers_and_talkers(citizens, talkers, doors, [partial(killed, name) for name in victims])
    await all_is_well(citizens, talkers, departments, houses["clock"])
    for house in houses.values():
        assert 0 == await asyncio.to_thread(house.stop)


async def start(house: GatewayProcess, name: str) -> None:
    """Start the process of one role."""
    await asyncio.to_thread(house.start, roles=name.removeprefix("second "))


async def providers_and_talkers(
    citizens: Citizens,
    talkers: Talkers,
    doors: GatewayProcess | list[GatewayProcess],
    kills: list[Callable[[], Awaitable[None]]],
) -> None:
    """Let everybody write, some at every kill."""
    talking: list[asyncio.Task[None]] = []
    waiting = list(talkers.said)

    async def amid_talk(kill: Callable[[], Awaitable[None]], senders: list[str]) -> None:
        talking.extend(asyncio.create_task(talkers.talk(doors, only=sender, seconds=900)) for sender in senders)
        await kill()

    happens = [partial(amid_talk, kill, waiting[number :: len(kills)]) for number, kill in enumerate(kills)]
    await Providers(citizens).amid(doors, happens)
    await asyncio.gather(*talking)
