"""What comments on YouTube mean, and how they are fetched and answered: against a stand-in that counts its quota."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import (
    Barred,
    Busy,
    OutcomeUnknown,
    Poller,
    Probes,
    Recounts,
    Refused,
    Revisits,
    Speaker,
    SpeakError,
    Unreadable,
)
from channels.message import Address, Inbound, Media, Purpose, Receipt, Reply, Scheme, Sent
from channels.youtube.api import fault, until_new_day
from channels.youtube.channel import Youtube
from channels.youtube.comment import comment_of, inbounds_of
from tests.channels.harness import ROOT, StoreAway, example_settings
from tests.channels.video_site import CITIZEN, NOW, OURS, World, comment, page_of, refused, stamp

RECORDED = sorted((ROOT / "../shared/data/channels/youtube").resolve().glob("*.json"))


@dataclass
class Memory:
    """What the house does for a poller, in memory."""

    kept: dict[str, str] = field(default_factory=dict)

    async def accept(self, inbound: Inbound) -> Receipt:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def recall(self, key: str) -> str:
        """Return what was remembered."""
        return self.kept.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        """Keep it."""
        self.kept[key] = value


@pytest.fixture(autouse=True)
def today() -> Any:
    """Let it be noon of the day of which the tests tell."""
    with time_machine.travel(NOW):
        yield


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


@pytest.fixture
def memory() -> Memory:
    """Give what is remembered."""
    return Memory()


async def fetched(channel: Youtube, memory: Memory) -> list[Inbound]:
    return [inbound async for inbound in channel.fetch("", memory)]


def pages(world: World) -> int:
    return len([what for what, _ in world.asked if what == "commentThreads"])


# What a comment says


async def test_comment_is_a_public_message(world: World, youtube: Youtube, memory: Memory) -> None:
    """A comment arrives in its author's words, with a link to it, and can be answered only where everybody reads."""
    world.say("Ug1", "الماء مقطوع بحي الجامعة <b>من يومين</b>")
    [inbound] = await fetched(youtube, memory)

    assert "الماء مقطوع بحي الجامعة <b>من يومين</b>" == inbound.text
    assert ("youtube", OURS, "Ug1") == (inbound.channel, inbound.account, inbound.external_id)
    assert (Address(Scheme.YOUTUBE, CITIZEN), "@um_zainab") == (inbound.sender, inbound.sender_name)
    assert (True, Purpose.MESSAGE, NOW) == (inbound.public, inbound.purpose, inbound.sent_at)
    assert "https://www.youtube.com/watch?v=vid1&lc=Ug1" == inbound.url
    assert (None, Address(Scheme.PUBLIC, "Ug1")) == (inbound.reply_to, inbound.comment_to)
    assert {"authorProfileImageUrl", "authorChannelUrl"} & inbound.raw["snippet"].keys() == set()
    assert inbound == Inbound.from_json(inbound.to_json())


async def test_without_oauth_nothing_is_answerable(url: str, world: World, memory: Memory) -> None:
    """A key alone reads: no answer is promised where none can be given."""
    channel = Youtube(example_settings(Youtube, api_url=url, client_id="", client_secret="", refresh_token=""))
    world.say("Ug1", "الماء مقطوع")
    [inbound] = await fetched(channel, memory)
    with pytest.raises(Refused):
        await channel.send(reply())
    await channel.close()

    assert inbound.comment_to is None


async def test_closed_thread_is_not_answerable(world: World, youtube: Youtube, memory: Memory) -> None:
    """A thread in which nobody can answer promises no answer."""
    world.say("Ug1", "الماء مقطوع")
    thread = world.thread

    def closed(top: dict[str, Any]) -> dict[str, Any]:
        made = thread(top)
        return made | {"snippet": made["snippet"] | {"canReply": False}}

    world.thread = closed
    [inbound] = await fetched(youtube, memory)

    assert inbound.comment_to is None


async def test_own_comments_never_come_back(world: World, youtube: Youtube, memory: Memory) -> None:
    """What the city writes itself is nobody's complaint, at the top of a thread or below a citizen's."""
    world.say("Ug1", "تابعونا", authorChannelId={"value": OURS})
    world.say("Ug2", "الماء مقطوع")
    world.answer("Ug2.a", "استلمنا ملاحظتكم", authorChannelId={"value": OURS})
    world.answer("Ug2.b", "شكراً")

    assert {"Ug2", "Ug2.b"} == {one.external_id for one in await fetched(youtube, memory)}


