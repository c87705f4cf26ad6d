"""How the city answers on Facebook and Instagram, against a strict stand-in for the Graph API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from channels.base import Barred, Busy, OutcomeUnknown, Refused
from channels.facebook import Facebook
from channels.instagram import Instagram
from channels.message import Address, Reply, Scheme
from tests.channels.graph_double import ACCOUNT, PAGE, GraphDouble
from tests.channels.harness import example_settings

CITIZEN = "6660001110001"
WORDS = "وصل بلاغكم 4821 093 756"


def now() -> datetime:
    return datetime.now(UTC)


def reply(scheme: Scheme = Scheme.MESSENGER, value: str = CITIZEN, **changes: Any) -> Reply:
    values = {"id": "r1", "account": PAGE, "text": WORDS, "heard_at": now() - timedelta(hours=1), **changes}
    return Reply(to=Address(scheme, value), **values)


def again(scheme: Scheme = Scheme.MESSENGER, value: str = CITIZEN, **changes: Any) -> Reply:
    return reply(scheme, value, **{"first_tried_at": now() - timedelta(minutes=1), **changes})


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")


@pytest.fixture
def graph() -> GraphDouble:
    """A Page with a post, a comment and a visitor's post; an account with a comment."""
    made = GraphDouble(clock=stamp(now()))
    made.put("post", PAGE, "feed", id=f"{PAGE}_2")
    made.put("comment", f"{PAGE}_2", "comments", id="2_1")
    made.put("reply", id="17890000000000001")
    return made


@pytest.fixture
async def facebook(graph: GraphDouble, aiohttp_server: Any) -> AsyncIterator[Facebook]:
    server = await aiohttp_server(graph.app())
    settings = example_settings(Facebook, api_url=f"http://127.0.0.1:{server.port}", public_answers=True)
    channel = Facebook(settings)
    yield channel
    await channel.close()


@pytest.fixture
async def instagram(graph: GraphDouble, aiohttp_server: Any) -> AsyncIterator[Instagram]:
    graph.me = ACCOUNT
    server = await aiohttp_server(graph.app())
    settings = example_settings(
        Instagram, api_url=f"http://127.0.0.1:{server.port}", public_answers=True, page_token="replace-with-the-token"
    )
    channel = Instagram(settings)
    yield channel
    await channel.close()


# Direct


async def test_answers_a_message(facebook: Facebook, graph: GraphDouble) -> None:
    """A citizen who wrote within the last day is answered in Messenger."""
    sent = await facebook.send(reply())

    document = {"recipient": {"id": CITIZEN}, "message": {"text": WORDS}, "messaging_type": "RESPONSE"}
    assert [(f"{PAGE}/messages", document)] == graph.said
    assert "m_ours0" == sent.provider_id


async def test_answers_a_message_on_instagram(instagram: Instagram, graph: GraphDouble) -> None:
    """The same on Instagram, where the token says who speaks."""
    await instagram.send(reply(Scheme.INSTAGRAM))

    assert ["POST /me/messages"] == graph.asked


async def test_window_has_closed(facebook: Facebook, graph: GraphDouble) -> None:
    """More than a day later nothing is sent here; the citizen may be reached another way."""
    with pytest.raises(Refused) as refusal:
        await facebook.send(reply(heard_at=now() - timedelta(hours=24, minutes=1)))

    assert ("window", True, False) == (refusal.value.code, refusal.value.elsewhere, refusal.value.alarm)
    assert [] == graph.asked


async def test_looks_before_it_says_again(facebook: Facebook, graph: GraphDouble) -> None:
    """Words that went through although no answer came are found, and not said twice."""
    graph.hang_up = 1
    with pytest.raises(OutcomeUnknown):
        await facebook.send(reply())
    sent = await facebook.send(again())

    assert "m_ours0" == sent.provider_id
    assert 1 == len(graph.said)


