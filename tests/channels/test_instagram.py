"""What is said on Instagram means: delivered, followed, fetched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Barred, Busy, Fetches, Follows, Probes, Recounts, Refused, Revisits, Speaker
from channels.instagram import Instagram
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Purpose, Scheme
from channels.meta import SIGNATURE
from tests.channels.graph_double import ACCOUNT, TOKEN, Desk, GraphDouble, Wrong, ago
from tests.channels.harness import FIXTURES, ROOT, Sink, example_settings, house, public

CITIZEN = Address(Scheme.INSTAGRAM, "7770001110001")
COMMENT = "17890000000000001"

Hear = Callable[[str], Awaitable[list[Inbound]]]


@pytest.fixture
def hear(aiohttp_client: Any, sink: Sink) -> Hear:
    """Post a recorded delivery, signed, and give what was accepted."""

    async def post(condition: str) -> list[Inbound]:
        body = (FIXTURES / f"instagram/{condition}.json").read_bytes()
        channel = Instagram(example_settings(Instagram))
        client = await aiohttp_client(house(channel, sink))
        headers = channel.sign(public("/channels/instagram"), body)
        response = await client.post("/channels/instagram", data=body, headers=headers)
        assert 200 == response.status
        return sink.accepted

    return post


@pytest.fixture
def graph() -> GraphDouble:
    made = GraphDouble(me=ACCOUNT)
    made.objects[ACCOUNT] = {"username": "amana"}
    return made


@pytest.fixture
async def instagram(graph: GraphDouble, aiohttp_server: Any) -> AsyncIterator[Instagram]:
    server = await aiohttp_server(graph.app())
    api = f"http://127.0.0.1:{server.port}"
    channel = Instagram(example_settings(Instagram, api_url=api, page_token=TOKEN, public_answers=True))
    yield channel
    await channel.close()


def parse(document: Any) -> list[Inbound]:
    channel = Instagram(example_settings(Instagram))
    return list(channel.parse(make_mocked_request("POST", "/"), json.dumps(document).encode()))


# Delivered


async def test_comment_arabic(hear: Hear) -> None:
    """A comment arrives as it was typed, in public, and its author can be answered in private."""
    [inbound] = await hear("comment_arabic")

    assert ("الشارع كله نفايات", COMMENT) == (inbound.text, inbound.external_id)
    assert ("instagram", ACCOUNT, "meta") == (inbound.channel, inbound.account, inbound.provider)
    assert (Address(Scheme.INSTAGRAM, "9090001"), "citizen_bgd") == (inbound.sender, inbound.sender_name)
    assert (Purpose.MESSAGE, True) == (inbound.purpose, inbound.public)
    assert (Address(Scheme.COMMENT, COMMENT), None) == (inbound.reply_to, inbound.comment_to)
    assert datetime(2025, 11, 20, 10, 0, tzinfo=UTC) == inbound.sent_at


async def test_other_comments(hear: Hear) -> None:
    """A reply, which calls its id otherwise, a comment below a live film, and one without an author are heard."""
    await hear("comment_reply")
    await hear("live_comment")
    reply, live, nobody = await hear("comment_no_author")

    assert ["17890000000000002", "17890000000000003"] == [reply.external_id, live.external_id]
    assert Address(Scheme.UNKNOWN, "") == nobody.sender


async def test_mention(hear: Hear) -> None:
    """A mention, which comes without a word, is kept as a pointer to its words."""
    await hear("mention_in_caption")
    caption, comment = await hear("mention_in_comment")

    assert (Purpose.POINTER, "mention:17918000000000001") == (caption.purpose, caption.external_id)
    assert (Purpose.POINTER, "mention:17894000000000001") == (comment.purpose, comment.external_id)
    assert {"media_id": "17918000000000001"} == dict(caption.answers)
    assert {"media_id": "17918000000000001", "comment_id": "17894000000000001"} == dict(comment.answers)
    assert (True, None) == (comment.public, comment.reply_to)


async def test_messages(hear: Hear) -> None:
    """Messages arrive in private: words, photos, mentions in stories, answers to stories, reels, what is not shown."""
    names = ("text", "photo", "story_mention", "story_reply", "reel", "unsupported")
    for name in names:
        heard = await hear(f"message_{name}")
    text, photo, mention, reply, reel, unsupported = heard

    assert ("الماء مقطوع من يومين", CITIZEN, False) == (text.text, text.sender, text.public)
    assert ["image/jpeg"] == [item.content_type for item in photo.media]
    assert ("", 1) == (mention.text, len(mention.media))
    assert ("وشارعنا متى؟", ()) == (reply.text, reply.media)
    assert ["video/mp4"] == [item.content_type for item in reel.media]
    assert ("", (), Purpose.MESSAGE) == (unsupported.text, unsupported.media, unsupported.purpose)


async def test_message_versions(hear: Hear) -> None:
    """An edited message is a version of the first, an unsent one takes it back, one without words is asked for."""
    await hear("message_edited")
    await hear("message_unsent")
    edited, unsent, pointer = await hear("message_without_words")

    mid = "aWdfZAG1faXRlbToxOk-1"
    assert (Purpose.EDIT, mid, "الماء مقطوع من ثلاثة أيام") == (edited.purpose, edited.revises, edited.text)
    assert (Purpose.DELETION, mid) == (unsent.purpose, unsent.revises)
    assert (Purpose.POINTER, {"mid": "aWdfZAG1faXRlbToxOk-5"}) == (pointer.purpose, dict(pointer.answers))


async def test_message_read(hear: Hear) -> None:
    """Our message that was read is reported."""
    [inbound] = await hear("message_read")

    assert Delivery("aWdf-ours-1", DeliveryState.READ) == inbound.delivery


def test_mention_that_would_ask_for_more() -> None:
    """An id with signs of a question in it is never asked with: it is kept for a person."""
    value = {"media_id": "1){owner}", "comment_id": "2"}
    changes = [{"field": "mentions", "value": value}, {"field": "mentions", "value": {"media_id": "1.2"}}]
    heard = parse({"object": "instagram", "entry": [{"id": ACCOUNT, "changes": changes}]})

    assert [Purpose.UNREADABLE] * 2 == [inbound.purpose for inbound in heard]


SHAPES = ROOT.parent / "shared/data/channels/meta_page_ig_shapes.jsonl"
CAPTURED = [json.loads(line) for line in SHAPES.read_text("utf-8").splitlines()] if SHAPES.is_file() else []


@pytest.mark.parametrize(
    "captured", [item for item in CAPTURED if item["payload"]["object"] == "instagram"], ids=lambda item: item["name"]
)
def test_captured(captured: Any) -> None:
    """Deliveries as others recorded them prove genuine, and become what their names promise."""
    channel = Instagram(example_settings(Instagram, app_secret="test"))
    body, signature = captured["raw_body"].encode(), captured["x_hub_signature_256_with_secret_test"]
    request = make_mocked_request("POST", "/", headers={SIGNATURE: signature})
    channel.verify(request, body)
    purposes = [inbound.purpose for inbound in channel.parse(request, body)]

    if "ignore" in captured["name"]:
        assert [] == purposes
    else:
        assert [Purpose.POINTER if "mention" in captured["name"] else Purpose.MESSAGE] == purposes


def test_signature_is_metas() -> None:
    """The signature of a delivery of two braces with "secret" is the one that OpenSSL makes."""
    expected = "sha256=77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"

    assert expected == Instagram(example_settings(Instagram, app_secret="secret")).sign("", b"{}")[SIGNATURE]


KEYS = st.sampled_from(
    ["from", "id", "username", "self_ig_scoped_id", "media", "text", "comment_id", "media_id", "parent_id"]
)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["1", "a_1", ACCOUNT])
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(KEYS, JSON, max_size=8), field=st.sampled_from(["comments", "mentions"]))
def test_whatever_is_delivered(value: Any, field: str) -> None:
    """Whatever is delivered is heard, ignored or kept for a person; nothing breaks, and it reads the same twice."""
    entry = {"id": ACCOUNT, "time": 5, "changes": [{"field": field, "value": value}]}
    heard = parse({"object": "instagram", "entry": [entry]})

    assert heard == parse({"object": "instagram", "entry": [entry]})
    assert heard == [Inbound.from_json(inbound.to_json()) for inbound in heard]
    assert [] == [inbound.note for inbound in heard if "while reading it" in inbound.note]


# Followed


def pointer(**answers: Any) -> Inbound:
    sender = Address(Scheme.UNKNOWN, "")
    return Inbound("instagram", ACCOUNT, "mention:1", sender, purpose=Purpose.POINTER, answers=answers)


async def follow(channel: Instagram, **answers: Any) -> list[Inbound]:
    return [inbound async for inbound in channel.follow(pointer(**answers))]


async def test_follows_a_mention_in_a_comment(instagram: Instagram, graph: GraphDouble) -> None:
    """The words of a comment that mentions the city are filed under the comment's id, answerable in public only."""
    words = {"text": "@amana الإنارة معطلة", "timestamp": ago(minutes=1), "username": "sara"}
    graph.put("reply", id="17894000000000001", **words)
    [inbound] = await follow(instagram, media_id="17918000000000001", comment_id="17894000000000001")

    assert ("17894000000000001", "@amana الإنارة معطلة") == (inbound.external_id, inbound.text)
    assert (Purpose.MESSAGE, True, ACCOUNT) == (inbound.purpose, inbound.public, inbound.account)
    assert (Address(Scheme.UNKNOWN, "sara"), "sara", None) == (inbound.sender, inbound.sender_name, inbound.reply_to)
    assert Address(Scheme.PUBLIC, "17894000000000001") == inbound.comment_to
    assert "17918000000000001" == inbound.thread


