"""Two gateways and two of each role on one store: nothing is filed or routed twice, whoever dies or sleeps."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp.test_utils import TestServer

from gateway.broker.relay import WINDOW
from gateway.lease import TERM
from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.machine import Machine
from tests.faults.providers import Talkers
from tests.faults.stream import stream
from tests.gateway.twilio_house import TwilioHouse
from tests.gateway.walk import Clock
from tests.servers.postgres import Database
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

SLACK = timedelta(seconds=10)  # for two cores that do much else


def holder(database: Database, lease: str, nodes: Sequence[GatewayProcess]) -> GatewayProcess | None:
    """Which process holds a lease now, by the store's clock."""
    with psycopg.connect(database.url) as connection:
        found = connection.execute(
            "SELECT holder FROM leases WHERE name = %s AND until > clock_timestamp()", (lease,)
        ).fetchone()
    pids = {str(node.process.pid): node for node in nodes if node.process is not None}
    return pids.get(found[0].split(":")[1]) if found else None


def copies(events: Sequence[dict[str, Any]]) -> Counter[str]:
    """The events that came more than once, by id."""
    return Counter({id_: number for id_, number in Counter(event["id"] for event in events).items() if number > 1})


def well(nodes: Sequence[GatewayProcess], *, dead: Sequence[GatewayProcess] = ()) -> None:
    """Assert that the books are balanced, and that no log shows a bug."""
    books = nodes[0].command("reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    for one in nodes:
        if one not in dead:
            assert 0 == one.stop()
        assert "Traceback" not in one.log()
        assert "quarantine" not in one.log()


async def launched(nodes: Sequence[GatewayProcess], roles: Sequence[str]) -> None:
    """Start the nodes at the same moment."""
    await asyncio.gather(*(asyncio.to_thread(node.start, roles=role) for node, role in zip(nodes, roles, strict=True)))


@pytest.mark.servers
async def test_two_gateways_on_an_empty_store(
    gateway: Callable[..., GatewayProcess], postgres: Database, rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """Every message at both doors at once: one complaint, one reference, one thank-you, and each event once.

    Who writes several messages, now to one door and now to the other, is one complaint with all the words in order.
    """
    citizens, talkers = Citizens(size(150, 2000)), Talkers(size(10, 200))
    twilio = TwilioHouse(Clock(datetime.now(UTC)))
    async with TestServer(twilio.app()) as provider:
        settings = {
            "BALAGH_STORE_URL": postgres.url,
            "BALAGH_BROKER_URL": rabbitmq.url,
            "BALAGH_SMS__API_URL": str(provider.make_url("")).rstrip("/"),
            "BALAGH_SMS__RATE": "1000",
        }
        nodes = [gateway(**settings) for _ in range(2)]
        departments = Departments(rabbitmq.url)
        await departments.listen()
        await launched(nodes, ["all", "all"])
        ids = list(citizens.sayings)
        *failed, _ = await asyncio.gather(
            *(citizens.deliver(node, ids) for node in nodes), citizens.deliver(nodes, ids[::-1]), talkers.talk(nodes)
        )
        await departments.take(
            complaints=citizens.count + talkers.count, enough=lambda: not talkers.unheard(departments)
        )
        texters = {one.sender for one in citizens.sayings.values() if one.channel == "sms"}
        await until(lambda: texters <= {message["to"] for message in twilio.messages})

    assert [[], [], []] == failed
    assert citizens.count // 2 == citizens.statuses[201]  # a program is told 201 once, whichever door was faster
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    assert not copies(departments.audited)
    assert not copies(departments.told)
    thanks = Counter(message["to"] for message in twilio.messages if message["to"] in texters)
    assert {1} == set(thanks.values())
    await asyncio.to_thread(well, nodes)


@pytest.mark.servers
async def test_one_of_two_gateways_loses_the_store(
    gateway: Callable[..., GatewayProcess], postgres: Database, rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """One spools what the other files: the citizen hears one reference at both doors, and there is one complaint."""
    role = f"cut_{postgres.name}"
    postgres.server.run(f"CREATE ROLE {role} SUPERUSER LOGIN")
    url = postgres.url.replace("//balagh@", f"//{role}@")
    cut = gateway(BALAGH_STORE_URL=url, BALAGH_BROKER_URL=rabbitmq.url)
    other = gateway(BALAGH_STORE_URL=postgres.url, BALAGH_BROKER_URL=rabbitmq.url)
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await launched([cut, other], ["all", "all"])
    citizens = Citizens(size(100, 1000))
    ids = list(citizens.sayings)
    assert [] == await citizens.deliver([cut, other], ids[:20])
    postgres.server.run(f"ALTER ROLE {role} NOLOGIN")
    postgres.server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
    for failed in await asyncio.gather(citizens.deliver(cut, ids), citizens.deliver(other, ids)):
        assert [] == failed
    await until(lambda: cut.metric("balagh_spool_depth") > len(ids) / 2)
    postgres.server.run(f"ALTER ROLE {role} LOGIN")
    await until(lambda: cut.metric("balagh_spool_depth") == 0)
    await departments.take(complaints=citizens.count)

    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, [cut, other])


@pytest.mark.servers
async def test_two_of_each_role_and_the_holders_killed(
    gateway: Callable[..., GatewayProcess], postgres: Database, rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """Who relays dies by kill -9 in the stream: another takes over, sealing too, within the term."""
    roles = ["intake", "intake", "interpret", "interpret", "relay,clock", "relay,clock", "router", "router"]
    nodes = [gateway(BALAGH_STORE_URL=postgres.url, BALAGH_BROKER_URL=rabbitmq.url) for _ in roles]
    doors, relays = nodes[:2], nodes[4:6]
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await launched(nodes, roles)
    citizens = Citizens(size(250, 2000))
    clock = asyncio.get_running_loop().time
    async with stream(citizens, doors) as failed:
        await until(lambda: len(citizens.accepted) >= 30)
        dead = holder(postgres, "relay", relays)
        assert dead is not None
        other = relays[1 - relays.index(dead)]
        assert 0 == other.metric('balagh_room_total{outcome="received",room="relay"}')
        dead.kill9()
        killed = clock()
        await until(lambda: holder(postgres, "relay", relays) is holder(postgres, "sealer", relays) is other, 60)
        assert clock() - killed < (TERM + SLACK).total_seconds()
    await departments.take(complaints=citizens.count)

    assert [] == failed
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    assert len(copies(departments.audited)) <= WINDOW  # what was on its way when it died, under the same ids
    assert 0 < other.metric('balagh_room_total{outcome="received",room="relay"}')
    await asyncio.to_thread(well, nodes, dead=[dead])


@pytest.mark.servers
async def test_a_relay_that_slept_through_its_term(
    gateway: Callable[..., GatewayProcess],
    postgres: Database,
    rabbitmq: Vhost,
    machine: Machine,
    tmp_path: Path,
    size: Callable[[int, int], int],
) -> None:
    """Stopped with events in hand, it wakes when another has long gone on: old copies at most, and each order holds.

    The other node's clock is an hour fast, which neither gives it the lease early nor keeps it.
    """
    machine.jump(timedelta(hours=1))
    doze = tmp_path / "doze"
    settings = {
        "BALAGH_STORE_URL": postgres.url,
        "BALAGH_BROKER_URL": rabbitmq.url,
        "DOZE": str(doze),
        "DOZE_LEASE": str(size(3, 15)),
    }
    sleeper, other = gateway(**settings), gateway(**settings, **machine.settings)
    sleeper.program = other.program = "tests.faults.dozing"
    departments = Departments(rabbitmq.url)
    await departments.listen()
    await launched([sleeper], ["relay"])  # nothing else: nobody shall wait for what it has in hand
    await until(lambda: holder(postgres, "relay", [sleeper]) is sleeper)
    await launched([other], ["all"])
    citizens = Citizens(size(150, 2000))
    ids = list(citizens.sayings)
    third = len(ids) // 3
    assert [] == await citizens.deliver(other, ids[:third])
    await departments.take(complaints=third)
    assert holder(postgres, "relay", [sleeper, other]) is sleeper
    doze.touch()
    assert [] == await citizens.deliver(other, ids[third : 2 * third])
    await until(lambda: not doze.exists())
    assert sleeper.process is not None
    await until(lambda: holder(postgres, "relay", [sleeper, other]) is other)
    await departments.take(complaints=2 * third)
    offered = dict(departments.offers())
    before = len(departments.audited)
    os.kill(sleeper.process.pid, signal.SIGCONT)
    assert [] == await citizens.deliver(other, ids[2 * third :])
    await departments.take(complaints=citizens.count)

    late = [event for event in departments.audited[before:] if event["subject"] in offered]
    assert late, "it did not sleep with anything in hand"
    assert {event["id"] for event in late} <= {event["id"] for event in departments.audited[:before]}
    assert len(late) <= WINDOW
    assert {2} == set(copies(departments.audited).values())
    assert holder(postgres, "relay", [sleeper, other]) is other
    departments.kept_the_promise(citizens)
    departments.nothing_missing()
    await asyncio.to_thread(well, [sleeper, other])