async def test_answer_is_answered_in_its_thread(world: World, youtube: Youtube, memory: Memory) -> None:
    """YouTube knows two levels: who answers an answer writes below the comment at the top."""
    world.say("Ug1", "الماء مقطوع")
    world.answer("Ug1.a", "وعندنا كذلك")
    found = {one.external_id: one for one in await fetched(youtube, memory)}

    assert Address(Scheme.PUBLIC, "Ug1") == found["Ug1.a"].comment_to
    assert found["Ug1.a"].url.endswith("lc=Ug1.a")


async def test_author_may_be_unknown(world: World, youtube: Youtube, memory: Memory) -> None:
    """A comment whose author YouTube does not name is heard too."""
    world.say("Ug1", "الماء مقطوع", authorChannelId=None)

    assert [Address(Scheme.UNKNOWN, "")] == [one.sender for one in await fetched(youtube, memory)]


async def test_edited_comment_is_a_newer_version(world: World, youtube: Youtube, memory: Memory) -> None:
    """Newer words revise the comment that was heard, under an identity of their own, once."""
    top = world.say("Ug1", "الماء مقطوع")
    first = await fetched(youtube, memory)
    later = NOW + timedelta(minutes=5)
    top["snippet"] |= {"textDisplay": "الماء مقطوع بحي القاهرة", "updatedAt": stamp(later)}
    second = await fetched(youtube, memory)

    assert [("Ug1", Purpose.MESSAGE, "")] == [(one.external_id, one.purpose, one.revises) for one in first]
    assert [
        ("Ug1", Purpose.MESSAGE, ""),  # known by its identity
        (f"Ug1:edit:{later.isoformat()}", Purpose.EDIT, "Ug1"),
    ] == [(one.external_id, one.purpose, one.revises) for one in second]
    assert (later, "الماء مقطوع بحي القاهرة") == (second[1].sent_at, second[1].text)
    assert [] == await fetched(youtube, memory)


# Fetching


async def test_quiet_channel_costs_little(world: World, youtube: Youtube, memory: Memory) -> None:
    """When nothing is new, nothing is yielded, and two pages are read."""
    for number in range(250):
        world.say(f"Ug{number}", "الماء مقطوع", NOW - timedelta(days=2, minutes=number))
    await fetched(youtube, memory)
    world.units = 0

    assert [] == await fetched(youtube, memory)
    assert 2 == world.units
    assert 180 == youtube.interval
    assert isinstance(youtube, Poller)


async def test_first_look_goes_back_one_day(world: World, youtube: Youtube, memory: Memory) -> None:
    """What was written before the channel was connected is no new complaint, even if it is edited later."""
    old = world.say("UgOld", "قديم", NOW - timedelta(days=30))
    world.say("UgNew", "جديد", NOW - timedelta(hours=3))
    first = await fetched(youtube, memory)
    old["snippet"] |= {"textDisplay": "قديم جداً", "updatedAt": stamp(NOW)}

    assert ["UgNew"] == [one.external_id for one in first]
    assert [] == await fetched(youtube, memory)


async def test_new_answer_below_an_old_thread_is_heard(world: World, youtube: Youtube, memory: Memory) -> None:
    """An answer does not move its thread to the top, and is found all the same, among more than the list shows."""
    world.say("UgOld", "قديم", NOW - timedelta(days=30))
    for number in range(8):
        world.answer(f"UgOld.{number}", "قديم", NOW - timedelta(days=29))
    await fetched(youtube, memory)
    world.answers["UgOld"].insert(0, comment("UgOld.new", "والآن أيضاً لا ماء", NOW))

    assert ["UgOld.new"] == [one.external_id for one in await fetched(youtube, memory)]


async def test_catches_up_after_an_outage(world: World, youtube: Youtube, memory: Memory) -> None:
    """However much was written while we were away, all of it is heard, and then the walks are short again."""
    world.say("Ug", "قبل", NOW - timedelta(hours=20))
    await fetched(youtube, memory)
    for number in range(430):
        world.say(f"Ug{number}", "الماء مقطوع", NOW - timedelta(seconds=number))
    world.asked.clear()
    found = await fetched(youtube, memory)
    world.units = 0

    assert {f"Ug{number}" for number in range(430)} == {one.external_id for one in found}
    assert 5 == pages(world)
    assert [] == await fetched(youtube, memory)
    assert 2 == world.units


