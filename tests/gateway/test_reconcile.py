"""The books: balanced when all is well, and naming what is missing, wherever it went missing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import reconcile as reconciling
from gateway.broker.bus import Delivery, Parcel
from gateway.broker.topology import DEAD, ROUTER, ROUTER_DISTRESS, UPDATES, Topology
from gateway.city.city import City
from gateway.reconcile import Books, reconcile
from gateway.recount import Tallied
from gateway.store.accounts import OnTheWay
from tests.gateway.walk import OUTAGE, Walk
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house on SQLite and the embedded broker, in which everything happened an hour ago."""
    made = Walk(tmp_path, city)
    made.clock.now = LONG_AGO
    await made.open()
    yield made
    await made.close()


async def books(walk: Walk, **more: datetime) -> Books:
    house = walk.house
    return await reconcile(house.settings, house.store, house.bus, **more)


def gaps(found: Books) -> dict[str, int]:
    return {gap.what: gap.count for gap in found.gaps}


async def test_the_books_of_a_good_day(walk: Walk) -> None:
    """Every message under its channel and what it became, every event under its department, and nothing missing."""
    await walk.hear()
    await walk.hear("الطابق الثاني أيضاً")
    await walk.hear("حفرة كبيرة وسط الشارع", "+9647709999999", channel="whatsapp")
    await walk.hear("")
    await walk.publish()
    found = await books(walk)
    assert found.balanced
    assert [("sms", 3, 1, 1, 1), ("whatsapp", 1, 1, 0, 0)] == [
        (one.channel, one.accepted, one.complaints, one.amendments, one.nothing) for one in found.channels
    ]
    assert [("roads", 1, 0), ("water", 1, 0)] == [
        (one.department, one.published, one.unpublished) for one in found.departments
    ]
    lines = list(found.lines())
    assert "balanced: every message is accounted for" == lines[-1]
    assert "journal: 4 accepted; spool: 0; quarantine: 0 open" in lines


@pytest.mark.parametrize(
    ("troubled", "but"),
    [
        (0, ""),
        (1, ", except what 1 provider could not be asked about"),
        (2, ", except what 2 providers could not be asked about"),
    ],
)
async def test_providers_that_could_not_be_asked_are_counted(walk: Walk, troubled: int, but: str) -> None:
    """The last line says how many logs are not in the books, one of them as one."""
    found = await books(walk)
    tallied = [Tallied("sms", 3, 0), *(Tallied(f"channel-{n}", 0, 0, "no answer") for n in range(troubled))]
    assert f"balanced: every message is accounted for{but}" == list(replace(found, tallied=tallied).lines())[-1]


async def test_every_channel_has_a_line_from_its_provider_to_its_departments(walk: Walk) -> None:
    """What the provider lists, what of it had never come, and how far the rest has come, channel by channel."""
    await walk.hear()
    await walk.hear("حفرة كبيرة وسط الشارع", "+9647709999999", channel="whatsapp")
    await walk.publish()
    await walk.house.bus.stop()
    await walk.hear("النفايات لم ترفع منذ أسبوع", "+9647708888888", channel="whatsapp")
    tallied = [Tallied("sms", 1, 0), Tallied("voice", 0, 0), Tallied("email", 0, 0, "connect: away")]
    lines = list(replace(await books(walk), tallied=tallied).lines())
    head = next(index for index, line in enumerate(lines) if "provider" in line)

    assert [
        ["channel", "provider", "taken", "in", "journal", "complaints", "in", "broker", "department"],
        ["email", "-", "-", "0", "0", "0", "0"],
        ["sms", "1", "0", "1", "1", "1", "1"],
        ["voice", "0", "0", "0", "0", "0", "0"],
        ["whatsapp", "-", "-", "2", "2", "1", "1"],
    ] == [line.split() for line in lines[head : head + 5]]
    assert "email: its provider's log cannot be read: connect: away" == lines[head + 5]


async def test_what_was_not_understood_is_missing(walk: Walk) -> None:
    """An accepted message that nobody took out of the journal, once it has had the time."""
    receipt = await walk.house.intake.accept(walk.message())
    found = await books(walk)
    assert {"accepted, but not understood yet": 1} == gaps(found)
    assert (receipt.reference,) == found.gaps[0].references
    assert any(line.startswith("MISSING 1: accepted, but not understood yet") for line in found.lines())
    assert "NOT balanced" == list(found.lines())[-1]