async def test_follows_a_mention_in_a_caption(instagram: Instagram, graph: GraphDouble) -> None:
    """The caption of a photo that mentions the city is filed under the photo's id, with the photo."""
    url = "https://scontent.cdninstagram.com/p.jpg"
    words = {"caption": "@amana الطفح", "media_type": "IMAGE", "media_url": url, "username": "sara"}
    graph.put("media", id="17918000000000001", timestamp=ago(minutes=1), **words)
    [inbound] = await follow(instagram, media_id="17918000000000001")

    assert ("17918000000000001", "@amana الطفح") == (inbound.external_id, inbound.text)
    assert (Media("image/jpeg", url),) == inbound.media
    assert "17918000000000001" == inbound.thread


async def test_follows_no_mention_of_ours(instagram: Instagram, graph: GraphDouble) -> None:
    """What the account itself said of itself is nobody's complaint."""
    graph.put("media", id="1", caption="@amana", username="amana")

    assert [] == await follow(instagram, media_id="1")


async def test_follows_nothing_that_is_gone(instagram: Instagram, graph: GraphDouble) -> None:
    """A mention that was removed before its words were fetched is nobody's complaint."""
    assert [] == await follow(instagram, media_id="17918000000000001")


async def test_follows_a_message(instagram: Instagram, graph: GraphDouble) -> None:
    """A message that came without words is filed under its own id, once they are here."""
    graph.put("message", id="aWdf-5", message="ماء", **{"from": {"id": CITIZEN.value, "username": "sara"}})
    [inbound] = await follow(instagram, mid="aWdf-5")

    assert ("aWdf-5", "ماء", CITIZEN, False) == (inbound.external_id, inbound.text, inbound.sender, inbound.public)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ((500, {}, {}), Busy),
        ((400, {"error": {"code": 4}}, {}), Busy),
        ((400, {"error": {"code": 10}}, {}), Refused),
        ((400, {"error": {"code": 190}}, {}), Barred),
    ],
)
async def test_follow_is_tried_again(
    answer: Any, end: type[Exception], instagram: Instagram, graph: GraphDouble
) -> None:
    """While Meta does not say, or does not let us in, the pointer stays."""
    graph.answers = [answer]
    with pytest.raises(end):
        await follow(instagram, media_id="1")