async def test_interrupted_walk_is_begun_again(world: World, youtube: Youtube, memory: Memory) -> None:
    """When the quota ends in the middle of catching up, what lies deeper is not taken for known."""
    world.say("Ug", "قبل", NOW - timedelta(hours=20))
    await fetched(youtube, memory)
    for number in range(430):
        world.say(f"Ug{number}", "الماء مقطوع", NOW - timedelta(seconds=number))
    world.quota = world.units + 3
    found: list[Inbound] = []
    with pytest.raises(Busy) as busy:
        async for inbound in youtube.fetch("", memory):
            found += [inbound]
    world.quota = 10_000
    rest = await fetched(youtube, memory)

    assert ("quotaExceeded", 20 * 3600.0) == (busy.value.code, round(busy.value.retry_after or 0))
    assert {f"Ug{number}" for number in range(430)} == {one.external_id for one in [*found, *rest]}
    assert 300 == len(found)
    assert 130 == len(rest), "what was on disk is not yielded again"


async def test_what_was_not_stored_comes_again(world: World, youtube: Youtube, memory: Memory) -> None:
    """When the store breaks, nothing that it did not take is passed over."""
    for number in range(5):
        world.say(f"Ug{number}", "الماء مقطوع", NOW - timedelta(seconds=number))
    with pytest.raises(StoreAway):
        async with aclosing(youtube.fetch("", memory)) as inbounds:
            async for inbound in inbounds:
                if inbound.external_id == "Ug3":
                    raise StoreAway

    assert {"Ug3", "Ug4"} <= {one.external_id for one in await fetched(youtube, memory)}


async def test_late_publication_is_heard(world: World, youtube: Youtube, memory: Memory) -> None:
    """A comment that was held for review appears among older ones, with its old date."""
    for number in range(3):
        world.say(f"Ug{number}", "الماء مقطوع", NOW - timedelta(minutes=number))
    await fetched(youtube, memory)
    world.say("UgHeld", "كان محجوزاً", NOW - timedelta(hours=2))

    assert ["UgHeld"] == [one.external_id for one in await fetched(youtube, memory)]


async def test_memory_is_small(world: World, youtube: Youtube, memory: Memory) -> None:
    """What is remembered does not grow with what was ever written."""
    for number in range(600):
        world.say(f"Ugx{number:022}", "الماء مقطوع", NOW - timedelta(minutes=number))
    await fetched(youtube, memory)
    await fetched(youtube, memory)

    assert len(memory.kept["threads"]) < 12_000


async def test_one_broken_comment_stops_no_other(world: World, youtube: Youtube, memory: Memory) -> None:
    """What cannot be read is kept for a person, and what stands beside it is heard."""
    world.say("Ug1", "الماء مقطوع")
    world.say("Ug2", "الماء مقطوع", publishedAt="soon")
    world.threads.append({"id": "Ug3"} | comment("Ug3", "x", NOW) | {"id": None})
    found = await fetched(youtube, memory)

    assert {Purpose.MESSAGE: 1, Purpose.UNREADABLE: 2} == {
        purpose: len([one for one in found if one.purpose is purpose]) for purpose in {one.purpose for one in found}
    }
    assert {"no publishedAt that could be one", "no id that could be one"} == {one.note for one in found if one.note}
    assert 3 == len({one.external_id for one in found})


async def test_switched_off_comments_are_quiet(world: World, youtube: Youtube, memory: Memory) -> None:
    """A channel without comments is nothing to be told of."""
    world.failures = [lambda: refused(403, "commentsDisabled")]

    assert [] == await fetched(youtube, memory)


async def test_thread_that_vanishes_is_let_be(world: World, youtube: Youtube, memory: Memory) -> None:
    """A comment that is removed between two questions stops nothing."""
    world.say("Ug1", "الماء مقطوع")
    for number in range(8):
        world.answer(f"Ug1.{number}", "وعندنا")
    world.failures = [
        lambda: page_of([world.thread(world.threads[0])], {"maxResults": "100"}),
        lambda: refused(404, "x"),
    ]

    assert ["Ug1"] == [one.external_id for one in await fetched(youtube, memory)]