@pytest.mark.parametrize(
    ("text", "author", "minutes"), [("other words", PAGE, 0), (WORDS, CITIZEN, 0), (WORDS, PAGE, 60)]
)
async def test_says_again_what_was_not_said(
    text: str, author: str, minutes: int, facebook: Facebook, graph: GraphDouble
) -> None:
    """Other words, the citizen's own, and the same of an hour ago are no earlier try."""
    graph.put("conversation", PAGE, "conversations", id=f"t_{CITIZEN}", **{"with": CITIZEN})
    at = stamp(now() - timedelta(minutes=minutes))
    graph.put(
        "message", f"t_{CITIZEN}", "messages", id="m_0", message=text, created_time=at, **{"from": {"id": author}}
    )
    await facebook.send(again())

    assert 1 == len(graph.said)


@pytest.mark.parametrize("answer", [(500, {}, {}), (200, {"data": [{"messages": []}]}, {}), (200, {"data": "?"}, {})])
async def test_cannot_look(answer: Any, facebook: Facebook, graph: GraphDouble) -> None:
    """While Meta does not say what was said, nothing is said."""
    graph.answers = [answer]
    with pytest.raises(Busy):
        await facebook.send(again())

    assert [] == graph.said


async def test_long_answer_goes_in_parts(instagram: Instagram, graph: GraphDouble) -> None:
    """An answer that is longer than a message goes in several, cut between words, and none of it twice."""
    text = " ".join(["تم إصلاح أنبوب الماء في شارعكم"] * 40)
    graph.hang_up = 1
    with pytest.raises(OutcomeUnknown):
        await instagram.send(reply(Scheme.INSTAGRAM, text=text))
    await instagram.send(again(Scheme.INSTAGRAM, text=text))
    parts = [document["message"]["text"] for _, document in graph.said]

    assert text == " ".join(parts)
    assert max(len(part.encode()) for part in parts) <= 1000
    assert 3 == len(parts)


async def test_one_long_word(facebook: Facebook, graph: GraphDouble) -> None:
    """Words without a space are cut all the same, and half a letter never leaves."""
    await facebook.send(reply(text="ب" * 2500 + "\ud800"))

    assert [2000, 501] == [len(document["message"]["text"]) for _, document in graph.said]


# In private, to a comment


@pytest.mark.parametrize(("item", "kind"), [("2_1", "comment_id"), (f"{PAGE}_2", "post_id")])
async def test_answers_in_private(item: str, kind: str, facebook: Facebook, graph: GraphDouble) -> None:
    """Who commented, or wrote on the Page, hears the reference in private."""
    sent = await facebook.send(reply(Scheme.COMMENT, item))

    assert [(f"{PAGE}/messages", {"recipient": {kind: item}, "message": {"text": WORDS}})] == graph.said
    assert "m_private0" == sent.provider_id


async def test_answers_in_private_on_instagram(instagram: Instagram, graph: GraphDouble) -> None:
    """The same for a comment on Instagram."""
    await instagram.send(reply(Scheme.COMMENT, "17890000000000001"))

    assert {"comment_id": "17890000000000001"} == graph.said[0][1]["recipient"]


async def test_private_window_has_closed(facebook: Facebook, graph: GraphDouble) -> None:
    """After seven days a comment cannot be answered in private."""
    with pytest.raises(Refused) as refusal:
        await facebook.send(reply(Scheme.COMMENT, "2_1", heard_at=now() - timedelta(days=7, minutes=1)))
    await facebook.send(reply(Scheme.COMMENT, "2_1", heard_at=now() - timedelta(days=6)))

    assert refusal.value.elsewhere
    assert 1 == len(graph.said)


async def test_private_answer_is_given_once(facebook: Facebook, graph: GraphDouble) -> None:
    """A private answer that went through although no answer came counts as sent at the next try."""
    graph.hang_up = 1
    with pytest.raises(OutcomeUnknown):
        await facebook.send(reply(Scheme.COMMENT, "2_1"))
    sent = await facebook.send(again(Scheme.COMMENT, "2_1"))

    assert "private:2_1" == sent.provider_id
    assert 1 == len(graph.said)


