"""A department's own system at its end of RabbitMQ: it gets an offer, answers, and hears what came of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractChannel

from tests.end_to_end.gateway_process import API_KEY, GatewayProcess
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

OUTAGE = "الماء مقطوع عن حي الجامعة منذ يومين"


class Department:
    """The system of a department: it consumes its queue and publishes its answers with confirms."""

    def __init__(self, amqp: AbstractChannel, name: str) -> None:
        self.amqp, self.name = amqp, name

    async def hears(self, kind: str) -> dict[str, Any]:
        """Take from the queue until an event of this type comes."""
        queue = await self.amqp.get_queue(f"department.{self.name}")
        async with asyncio.timeout(30):
            while True:
                message = await queue.get(fail=False)
                if message is None:
                    await asyncio.sleep(0.05)
                    continue
                await message.ack()
                event: dict[str, Any] = json.loads(message.body)
                if event["type"].split(".")[2] == kind:
                    return event

    async def says(self, verb: str, offer: dict[str, Any], *, copies: int = 1, **data: Any) -> str:
        """Answer an offer, in so many copies; returns the id of the answer."""
        name = str(uuid4())
        event = {
            "specversion": "1.0",
            "id": name,
            "source": f"/{self.name}",
            "type": f"balagh.update.{verb}.v1",
            "subject": offer["subject"],
            "data": {"offer": offer["id"], **data},
        }
        exchange = await self.amqp.get_exchange("balagh.updates")
        for _ in range(copies):
            body = aio_pika.Message(json.dumps(event).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(body, f"{self.name}.{verb}")
        return name


@pytest.mark.servers
async def test_a_department_answers_by_its_queue(balagh: GatewayProcess, rabbitmq: Vhost) -> None:
    """Accepted in two copies is one event; what it rejects is the other's; its late answer is refused to it alone."""
    key = {"Authorization": f"Bearer {API_KEY}"}
    connection = await aio_pika.connect(rabbitmq.url)
    async with aiohttp.ClientSession(balagh.url, headers=key) as session, connection:
        amqp = await connection.channel()
        water, sewage = Department(amqp, "water"), Department(amqp, "sewage")
        async with session.post("/api/v1/complaints", json={"text": OUTAGE, "category": "water.outage"}) as response:
            reference = (await response.json())["reference"]

        async def routed() -> bool:  # then the broker has everything that the gateway declares
            async with session.get(f"/api/v1/complaints/{reference}") as response:
                return (await response.json())["status"] == "offered"

        await until(routed)
        offer = await water.hears("offered")
        assert reference == offer["subject"]
        await water.says("accepted", offer, copies=2, due_at=None, officer="سعاد")
        assert "accepted" == (await water.hears("accepted"))["data"]["complaint"]["status"]
        await water.says("rejected", offer, reason="الخط لدائرة المجاري", suggested_department="sewage")
        assert "sewage" == (await water.hears("recalled"))["data"]["moved_to"]
        late = await water.says("resolved", offer)
        refused = await water.hears("refused")
        assert (late, reference, "offer") == (refused["data"]["update"], refused["subject"], refused["data"]["field"])

        again = await sewage.hears("offered")
        assert "rejection" == again["data"]["route"]["rule"]
        await sewage.says("resolved", again, copies=2, outcome="repaired", answer="أُصلح الخط")
        assert "accepted" == (await sewage.hears("accepted"))["type"].split(".")[2]
        assert "resolved" == (await sewage.hears("resolved"))["data"]["complaint"]["status"]

        async with session.get(f"/api/v1/complaints/{reference}") as response:
            shown = await response.json()
    told = ["received", "offered", "accepted", "rejected", "recalled", "offered", "accepted", "resolved"]
    assert (told, "resolved") == ([event["type"] for event in shown["events"]], shown["status"])
    books = await asyncio.to_thread(balagh.command, "reconcile")
    assert 0 == books.returncode, books.stdout
