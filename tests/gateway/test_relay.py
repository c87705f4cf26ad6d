"""The relay on a real RabbitMQ, on the embedded broker, and two of them on one PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from gateway.broker.relay import Relay
from gateway.broker.topology import COMPLAINTS, DEAD, DEPARTMENTS
from gateway.city.city import City
from gateway.lease import Lease
from gateway.store import outbox, quarantine
from tests.gateway.walk import OUTAGE, Walk, metric
from tests.servers.postgres import Database
from tests.servers.rabbitmq import RabbitNode, Vhost
from tests.servers.waiting import until

POTHOLE = "حفرة كبيرة وسط الشارع"


@pytest.fixture
async def on_rabbit(tmp_path: Path, city: City, rabbitmq: Vhost) -> AsyncIterator[Walk]:
    """A house on SQLite and a real RabbitMQ."""
    made = Walk(tmp_path, city, BALAGH_BROKER_URL=rabbitmq.url)
    await made.open()
    await until(lambda: made.house.bus.connected)
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def outsider(url: str) -> AsyncIterator[Any]:
    """A program of somebody else on the same broker."""
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel()


async def take(amqp: Any, queue: str) -> Any:
    found: list[Any] = []

    async def got() -> bool:
        message = await (await amqp.get_queue(queue, ensure=False)).get(fail=False, no_ack=True)
        if message is not None:
            found.append(message)
        return bool(found)

    await until(got)
    return found[0]


async def drained(walk: Walk) -> bool:
    """Relay, and say whether everything is out and routed."""
    await walk.relay.step()
    unrouted = await walk.rows("SELECT 1 FROM complaints WHERE department IS NULL")
    waiting, _, _ = await walk.house.store.read(outbox.backlog)  # last: routing is what fills it again
    return not waiting and not unrouted


@pytest.mark.servers
async def test_a_message_on_the_bus_is_what_the_contract_promises(on_rabbit: Walk, rabbitmq: Vhost) -> None:
    """Envelope, properties, routing keys and times of a complaint's first two events, as a department reads them."""
    async with outsider(rabbitmq.url) as amqp:
        everything = await amqp.declare_queue("everything", durable=False, auto_delete=True)
        await everything.bind(COMPLAINTS, "#")
        receipt = await on_rabbit.hear("سلك مكشوف قرب المدرسة يكهرب الأطفال، خطر على الحياة")
        await until(lambda: drained(on_rabbit))
        received = await take(amqp, "everything")
        offered = await take(amqp, "department.electricity")

    for message, sequence, name in ((received, "1", "received"), (offered, "2", "offered")):
        event = json.loads(message.body)
        assert ("application/cloudevents+json", aio_pika.DeliveryMode.PERSISTENT, 9) == (
            message.content_type,
            message.delivery_mode,
            message.priority,
        )
        assert event["id"] == message.message_id
        assert {
            "specversion": "1.0",
            "source": "/balagh/baghdad",
            "type": f"balagh.complaint.{name}.v1",
            "sequence": sequence,
            "subject": receipt.reference,
            "time": "2026-11-21T10:15:30.123456Z",
            "datacontenttype": "application/json",
            "dataschema": "https://balagh.example/schemas/complaint.v1.json",
        } == {key: value for key, value in event.items() if key not in {"id", "data"}}
        assert re.fullmatch(r"[0-9a-f-]{36}", event["id"])
    assert ("received.sms.distress", "electricity.offered") == (received.routing_key, offered.routing_key)
    data = json.loads(offered.body)["data"]
    assert ("electricity", True, "offered") == (
        data["route"]["department"],
        data["route"]["automatic"],
        data["complaint"]["status"],
    )
    assert "due_at" in data


@pytest.mark.servers
async def test_a_department_without_its_queue_waits_in_order_and_holds_nobody_up(
    on_rabbit: Walk, rabbitmq: Vhost
) -> None:
    """Its complaint is parked with an alarm and drains in order once the queue is back; others pass meanwhile."""
    alarms = metric("balagh_alarms_total", kind="parked")
    water = await on_rabbit.hear(OUTAGE)
    rabbitmq.delete_queue("department.water")
    await until(lambda: _routed(on_rabbit))
    for words in ("الطابق الثاني أيضاً", "والجيران كذلك"):
        await on_rabbit.hear(words)
    roads = await on_rabbit.hear(POTHOLE, "+9647709999999")

    async def only_water_waits() -> bool:
        await on_rabbit.relay.step()
        parked = await on_rabbit.house.store.read(outbox.parked)
        waiting, _, _ = await on_rabbit.house.store.read(outbox.backlog)
        return ([(water.reference, 2)], 3) == ([row[:2] for row in parked], waiting) and await _out(on_rabbit, 3)

    await until(only_water_waits)
    assert alarms < metric("balagh_alarms_total", kind="parked")
    async with outsider(rabbitmq.url) as amqp:
        assert roads.reference == json.loads((await take(amqp, "department.roads")).body)["subject"]

        async def in_time() -> bool:
            on_rabbit.clock.pass_by(seconds=5)
            return await drained(on_rabbit)

        await until(in_time)
        events = [json.loads((await take(amqp, "department.water")).body) for _ in range(3)]
    assert [("2", "offered"), ("3", "amended"), ("4", "amended")] == [
        (event["sequence"], event["type"].split(".")[2]) for event in events
    ]
    assert [] == await on_rabbit.house.store.read(outbox.parked)