@pytest.mark.parametrize(
    ("failure", "end", "code"),
    [
        (lambda: refused(403, "quotaExceeded"), Busy, "quotaExceeded"),
        (lambda: refused(429, "rateLimitExceeded"), Busy, "rateLimitExceeded"),
        (lambda: refused(403, "userRateLimitExceeded"), Busy, "userRateLimitExceeded"),
        (lambda: refused(400, "invalidPageToken"), Busy, "invalidPageToken"),
        (lambda: refused(500, "backendError"), Busy, "unknown"),
        (lambda: web.Response(status=503, text="<html>"), Busy, "unknown"),
        (lambda: refused(400, "badRequest"), Barred, "http-400"),
        (lambda: refused(403, "accessNotConfigured"), Barred, "http-403"),
        (lambda: refused(403, "ipRefererBlocked"), Barred, "http-403"),
        (lambda: refused(401, "authError"), Barred, "401"),
        (lambda: refused(404, "channelNotFound"), Refused, "notFound"),
        (lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}), Barred, "http-302"),
    ],
)
async def test_how_asking_can_end(
    failure: Any, end: type[SpeakError], code: str, world: World, youtube: Youtube, memory: Memory
) -> None:
    """Quota and trouble pass by themselves; a key that is not accepted waits for a person. Nobody's key is quoted."""
    world.failures = [failure]
    with pytest.raises(end) as ended:
        await fetched(youtube, memory)

    assert code == getattr(ended.value, "code", None)
    assert "key" not in str(ended.value).replace("the key or the token", "")


async def test_unreachable_is_busy(memory: Memory) -> None:
    """Without a connection it is tried again later."""
    channel = Youtube(example_settings(Youtube, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy):
        await fetched(channel, memory)
    await channel.close()


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-11-21T12:00", 20), ("2026-11-21T07:59", 1 / 60), ("2026-11-21T08:00", 24)]
)
def test_quota_begins_anew_at_midnight_pacific(now: str, hours: float) -> None:
    """The wait is until 08:00 UTC, when the day has begun in California in winter and in summer."""
    assert round(hours * 3600) == round(until_new_day(datetime.fromisoformat(now).replace(tzinfo=UTC)))


# Counting again


async def test_recount_lists_what_was_said(world: World, youtube: Youtube, memory: Memory) -> None:
    """The same comments come again under the same identities, answers and edits with them, and nothing older."""
    world.say("UgOld", "قديم", NOW - timedelta(hours=20))
    world.say("Ug1", "الماء مقطوع", NOW - timedelta(hours=1), updatedAt=stamp(NOW))
    for number in range(8):
        world.answer(f"UgOld.{number}", "وعندنا", NOW - timedelta(minutes=number))
    world.say("UgAncient", "قديم", NOW - timedelta(days=9))
    first = await fetched(youtube, memory)
    again = [one async for one in youtube.recount(NOW - timedelta(hours=2), memory)]

    assert {one.external_id for one in first} - {"UgOld"} == {one.external_id for one in again}
    assert [one for one in first if one.external_id != "UgOld"] == again
    assert isinstance(youtube, Recounts)


async def test_recount_files_nothing_from_before(world: World, youtube: Youtube, memory: Memory) -> None:
    """However far back is asked, nothing comes from before the channel was connected."""
    world.say("Ug1", "قبل الربط", NOW - timedelta(days=9))
    await fetched(youtube, memory)

    assert [] == [one async for one in youtube.recount(NOW - timedelta(days=30), memory)]


# Answering


def reply(**changes: Any) -> Reply:
    parts = {"id": "r/1", "account": OURS, "text": "استلمنا ملاحظتكم، راسلونا", **changes}
    return Reply(to=Address(Scheme.PUBLIC, "Ug1"), **parts)


async def test_answers_in_public(world: World, youtube: Youtube) -> None:
    """An answer stands below the comment, in the channel's name; the access is asked for once."""
    assert Sent("Ug1.1") == await youtube.send(reply())
    assert Sent("Ug1.2") == await youtube.send(reply())
    assert [("Ug1", "استلمنا ملاحظتكم، راسلونا")] * 2 == world.posted
    assert 1 == world.tokens
    assert isinstance(youtube, Speaker)


async def test_nobody_to_answer_in_private(world: World, youtube: Youtube) -> None:
    """A person is never written to: YouTube has no such way."""
    with pytest.raises(Refused):
        await youtube.send(Reply(id="r", account=OURS, to=Address(Scheme.YOUTUBE, CITIZEN), text="x"))

    assert [] == world.asked


async def test_looks_before_answering_again(world: World, youtube: Youtube) -> None:
    """An answer that stands there already is not posted twice."""
    world.say("Ug1", "الماء مقطوع")
    world.answer("Ug1.city", "استلمنا ملاحظتكم، راسلونا", NOW, authorChannelId={"value": OURS})

    assert Sent("Ug1.city") == await youtube.send(reply(first_tried_at=NOW))
    assert [] == world.posted


