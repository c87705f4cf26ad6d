"""RabbitMQ as it is: seen from outside, broken on purpose, and back again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from gateway.broker.bus import Confirmed, Delivery, Lost, Nacked, Outcome, Parcel, Returned
from gateway.broker.rabbitmq import RabbitMQ
from gateway.broker.rabbitmq.wire import channel
from gateway.broker.topology import COMPLAINTS, DEAD, DEPARTMENTS, ROUTER, ROUTER_DISTRESS, UPDATES, Topology
from tests.servers.rabbitmq import RabbitNode, Vhost
from tests.servers.waiting import until

pytestmark = pytest.mark.servers

TOPOLOGY = Topology(["water", "roads"])


@pytest.fixture(scope="module")
def breakable() -> Iterator[RabbitNode]:
    """A node that the tests of this module stop, freeze and kill; each leaves it running."""
    node = RabbitNode()
    try:
        node.start()
        yield node
    finally:
        node.close()


@asynccontextmanager
async def started(url: str, *, connected: bool = True, **settings: Any) -> AsyncIterator[RabbitMQ]:
    bus = RabbitMQ(url, TOPOLOGY, **{"watch_every": 1.0, "pauses": (0.05, 0.2), **settings})
    await bus.start()
    try:
        if connected:
            await until(lambda: bus.connected)
        yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def outsider(vhost: Vhost) -> AsyncIterator[AbstractChannel]:
    """A department's own program, or an operator's: nothing of ours."""
    async with await aio_pika.connect(vhost.url) as connection, connection.channel() as amqp:
        yield amqp


async def take(amqp: AbstractChannel, queue: str) -> AbstractIncomingMessage:
    found: list[AbstractIncomingMessage] = []

    async def got() -> bool:
        message = await (await amqp.get_queue(queue, ensure=False)).get(fail=False)
        if message is not None:
            found.append(message)
        return bool(found)

    await until(got)
    return found[0]


def offered(number: int = 1, department: str = "water") -> Parcel:
    return Parcel(DEPARTMENTS, f"{department}.offered", f"event-{number}", b"{}")


def received(number: int = 1) -> Parcel:
    return Parcel(COMPLAINTS, "received.sms.normal", f"event-{number}", b"{}")


async def publish(bus: RabbitMQ, parcel: Parcel) -> Outcome:
    return (await bus.publish([parcel]))[0]


def comes(bus: RabbitMQ, parcel: Parcel, kind: type[Outcome]) -> Callable[[], Any]:
    async def asked() -> bool:
        return isinstance(await publish(bus, parcel), kind)

    return asked


async def test_the_broker_holds_the_contracts_topology(rabbitmq: Vhost) -> None:
    """The exchanges, queues and bindings that rabbitmqctl lists are those departments were promised, and no others."""
    async with started(rabbitmq.url):
        pass

    def listed(what: str, *columns: str) -> list[dict[str, Any]]:
        return json.loads(rabbitmq.ctl(what, "--formatter", "json", *columns))

    exchanges = {
        row["name"]: (row["type"], row["durable"]) for row in listed("list_exchanges", "name", "type", "durable")
    }
    queues = {row["name"]: row for row in listed("list_queues", "name", "type", "durable", "arguments")}
    bindings = {
        (row["source_name"], row["routing_key"], row["destination_name"])
        for row in listed("list_bindings", "source_name", "routing_key", "destination_name")
        if row["source_name"]
    }

    ours = {name: state for name, state in exchanges.items() if name.startswith("balagh.")}
    assert ours == dict.fromkeys([COMPLAINTS, DEPARTMENTS, UPDATES], ("topic", True))
    assert {ROUTER, ROUTER_DISTRESS, UPDATES, DEAD, "department.water", "department.roads"} == set(queues)
    assert {("quorum", True)} == {(row["type"], row["durable"]) for row in queues.values()}
    assert bindings == {
        (COMPLAINTS, "received.*.normal", ROUTER),
        (COMPLAINTS, "received.*.high", ROUTER),
        (COMPLAINTS, "amended.*.normal", ROUTER),
        (COMPLAINTS, "amended.*.high", ROUTER),
        (COMPLAINTS, "received.*.distress", ROUTER_DISTRESS),
        (COMPLAINTS, "amended.*.distress", ROUTER_DISTRESS),
        (DEPARTMENTS, "water.#", "department.water"),
        (DEPARTMENTS, "roads.#", "department.roads"),
        (UPDATES, "#", UPDATES),
    }


async def test_a_department_reads_what_the_contract_promises(rabbitmq: Vhost) -> None:
    """Persistent, with the event's id, type, time and priority, as CloudEvents, and the headers that were given."""
    moment = datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC)
    parcel = Parcel(
        DEPARTMENTS,
        "water.offered",
        "event-1",
        b"{}",
        priority=9,
        headers={"reason": "سبب", "quarantine": 7},
        type="balagh.complaint.offered.v1",
        timestamp=moment,
    )
    async with started(rabbitmq.url) as bus, outsider(rabbitmq) as amqp:
        assert Confirmed() == await publish(bus, parcel)
        message = await take(amqp, "department.water")

    assert ("event-1", "balagh.complaint.offered.v1", moment, "balagh") == (
        message.message_id,
        message.type,
        message.timestamp,
        message.app_id,
    )
    assert ("application/cloudevents+json", aio_pika.DeliveryMode.PERSISTENT, 9) == (
        message.content_type,
        message.delivery_mode,
        message.priority,
    )
    assert ("سبب", 7) == (message.headers["reason"], message.headers["quarantine"])


