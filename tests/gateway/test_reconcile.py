"""The books: balanced when all is well, and naming what is missing, wherever it went missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.city.city import City
from gateway.reconcile import Books, reconcile
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


async def test_what_was_not_understood_is_missing(walk: Walk) -> None:
    """An accepted message that nobody took out of the journal, once it has had the time."""
    receipt = await walk.house.intake.accept(walk.message())
    found = await books(walk)
    assert {"accepted, but not understood yet": 1} == gaps(found)
    assert (receipt.reference,) == found.gaps[0].references
    assert any(line.startswith("MISSING 1: accepted, but not understood yet") for line in found.lines())
    assert "NOT balanced" == list(found.lines())[-1]


async def test_what_is_young_may_still_be_on_its_way(walk: Walk) -> None:
    """A message of this second is no gap."""
    walk.clock.now = datetime.now(UTC)
    await walk.house.intake.accept(walk.message())
    assert (await books(walk)).balanced


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
    assert 1 == found.depths["department.water"]
    assert any(line.split() == ["water", "1", "1", "0", "1"] for line in found.lines())
    await walk.close()