async def test_what_is_young_may_still_be_on_its_way(walk: Walk) -> None:
    """A message of this second is no gap, and the books say that it is on its way, so that the columns add up."""
    walk.clock.now = datetime.now(UTC)
    await walk.hear()
    await walk.house.intake.accept(walk.message("حفرة", "+9647709999999"))
    found = await books(walk)
    assert found.balanced
    assert OnTheWay(messages=1, events=1, complaints=1) == found.on_the_way
    assert [
        "on their way: 1 not understood yet, 1 events not confirmed, 1 complaints not routed (each for less than 30 s)"
    ] == [line for line in found.lines() if line.startswith("on their way")]
    await walk.understand()
    await walk.publish()
    assert OnTheWay(0, 0, 0) == (await books(walk)).on_the_way


async def test_what_the_broker_has_not_is_missing(walk: Walk) -> None:
    """With the broker away for an hour, the books name the event and the complaint without a department."""
    await walk.house.bus.stop()
    await walk.hear()
    await walk.relay.step()
    assert {"an event that the broker has not confirmed": 1, "a complaint that no department has": 1} == gaps(
        await books(walk)
    )


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM relay WHERE event_seq = 2", "an event that the outbox does not know"),
        ("DELETE FROM events WHERE seq = 2", "a complaint with a hole in its events"),
        ("UPDATE complaints SET sequence = 3", "a complaint with a hole in its events"),
        ("UPDATE complaints SET department = NULL", "a complaint that no department has"),
        ("UPDATE journal SET complaint_id = 'gone'", "understood as a complaint, but there is none"),
        ("UPDATE journal SET state = 'pending'", "accepted, but not understood yet"),
    ],
)
async def test_damage_to_the_store_is_found(walk: Walk, damage: str, what: str) -> None:
    """Rows that went missing behind the house's back are named, with the complaint's reference."""
    receipt = await walk.hear()
    await walk.publish()
    assert (await books(walk)).balanced
    await walk.change(damage)
    found = await books(walk)
    assert what in gaps(found)
    assert any(receipt.reference in gap.references for gap in found.gaps)


async def test_the_books_of_one_day_leave_out_the_others(walk: Walk) -> None:
    """With `since`, what arrived earlier is neither counted nor missed."""
    await walk.house.intake.accept(walk.message())
    found = await books(walk, since=LONG_AGO + timedelta(minutes=1))
    assert ([], {}) == (found.channels, gaps(found))


async def test_damaged_spool_files_are_a_fault(walk: Walk) -> None:
    """A file that could not be read back is said, with the folder in which it lies."""
    bad = walk.house.settings.data_dir / "spool" / "bad"
    bad.mkdir(parents=True)
    (bad / "1-1-a.json").write_text("…", encoding="utf-8")
    found = await books(walk)
    assert not found.balanced
    assert str(bad) in found.faults[0]


def spool(walk: Walk, *names: str) -> Path:
    folder = walk.house.settings.data_dir / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("…", encoding="utf-8")
    return folder


async def test_what_waits_in_the_spool_is_missing(walk: Walk) -> None:
    """Messages that were thanked for an hour ago and are still in no journal: said, with since when."""
    spool(walk, *(f"{int((LONG_AGO + timedelta(minutes=late)).timestamp() * 1e9):020d}-a.json" for late in (5, 0, 9)))
    found = await books(walk)
    assert [f"3 messages wait in the spool since {LONG_AGO:%Y-%m-%d %H:%M:%S} UTC"] == list(found.faults)
    assert "NOT balanced" == list(found.lines())[-1]


async def test_a_spool_file_of_this_second_is_on_its_way(walk: Walk) -> None:
    """It is counted, and no fault."""
    spool(walk, f"{time.time_ns():020d}-a.json")
    found = await books(walk)
    assert found.balanced
    assert "journal: 0 accepted; spool: 1; quarantine: 0 open" in found.lines()


@pytest.mark.parametrize("name", ["letter.json", "²-a.json", f"{'9' * 40}-a.json"])
async def test_a_spool_file_without_a_time_is_a_fault(walk: Walk, name: str) -> None:
    """Nobody can say how long it waits, so a person looks."""
    folder = spool(walk, name)
    assert (f"1 spool files have names that say no time: see {folder}",) == (await books(walk)).faults


async def test_the_embedded_broker_has_nothing_to_count(walk: Walk) -> None:
    """The books of a house without RabbitMQ show no question marks."""
    assert "broker: embedded: nothing to count" in (await books(walk)).lines()