async def test_a_full_queue_refuses_and_the_others_take(rabbitmq: Vhost) -> None:
    """An operator's length limit makes the broker refuse, never drop; other departments are not touched."""
    async with started(rabbitmq.url) as bus:
        rabbitmq.ctl("set_policy", "short", "^department.water$", '{"max-length": 1}', "--apply-to", "queues")
        number = 0

        async def refused() -> bool:
            nonlocal number
            number += 1
            return isinstance(await publish(bus, offered(number)), Nacked)

        await until(refused)
        assert Confirmed() == await publish(bus, offered(number, "roads"))
        depths = await bus.depths(["department.water"])

    assert depths == {"department.water": number - 1}


async def test_a_department_that_rejects_destroys_nothing(rabbitmq: Vhost) -> None:
    """What a department's program rejects lies in balagh.dead, whole, with where it came from and why."""
    async with started(rabbitmq.url) as bus, outsider(rabbitmq) as amqp:
        assert Confirmed() == await publish(bus, offered())
        await (await take(amqp, "department.water")).reject(requeue=False)
        dead = await take(amqp, DEAD)

    death = dead.headers["x-death"]
    assert isinstance(death, list)
    assert isinstance(death[0], dict)
    assert ("event-1", b"{}") == (dead.message_id, dead.body)
    assert ("rejected", "department.water") == (death[0]["reason"], death[0]["queue"])


async def test_a_department_in_a_crash_loop_destroys_nothing(rabbitmq: Vhost) -> None:
    """A message given back beyond the limit lies in balagh.dead; here an operator has lowered the limit to three."""
    async with started(rabbitmq.url) as bus, outsider(rabbitmq) as amqp:
        rabbitmq.ctl("set_policy", "few", "^department.water$", '{"delivery-limit": 3}', "--apply-to", "queues")
        assert Confirmed() == await publish(bus, offered())
        for _ in range(4):
            await (await take(amqp, "department.water")).nack(requeue=True)
        dead = await take(amqp, DEAD)

    assert ("event-1", "delivery_limit") == (dead.message_id, dead.headers["x-first-death-reason"])


async def test_a_queue_that_differs_is_named_and_left_alone(rabbitmq: Vhost) -> None:
    """One wrong queue stops what goes to it, with a sentence that says which, why and what to do; the rest works."""
    async with outsider(rabbitmq) as amqp:
        await amqp.declare_queue("department.water", durable=True)
    async with started(rabbitmq.url) as bus:
        [error] = await bus.check()
        outcomes = await bus.publish([offered(1), offered(2, "roads")])
        async with outsider(rabbitmq) as amqp:
            await amqp.queue_delete("department.water")
        await until(comes(bus, offered(1), Confirmed))
        healed = await bus.check()

    assert "The queue department.water exists on the broker with x-" in error
    assert "delete it" in error
    assert [Nacked(error), Confirmed()] == outcomes
    assert healed == []


async def test_an_exchange_that_differs_is_named(rabbitmq: Vhost) -> None:
    """An exchange of another kind would drop what it should route, so nothing is published to it."""
    async with outsider(rabbitmq) as amqp:
        await amqp.declare_exchange(DEPARTMENTS, "direct", durable=True)
    async with started(rabbitmq.url) as bus:
        [error] = await bus.check()
        outcomes = await bus.publish([offered(), received()])

    assert "The exchange balagh.departments exists on the broker with type = direct, and Balagh needs topic" in error
    assert [Nacked, Confirmed] == [type(outcome) for outcome in outcomes]


