"""YouTube through the whole house: what is clear goes to its department, the rest waits for a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from channels.youtube.channel import Youtube
from gateway.city.city import City
from gateway.pollers import Pollers
from gateway.recount import Recount, Tallied
from tests.channels.harness import example_values
from tests.channels.video_site import World, stamp
from tests.gateway.walk import OUTAGE, Walk


@pytest.fixture
def world() -> World:
    """Give YouTube."""
    return World()


@pytest.fixture
async def walk(tmp_path: Path, city: City, world: World) -> AsyncIterator[Walk]:
    """A house that reads its channel's comments."""
    async with TestServer(world.app()) as server:
        own = {name: value for name, value in example_values().items() if name.startswith("BALAGH_YOUTUBE__")}
        url = str(server.make_url("")).rstrip("/")
        made = Walk(tmp_path, city, **own | {"BALAGH_YOUTUBE__API_URL": url})
        await made.open()
        yield made
        await made.close()


async def poll(walk: Walk) -> None:
    channel = walk.house.channels["youtube"]
    assert isinstance(channel, Youtube)
    await Pollers(walk.house, clock=walk.clock).fetch(channel, "")
    await walk.understand()


async def outcomes(walk: Walk) -> list[tuple[str, str]]:
    rows = await walk.rows("SELECT external_id, outcome FROM journal ORDER BY seq")
    return [(row.external_id, row.outcome.partition(":")[0]) for row in rows]


async def test_comments_are_complaints_or_candidates(walk: Walk, world: World) -> None:
    """What is clearly a complaint is filed, praise waits for a person, and newer words are told to that person."""
    now = datetime.now(UTC)
    world.say("Ug1", OUTAGE, now)
    doubtful = world.say("Ug2", "حلو الفيديو", now)
    await poll(walk)
    later = now + timedelta(minutes=1)
    doubtful["snippet"] |= {"textDisplay": "عندي مشكلة", "updatedAt": stamp(later)}
    await poll(walk)

    assert [
        ("Ug1", "complaint"),
        ("Ug2", "candidate"),
        (f"Ug2:edit:{later.isoformat()}", "edit of a post that waits for a person"),
    ] == await outcomes(walk)


async def test_public_answer_is_neutral(walk: Walk, world: World) -> None:
    """What everybody reads below a complaint holds no reference."""
    world.say("Ug1", OUTAGE, datetime.now(UTC))
    await poll(walk)
    await walk.replies.step()
    [(reference,)] = await walk.rows("SELECT reference FROM complaints")

    assert ["Ug1"] == [parent for parent, _ in world.posted]
    assert not set(reference) & set(world.posted[0][1])


async def test_recount_finds_everything_known(walk: Walk, world: World) -> None:
    """Asked again for what was said, YouTube lists nothing that the house does not have; and what it lacks, comes."""
    now = datetime.now(UTC)
    world.say("Ug1", OUTAGE, now)
    await poll(walk)
    recount = Recount({"youtube": walk.house.channels["youtube"]}, Pollers(walk.house).reception)
    whole = await recount.all(now - timedelta(hours=2))
    world.say("Ug2", "الإنارة مطفأة في شارعنا", now)
    lacking = await recount.all(now - timedelta(hours=2))

    assert [Tallied("youtube", 1, 0)] == whole
    assert [Tallied("youtube", 2, 1)] == lacking
