"""The unit of the benchmark: a bare aiohttp handler that publishes each body to RabbitMQ with a confirm, then answers.

No signature is checked, nothing is journaled, no department is found: it is what anybody would write in ten minutes.
"""

from __future__ import annotations

import sys

import aio_pika
import uvloop
from aiohttp import web


async def application(amqp_url: str) -> web.Application:
    """Build the handler, connected."""
    connection = await aio_pika.connect(amqp_url)
    amqp = await connection.channel(publisher_confirms=True)
    await amqp.declare_queue("bench.bare", durable=True, arguments={"x-queue-type": "quorum"})

    async def hear(request: web.Request) -> web.Response:
        body = await request.read()
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await amqp.default_exchange.publish(message, routing_key="bench.bare")
        return web.Response()

    async def live(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/channels/sms", hear)
    app.router.add_get("/health/live", live)
    return app


async def main(port: int, amqp_url: str) -> None:
    """Serve until killed."""
    import asyncio

    runner = web.AppRunner(await application(amqp_url), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