async def _routed(walk: Walk) -> bool:
    await walk.relay.step()
    return not await walk.rows("SELECT 1 FROM complaints WHERE department IS NULL")


@pytest.mark.servers
async def test_what_the_broker_has_not_confirmed_stays_unmarked(
    tmp_path: Path, city: City, rabbitmq_node: Callable[[], RabbitNode]
) -> None:
    """Absent at the start, or silent in the middle: nothing is marked, nothing is parked, and all of it goes later."""
    node = rabbitmq_node()
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL=node.url())
    walk.house.bus._publish_timeout = 1.0  # type: ignore[attr-defined]
    await walk.open()
    running = asyncio.create_task(walk.relay.run())
    try:
        await walk.hear(OUTAGE)
        assert (1, 0) == (await walk.house.store.read(outbox.backlog))[:2]
        await asyncio.to_thread(node.start)
        await until(lambda: _out(walk, 2))

        node.freeze()
        await walk.hear(POTHOLE, "+9647709999999")
        await until(lambda: not walk.house.bus.connected)
        waiting, parked, _ = await walk.house.store.read(outbox.backlog)
        assert waiting >= 1  # two, when the node had handed the event on before it froze
        assert 0 == parked
        assert 2 == len(await walk.rows("SELECT 1 FROM relay WHERE published_at IS NOT NULL"))
        node.thaw()
        await until(lambda: _out(walk, 4))
    finally:
        node.thaw()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await walk.close()


async def _out(walk: Walk, events: int) -> bool:
    return events == len(await walk.rows("SELECT 1 FROM relay WHERE published_at IS NOT NULL"))


@pytest.mark.servers
async def test_what_went_to_quarantine_is_copied_to_the_dead_once(on_rabbit: Walk, rabbitmq: Vhost) -> None:
    """balagh.dead holds the thing itself, with the reason, the room and the row's number in its headers."""
    store = on_rabbit.house.store
    number = await store.write(
        lambda connection: quarantine.add(
            connection,
            stage="interpret",
            subject="journal-1",
            reason="لا يُقرأ",
            body='{"نص": "كلام"}',
            now=on_rabbit.clock(),
        )
    )
    await on_rabbit.relay.step()
    await on_rabbit.relay.step()
    async with outsider(rabbitmq.url) as amqp:
        copy = await take(amqp, DEAD)
        queue = await amqp.declare_queue(DEAD, passive=True)

    assert 0 == queue.declaration_result.message_count
    assert {
        "reason": "لا يُقرأ",
        "stage": "interpret",
        "subject": "journal-1",
        "quarantine": str(number),
    } == {name: value for name, value in copy.headers.items() if not name.startswith("x-")}
    assert '{"نص": "كلام"}' == copy.body.decode()
    assert (f"quarantine-{number}", aio_pika.DeliveryMode.PERSISTENT) == (copy.message_id, copy.delivery_mode)


async def test_danger_goes_first(walk: Walk) -> None:
    """Behind a backlog, the complaint about danger to life is published before every other."""
    await walk.house.bus.stop()
    for number in range(5):
        await walk.hear(POTHOLE, f"+96477011111{number:02}")
    danger = await walk.hear("حريق في البناية والناس محاصرين ساعدونا", "+9647702222222")
    await walk.house.bus.start()
    await walk.publish()

    assert danger.reference == walk.tape.events(COMPLAINTS)[0]["subject"]
    assert ("received.sms.distress", 9) == (walk.tape.parcels[0].routing_key, walk.tape.parcels[0].priority)


async def test_one_event_that_cannot_be_written_stops_nobody_else(walk: Walk) -> None:
    """A bug in writing one complaint parks that complaint, with an alarm; the others reach their departments."""
    broken = await walk.hear(OUTAGE)
    await walk.hear(POTHOLE, "+9647709999999")
    row = "SELECT complaint_id FROM events WHERE reference = :reference"
    [(case,)] = await walk.rows(row, reference=broken.reference)
    write = walk.envelopes.for_everybody

    class Breaking:
        """Envelopes that one complaint breaks."""

        for_department = walk.envelopes.for_department

        def for_everybody(self, letter: Any) -> bytes:
            if letter.complaint.id == case:
                raise RuntimeError("كلام المواطن")
            return write(letter)

    walk.relay.envelopes = Breaking  # type: ignore[assignment]
    await walk.publish()

    assert [("roads", "offered")] == walk.tape.told()
    assert [(broken.reference, 1, "RuntimeError while writing it")] == await walk.house.store.read(outbox.parked)


async def test_a_department_that_fetches_its_own_parks_nothing(tmp_path: Path, city: City) -> None:
    """With delivery = "pull" there is no queue: the offer is no fault of the broker's, and its complaint goes on."""
    water = replace(city.departments["water"], delivery="pull")
    walk = Walk(tmp_path, replace(city, departments={**city.departments, "water": water}))
    await walk.open()
    await walk.hear(OUTAGE)
    await walk.publish()
    assert [("water", "offered")] == walk.tape.told()
    assert (0, 0, None) == await walk.house.store.read(outbox.backlog)
    await walk.close()


