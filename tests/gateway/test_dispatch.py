"""Deciding from the row: what late, doubled, reordered and broken deliveries do, and what they do not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aio_pika
import pytest

from gateway import quarantine as commands
from gateway.broker.bus import Delivery
from gateway.broker.topology import COMPLAINTS, DEAD, ROUTER
from gateway.city.city import City
from gateway.store import complaints, quarantine
from gateway.store.engine import Connection, Store, StoreUnavailable
from tests.gateway.walk import CITIZEN, OUTAGE, PUBLIC_URL, Walk, metric
from tests.servers.postgres import Database, PostgresServer
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

T = TypeVar("T")
GREETING = "مرحبا اريد اشتكي"


def delivery(reference: str, sequence: int = 1, message_id: str = "event-1") -> Delivery:
    body = json.dumps({"subject": reference, "sequence": str(sequence)})
    return Delivery(ROUTER, message_id, body.encode())


async def case(walk: Walk, reference: str) -> complaints.Case:
    found = await walk.house.store.read(lambda connection: complaints.load(connection, reference))
    assert found is not None
    return found


async def story(walk: Walk, reference: str) -> list[tuple[str, str | None]]:
    rows = await walk.rows(
        "SELECT type, department FROM events WHERE reference = :reference ORDER BY sequence", reference=reference
    )
    return [(row.type, row.department) for row in rows]


@pytest.mark.parametrize("event", ["received", "amended"])
@pytest.mark.parametrize(
    ("status", "decides"),
    [
        ("received", True),
        ("triage", True),
        ("offered", False),
        ("accepted", False),
        ("in_progress", False),
        ("resolved", False),
        ("closed", False),
        ("withdrawn", False),
    ],
)
async def test_only_what_nobody_has_is_decided(walk: Walk, status: str, decides: bool, event: str) -> None:
    """A complaint that a department already has, or that is over, keeps its route whatever comes late."""
    receipt = await walk.hear(OUTAGE)
    if event == "amended":
        await walk.hear("في الطابق الثاني أيضاً")
    sequence = 1 if event == "received" else 2
    await walk.change("UPDATE complaints SET status = :status", status=status)

    await walk.dispatcher.handle(delivery(receipt.reference, sequence))

    found = await case(walk, receipt.reference)
    assert ("offered" if decides else status, "water" if decides else None) == (
        found.complaint.status.value,
        found.department,
    )
    assert [] == await walk.house.store.read(quarantine.entries)


async def test_a_complaint_is_offered_once_however_often_it_is_delivered(walk: Walk) -> None:
    """Doubled, redelivered, and the amendment before the first: one offer, and what came second is only told."""
    receipt = await walk.hear(OUTAGE)
    await walk.hear("في الطابق الثاني أيضاً")
    for sequence in (2, 1, 2, 1, 1):
        await walk.dispatcher.handle(delivery(receipt.reference, sequence))
    assert [("received", None), ("amended", None), ("offered", "water")] == await story(walk, receipt.reference)


async def test_a_late_copy_decides_nothing_by_new_rules(walk: Walk, city: City) -> None:
    """The city moved its triage desk meanwhile: a copy of an event that was dealt with moves no complaint."""
    receipt = await walk.hear(GREETING)
    await walk.publish()
    walk.city = replace(city, rules=replace(city.rules, triage="inspector", rules=()))
    await walk.dispatcher.handle(delivery(receipt.reference))
    assert [("received", None), ("offered", "citizens")] == await story(walk, receipt.reference)


@pytest.mark.servers
async def test_two_routers_at_once_offer_once(tmp_path: Path, city: City, postgres: Database) -> None:
    """On PostgreSQL, twenty copies decided at the same moment by two processes: one offer."""
    walks = [Walk(tmp_path / name, city, BALAGH_STORE_URL=postgres.url) for name in ("one", "two")]
    receipt = await walks[0].hear(OUTAGE)
    await asyncio.gather(*(walk.dispatcher.handle(delivery(receipt.reference)) for walk in walks * 10))
    assert [("received", None), ("offered", "water")] == await story(walks[0], receipt.reference)
    for walk in walks:
        await walk.close()


async def test_words_that_become_clear_move_a_complaint_from_the_desk(walk: Walk) -> None:
    """Recalled from the triage desk and offered to the department, whose offer is the one that counts."""
    receipt = await walk.hear(GREETING)
    await walk.publish()
    assert ("triage", "citizens") == (
        (found := await case(walk, receipt.reference)).complaint.status.value,
        found.department,
    )
    await walk.hear(OUTAGE)
    await walk.publish()
    assert [("citizens", "offered"), ("citizens", "amended"), ("citizens", "recalled"), ("water", "offered")] == (
        walk.tape.told()
    )
    found = await case(walk, receipt.reference)
    assert ("offered", "water") == (found.complaint.status.value, found.department)
    assert walk.tape.events()[-1]["id"] == found.offer


async def test_words_that_stay_unclear_leave_it_at_the_desk(walk: Walk) -> None:
    """The desk hears the amendment, and is not offered the same complaint again."""
    receipt = await walk.hear(GREETING)
    await walk.publish()
    await walk.hear("السلام عليكم")
    await walk.publish()
    assert [("citizens", "offered"), ("citizens", "amended")] == walk.tape.told()
    assert "triage" == (await case(walk, receipt.reference)).complaint.status.value


async def test_an_offered_complaint_keeps_its_department(walk: Walk) -> None:
    """Words about something else, added after the offer, go to the department that has it."""
    receipt = await walk.hear(OUTAGE)
    await walk.publish()
    await walk.hear("وكذلك توجد كلاب سائبة قرب المدرسة")
    await walk.publish()
    assert [("water", "offered"), ("water", "amended")] == walk.tape.told()
    assert "كلاب سائبة" in walk.tape.events()[-1]["data"]["complaint"]["text"]
    found = await case(walk, receipt.reference)
    assert "water" == found.department
    assert found.route is not None
    assert "water" == found.route.department


@contextlib.asynccontextmanager
async def outsider(url: str) -> AsyncIterator[Any]:
    """A program of somebody else on the same broker."""
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel()


GARBAGE = {
    "no JSON": b"\xff\xfe not json",
    "a list": b"[1, 2]",
    "no sequence": b'{"subject": "4821093756"}',
    "a word for a number": b'{"subject": "4821093756", "sequence": "soon"}',
    "nobody's reference": b'{"subject": "4821093756", "sequence": "1"}',
    "NUL in its reference": b'{"subject": "48\\u00001", "sequence": "1"}',
    "endless": b"[" * 60_000,
}


@pytest.mark.servers
async def test_garbage_on_the_routers_queue_is_set_aside_and_acknowledged(
    tmp_path: Path, city: City, rabbitmq: Vhost
) -> None:
    """Each piece has its row and its copy in balagh.dead, even without an id; the queue is empty, and others pass."""
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL=rabbitmq.url)
    await walk.open()
    await until(lambda: walk.house.bus.connected)
    alarms = metric("balagh_alarms_total", kind="quarantine")
    async with outsider(rabbitmq.url) as amqp:
        exchange = await amqp.get_exchange(COMPLAINTS)
        for body in GARBAGE.values():
            await exchange.publish(aio_pika.Message(body), "received.sms.normal")
        receipt = await walk.hear(OUTAGE)

        async def settled() -> bool:
            await walk.relay.step()
            depths = await walk.house.bus.depths([DEAD])
            return (
                depths == {DEAD: len(GARBAGE)} and "offered" == (await case(walk, receipt.reference)).complaint.status
            )

        await until(settled)
        queue = await amqp.get_queue(DEAD)
        copies = [await queue.get(no_ack=True) for _ in GARBAGE]
        assert {ROUTER: 0} == await walk.house.bus.depths([ROUTER])
    rows = await walk.house.store.read(quarantine.entries)
    assert {body.decode("utf-8", "replace") for body in GARBAGE.values()} == {row.body for row in rows}
    assert {"dispatch"} == {row.stage for row in rows}
    assert {row.body for row in rows} == {copy.body.decode() for copy in copies}
    assert {row.reason for row in rows} == {copy.headers["reason"] for copy in copies}
    assert alarms + len(GARBAGE) == metric("balagh_alarms_total", kind="quarantine")
    await walk.close()


async def test_an_event_that_never_happened_hides_none_that_will(walk: Walk) -> None:
    """A message with a sequence from the future is set aside, and the next true amendment is still decided."""
    receipt = await walk.hear(GREETING)
    await walk.publish()
    await walk.dispatcher.handle(delivery(receipt.reference, 2_000_000, "forged"))
    await walk.hear(OUTAGE)
    await walk.publish()
    assert "water" == (await case(walk, receipt.reference)).department
    assert ["forged"] == [row.subject for row in await walk.house.store.read(quarantine.entries)]


class Moody(Store):
    """A store that is away when it is told to be; `lame`, it answers a look and cannot decide."""

    away = lame = False

    async def write(self, job: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Write, unless it is away."""
        if self.away or (self.lame and isinstance(job, partial)):
            raise StoreUnavailable("away")
        return await super().write(job, urgent=urgent)


