"""How long asking what became of public posts may take, and that no post waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from channels.base import Barred, Busy, Refused
from channels.message import Inbound, Scheme
from channels.removal import removed
from gateway.pollers import Pollers
from gateway.revisit import REVISITED, Revisit, Walked
from tests.gateway.walk import Walk, metric

NO_TIME = 0.0  # seconds: whatever does not answer at once takes too long
LONG = 3600.0


class Site:
    """A public place that says at once which posts are gone, and has trouble with some."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.troubles: dict[str, Callable[[], None]] = {}
        self.hangs: set[str] = set()
        self.asked: list[str] = []

    async def revisit(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield which posts are gone."""
        for post in posts:
            self.asked.append(post.external_id)
            if post.external_id in self.hangs:
                await asyncio.Event().wait()
            self.troubles.get(post.external_id, int)()
            if post.external_id in self.gone:
                yield removed(post)


@pytest.fixture
async def site(walk: Walk) -> Site:
    """Give a place where eight people wrote."""
    for number in range(8):
        await walk.hear(
            "حلو الفيديو", channel="site", scheme=Scheme.X, external_id=f"P{number}", sender=f"u{number}", public=True
        )
    return Site()


def revisit(walk: Walk, site: Site, longest: float = NO_TIME) -> Revisit:
    reception = Pollers(walk.house, clock=walk.clock).reception
    return Revisit({"site": site}, walk.house.store, reception, clock=walk.clock, longest=longest)  # type: ignore[dict-item]


async def until_the_end(looks: Revisit) -> list[int]:
    """Go on with a walk until there is nothing left to do today; give what each go found."""
    found = []
    asked = -1
    site = looks.channels["site"]
    assert isinstance(site, Site)
    while asked != len(site.asked):
        asked = len(site.asked)
        found.append(await looks.all())
        assert 30 > len(found), "the walk does not end"
    return found[:-1]


def raising(error: Exception) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


async def test_a_post_that_takes_for_ever_holds_up_none_behind_it(walk: Walk, site: Site) -> None:
    """Each go ends in its time; what is gone before and behind the post is seen on the same day, and the next too."""
    site.hangs, site.gone = {"P4"}, {"P1", "P6"}
    looks = revisit(walk, site)
    first = await until_the_end(looks)
    await walk.understand()
    walk.clock.pass_by(days=1)
    site.gone |= {"P3", "P5"}
    second = await until_the_end(looks)

    assert (2, 2) == (sum(first), sum(second))
    assert {f"P{number}" for number in range(8)} == set(site.asked)


async def test_what_was_seen_before_time_ran_out_is_kept(walk: Walk, site: Site) -> None:
    """A post that is gone is taken back although the one after it takes too long."""
    site.hangs, site.gone = {"P4"}, {"P1"}

    assert 1 == await revisit(walk, site).all()
    assert ["P0", "P1", "P2", "P3", "P4"] == site.asked


async def test_a_go_that_is_out_of_time_begins_no_other_portion(walk: Walk, site: Site) -> None:
    """The next one begins behind it; no post is left out and none is asked for twice."""
    looks = revisit(walk, site)
    await looks.reception("site").remember(REVISITED, Walked(walk.clock(), 0, 3).to_json())

    assert [0, 0] == await until_the_end(looks)
    assert [f"P{number}" for number in range(8)] == site.asked


async def test_a_post_for_which_the_provider_falls_is_stepped_over(walk: Walk, site: Site) -> None:
    """A provider that gives no answer for one post, each time, answers for those behind it."""
    site.gone, site.troubles = {"P6"}, {"P4": raising(Busy("unknown", "no answer"))}

    assert 1 == sum(await until_the_end(revisit(walk, site, LONG)))


@pytest.mark.parametrize("refusal", [Busy("quota", "used up", retry_after=60), Barred("401", "not let in")])
async def test_a_provider_that_has_us_wait_is_not_walked_past(walk: Walk, site: Site, refusal: Exception) -> None:
    """However often it is asked meanwhile, the walk stays where it is, and goes on when it may."""
    site.gone, site.troubles = {"P0", "P6"}, {"P0": raising(refusal)}
    looks = revisit(walk, site, LONG)
    waited = [await looks.all() for _ in range(9)]
    site.troubles.clear()

    assert ([0] * 9, 2) == (waited, await looks.all())


async def test_a_provider_that_refuses_to_speak_of_posts_lets_us_in(walk: Walk, site: Site) -> None:
    """Once a key is accepted again the alarm ends, although of some posts nothing is ever said."""
    site.troubles = {"P0": raising(Barred("401", "not let in"))}
    looks = revisit(walk, site, LONG)
    await looks.all()
    barred = metric("balagh_channel_barred", channel="site")
    site.troubles = dict.fromkeys((f"P{number}" for number in range(8)), raising(Refused("closed", "it will not say")))
    await looks.all()

    assert (1.0, 0.0) == (barred, metric("balagh_channel_barred", channel="site"))