async def test_private_answer_that_a_person_gave(facebook: Facebook, graph: GraphDouble) -> None:
    """When a person of the city was quicker, ours is refused, and the citizen may be reached another way."""
    graph.answered = {"2_1"}
    with pytest.raises(Refused) as refusal:
        await facebook.send(reply(Scheme.COMMENT, "2_1"))

    assert ("10900", True) == (refusal.value.code, refusal.value.elsewhere)


async def test_private_answer_is_one_message(instagram: Instagram, graph: GraphDouble) -> None:
    """A private answer that does not fit is never sent in half: a person must look."""
    with pytest.raises(Refused) as refusal:
        await instagram.send(reply(Scheme.COMMENT, "17890000000000001", text="كلمة " * 300))

    assert ("too-long", True, []) == (refusal.value.code, refusal.value.alarm, graph.said)


async def test_comment_is_gone(facebook: Facebook) -> None:
    """A comment that was removed cannot be answered; its author may be reached another way."""
    with pytest.raises(Refused) as refusal:
        await facebook.send(reply(Scheme.COMMENT, "9_9"))

    assert ("100/2018292", True, False) == (refusal.value.code, refusal.value.elsewhere, refusal.value.alarm)


# In public


async def test_answers_in_public(facebook: Facebook, graph: GraphDouble) -> None:
    """A line is posted below a comment."""
    sent = await facebook.send(reply(Scheme.PUBLIC, "2_1", text="تم استلام ملاحظتكم"))

    assert [("2_1/comments", {"message": "تم استلام ملاحظتكم"})] == graph.said
    assert "2_1_ours0" == sent.provider_id


async def test_answers_in_public_on_instagram(instagram: Instagram, graph: GraphDouble) -> None:
    """The same on Instagram, where it is called a reply."""
    await instagram.send(reply(Scheme.PUBLIC, "17890000000000001"))

    assert ["POST /17890000000000001/replies"] == graph.asked


async def test_public_answer_is_given_once(facebook: Facebook, graph: GraphDouble) -> None:
    """A line that was posted although no answer came is found, and not posted twice."""
    await given_once(facebook, graph, "2_1")


async def test_public_answer_is_given_once_on_instagram(instagram: Instagram, graph: GraphDouble) -> None:
    """The same on Instagram."""
    await given_once(instagram, graph, "17890000000000001")


async def given_once(channel: Facebook | Instagram, graph: GraphDouble, item: str) -> None:
    graph.hang_up = 1
    with pytest.raises(OutcomeUnknown):
        await channel.send(reply(Scheme.PUBLIC, item))
    sent = await channel.send(again(Scheme.PUBLIC, item))

    assert f"{item}_ours0" == sent.provider_id
    assert 1 == len(graph.said)


async def test_public_answer_of_another(facebook: Facebook, graph: GraphDouble) -> None:
    """The same words of a citizen are not ours."""
    words = {"message": WORDS, "created_time": stamp(now()), "from": {"id": "5550001110001"}}
    graph.put("comment", "2_1", "comments", id="2_9", **words)
    await facebook.send(again(Scheme.PUBLIC, "2_1"))

    assert 1 == len(graph.said)


async def test_no_public_answer_where_the_city_does_not_wish_it(graph: GraphDouble) -> None:
    """Without public answers nothing is posted, whoever asks."""
    channel = Facebook(example_settings(Facebook))
    with pytest.raises(Refused) as refusal:
        await channel.send(reply(Scheme.PUBLIC, "2_1"))

    assert "no-address" == refusal.value.code