@dataclass
class Outage:
    """A router whose store can go away, and every delivery that it was handed."""

    walk: Walk
    store: Moody
    deliveries: list[Delivery]

    async def offered(self) -> bool:
        """Relay, and say whether the one complaint has its department."""
        with contextlib.suppress(StoreUnavailable):
            await self.walk.relay.step()
        return bool(await self.walk.rows("SELECT 1 FROM complaints WHERE status = 'offered'"))

    async def keep_relaying(self) -> None:
        """Do as the relay does, for ever."""
        while True:
            await self.walk.relay.step()
            await asyncio.sleep(0.02)


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.servers)])
async def outage(
    request: pytest.FixtureRequest, tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outage]:
    """A message on its way to a router whose store is away, on either broker; a second lasts a twentieth of one."""
    monkeypatch.setattr("gateway.outage.PAUSE", 0.1)
    monkeypatch.setattr("gateway.outage.PROBE", 0.05)
    more = {}
    if request.param == "rabbitmq":
        more["BALAGH_BROKER_URL"] = request.getfixturevalue("rabbitmq").url
    walk = Walk(tmp_path, city, **more)
    store, deliveries, decide = Moody(walk.house.settings.store_url), [], walk.dispatcher.handle

    async def handle(one: Delivery) -> None:
        deliveries.append(one)
        await decide(one)

    walk.dispatcher.store, walk.dispatcher.handle = store, handle  # type: ignore[method-assign, assignment]
    await walk.open()
    await until(lambda: walk.house.bus.connected)
    store.away = True
    await walk.hear(OUTAGE)
    made = Outage(walk, store, deliveries)
    relaying = asyncio.create_task(made.keep_relaying())
    await until(lambda: bool(deliveries))
    yield made
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)
    await walk.close()
    store.close()


