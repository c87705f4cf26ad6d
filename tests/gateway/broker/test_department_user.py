"""A department's own user at the broker, made by the commands of the operator's guide: what it may, and what not."""

import re
import shlex
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import ChannelClosed

from gateway.broker.rabbitmq import RabbitMQ
from gateway.broker.topology import COMPLAINTS, UPDATES, Topology
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

pytestmark = pytest.mark.servers

GUIDE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
PASSWORD = "only-for-this-test"


async def test_a_department_writes_under_its_own_name_and_reads_its_own_queue(rabbitmq: Vhost) -> None:
    """It may answer as water; neither as roads, nor as the gateway, nor may it read what is another's."""
    user = f"water-{rabbitmq.name}"
    rabbitmq.node.ctl("add_user", user, PASSWORD)
    for line in re.findall(r"rabbitmqctl (set_\w*permissions -p / water-system .*)$", GUIDE, re.MULTILINE):
        command, _, _, _, *rest = shlex.split(line)
        rabbitmq.ctl(command, user, *rest)
    bus = RabbitMQ(rabbitmq.url, Topology(["water", "roads"]))
    await bus.start()
    await until(lambda: bus.connected)

    async with await aio_pika.connect(rabbitmq.url.replace("guest:guest", f"{user}:{PASSWORD}")) as connection:

        async def publish(exchange: str, key: str) -> None:
            amqp = await connection.channel()
            found = await amqp.get_exchange(exchange, ensure=False)
            await found.publish(aio_pika.Message(b"{}"), key)

        async def read(queue: str) -> None:
            amqp = await connection.channel()
            await (await amqp.get_queue(queue, ensure=False)).get(fail=False)

        await publish(UPDATES, "water.accepted")
        await read("department.water")
        for exchange, key in ((UPDATES, "roads.accepted"), (UPDATES, "water.a.b"), (COMPLAINTS, "received.sms.normal")):
            with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
                await publish(exchange, key)
        for queue in ("department.roads", "balagh.updates", "balagh.router", "balagh.dead"):
            with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
                await read(queue)
    await bus.stop()