async def test_what_is_deleted_by_hand_comes_back(rabbitmq: Vhost) -> None:
    """A deleted queue or exchange is declared again and consumed again, without a restart of the gateway."""
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    async with started(rabbitmq.url, watch_every=60.0) as bus:
        await bus.consume(ROUTER, handle, prefetch=4)
        rabbitmq.delete_queue("department.water")
        assert Returned("no queue takes it (NO_ROUTE)") == await publish(bus, offered(1))
        await until(comes(bus, offered(1), Confirmed))

        rabbitmq.delete_queue(ROUTER)
        await until(comes(bus, received(2), Confirmed))
        await until(lambda: "event-2" in seen)

        async with outsider(rabbitmq) as amqp:
            await amqp.exchange_delete(COMPLAINTS)
        assert Lost is type(await publish(bus, received(3)))
        await until(comes(bus, received(3), Confirmed))
        await until(lambda: "event-3" in seen)
        assert await bus.check() == []


async def test_a_consumer_that_silently_went_is_started_again(rabbitmq: Vhost) -> None:
    """The broker knows no consumer although we believe that we have one: the watch finds it and consumes again."""
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    async with started(rabbitmq.url) as bus:
        await bus.consume(ROUTER, handle, prefetch=4)
        consumer = bus._consumers[ROUTER]
        underlay = consumer._underlay
        assert underlay is not None
        believed = dict(underlay.consumers)
        await underlay.basic_cancel(consumer._tag)
        underlay.consumers.update(believed)
        assert consumer.alive

        assert Confirmed() == await publish(bus, received())
        await until(lambda: seen == ["event-1"])


async def test_connections_closed_by_an_operator_come_back(rabbitmq: Vhost) -> None:
    """`rabbitmqctl close_all_connections` costs a moment: publishing and consuming go on by themselves."""
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    async with started(rabbitmq.url) as bus:
        await bus.consume(ROUTER, handle, prefetch=4)
        await asyncio.to_thread(rabbitmq.ctl, "close_all_connections", "maintenance")
        await until(lambda: not bus.connected)
        await until(comes(bus, received(), Confirmed))
        await until(lambda: "event-1" in seen)


