"""The main job on real input: every message of the sample, signed as Twilio signs, to the department that has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from tests.end_to_end.gateway_process import ROOT, GatewayProcess
from tests.faults.departments import DEPARTMENTS
from tests.servers.rabbitmq import Vhost

MESSAGES = [json.loads(line) for line in (ROOT / "tests/data/complaints.jsonl").read_text("utf-8").splitlines()]

SILENCES = ("STOP", "الغاء الاشتراك")
"""The messages of the sample that ask for silence and nothing else: honoured, and no complaint."""


@pytest.mark.servers
async def test_every_message_of_the_sample_reaches_its_department(
    balagh: GatewayProcess, rabbitmq: Vhost, tmp_path: Path
) -> None:
    """As SMS and as WhatsApp: each is one offer in its route's queue, of the published schema, and in the books."""
    words: dict[str, str] = {}
    requests = []
    for channel, first in (("sms", "+96477"), ("whatsapp", "+96478")):
        batch = {}
        for number, message in enumerate(MESSAGES):
            sid = f"{'SM' if channel == 'sms' else 'MM'}{number:032x}"
            batch[sid] = (f"{first}{number:08d}", message["text"])
            words[sid] = message["text"]
        requests += [(channel, *request) for request in balagh.forms(channel, batch)]

    gate = asyncio.Semaphore(24)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:

        async def post(channel: str, _sid: str, body: bytes, headers: dict[str, str]) -> int:
            async with gate:
                return await balagh.post(session, channel, body, headers)

        answers = await asyncio.gather(*(post(*request) for request in requests))
    assert {200: 2 * len(MESSAGES)} == Counter(answers)

    filed = [text for text in words.values() if text not in SILENCES]
    assert len(words) - 2 * len(SILENCES) == len(filed)
    offers = await _offers(rabbitmq.url, expected=len(filed))
    assert len(filed) == len({event["subject"] for event in offers})
    assert len(filed) == len(offers)
    assert Counter(filed) == Counter(event["data"]["complaint"]["original_text"] for event in offers)
    for event in offers:
        assert event["queue"] == event["data"]["route"]["department"]
        assert event["data"]["route"]["reason"]

    folder = tmp_path / "schemas"
    assert 0 == (await asyncio.to_thread(balagh.command, "schema", str(folder))).returncode
    schema = json.loads((folder / "event.v1.json").read_text("utf-8"))
    assert validator_for(schema) is Draft202012Validator
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for event in offers:
        faults = [error.message for error in validator.iter_errors({**event, "queue": None})]
        assert [] == faults

    books = await asyncio.to_thread(balagh.command, "reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    rows = {line.split()[0]: line.split() for line in reversed(books.stdout.splitlines()) if line.strip()}
    passages = {line.split()[0]: line.split() for line in books.stdout.splitlines() if line.strip()}
    for channel in ("sms", "whatsapp"):
        columns = (len(MESSAGES), len(filed) // 2, 0, len(SILENCES), 0, 0, 0)
        assert [channel, *map(str, columns)] == rows[channel]
        filed_here = str(len(filed) // 2)
        assert [channel, "-", "-", str(len(MESSAGES)), *[filed_here] * 3] == passages[channel]
    by_queue = Counter(event["queue"] for event in offers)
    assert by_queue == {name: int(rows[name][1]) for name in by_queue}
    assert 0 == await asyncio.to_thread(balagh.stop)


async def _offers(url: str, *, expected: int) -> list[dict[str, Any]]:
    """Take everything out of the departments' queues until all offers have come."""
    events: list[dict[str, Any]] = []
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(180):
        while len(events) < expected:
            took = len(events)
            for department in DEPARTMENTS:
                events += [event async for event in _waiting(connection, department)]
            if took == len(events):
                await asyncio.sleep(0.1)
    return events


async def _waiting(connection: AbstractConnection, department: str) -> AsyncIterator[dict[str, Any]]:
    """Take what waits in a department's queue; a broker that starts slowly may not have made it yet."""
    with contextlib.suppress(ChannelNotFoundEntity):
        async with connection.channel() as amqp:
            queue = await amqp.get_queue(f"department.{department}")
            while (message := await queue.get(fail=False, no_ack=True)) is not None:
                event = json.loads(message.body)
                assert event["id"] == message.message_id
                assert f"{department}.offered" == message.routing_key
                yield {**event, "queue": department}
