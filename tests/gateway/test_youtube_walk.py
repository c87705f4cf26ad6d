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
from gateway.revisit import AT_ONCE, Revisit
from tests.channels.harness import example_values
from tests.channels.video_site import World, refused, stamp
from tests.gateway.walk import OUTAGE, Walk, metric


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


def revisit(walk: Walk) -> Revisit:
    reception = Pollers(walk.house, clock=walk.clock).reception
    return Revisit(walk.house.channels, walk.house.store, reception, clock=walk.clock)


def asked(world: World) -> int:
    """Count the comments that were asked for by their ids, and forget them."""
    ids = [one for what, query in world.asked if what == "comments" for one in query.get("id", "").split(",") if one]
    world.asked.clear()
    return len(ids)


async def test_what_is_gone_is_taken_back(walk: Walk, world: World) -> None:
    """A complaint whose post was removed says so at its department; a post that waited for a person waits no more."""
    now = datetime.now(UTC)
    world.say("Ug1", OUTAGE, now)
    world.say("Ug2", "حلو الفيديو", now)
    world.say("Ug3", "حلو الفيديو", now)
    await poll(walk)
    await walk.publish()
    del world.threads[:2]
    assert 2 == await revisit(walk).all()
    await walk.understand()
    await walk.publish()

    assert "الماء" not in walk.tape.events()[-1]["data"]["complaint"]["text"]
    assert [("water", "offered"), ("water", "amended")] == walk.tape.told()
    assert [("Ug3",)] == [
        tuple(row)
        for row in await walk.rows(
            "SELECT external_id FROM journal JOIN tasks ON tasks.journal_id = journal.id WHERE tasks.state = 'open'"
        )
    ]


async def test_posts_are_asked_for_once_a_day(walk: Walk, world: World) -> None:
    """Not what is known to be gone, nor what is done with, nor what was said a month ago."""
    now = datetime.now(UTC)
    for number in range(4):
        world.say(f"Ug{number}", OUTAGE, now, authorChannelId={"value": f"UCcitizen000000000000{number}A"})
    await poll(walk)
    world.asked.clear()
    looks = revisit(walk)
    del world.threads[0]
    assert (1, 4) == (await looks.all(), asked(world))
    assert (0, 0) == (await looks.all(), asked(world))
    await walk.understand()
    walk.clock.pass_by(days=1)
    assert (0, 3) == (await looks.all(), asked(world))
    await walk.change(
        "UPDATE complaints SET status = 'closed' WHERE id IN (SELECT id FROM journal WHERE external_id = 'Ug1')"
    )
    walk.clock.pass_by(days=1)
    assert (0, 2) == (await looks.all(), asked(world))
    walk.clock.pass_by(days=40)
    assert (0, 0) == (await looks.all(), asked(world))


async def test_a_walk_that_broke_off_goes_on(walk: Walk, world: World) -> None:
    """With the quota used up the rest is asked for the next time, and what was asked before is not asked again."""
    now = datetime.now(UTC)
    for number in range(AT_ONCE + 10):
        world.say(f"Ug{number}", "حلو الفيديو", now)
    await poll(walk)
    world.asked.clear()
    world.quota = world.units + 2
    looks = revisit(walk)
    await looks.all()
    first = asked(world)
    world.quota = 10_000
    await looks.all()

    assert (AT_ONCE + 10, 10) == (first, asked(world))


async def test_a_post_that_nobody_may_see_holds_up_no_other(walk: Walk, world: World) -> None:
    """With comments switched off below one film, it is seen what is gone beside it and behind it, on later days too."""
    now = datetime.now(UTC)
    for number in range(AT_ONCE + 10):
        world.say(f"Ug{number}", "حلو الفيديو", now)
    world.films = {"Ug3": "vid2", "Ug4": "vid2"}
    await poll(walk)
    world.unsaid = dict.fromkeys(world.films, (403, "commentsDisabled"))
    del world.threads[AT_ONCE + 5], world.threads[5]
    looks = revisit(walk)
    first = await looks.all()
    await walk.understand()
    walk.clock.pass_by(days=1)
    del world.threads[1]

    assert (2, 1) == (first, await looks.all())
    assert [("Ug5:remove",), (f"Ug{AT_ONCE + 5}:remove",), ("Ug1:remove",)] == [
        tuple(row) for row in await walk.rows("SELECT external_id FROM journal WHERE purpose = 'deletion' ORDER BY seq")
    ]


async def test_a_channel_with_no_post_left_to_ask_for_is_not_barred(walk: Walk, world: World) -> None:
    """A key that was not accepted is an alarm for as long as there is something to ask with it."""
    world.say("Ug1", OUTAGE, datetime.now(UTC))
    await poll(walk)
    world.failures = [lambda: refused(403, "accessNotConfigured")]
    looks = revisit(walk)
    await looks.all()
    barred = metric("balagh_channel_barred", channel="youtube")
    await walk.change("UPDATE complaints SET status = 'closed'")
    await looks.all()

    assert (1.0, 0.0) == (barred, metric("balagh_channel_barred", channel="youtube"))