async def test_a_wrong_password_is_told_without_the_password(
    rabbitmq: Vhost, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The operator reads that the login was refused; the password is in no message, log or representation."""
    secret = "s3cr3t-w0rd"
    caplog.set_level("DEBUG")
    async with started(rabbitmq.url.replace(":guest@", f":{secret}@"), connected=False) as bus:

        async def refused() -> bool:
            return "ACCESS_REFUSED" in " ".join(await bus.check())

        await until(refused)
        outcome = await publish(bus, offered())
        told = " ".join(
            [*await bus.check(), repr(outcome), repr(bus), repr(vars(bus)), caplog.text, *capsys.readouterr()]
        )

    assert "Login was refused" in told
    assert secret not in told


async def test_the_gateway_starts_before_the_broker(rabbitmq_node: Callable[[], RabbitNode]) -> None:
    """Without a broker the start does not fail or wait; when the broker arrives, all of it works."""
    node = rabbitmq_node()
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    async with started(node.url(), connected=False) as bus:
        await bus.consume(ROUTER, handle, prefetch=4)
        assert Lost is type(await publish(bus, offered()))
        assert {"department.water": None} == await bus.depths(["department.water"])
        (problem,) = await bus.check()
        assert problem.startswith("RabbitMQ is out of reach")

        await asyncio.to_thread(node.start)
        await until(lambda: bus.connected)
        outcomes = await bus.publish([offered(), received()])
        await until(lambda: seen == ["event-1"])

    assert [Confirmed(), Confirmed()] == outcomes


async def test_a_broker_that_stops_in_the_middle_loses_nothing_confirmed(breakable: RabbitNode) -> None:
    """While it is stopped every outcome is Lost; afterwards it goes on, and all that was confirmed is consumed."""
    vhost = breakable.new_vhost()
    seen: set[str] = set()
    outcomes: dict[str, Outcome] = {}

    async def handle(delivery: Delivery) -> None:
        seen.add(delivery.id)

    async with started(vhost.url) as bus:
        await bus.consume(ROUTER, handle, prefetch=16)
        stopping: asyncio.Task[None] | None = None
        number = 0
        while not any(isinstance(outcome, Lost) for outcome in outcomes.values()):
            batch = [received(number := number + 1) for _ in range(20)]
            outcomes.update(zip((parcel.id for parcel in batch), await bus.publish(batch), strict=True))
            stopping = stopping or asyncio.create_task(asyncio.to_thread(breakable.stop_app))
        assert stopping is not None
        await stopping
        assert Lost is type(await publish(bus, received(0)))

        await asyncio.to_thread(breakable.start_app)
        await until(comes(bus, received(0), Confirmed))
        confirmed = {name for name, outcome in outcomes.items() if outcome == Confirmed()}
        await until(lambda: {"event-0", *confirmed} <= seen)

    assert {Confirmed, Lost} == {type(outcome) for outcome in outcomes.values()}


async def test_what_was_confirmed_survives_a_power_cut(breakable: RabbitNode) -> None:
    """Kill -9 under load: every confirmed message is in its queue after the restart, with its own id."""
    vhost = breakable.new_vhost()
    outcomes: dict[str, Outcome] = {}
    killing: asyncio.Task[None] | None = None
    async with started(vhost.url) as bus:
        while not any(isinstance(outcome, Lost) for outcome in outcomes.values()):
            batch = [offered(len(outcomes) + number) for number in range(50)]
            outcomes.update(zip((parcel.id for parcel in batch), await bus.publish(batch), strict=True))
            killing = killing or asyncio.create_task(asyncio.to_thread(breakable.kill9))
        assert killing is not None
        await killing
        await asyncio.to_thread(breakable.start)
        await until(lambda: bus.connected)
        kept = set()
        async with outsider(vhost) as amqp:
            queue = await amqp.get_queue("department.water", ensure=False)
            while (message := await queue.get(fail=False)) is not None:
                kept.add(message.message_id)

    assert {Confirmed, Lost} == {type(outcome) for outcome in outcomes.values()}
    assert {name for name, outcome in outcomes.items() if outcome == Confirmed()} <= kept


async def test_a_broker_that_hangs_is_given_up(breakable: RabbitNode) -> None:
    """No answer in time is Lost, and the connection is renewed, so that a late answer is taken for nobody's."""
    vhost = breakable.new_vhost()
    async with started(vhost.url, publish_timeout=0.5) as bus:
        breakable.freeze()
        try:
            outcome = await publish(bus, offered())
            used = bus._publisher
        finally:
            breakable.thaw()
        await until(comes(bus, offered(), Confirmed))
        renewed = bus._publisher

    assert Lost("RabbitMQ did not confirm within 0.5 s") == outcome
    assert renewed is not used


async def test_a_cut_cable_is_noticed(breakable: RabbitNode) -> None:
    """Nothing arrives and nobody said goodbye: the heartbeat ends the wait, and what was under way is Lost."""
    vhost = breakable.new_vhost()
    async with started(f"{vhost.url}?heartbeat=1", publish_timeout=60.0) as bus:
        breakable.freeze()
        try:
            outcome = await publish(bus, offered())
        finally:
            breakable.thaw()
        await until(comes(bus, offered(), Confirmed))

    assert Lost is type(outcome)


async def test_a_memory_alarm_stops_publishing_and_nothing_else(breakable: RabbitNode) -> None:
    """Out of memory the broker takes nothing; the gateway says so, still acknowledges, and goes on when it is over."""
    vhost = breakable.new_vhost()
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    async def acknowledged() -> bool:
        return (await asyncio.to_thread(vhost.list_queues))[ROUTER].messages == 0

    async with started(vhost.url, publish_timeout=3.0) as bus:
        assert Confirmed() == await publish(bus, received(1))
        await asyncio.to_thread(breakable.ctl, "set_vm_memory_high_watermark", "0.00001")
        try:
            await until(comes(bus, received(2), Lost))
            await until(lambda: bus.blocked)
            problems = await bus.check()
            refused = await publish(bus, received(3))
            await bus.consume(ROUTER, handle, prefetch=4)
            await until(lambda: "event-1" in seen)
            await until(acknowledged)
        finally:
            await asyncio.to_thread(breakable.ctl, "set_vm_memory_high_watermark", "0.4")
        await until(comes(bus, received(3), Confirmed))
        await until(lambda: "event-3" in seen)
        assert not bus.blocked

    alarm = "RabbitMQ takes no messages: it is short of memory or disk space (resource alarm)"
    assert Lost(alarm) == refused
    assert [f"{alarm}."] == problems


@pytest.mark.servers
async def test_a_broker_that_falls_silent_in_the_middle_of_a_question_holds_up_nobody(
    rabbitmq_node: Callable[[], RabbitNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk stalls while we ask: the question ends, and so does whatever waits behind it."""
    node = rabbitmq_node()
    node.start()
    bus = RabbitMQ(node.url(), Topology(["water"]))
    await bus.start()
    try:
        await until(lambda: bus.connected)
        monkeypatch.setattr("gateway.broker.rabbitmq.wire.CALL_TIMEOUT", 0.5)
        assert bus._control is not None
        async with asyncio.timeout(60):
            async with channel(bus._control):
                node.freeze()
    finally:
        node.thaw()
        await bus.stop()