async def test_while_the_store_is_away_nothing_is_taken(outage: Outage) -> None:
    """A message is not tried again and again, which would bring it to the delivery limit, and is routed afterwards."""
    await asyncio.sleep(2)
    assert 1 == len(outage.deliveries)
    outage.store.away = False
    await until(outage.offered)
    assert len(outage.deliveries) < 4, outage.deliveries
    assert [] == await outage.walk.house.store.read(quarantine.entries)

    outage.store.away = True  # and the next time again
    await outage.walk.hear("حفرة كبيرة وسط الشارع", "+9647709999999")
    before = len(outage.deliveries)
    await until(lambda: len(outage.deliveries) > before)
    outage.store.away = False
    routed = "SELECT 1 FROM complaints WHERE status = 'offered'"

    async def both() -> bool:
        return 2 == len(await outage.walk.rows(routed))

    await until(both)


async def test_a_store_that_only_seems_to_be_back_is_tried_less_and_less(outage: Outage) -> None:
    """A disk that can be read and not be written costs a message a few deliveries, not one at every look."""
    outage.store.lame, outage.store.away = True, False
    await asyncio.sleep(2.5)
    assert len(outage.deliveries) < 25  # at every look it would be fifty
    await until(lambda: len(outage.deliveries) > 2)
    outage.store.lame = False
    await until(outage.offered)


async def test_a_gateway_stops_while_its_store_is_away(outage: Outage) -> None:
    """Nothing is taken any more after the end, also when the store comes back at that moment."""
    bus = outage.walk.house.bus
    await bus.stop()
    outage.store.away = False
    await asyncio.sleep(0.3)
    assert 1 == len({one.id for one in outage.deliveries})
    assert [] == await outage.walk.rows("SELECT 1 FROM complaints WHERE status = 'offered'")


async def test_no_queue_stays_paused_when_waiting_itself_fails(outage: Outage) -> None:
    """A store that answers with another error than being away is not waited for: what it says is for the handler."""

    async def broken(_: Callable[[Connection], T]) -> T:
        raise RuntimeError("a bug")

    outage.store.write = broken  # type: ignore[method-assign, assignment]
    await asyncio.sleep(0.3)
    del outage.store.write
    outage.store.away = False
    await until(outage.offered)


