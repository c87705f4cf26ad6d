"""Whether comments on YouTube still stand, where YouTube will not speak of some of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from aiohttp.test_utils import TestServer

from channels.base import Busy, Refused
from channels.message import Address, Inbound, Scheme
from channels.youtube import standing
from channels.youtube.channel import Youtube
from tests.channels.harness import example_settings
from tests.channels.video_site import CITIZEN, NOW, OURS, World


@pytest.fixture
def world() -> World:
    """Give YouTube."""
    return World()


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    """Give its address."""
    async with TestServer(world.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def youtube(url: str) -> AsyncIterator[Youtube]:
    """Give the channel."""
    channel = Youtube(example_settings(Youtube, api_url=url))
    yield channel
    await channel.close()


def heard(world: World, number: int, films: int = 1) -> list[Inbound]:
    """Put comments under films in turn, and give them as they were heard."""
    for one in range(number):
        world.say(f"Ug{one}", "الماء مقطوع")
    return [
        Inbound(
            channel="youtube",
            account=OURS,
            external_id=f"Ug{one}",
            sender=Address(Scheme.YOUTUBE, CITIZEN),
            public=True,
            url=f"https://www.youtube.com/watch?v=film{one % films}&lc=Ug{one}",
        )
        for one in range(number)
    ]


def remove(world: World, ids: Iterable[str]) -> None:
    """Take comments away."""
    gone = set(ids)
    world.threads = [top for top in world.threads if top["id"] not in gone]


async def told(youtube: Youtube, posts: list[Inbound]) -> tuple[set[str], str]:
    """Ask what became of comments: give what was said, and the code of the refusal at the end."""
    said: set[str] = set()
    try:
        async for inbound in youtube.revisit(posts):
            said.add(inbound.external_id)
    except (Refused, Busy) as refusal:
        return said, refusal.code
    return said, ""


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "commentsDisabled"), (403, "forbidden"), (400, "operationNotSupported"), (404, "commentThreadNotFound")],
)
async def test_one_comment_that_is_not_spoken_of_keeps_no_other_from_its_answer(
    status: int, reason: str, world: World, youtube: Youtube
) -> None:
    """It is let be, never taken back; what is gone of the same question and of the next one is."""
    posts = heard(world, 80, films=80)
    world.unsaid = {"Ug7": (status, reason)}
    remove(world, ["Ug8", "Ug41", "Ug70"])

    assert ({"Ug8:remove", "Ug41:remove", "Ug70:remove"}, reason) == await told(youtube, posts)
    assert 20 > world.units  # where each by itself would cost 82


@pytest.mark.parametrize("reason", ["commentsDisabled", "videoNotFound"])
async def test_a_film_of_which_nothing_is_said_costs_little(reason: str, world: World, youtube: Youtube) -> None:
    """With many comments below it, strewn among those of others, it is found out by asking for halves."""
    posts = heard(world, 100, films=5)
    world.unsaid = {post.external_id: (403, reason) for post in posts if "film2" in post.url}
    remove(world, ["Ug2", "Ug4"])

    assert ({"Ug4:remove"}, reason) == await told(youtube, posts)
    assert 20 >= world.units  # of 20 comments of which none can be asked for


async def test_comments_below_no_film_are_not_of_one(world: World, youtube: Youtube) -> None:
    """What stands on the channel's own page is told apart: one that is not spoken of says nothing of the others."""
    posts = [post.but(url=f"https://www.youtube.com/channel/{OURS}/discussion") for post in heard(world, 10)]
    world.unsaid = {"Ug7": (403, "commentsDisabled")}
    remove(world, ["Ug8"])

    assert ({"Ug8:remove"}, "commentsDisabled") == await told(youtube, posts)


async def test_a_film_that_is_not_there_takes_no_words_back(world: World, youtube: Youtube) -> None:
    """YouTube says `videoNotFound` where threads are listed, and nowhere that a comment asked for by its id is gone.

    Google's page on comments.list gives commentNotFound, forbidden and operationNotSupported, and no other error;
    videoNotFound stands on the page on commentThreads.list, of its parameter videoId.
    """
    posts = heard(world, 1)
    world.unsaid = {"Ug0": (404, "videoNotFound")}

    assert (set[str](), "videoNotFound") == await told(youtube, posts)


async def test_an_address_that_is_not_there_is_asked_once(world: World, youtube: Youtube) -> None:
    """What something in front of YouTube answers is about no comment: none is taken back, and no half is asked for."""
    posts = heard(world, 40)
    world.unsaid = {"Ug7": (404, "notFound")}

    assert (set[str](), "notFound") == await told(youtube, posts)
    assert 1 == world.units


@pytest.mark.parametrize("number", [1, 50])
async def test_comments_of_which_youtube_says_that_they_are_gone(number: int, world: World, youtube: Youtube) -> None:
    """Each of them is taken back, also where YouTube says it of all at once."""
    posts = heard(world, number)
    world.threads.clear()

    assert ({f"Ug{one}:remove" for one in range(number)}, "") == await told(youtube, posts)


async def test_asking_again_leaves_the_day_s_quota_to_others(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is said of anything, a day's asking ends, says until when, and goes on the next day."""
    monkeypatch.setattr(standing, "AGAIN", 20)
    youtube: Any = Youtube(example_settings(Youtube, api_url=url))
    posts = heard(world, 40, films=40)
    world.unsaid = {post.external_id: (403, "forbidden") for post in posts}
    with time_machine.travel(NOW, tick=False) as clock:
        with pytest.raises(Busy) as busy:
            [_ async for _ in youtube.revisit(posts)]
        first = world.units
        with pytest.raises(Busy):
            [_ async for _ in youtube.revisit(posts)]
        second = world.units - first
        clock.shift(timedelta(seconds=busy.value.retry_after or 0))
        third = await told(youtube, posts[:10])
    await youtube.close()

    assert (20 * 3600, "halving") == (busy.value.retry_after, busy.value.code)
    assert 21 >= first
    assert 1 == second
    assert (set[str](), "forbidden") == third
