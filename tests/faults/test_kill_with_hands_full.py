"""Killed with deliveries in hand that are not decided yet: the broker still has each of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

import aio_pika
import psycopg
import pytest
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.servers.postgres import Database
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

ROUTER = "balagh.router"


async def test_what_a_router_had_in_hand_when_it_was_killed_is_on_the_queue_again(
    gateway: Callable[..., GatewayProcess], rabbitmq: Vhost, postgres: Database
) -> None:
    """Dead before it could commit: with every gateway down the queue holds each message, and a new start decides it."""
    settings = {"BALAGH_BROKER_URL": rabbitmq.url, "BALAGH_STORE_URL": postgres.url, "FAULT_LEASE": "2"}
    door, router = gateway(**settings), gateway(**settings)
    door.program = router.program = "tests.faults.crashing"
    citizens, departments = Citizens(12), Departments(rabbitmq.url)
    await asyncio.to_thread(door.start, roles="intake,interpret,relay")
    await citizens.insist(door, citizens.deliveries())
    async with await aio_pika.connect(rabbitmq.url) as connection:
        await until(lambda: _waits(connection, messages=12, consumers=0))
        door.kill9()
        with psycopg.connect(postgres.url) as hand:
            told = {row[0] for row in hand.execute("SELECT reference FROM complaints FOR UPDATE")}  # nobody decides
            await asyncio.to_thread(router.start, roles="router")
            await until(lambda: _waits(connection, messages=0, consumers=1))
            await until(lambda: _stuck(postgres))
            router.kill9()
        await until(lambda: _waits(connection, consumers=0))
        with contextlib.suppress(TimeoutError):  # what is missing is said below
            await until(lambda: _waits(connection, messages=12, consumers=0), 30)
        held = await _look(connection)
    assert told == {json.loads(message.body)["subject"] for message in held}
    assert [True] * 12 == [message.redelivered for message in held]

    await asyncio.to_thread(door.start)
    await departments.take(complaints=12)
    departments.kept_the_promise(citizens)
    assert told == set(departments.offers())
    assert 0 == await asyncio.to_thread(door.stop)


async def _waits(connection: AbstractConnection, *, consumers: int, messages: int | None = None) -> bool:
    """Whether so many messages wait to be taken from the router's queue, and so many take from it."""
    try:
        async with connection.channel() as amqp:
            said = (await amqp.declare_queue(ROUTER, passive=True)).declaration_result
    except ChannelNotFoundEntity:  # the gateway has only just started
        return False
    return consumers == said.consumer_count and messages in {None, said.message_count}


async def _stuck(database: Database) -> bool:
    """Whether somebody waits for a lock in the middle of a transaction."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        found = await (await connection.execute(waiting)).fetchone()
    return found is not None and found[0] > 0


async def _look(connection: AbstractConnection) -> list[AbstractIncomingMessage]:
    """Look at everything on the router's queue, and leave it there."""
    held = []
    async with connection.channel() as amqp:
        queue = await amqp.get_queue(ROUTER)
        while (message := await queue.get(fail=False)) is not None:
            held.append(message)
    return held
