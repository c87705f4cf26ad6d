"""The first promise: nothing accepted is ever lost, doubled or sent nowhere, whatever dies."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.end_to_end.gateway_process import ROOT, GatewayProcess
from tests.servers.postgres import Database
from tests.servers.rabbitmq import RabbitNode

MESSAGES = 500
WORDS = (
    "الماء مقطوع عن حي الجامعة منذ يومين",
    "طفح المجاري في الشارع أمام البيت",
    "الكهرباء مقطوعة من الصبح",
    "النفايات متراكمة وما حد شالها",
    "حفرة كبيرة وسط الشارع",
    "كلاب سائبة قرب المدرسة",
    "عمود الإنارة طافي من أسبوع",
    "مرحبا اريد اشتكي",
)
DEPARTMENTS = sorted(tomllib.loads((ROOT / "tests/data/taxonomy.toml").read_text("utf-8"))["departments"])


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Make gateways that end with the test."""
    made: list[GatewayProcess] = []

    def make(**settings: str) -> GatewayProcess:
        made.append(GatewayProcess(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.servers
@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_nothing_accepted_is_lost_or_doubled_when_everything_dies(
    store: str,
    gateway: Callable[..., GatewayProcess],
    rabbitmq_node: Callable[[], RabbitNode],
    request: pytest.FixtureRequest,
) -> None:
    """Killed with -9 amid 500 messages sent twice, RabbitMQ restarted: each is in its department, by one id."""
    node = rabbitmq_node()
    settings = {"BALAGH_BROKER_URL": node.url()}
    if store == "postgresql":
        database: Database = request.getfixturevalue("postgres")
        settings["BALAGH_STORE_URL"] = database.url
    balagh = gateway(**settings)
    balagh.start()
    chance = random.Random(7)
    messages = {
        f"SM{number:032x}": (f"+96479{number:08d}", f"{chance.choice(WORDS)} {number}") for number in range(MESSAGES)
    }
    requests = [item for item in balagh.forms("sms", messages) for _ in range(2)]
    chance.shuffle(requests)

    accepted: set[str] = set()
    unanswered: list[tuple[str, bytes, dict[str, str]]] = []

    async def deliver(session: aiohttp.ClientSession, part: list[tuple[str, bytes, dict[str, str]]]) -> None:
        gate = asyncio.Semaphore(32)

        async def one(sid: str, body: bytes, headers: dict[str, str]) -> None:
            async with gate:
                status = await balagh.post(session, "sms", body, headers)
            if status == 200:
                accepted.add(sid)
            else:
                unanswered.append((sid, body, headers))

        await asyncio.gather(*(one(*item) for item in part))

    wires = aiohttp.TCPConnector(force_close=True)  # a kept connection to a killed process would fail once more
    async with aiohttp.ClientSession(connector=wires, timeout=aiohttp.ClientTimeout(total=20)) as session:
        first = asyncio.create_task(deliver(session, requests[:600]))
        while len(accepted) < 150:
            await asyncio.sleep(0.005)
        balagh.kill9()
        await first
        before = _references(await _stored(balagh, store, request))
        node.kill9()
        balagh.start()
        second = asyncio.create_task(deliver(session, requests[600:]))
        await asyncio.to_thread(node.start)
        await second
        balagh.kill9()
        node.stop()
        node.start()
        balagh.start()
        again, unanswered[:] = list(unanswered), []
        await deliver(session, again)  # a provider tries again what was not answered

    assert set(messages) == accepted
    assert [] == unanswered
    found = await _consume(node.url(), expected=MESSAGES)
    offers = [event for event in found if event["type"] == "balagh.complaint.offered.v1"]
    by_reference = defaultdict(set)
    for event in offers:
        by_reference[event["subject"]].add(event["id"])
    assert MESSAGES == len(by_reference)
    assert {1} == {len(ids) for ids in by_reference.values()}
    rows = await _stored(balagh, store, request)
    references = _references(rows)
    assert MESSAGES == len(references)
    assert set(by_reference) == set(references.values())
    assert before == {sid: references[sid] for sid in before}
    texts = Counter(event["data"]["complaint"]["original_text"] for event in offers)
    assert {words for _, words in messages.values()} == set(texts)
    for event in offers:
        assert event["department"] == event["data"]["route"]["department"]

    books = balagh.command("reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    assert "balanced" in books.stdout
    assert 0 == balagh.stop()


async def _stored(balagh: GatewayProcess, store: str, request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    query = "SELECT external_id, reference FROM journal"
    if store == "sqlite":
        with sqlite3.connect(f"file:{balagh.folder}/data/balagh.db?mode=ro", uri=True) as connection:
            return list(connection.execute(query))
    import psycopg

    url = request.getfixturevalue("postgres").url
    with psycopg.connect(url) as connection:
        return list(connection.execute(query).fetchall())


def _references(rows: list[tuple[str, str]]) -> dict[str, str]:
    return dict(rows)


async def _queue(connection: AbstractConnection, name: str) -> AbstractQueue:
    """Open a queue; the gateway may be putting it back just now."""
    while True:
        amqp = await connection.channel()
        try:
            return await amqp.get_queue(name)
        except ChannelNotFoundEntity:
            await asyncio.sleep(0.2)


async def _consume(url: str, *, expected: int) -> list[dict[str, Any]]:
    """Take everything out of every department's queue, as the departments' systems would, until all has come."""
    events: list[dict[str, Any]] = []
    connection = await aio_pika.connect(url)
    async with connection:
        queues = {department: await _queue(connection, f"department.{department}") for department in DEPARTMENTS}
        quiet = 0
        while quiet < 8:
            took = 0
            for department, queue in queues.items():
                while (message := await queue.get(fail=False)) is not None:
                    await message.ack()
                    event = json.loads(message.body)
                    assert message.message_id == event["id"]
                    assert aio_pika.DeliveryMode.PERSISTENT == message.delivery_mode
                    events.append({**event, "department": department})
                    took += 1
            subjects = {event["subject"] for event in events if event["type"].endswith("offered.v1")}
            quiet = quiet + 1 if not took and len(subjects) >= expected else 0
            if not took:
                await asyncio.sleep(0.25)
    return events