@pytest.mark.parametrize("comment", ["17894000000000001", ""])
async def test_answers_a_mention(comment: str, instagram: Instagram, graph: GraphDouble) -> None:
    """A mention below somebody else's photo is answered there, and the second try is left out: it cannot be seen."""
    value = comment or "17918000000000001"
    await instagram.send(reply(Scheme.PUBLIC, value, thread="17918000000000001"))
    with pytest.raises(Refused) as refusal:
        await instagram.send(again(Scheme.PUBLIC, value, thread="17918000000000001"))

    document = {"media_id": "17918000000000001", "message": WORDS}
    expected = {**document, "comment_id": comment} if comment else document
    assert [(f"{ACCOUNT}/mentions", expected)] == graph.said
    assert "unseen" == refusal.value.code


# How it can end


@pytest.mark.parametrize(
    ("scheme", "value", "text"),
    [
        (Scheme.UNKNOWN, "", WORDS),
        (Scheme.UNKNOWN, "x", WORDS),
        (Scheme.TEL, "+9647701234567", WORDS),
        (Scheme.INSTAGRAM, "1", WORDS),
        (Scheme.MESSENGER, "", WORDS),
        (Scheme.MESSENGER, "1", " "),
    ],
)
async def test_nobody_to_answer(scheme: Scheme, value: str, text: str, facebook: Facebook, graph: GraphDouble) -> None:
    """Whoever is not known here is never written to, and nothing is never said."""
    with pytest.raises(Refused):
        await facebook.send(reply(scheme, value, text=text))

    assert [] == graph.asked


@pytest.mark.parametrize(
    ("error", "elsewhere", "alarm"),
    [
        ({"code": 10, "error_subcode": 2018278}, True, False),
        ({"code": 10, "error_subcode": 2534022}, True, False),
        ({"code": 10}, False, True),
        ({"code": 100}, False, True),
        ({"code": 100, "error_subcode": 2018001}, True, False),
        ({"code": 100, "error_subcode": 2534014}, True, False),
        ({"code": 200}, False, True),
        ({"code": 551}, True, False),
        ({"code": 10903}, True, False),
        ({"code": 987654}, False, True),
    ],
)
async def test_refused(
    *, error: dict[str, int], elsewhere: bool, alarm: bool, facebook: Facebook, graph: GraphDouble
) -> None:
    """What Meta will never take is not tried again: perhaps elsewhere, and a person looks when the fault is ours."""
    graph.answers = [(400, {"error": {**error, "message": f"about {CITIZEN}"}}, {})]
    with pytest.raises(Refused) as refusal:
        await facebook.send(reply())

    assert (elsewhere, alarm) == (refusal.value.elsewhere, refusal.value.alarm)
    assert CITIZEN not in str(refusal.value)


@pytest.mark.parametrize("code", [190, 368, 102])
async def test_barred(code: int, facebook: Facebook, graph: GraphDouble) -> None:
    """With a dead token or a blocked account nothing more is tried until a person has looked."""
    graph.answers = [(400, {"error": {"code": code, "message": "x"}}, {})]
    with pytest.raises(Barred):
        await facebook.send(reply())


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001, 2])
async def test_busy(code: int, facebook: Facebook, graph: GraphDouble) -> None:
    """Where the quota is used up or the service away, it is tried later."""
    graph.answers = [(400, {"error": {"code": code, "message": "x"}}, {})]
    with pytest.raises(Busy):
        await facebook.send(reply())


@pytest.mark.parametrize("answer", [(500, {}, {}), (200, {"recipient_id": "1"}, {}), (400, {"error": {"code": 1}}, {})])
async def test_outcome_unknown(answer: Any, facebook: Facebook, graph: GraphDouble) -> None:
    """Where Meta does not say whether it took the words, they may have been said."""
    graph.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        await facebook.send(reply())


async def test_unreachable_is_busy() -> None:
    """When Meta cannot be reached nothing left, and it can simply be tried again."""
    channel = Facebook(example_settings(Facebook, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy):
        await channel.send(reply())
    await channel.close()