async def test_a_broker_out_of_reach_is_said_once(tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault and one word, and not a question mark for every queue."""
    monkeypatch.setattr(reconciling, "CONNECTING", 0.5)
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL="amqp://guest:guest@127.0.0.1:9/")
    found = await books(walk)
    await walk.close()
    assert 1 == len(found.faults)
    assert found.faults[0].startswith("RabbitMQ is out of reach")
    assert ["broker: out of reach"] == [line for line in found.lines() if line.startswith("broker")]


@asynccontextmanager
async def fresh(tmp_path: Path, city: City, rabbitmq: Vhost) -> AsyncIterator[Walk]:
    """A house that put its queues on RabbitMQ and was stopped."""
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL=rabbitmq.url)
    walk.clock.now = LONG_AGO
    await walk.house.bus.start()
    await until(lambda: walk.house.bus.connected)
    yield walk
    await walk.close()


@pytest.mark.servers
async def test_a_queue_that_is_missing_is_a_fault(tmp_path: Path, city: City, rabbitmq: Vhost) -> None:
    """Deleted queues are named as often as the books are drawn: looking does not put them back."""
    async with fresh(tmp_path, city, rabbitmq) as walk:
        await walk.house.bus.stop()
        assert (await books(walk)).balanced
        await walk.house.bus.stop()
        for name in ("department.water", ROUTER):
            rabbitmq.delete_queue(name)
        for _ in range(2):
            found = await books(walk)
            await walk.house.bus.stop()
            assert [True, True] == [
                fault.startswith(f"{name} is missing on the broker")
                for name, fault in zip((ROUTER, "department.water"), found.faults, strict=True)
            ]
            assert f"broker: {ROUTER_DISTRESS} 0, {ROUTER} missing, {UPDATES} 0, {DEAD} 0" in found.lines()
        assert {"department.water", ROUTER}.isdisjoint(rabbitmq.list_queues())


@pytest.mark.servers
async def test_dead_letters_that_the_quarantine_does_not_know_are_a_fault(
    tmp_path: Path, city: City, rabbitmq: Vhost
) -> None:
    """Copies of the quarantine lie in balagh.dead by right; what RabbitMQ put there itself is counted."""
    async with fresh(tmp_path, city, rabbitmq) as walk:
        await walk.dispatcher.handle(Delivery(ROUTER, "event-1", b"garbage"))
        await walk.relay.step()
        await until(lambda: _dead(walk, 1))
        assert [] == [fault for fault in (await books(walk)).faults if DEAD in fault]
        await walk.house.bus.stop()
        await walk.house.bus.start()
        await until(lambda: walk.house.bus.connected)
        await walk.house.bus.publish([Parcel("", DEAD, f"event-{number}", b"{}") for number in (2, 3)])
        await until(lambda: _dead(walk, 3))
        await walk.house.bus.stop()
        found = await books(walk)
        assert [f"{DEAD} holds 2 messages that are no copies"] == [fault.split(" of")[0] for fault in found.faults]


async def _dead(walk: Walk, depth: int) -> bool:
    return {DEAD: depth} == await walk.house.bus.depths([DEAD])


@pytest.mark.servers
async def test_the_broker_is_looked_at_too(tmp_path: Path, city: City, rabbitmq: Vhost) -> None:
    """What lies in each department's queue is shown; a broker that is away is a fault, not a silence."""
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL=rabbitmq.url)
    walk.clock.now = LONG_AGO
    await walk.open()
    await until(lambda: walk.house.bus.connected)
    await walk.hear(OUTAGE)

    async def routed() -> bool:
        await walk.relay.step()
        return not await walk.rows("SELECT 1 FROM relay WHERE published_at IS NULL") and bool(
            await walk.rows("SELECT 1 FROM complaints WHERE department IS NOT NULL")
        )

    await until(routed)
    await walk.house.bus.stop()
    found = await books(walk)
    await walk.house.bus.stop()
    assert found.balanced, list(found.lines())
    assert found.depths is not None
    assert 1 == found.depths["department.water"]
    assert any(line.split() == ["water", "1", "1", "0", "1"] for line in found.lines())

    walk.house.bus.topology = Topology([])  # the department left the city, and its queue is still there
    found = await books(walk)
    await walk.house.bus.stop()
    assert any(line.split() == ["water", "1", "1", "0", "1"] for line in found.lines())
    await walk.close()