@pytest.mark.servers
async def test_postgresql_that_went_away_is_waited_for(
    tmp_path: Path, city: City, rabbitmq: Vhost, postgres_node: Callable[[], PostgresServer]
) -> None:
    """What the router is handed meanwhile is neither lost nor quarantined, and is routed when PostgreSQL is back."""
    server = postgres_node()
    server.start()
    walk = Walk(tmp_path, city, BALAGH_STORE_URL=server.url(), BALAGH_BROKER_URL=rabbitmq.url)
    receipt = await walk.hear(OUTAGE)
    await walk.house.bus.start()
    await until(lambda: walk.house.bus.connected)
    await walk.relay.step()
    await until(lambda: _depth(walk, 1))
    server.stop()
    deliveries: list[Delivery] = []
    decide = walk.dispatcher.handle

    async def handle(one: Delivery) -> None:
        deliveries.append(one)
        await decide(one)

    walk.dispatcher.handle = handle  # type: ignore[method-assign, assignment]
    await walk.dispatcher.start()
    await until(lambda: bool(deliveries))
    await asyncio.sleep(2.5)
    server.start()

    async def offered() -> bool:
        return "offered" == (await case(walk, receipt.reference)).complaint.status

    await until(offered)
    assert len(deliveries) < 4
    assert [] == await walk.house.store.read(quarantine.entries)
    await walk.close()


async def _depth(walk: Walk, depth: int) -> bool:
    return {ROUTER: depth} == await walk.house.bus.depths([ROUTER])


async def test_what_breaks_thrice_waits_for_a_person_and_goes_on_when_told(
    walk: Walk, tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in deciding costs no complaint: quarantine, and after `balagh quarantine retry` its department has it."""
    receipt = await walk.hear(OUTAGE)
    calls = 0

    def broken() -> City:
        nonlocal calls
        calls += 1
        raise RuntimeError("0770 123 4567 كلام المواطن")

    walk.dispatcher.city = broken
    await walk.publish()
    assert 3 == calls
    [row] = await walk.house.store.read(quarantine.entries)
    assert ("dispatch", "RuntimeError while routing it") == (row.stage, row.reason)
    assert ("received", None) == ((found := await case(walk, receipt.reference)).complaint.status, found.department)

    walk.dispatcher.city = lambda: city
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BALAGH_PUBLIC_URL", PUBLIC_URL)
    said: list[str] = []
    assert await commands.retry(row.id, said.append)
    assert [f"{row.id}: its event is published again"] == said
    await walk.publish()
    assert [("water", "offered")] == walk.tape.told()
    assert [] == await walk.house.store.read(quarantine.entries)


async def test_a_conversation_is_one_complaint_to_the_end(walk: Walk) -> None:
    """However its messages and deliveries interleave, one citizen's evening is one complaint at one department."""
    receipt = await walk.hear(GREETING)
    for words in (OUTAGE, "الطابق الثاني", "شكرا"):
        await walk.hear(words)
        await walk.relay.step()
    await walk.publish()
    assert "water" == (await case(walk, receipt.reference)).department
    sequences = [int(event["sequence"]) for event in walk.tape.events(COMPLAINTS)]
    assert sorted(set(sequences)) == list(dict.fromkeys(sequences))
    assert 1 == len(await walk.rows("SELECT id FROM complaints"))
    assert CITIZEN not in json.dumps(walk.tape.events(COMPLAINTS))


@pytest.mark.parametrize(
    "words", ["الموظف في دائرة البلدية طلب مني رشوة لإنجاز المعاملة", "طلبوا رشوة حتى يعطوني رخصة البناء"]
)
async def test_who_speaks_of_bribery_is_not_named_to_anybody(walk: Walk, words: str) -> None:
    """A rule may keep from the department who complains, whatever the category; the offer holds no contact."""
    await walk.hear(words)
    await walk.publish()

    (offer,) = [event for event in walk.tape.events() if event["type"].endswith("offered.v1")]
    complaint = offer["data"]["complaint"]
    assert ("inspector", True, None) == (offer["to"], complaint["confidential"], complaint.get("contact"))
    assert [("inspector", "offered")] == walk.tape.told()
