"""The broker: whether it takes messages, whether its queues are as they should be, and whether anybody empties them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from gateway import observe
from gateway.app import bus_of
from gateway.broker.bus import Bus, Lost, Nacked, Parcel
from gateway.broker.topology import DEFAULT_EXCHANGE, ROUTER, ROUTER_DISTRESS, UPDATES, department_queue
from gateway.check.findings import Findings
from gateway.check.store import STALE
from gateway.city.city import City
from gateway.settings import Settings
from gateway.store import stranded
from gateway.store.engine import DatabaseError, Store, StoreUnavailable

UNTAKEN = 900.0  # seconds after which what lies in a department's queue says that its system takes nothing
PATIENCE = 6.0  # seconds to wait for the broker


async def look_at_broker(settings: Settings, city: City, findings: Findings) -> None:
    """Say how the broker stands, and what is wrong with it."""
    if not settings.broker_url:
        findings.good("broker: embedded")
        return
    bus = bus_of(settings, city)
    await bus.start()
    try:
        async with asyncio.timeout(PATIENCE):
            while not bus.connected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    refusal = await _takes(bus)
    problems = await bus.check() or refusal
    names = [queue.name for queue in bus.topology.queues]
    depths, consumers = await bus.depths(names), await bus.consumers(names)
    await bus.stop()
    for problem in problems:
        findings.bad(f"BALAGH_BROKER_URL: {problem}")
    if not problems:
        findings.good("broker: connected, it takes messages, its exchanges and queues are as they should be")
    for queue in (ROUTER_DISTRESS, ROUTER, UPDATES):
        if depths[queue] and not consumers[queue]:
            findings.bad(f"queue {queue}: {depths[queue]} wait and nobody consumes it: no process runs the role router")
    waiting = {queue: (depth, consumers[queue] or 0) for queue, depth in depths.items() if depth}
    await _departments(settings, bus, waiting, findings)


async def _takes(bus: Bus) -> list[str]:
    """Whether the broker takes messages, by two that go to no queue.

    It tells of an alarm only whoever publishes, and blocks a connection no sooner than after its first message.
    """
    if not bus.connected:
        return []
    probe = asyncio.create_task(_probe(bus))
    try:
        async with asyncio.timeout(PATIENCE):
            while not probe.done() and not bus.blocked:
                await asyncio.sleep(0.05)
    except TimeoutError:
        return ["RabbitMQ is connected and takes no message."]
    finally:
        probe.cancel()
    await asyncio.wait({probe})
    return [] if probe.cancelled() else probe.result()


async def _probe(bus: Bus) -> list[str]:
    for _ in range(2):
        [outcome] = await bus.publish([Parcel(DEFAULT_EXCHANGE, "balagh.check", f"check-{uuid4()}", b"")])
        if isinstance(outcome, Lost | Nacked):
            return [f"RabbitMQ takes no message: {outcome.reason}."]
    return []


async def _departments(settings: Settings, bus: Bus, waiting: dict[str, tuple[int, int]], findings: Findings) -> None:
    """Say how much the departments' own systems have not taken, and for how long the oldest lies there."""
    store = Store(settings.store_url)
    try:
        now = datetime.now(UTC)
        for name in bus.topology.departments:
            messages, consumers = waiting.get(queue := department_queue(name), (0, 0))
            if not messages:
                continue
            since = await store.read(partial(stranded.waits_since, department=name, messages=messages))
            age = observe.age(since, now)
            text = f"queue {queue}: {messages} not taken, the oldest for about {age:.0f} s"
            text += "" if consumers else ", nobody consumes it"
            findings.judge(text, wrong=age > (UNTAKEN if consumers else STALE))
    except (StoreUnavailable, DatabaseError):
        return  # said already
    finally:
        store.close()