async def test_follow_that_cannot_be_read(instagram: Instagram, graph: GraphDouble) -> None:
    """An answer without the words is kept for a person, and not taken for an empty complaint."""
    graph.answers = [(200, {"username": "amana"}, {}), (200, {"id": ACCOUNT}, {})]
    [inbound] = await follow(instagram, media_id="1")

    assert Purpose.UNREADABLE == inbound.purpose


# Fetched


def lay(graph: GraphDouble) -> None:
    """Lay an account's day at Meta: a post with comments and replies, a tag, a conversation."""
    sara = {"id": "9090001", "username": "sara"}
    graph.put("media", ACCOUNT, "media", id="1", permalink="https://www.instagram.com/p/1/", comments_count=4)
    comment = {"text": "نفايات", "from": sara, "username": "sara"}
    graph.put("reply", "1", "comments", id="c1", timestamp=ago(minutes=3), **comment)
    graph.put("reply", "1", "comments", id="c2", timestamp=ago(days=9), **comment)
    graph.put("reply", "c2", "replies", id="c3", timestamp=ago(minutes=1), **comment)
    graph.put("reply", "c2", "replies", id="c4", timestamp=ago(minutes=1), text="وصلت", username="amana")
    graph.put("reply", "1", "comments", id="c5", timestamp=ago(minutes=1), text="x", **{"from": {"id": ACCOUNT}})
    graph.put("media", ACCOUNT, "media", id="2", comments_count=0)
    graph.put("media", ACCOUNT, "tags", id="77", caption="الطفح", timestamp=ago(minutes=2), username="sara")
    graph.put("media", ACCOUNT, "tags", id="78", caption="قديم", timestamp=ago(days=30), username="sara")
    graph.put("conversation", ACCOUNT, "conversations", id="t_1", updated_time=ago(minutes=4))
    words = {"message": "ماء", "created_time": ago(minutes=4)}
    graph.put("message", "t_1", "messages", id="aWdf-1", **words, **{"from": {"id": CITIZEN.value}})
    graph.put("message", "t_1", "messages", id="aWdf-2", **words, **{"from": {"id": ACCOUNT}})