@pytest.mark.parametrize(
    ("words", "author", "at"),
    [
        ("استلمنا ملاحظتكم، راسلونا", CITIZEN, NOW),
        ("أخرى", OURS, NOW),
        ("استلمنا ملاحظتكم، راسلونا", OURS, NOW - timedelta(days=1)),
    ],
)
async def test_answers_again_what_does_not_stand_there(
    words: str, author: str, at: datetime, world: World, youtube: Youtube
) -> None:
    """Somebody else's words, other words, or an older answer: then it is posted."""
    world.say("Ug1", "الماء مقطوع")
    world.answer("Ug1.x", words, at, authorChannelId={"value": author})

    assert Sent("Ug1.1") == await youtube.send(reply(first_tried_at=NOW))


async def test_day_has_so_many_answers(url: str, world: World) -> None:
    """The answers of a day are counted, so that the rest of the quota reads; the next day has its own."""
    channel = Youtube(example_settings(Youtube, api_url=url, replies=2))
    with time_machine.travel(NOW, tick=False) as clock:
        await channel.send(reply())
        await channel.send(reply())
        with pytest.raises(Busy) as busy:
            await channel.send(reply())
        clock.shift(busy.value.retry_after or 0)
        await channel.send(reply())
    await channel.close()

    assert ("budget", 20 * 3600) == (busy.value.code, busy.value.retry_after)
    assert 3 == len(world.posted)


@pytest.mark.parametrize(
    ("failure", "end", "alarm"),
    [
        (lambda: refused(404, "parentCommentNotFound"), Refused, False),
        (lambda: refused(403, "commentsDisabled"), Refused, False),
        (lambda: refused(400, "commentTextTooLong"), Refused, True),
        (lambda: refused(403, "forbidden"), Refused, True),
        (lambda: refused(403, "insufficientPermissions"), Barred, None),
        (lambda: refused(403, "quotaExceeded"), Busy, None),
        (lambda: refused(500, "backendError"), OutcomeUnknown, None),
        (lambda: web.json_response({"kind": "youtube#comment"}), OutcomeUnknown, None),
    ],
)
async def test_how_answering_can_end(
    failure: Any, end: type[SpeakError], alarm: bool | None, world: World, youtube: Youtube
) -> None:
    """A thread that is gone or closed is let be; what may have been posted is looked for next time."""
    world.failures = [failure]
    with pytest.raises(end) as ended:
        await youtube.send(reply())

    assert alarm == getattr(ended.value, "alarm", None)


async def test_hung_up_is_unknown(world: World, youtube: Youtube) -> None:
    """A connection cut after the answer left tells nothing about it."""
    world.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await youtube.send(reply())


async def test_ended_access_is_renewed(world: World, youtube: Youtube) -> None:
    """When the access is not accepted any more, the next try asks for another."""
    await youtube.send(reply())
    world.tokens += 1  # YouTube forgot the one that it gave
    with pytest.raises(Busy):
        await youtube.send(reply())
    await youtube.send(reply())

    assert 2 == len(world.posted)


async def test_ended_grant_is_barred(url: str, world: World) -> None:
    """When the owner's grant has ended, nothing is answered until a person has looked."""
    channel = Youtube(example_settings(Youtube, api_url=url, refresh_token="seven-days-old"))
    with pytest.raises(Barred) as barred:
        await channel.send(reply())
    await channel.close()

    assert "oauth" == barred.value.code
    assert "seven-days-old" not in str(barred.value)


async def test_probe(url: str, youtube: Youtube) -> None:
    """An operator reads which channel it is, and whether it is answered."""
    reader = Youtube(example_settings(Youtube, api_url=url, client_id="", client_secret="", refresh_token=""))
    stranger = Youtube(example_settings(Youtube, api_url=url, channel_id="UCsomebodyelse0000000000"))

    assert "أمانة بغداد, comments are read and answered" == await youtube.probe()
    assert "أمانة بغداد, comments are read and not answered" == await reader.probe()
    with pytest.raises(Refused):
        await stranger.probe()
    await reader.close()
    await stranger.close()
    assert isinstance(youtube, Probes)