@pytest.mark.servers
async def test_of_two_relays_one_publishes_and_the_other_takes_over(
    tmp_path: Path, city: City, postgres: Database
) -> None:
    """On one PostgreSQL only the holder of the lease publishes; killed, the other does so within the lease's term."""
    walks = [Walk(tmp_path / name, city, BALAGH_STORE_URL=postgres.url) for name in ("one", "two")]
    tasks = []
    for walk in walks:
        await walk.open()
        lease = Lease(walk.house.store, "relay", term=timedelta(seconds=1.5))
        walk.relay = Relay(
            walk.house.store,
            walk.house.bus,
            lambda walk=walk: walk.envelopes,
            walk.house.signals.filed,
            mine=lease.mine,
        )
        tasks.append(asyncio.create_task(walk.relay.run()))
    try:
        for number in range(8):
            await walks[number % 2].hear(POTHOLE, f"+96477011111{number:02}")
            await until(partial(_out, walks[0], 2 * number + 2))
        [holder] = [index for index, walk in enumerate(walks) if walk.tape.parcels]
        tasks[holder].cancel()  # without a word, as kill -9 would
        await asyncio.gather(tasks[holder], return_exceptions=True)

        await walks[holder].hear(OUTAGE)
        await until(lambda: _out(walks[0], 18))
        assert [("water", "offered")] == walks[1 - holder].tape.told()
        assert 8 == len(walks[holder].tape.told())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for walk in walks:
            await walk.close()


@pytest.mark.servers
async def test_a_relay_that_ends_in_order_keeps_nobody_waiting(postgres_store: Any) -> None:
    """Its lease is free at once, not at the end of the term."""
    one, two = Lease(postgres_store, "relay"), Lease(postgres_store, "relay")
    assert await one.mine()
    assert not await two.mine()
    await one.release()
    assert await two.mine()
    assert await two.mine()


async def test_a_damaged_complaint_holds_up_no_other(tmp_path: Path, city: City) -> None:
    """Its stored words cannot be read back: its event is parked with the reason, everybody else's goes out."""
    walk = Walk(tmp_path, city)
    await walk.open()
    try:
        await walk.hear(OUTAGE)
        await walk.hear(POTHOLE, "+9647709999999")
        await walk.change("UPDATE personal SET body = '{' WHERE complaint_id = (SELECT min(id) FROM complaints)")
        await walk.relay.step()

        assert 1 == len(await walk.rows("SELECT 1 FROM relay WHERE published_at IS NOT NULL AND event_seq <= 2"))
        parked = await walk.rows("SELECT parked_reason FROM relay WHERE parked_reason IS NOT NULL")
        assert ["its complaint cannot be read (ValidationError)"] == [row.parked_reason for row in parked]
    finally:
        await walk.close()


async def test_after_weeks_of_refusals_the_pause_is_still_the_longest(tmp_path: Path, city: City) -> None:
    """A department's queue is missing for a month: the next try is set as ever, and nobody else is held up."""
    walk = Walk(tmp_path, city)
    await walk.open()
    try:
        await walk.hear(OUTAGE)
        await walk.relay.step()  # received; what the router offers next is refused
        walk.house.bus.topology._patterns[:] = [  # type: ignore[attr-defined]
            one
            for one in walk.house.bus.topology._patterns
            if one[0] != DEPARTMENTS  # type: ignore[attr-defined]
        ]
        await walk.change("UPDATE relay SET attempts = 5000 WHERE published_at IS NULL")
        await walk.relay.step()

        (parked,) = await walk.rows("SELECT attempts, parked_until FROM relay WHERE parked_reason IS NOT NULL")
        assert 5001 == parked.attempts
        assert parked.parked_until == (walk.clock() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    finally:
        await walk.close()


async def test_where_one_gets_through_after_a_refusal_the_others_follow(tmp_path: Path, city: City) -> None:
    """A full queue is emptied: its waiting complaints are out within moments, not after a pause for each."""
    walk = Walk(tmp_path, city)
    await walk.open()
    try:
        patterns = walk.tape.topology._patterns
        closed = [one for one in patterns if one[0] != DEPARTMENTS]
        opened, patterns[:] = list(patterns), closed
        for number in range(30):
            await walk.hear(OUTAGE, sender=f"+96477000000{number:02d}")
        while await walk.relay.step():
            pass
        assert 30 == len(await walk.rows("SELECT 1 FROM relay WHERE parked_reason IS NOT NULL"))
        patterns[:] = opened
        assert 0 == await walk.relay.step()  # none is due yet

        first = "(SELECT min(event_seq) FROM relay WHERE parked_reason IS NOT NULL)"
        await walk.change(f"UPDATE relay SET parked_until = '2020' WHERE event_seq = {first}")
        assert [1, 4, 16, 9, 0] == [await walk.relay.step() for _ in range(5)]
    finally:
        await walk.close()