async def test_fetches_what_was_not_delivered(instagram: Instagram, graph: GraphDouble) -> None:
    """Comments, replies below old ones, tags and messages are found, under the ids that deliveries give."""
    lay(graph)
    desk = Desk()
    found = {inbound.external_id: inbound async for inbound in instagram.fetch("", desk)}

    assert {"c1", "c3", "77", "aWdf-1"} == set(found)
    assert ("نفايات", Address(Scheme.INSTAGRAM, "9090001")) == (found["c1"].text, found["c1"].sender)
    assert (Address(Scheme.COMMENT, "c1"), True) == (found["c1"].reply_to, found["c1"].public)
    assert "https://www.instagram.com/p/1/" == found["c1"].url
    assert (None, "77", Address(Scheme.PUBLIC, "77")) == (
        found["77"].reply_to,
        found["77"].thread,
        found["77"].comment_to,
    )
    assert (CITIZEN, False) == (found["aWdf-1"].sender, found["aWdf-1"].public)
    assert {"comments", "tags", "messages"} == set(desk.remembered)
    assert "GET /2/comments" not in graph.asked


async def test_fetches_without_tags(instagram: Instagram, graph: GraphDouble) -> None:
    """A login that lists no tags finds the rest."""
    lay(graph)
    graph.forbidden = {"tags": Wrong(100)}
    found = {inbound.external_id async for inbound in instagram.fetch("", Desk())}

    assert {"c1", "c3", "aWdf-1"} == found