# Settings, and whatever else may come


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("channel_id", "@baghdad"), ("api_url", "www.googleapis.com"), ("api_url", "https://x/youtube")),
        *(("replies", 181), ("interval", 5), ("refresh_token", ""), ("client_id", "")),
    ],
)
def test_settings_that_cannot_work(name: str, value: Any) -> None:
    """Half an OAuth client, a name for an id, and a pace beyond the quota are refused at the start."""
    with pytest.raises(ValidationError):
        example_settings(Youtube, **{name: value})


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_elsewhere(file: Path) -> None:
    """Comments that others recorded are read: every one of them is a message with words and an author."""
    document = json.loads(file.read_bytes())
    if "error" in document:
        assert isinstance(fault(403, document), Barred)
        return
    listed = document.get("items", [document])
    comments = [one["snippet"].get("topLevelComment", one) for one in listed]
    blank = partial(Inbound, channel="youtube", account=OURS)
    found = [
        inbound
        for one in comments
        for inbound in inbounds_of(comment_of(one), blank, video="v", page="p", answerable=False)
    ]

    assert len(comments) == len(found)
    assert [] == [one for one in found if not one.text or one.sender.scheme != Scheme.YOUTUBE or "<br" in one.text]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(["id", "snippet"]), inner=st.sampled_from([*comment("x", "y")["snippet"], ""]), junk=JSON)
def test_any_comment_is_read_or_unreadable(name: str, inner: str, junk: Any) -> None:
    """Whatever stands in the place of anything in a comment, the end is a declared one, and survives the journal."""
    document = comment("Ug1", "الماء مقطوع", updatedAt=stamp(NOW + timedelta(1)))
    if name == "snippet" and inner:
        document["snippet"][inner] = junk
    else:
        document[name] = junk
    try:
        found = comment_of(document)
    except Unreadable as error:
        assert str(error)
        return
    blank = partial(Inbound, channel="youtube", account=OURS)
    for inbound in inbounds_of(found, blank, video="v", page="p", answerable=True):
        assert inbound.to_json() == Inbound.from_json(inbound.to_json()).to_json()
        assert isinstance(inbound.text, str)


# What became of it


@pytest.mark.parametrize("strict", [False, True])
async def test_comments_that_are_gone_or_edited(strict: bool, world: World, youtube: Youtube, memory: Memory) -> None:
    """Asked again, YouTube says what an edited comment says now, and that another is not there any more."""
    later = NOW + timedelta(minutes=5)
    for number in range(60):
        world.say(f"Ug{number}", f"الشكوى {number}")
    world.answer("Ug3.1", "وعندنا أيضاً")
    heard = await fetched(youtube, memory)
    world.threads[7]["snippet"] |= {"textDisplay": "تم الحل", "updatedAt": stamp(later)}
    world.answers.clear()
    del world.threads[5]
    world.asked.clear()
    world.strict = strict
    assert isinstance(youtube, Revisits)
    said = {inbound.external_id: inbound async for inbound in youtube.revisit(heard)}

    edit = f"Ug7:edit:{later.isoformat()}"
    assert {"Ug5:remove", "Ug3.1:remove", edit} == said.keys()
    gone, edited = said["Ug5:remove"], said[edit]
    assert (Purpose.DELETION, "Ug5", "", heard[0].sender) == (gone.purpose, gone.revises, gone.text, gone.sender)
    assert (Purpose.EDIT, "Ug7", "تم الحل", later) == (edited.purpose, edited.revises, edited.text, edited.sent_at)
    assert edited == next(one for one in await fetched(youtube, Memory()) if one.external_id == edit).but(
        raw=edited.raw
    )
    if not strict:
        assert ["comments"] * 2 == [what for what, _ in world.asked[:2]]


@pytest.mark.parametrize(
    "failure",
    [
        lambda: refused(403, "commentsDisabled"),
        lambda: refused(403, "quotaExceeded"),
        lambda: refused(500, "backendError"),
        lambda: refused(404, "channelNotFound"),
        lambda: web.Response(status=404, text="<html>no such page"),
        lambda: web.Response(text="<html>please sign in to the network"),
        lambda: web.json_response({"kind": "youtube#commentListResponse"}),
    ],
)
async def test_what_youtube_does_not_say_is_no_removal(
    failure: Any, world: World, youtube: Youtube, memory: Memory
) -> None:
    """Comments that are switched off, an empty quota, a fault and a proxy's page take nothing from a complaint."""
    world.say("Ug1", "الماء مقطوع")
    heard = await fetched(youtube, memory)
    world.failures = [failure]

    with pytest.raises((Refused, Busy)):
        [_ async for _ in youtube.revisit(heard)]