async def test_recounts(instagram: Instagram, graph: GraphDouble) -> None:
    """The books are compared as far back as was asked, wherever the token lets us look."""
    lay(graph)
    since = datetime.now(UTC) - timedelta(days=60)
    found = {inbound.external_id async for inbound in instagram.recount(since, Desk())}

    assert {"c1", "c2", "c3", "77", "78", "aWdf-1"} == found

    graph.forbidden = {"tags": Wrong(100)}
    found = {inbound.external_id async for inbound in instagram.recount(since, Desk())}
    assert {"c1", "c2", "c3", "aWdf-1"} == found

    graph.forbidden = {place: Wrong(10) for place in ("media", "tags", "conversations")}
    with pytest.raises(Refused):
        [_ async for _ in instagram.recount(since, Desk())]


READS = ROOT.parent / "shared/data/channels/facebook_graph_reads"
RECORDED = [json.loads(file.read_text("utf-8")) for file in sorted(READS.glob("instagram__*__users__mentioned_*.json"))]


@pytest.mark.parametrize("answer", RECORDED, ids=lambda answer: next(iter(answer)))
async def test_recorded_mentions(answer: dict[str, Any], instagram: Instagram, graph: GraphDouble) -> None:
    """What others recorded of a mention's words is read as such."""
    [said] = [value for key, value in answer.items() if key.startswith("mentioned_")]
    graph.answers = [(200, {"username": "amana"}, {}), (200, answer, {})]
    ids = {"media_id": said["id"], **({"comment_id": said["id"]} if "mentioned_comment" in answer else {})}
    [inbound] = await follow(instagram, **ids)

    assert (said["id"], said.get("text") or said.get("caption")) == (inbound.external_id, inbound.text)


COMMENTS = sorted(READS.glob("instagram__apidata__*comment*.json"))


@pytest.mark.parametrize(
    "file", [file for file in COMMENTS if "mentioned" not in file.name], ids=lambda file: file.stem
)
def test_recorded_comments(file: Path) -> None:
    """What others recorded of comments is read whole."""
    channel, answer = Instagram(example_settings(Instagram)), json.loads(file.read_text("utf-8"))
    items = answer.get("data") or ([answer] if "id" in answer else list(answer.values()))
    heard = [channel._listed(item, own_name="amana", url="") for item in items]

    assert [(item["id"], item["text"]) for item in items] == [(said.external_id, said.text) for said in heard if said]


async def test_comments_that_are_gone(instagram: Instagram, graph: GraphDouble, hear: Hear) -> None:
    """A comment that is not there any more is taken back; one below a live film, and a mention, nobody can ask for."""
    lay(graph)
    heard = [inbound async for inbound in instagram.fetch("", Desk())]
    heard += await hear("live_comment")
    assert {"c1", "c3", "77"} < {inbound.external_id for inbound in heard}
    for node in ("c1", "77"):
        del graph.kinds[node]
    graph.edges["1", "comments"].remove("c1")
    graph.edges[ACCOUNT, "tags"].remove("77")
    [said] = [inbound async for inbound in instagram.revisit(heard)]

    assert ("c1:remove", Purpose.DELETION, "c1") == (said.external_id, said.purpose, said.revises)
    assert (Address(Scheme.INSTAGRAM, "9090001"), "", ()) == (said.sender, said.text, said.media)


# Who we are


async def test_probe(instagram: Instagram, graph: GraphDouble) -> None:
    """The check names the account."""
    assert "@amana" == await instagram.probe()


def test_can_do_what_it_says() -> None:
    """The channel speaks, fetches, follows, probes and recounts."""
    channel = Instagram(example_settings(Instagram))

    assert [True] * 6 == [isinstance(channel, kind) for kind in (Speaker, Fetches, Follows, Probes, Recounts, Revisits)]
