"""What is said on a Facebook Page and in Messenger means: delivered, fetched, followed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request, unused_port
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Barred, Busy, Fetches, Follows, Probes, Recounts, Refused, Speaker, Unreadable
from channels.facebook import Facebook
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Pin, Purpose, Scheme
from channels.meta import SIGNATURE
from channels.meta_direct import listed
from tests.channels.graph_double import PAGE, TOKEN, Desk, GraphDouble, Wrong, ago
from tests.channels.harness import FIXTURES, ROOT, Sink, example_settings, house, public

ABU = Address(Scheme.MESSENGER, "5550001110001")
CITIZEN = Address(Scheme.MESSENGER, "6660001110001")
HOLE = "حفرة كبيرة قرب مدرسة الكرادة منذ شهر ولم يصلحها أحد"
COMMENT = "2001_3001"

Hear = Callable[[str], Awaitable[list[Inbound]]]


@pytest.fixture
def hear(aiohttp_client: Any, sink: Sink) -> Hear:
    """Post a recorded delivery, signed, and give what was accepted."""

    async def post(condition: str) -> list[Inbound]:
        body = (FIXTURES / f"facebook/{condition}.json").read_bytes()
        channel = Facebook(example_settings(Facebook))
        client = await aiohttp_client(house(channel, sink))
        headers = channel.sign(public("/channels/facebook"), body)
        response = await client.post("/channels/facebook", data=body, headers=headers)
        assert 200 == response.status
        return sink.accepted

    return post


@pytest.fixture
def graph() -> GraphDouble:
    return GraphDouble()


@pytest.fixture
async def facebook(graph: GraphDouble, aiohttp_server: Any) -> Any:
    server = await aiohttp_server(graph.app())
    channel = Facebook(example_settings(Facebook, api_url=f"http://127.0.0.1:{server.port}"))
    yield channel
    await channel.close()


def parse(document: Any) -> list[Inbound]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(Facebook(example_settings(Facebook)).parse(make_mocked_request("POST", "/"), body))


def feed(**value: Any) -> Any:
    return {"object": "page", "entry": [{"id": PAGE, "time": 1, "changes": [{"field": "feed", "value": value}]}]}


# Delivered


async def test_comment_arabic(hear: Hear) -> None:
    """A comment arrives as it was typed, in public, and its author can be answered in private."""
    [inbound] = await hear("comment_arabic")

    assert HOLE == inbound.text
    assert ("facebook", PAGE, COMMENT) == (inbound.channel, inbound.account, inbound.external_id)
    assert (ABU, "أبو علي") == (inbound.sender, inbound.sender_name)
    assert (Purpose.MESSAGE, True, "meta") == (inbound.purpose, inbound.public, inbound.provider)
    assert (Address(Scheme.COMMENT, COMMENT), None) == (inbound.reply_to, inbound.comment_to)
    assert f"https://www.facebook.com/{PAGE}/posts/2001" == inbound.url
    assert datetime(2025, 11, 20, 10, 0, tzinfo=UTC) == inbound.sent_at


async def test_public_answers_where_the_city_wishes() -> None:
    """Only a city that wishes to answer in public learns where it could."""
    channel = Facebook(example_settings(Facebook, public_answers=True))
    body = (FIXTURES / "facebook/comment_arabic.json").read_bytes()
    [inbound] = channel.parse(make_mocked_request("POST", "/"), body)

    assert Address(Scheme.PUBLIC, COMMENT) == inbound.comment_to


async def test_comment_edited(hear: Hear) -> None:
    """Newer words are a version of the comment, and not another complaint."""
    [inbound] = await hear("comment_edited")

    assert (Purpose.EDIT, COMMENT) == (inbound.purpose, inbound.revises)
    assert f"{COMMENT}:edit:1763633228" == inbound.external_id
    assert "منذ شهرين" in inbound.text


async def test_comment_removed(hear: Hear) -> None:
    """A comment that was removed takes its words back."""
    [inbound] = await hear("comment_removed")

    assert (Purpose.DELETION, COMMENT, "") == (inbound.purpose, inbound.revises, inbound.text)
    assert f"{COMMENT}:remove" == inbound.external_id


async def test_comment_no_author(hear: Hear) -> None:
    """Whoever does not let us know the name can be answered in private all the same."""
    [inbound] = await hear("comment_no_author")

    assert Address(Scheme.UNKNOWN, "") == inbound.sender
    assert Address(Scheme.COMMENT, "2001_3004") == inbound.reply_to


async def test_comment_photo(hear: Hear) -> None:
    """A photo in a comment is recorded, to be fetched."""
    [inbound] = await hear("comment_photo")

    assert (Media("image/jpeg", "https://scontent.xx.fbcdn.net/v/t1/comment.jpg?oh=1"),) == inbound.media


async def test_comment_without_words(hear: Hear) -> None:
    """A comment whose words Facebook kept back is kept as a pointer to them."""
    [inbound] = await hear("comment_without_words")

    assert (Purpose.POINTER, "feed:2001_3005") == (inbound.purpose, inbound.external_id)
    assert {"node": "2001_3005", "item": "comment", "mentioned": False} == dict(inbound.answers)


async def test_visitor_posts(hear: Hear) -> None:
    """What a visitor writes on the Page, shows or films there is heard, each picture once."""
    await hear("visitor_post")
    await hear("visitor_photos")
    post, photos, film = await hear("visitor_video_only")

    assert ("الكهرباء مقطوعة منذ البارحة في حي الجامعة", f"{PAGE}_2002") == (post.text, post.external_id)
    assert Address(Scheme.COMMENT, f"{PAGE}_2002") == post.reply_to
    assert ["one.jpg", "two.jpg"] == [str(item.url).rpartition("/")[2] for item in photos.media]
    assert ("", (Media("video/mp4", "https://video.xx.fbcdn.net/v/film.mp4"),)) == (film.text, film.media)


async def test_share_with_words(hear: Hear) -> None:
    """Words over a shared page of the web are heard; the page is not fetched."""
    [inbound] = await hear("share_with_words")

    assert ("هذا الخبر عن شارعنا ولم يتغير شيء", ()) == (inbound.text, inbound.media)


async def test_mention(hear: Hear) -> None:
    """Who names the Page elsewhere is heard, and cannot be answered in private."""
    await hear("mention_post")
    post, comment = await hear("mention_comment")

    assert ("900100_900101", "900101_900102") == (post.external_id, comment.external_id)
    assert (Address(Scheme.MESSENGER, "5550001110003"), "مواطن") == (post.sender, post.sender_name)
    assert (True, None) == (post.public, post.reply_to)


async def test_messenger_text(hear: Hear) -> None:
    """A message to the Page arrives in private from a person whom the Page can answer."""
    [inbound] = await hear("messenger_text")

    assert ("الماء مقطوع من يومين بحي الجامعة", "m_aGk0-1") == (inbound.text, inbound.external_id)
    assert (CITIZEN, False, None) == (inbound.sender, inbound.public, inbound.reply_to)
    assert datetime(2025, 11, 20, 10, 0, 0, 123000, tzinfo=UTC) == inbound.sent_at


async def test_messenger_attachments(hear: Hear) -> None:
    """Photos, voice, files and places come with their kind; a shared link becomes words."""
    await hear("messenger_photo")
    await hear("messenger_voice_and_file")
    await hear("messenger_location")
    photo, voice, place, shared = await hear("messenger_shared_link")

    assert ["image/jpeg"] == [item.content_type for item in photo.media]
    assert ["audio/mp4", "application/octet-stream"] == [item.content_type for item in voice.media]
    assert (Pin("حي الجامعة", 33.32, 44.33), ()) == (place.place, place.media)
    assert ("خبر\nhttps://news.example/a", ()) == (shared.text, shared.media)


async def test_messenger_buttons(hear: Hear) -> None:
    """A quick reply and a button of the menu say what stands on them."""
    await hear("messenger_quick_reply")
    await hear("messenger_menu")
    quick, menu, unnamed = await hear("messenger_menu_without_id")

    assert ["ماء", "أبلغ عن مشكلة", "أبلغ عن مشكلة"] == [quick.text, menu.text, unnamed.text]
    assert "postback:6660001110001:1763632800123" == unnamed.external_id


async def test_messenger_versions(hear: Hear) -> None:
    """An edited message is a version of the first, and an unsent one takes it back."""
    await hear("messenger_edited")
    edited, unsent = await hear("messenger_unsent")

    assert (Purpose.EDIT, "m_aGk0-1") == (edited.purpose, edited.revises)
    assert "m_aGk0-1:edit:1763632800123" == edited.external_id
    assert (Purpose.DELETION, "m_aGk0-1") == (unsent.purpose, unsent.revises)


async def test_messenger_delivered(hear: Hear) -> None:
    """Each of our messages that reached the telephone is reported."""
    first, second = await hear("messenger_delivered")

    assert Purpose.DELIVERY == first.purpose
    assert [Delivery("m_ours-1", DeliveryState.DELIVERED), Delivery("m_ours-2", DeliveryState.DELIVERED)] == [
        first.delivery,
        second.delivery,
    ]


async def test_messenger_standby(hear: Hear) -> None:
    """A message that came while people answer in Meta's inbox is heard too; one in reply says to what."""
    await hear("messenger_standby")
    standby, answer = await hear("messenger_answer_to_ours")

    assert ("هل من أحد؟", "m_ours-1") == (standby.text, answer.thread)


async def test_batch(hear: Hear) -> None:
    """Everything in a delivery is heard, of every Page that is subscribed."""
    heard = await hear("batch")

    assert ["2001_3011", "2001_3012", "m_aGk0-21", "m_aGk0-22", "2001_3013"] == [item.external_id for item in heard]
    assert {PAGE, "104200000000002"} == {item.account for item in heard}


def test_bad_element_holds_up_no_other() -> None:
    """One element that cannot be read is kept for a person; the others of the delivery are heard."""
    good = {"field": "feed", "value": {"item": "comment", "comment_id": "1_2", "verb": "add", "message": "ماء"}}
    bad = {"field": "feed", "value": {"item": "comment", "comment_id": ["1_2"], "verb": "add", "message": "كهرباء"}}
    broken = {"id": PAGE, "time": 2, "changes": "?"}
    document = {"object": "page", "entry": [1, broken, {"id": PAGE, "time": 1, "changes": [bad, "text", good]}]}
    *kept, heard = parse(document)

    assert [Purpose.UNREADABLE] * 4 == [inbound.purpose for inbound in kept]
    notes = ["an entry is not an object", "changes is not a list", "comment_id is no id", "it is not an object"]
    assert notes == [inbound.note for inbound in kept]
    assert 4 == len({inbound.external_id for inbound in kept})
    assert ("ماء", Purpose.MESSAGE) == (heard.text, heard.purpose)


def test_bug_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours, met in one element, costs none of the others, nor that one's bytes."""

    def stumble(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Facebook, "change", stumble)
    message = {"sender": {"id": "7"}, "timestamp": 1, "message": {"mid": "m_1", "text": "ماء"}}
    entry = {"id": PAGE, "changes": [{"field": "feed", "value": {}}], "messaging": [message]}
    kept, heard = parse({"object": "page", "entry": [entry]})

    assert ("ZeroDivisionError while reading it", "ماء") == (kept.note, heard.text)


@pytest.mark.parametrize(
    "value",
    [
        {"item": "comment", "comment_id": "1_2", "verb": "edited", "message": ""},
        {"item": "comment", "comment_id": "1_2", "verb": "unhide", "message": "ماء"},
        {"item": "status", "post_id": "1_2", "verb": "add"},
        {"item": "like", "post_id": "1_2", "verb": "add", "message": "ماء"},
        {"item": "comment", "comment_id": "1_2", "verb": "add", "message": "ماء", "sender_id": PAGE},
    ],
)
def test_says_nothing(value: dict[str, Any]) -> None:
    """An edit that shows no words, a gesture, an empty post and the Page's own words are nobody's complaint."""
    assert [] == parse(feed(**value))


def test_comment_is_never_taken_for_its_post() -> None:
    """A comment that does not say its own id is kept for a person: under the post's it would be lost as a duplicate."""
    [inbound] = parse(feed(item="comment", post_id="1_2", verb="add", message="ماء"))

    assert (Purpose.UNREADABLE, "no comment_id") == (inbound.purpose, inbound.note)


def test_ids_are_text() -> None:
    """An id that came without quotation marks is the same id, however large."""
    [inbound] = parse(feed(item="comment", comment_id=12345678901234567890, verb="add", message="ماء"))

    assert "12345678901234567890" == inbound.external_id


SHAPES = ROOT.parent / "shared/data/channels/meta_page_ig_shapes.jsonl"
CAPTURED = [json.loads(line) for line in SHAPES.read_text("utf-8").splitlines()] if SHAPES.is_file() else []


@pytest.mark.parametrize(
    "captured", [item for item in CAPTURED if item["payload"]["object"] == "page"], ids=lambda item: item["name"]
)
def test_captured(captured: Any) -> None:
    """Deliveries as others recorded them prove genuine, and become what their names promise."""
    channel = Facebook(example_settings(Facebook, app_secret="test"))
    body, signature = captured["raw_body"].encode(), captured["x_hub_signature_256_with_secret_test"]
    request = make_mocked_request("POST", "/", headers={SIGNATURE: signature})
    channel.verify(request, body)
    heard = list(channel.parse(request, body))
    nothing = any(word in captured["name"] for word in ("ignore", "hide", "photo_real_capture"))

    assert (0 if nothing else 1) == len(heard)
    assert [] == [inbound for inbound in heard if inbound.purpose is Purpose.UNREADABLE]


def test_signature_is_metas() -> None:
    """The signature of a delivery of two braces with "secret" is the one that OpenSSL makes."""
    expected = "sha256=77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"

    assert expected == Facebook(example_settings(Facebook, app_secret="secret")).sign("", b"{}")[SIGNATURE]


KEYS = st.sampled_from(
    [
        *("item", "verb", "from", "id", "comment_id", "post_id", "message", "photos", "link", "edited_time", "post"),
        *("sender", "timestamp", "mid", "text", "attachments", "type", "payload", "url", "coordinates", "lat", "long"),
        *("postback", "message_edit", "delivery", "mids", "read", "is_deleted", "reply_to", "published", "title"),
    ]
)
VALUES = st.sampled_from(
    ["add", "edited", "remove", "comment", "photo", "1_2", "", "https://x.example/a", "image", PAGE]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=8)


@settings(max_examples=150, deadline=None)
@given(value=OBJECTS, event=OBJECTS, field=st.sampled_from(["feed", "mention", "messages"]))
def test_whatever_is_delivered(value: Any, event: Any, field: str) -> None:
    """Whatever Meta delivers is heard, ignored or kept for a person; nothing breaks, and it reads the same twice."""
    changes = [{"field": field, "value": {"item": "comment", **value}}]
    messaging = [{"sender": {"id": "7"}, "timestamp": 1, "message": event}, {"sender": {"id": "7"}, **event}]
    document = {"object": "page", "entry": [{"id": PAGE, "time": 5, "changes": changes, "messaging": messaging}]}
    heard = parse(document)

    assert heard == parse(document)
    assert heard == [Inbound.from_json(inbound.to_json()) for inbound in heard]
    assert [] == [inbound.note for inbound in heard if "while reading it" in inbound.note]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"object":"page","entry":{}}', b'{"object":"user"}', b"NaN"])
def test_unreadable_whole(body: bytes) -> None:
    """What is no delivery at all is kept whole."""
    with pytest.raises(Unreadable):
        parse(body)


# Settings


@pytest.mark.parametrize(
    "change",
    [
        {"page_id": "https://facebook.com/city"},
        {"page_token": ""},
        {"version": "23"},
        {"api_url": "graph"},
        {"rate": 0},
    ],
)
def test_settings_that_cannot_work(change: dict[str, Any]) -> None:
    """A setting that cannot work stops the start."""
    with pytest.raises(ValidationError):
        example_settings(Facebook, **change)


# Fetched


def lay(graph: GraphDouble) -> None:
    """Lay a Page's day at Meta: posts, comments, a tag, a conversation."""
    own, abu = {"id": PAGE, "name": "أمانة"}, {"id": ABU.value, "name": "أبو علي"}
    graph.put("post", PAGE, "feed", id=f"{PAGE}_1", message="إعلان", created_time=ago(days=40), **{"from": own})
    for number, age in ((1, ago(minutes=3)), (2, ago(minutes=9)), (3, ago(days=9))):
        comment = {"id": f"1_{number}", "message": f"حفرة {number}", "created_time": age, "from": abu}
        graph.put("comment", f"{PAGE}_1", "comments", permalink_url=f"https://www.facebook.com/1_{number}", **comment)
    ours = {"id": "1_4", "message": "وصلت", "created_time": ago(minutes=1), "from": own}
    graph.put("comment", f"{PAGE}_1", "comments", **ours)
    graph.put("comment", f"{PAGE}_1", "comments", id="1_5", message="بلا اسم", created_time=ago(minutes=1))
    photo = {"type": "photo", "media": {"image": {"src": "https://scontent.xx.fbcdn.net/p.jpg"}}}
    visitor = {"message": "زائر", "created_time": ago(minutes=2), "from": abu, "attachments": {"data": [photo]}}
    graph.put("post", PAGE, "feed", id=f"{PAGE}_2", **visitor)
    graph.put("post", PAGE, "feed", id=f"{PAGE}_3", message="بلا كاتب", created_time=ago(minutes=2))
    tag = {"message": "يا أمانة", "created_time": ago(minutes=2), "from": abu}
    graph.put("post", PAGE, "tagged", id="77_1", **tag)
    graph.put("post", PAGE, "tagged", id="77_2", **{**tag, "created_time": ago(days=30)})
    talk = {"id": "t_1", "updated_time": ago(minutes=4), "with": CITIZEN.value}
    graph.put("conversation", PAGE, "conversations", **talk)
    picture = {"mime_type": "image/png", "name": "a.png", "image_data": {"url": "https://scontent.xx.fbcdn.net/a.png"}}
    words = {"message": "ماء", "created_time": ago(minutes=4), "from": {"id": CITIZEN.value, "name": "سارة"}}
    graph.put("message", "t_1", "messages", id="m_1", **words, attachments={"data": [picture]})
    graph.put("message", "t_1", "messages", id="m_2", message="وصل", created_time=ago(minutes=4), **{"from": own})
    graph.put("message", "t_1", "messages", id="m_3", **{**words, "created_time": ago(days=3)})


async def test_fetches_what_was_not_delivered(facebook: Facebook, graph: GraphDouble) -> None:
    """Comments, visitors' posts, tags and messages of the last day are found, under the ids that deliveries give."""
    lay(graph)
    found = {inbound.external_id: inbound async for inbound in facebook.fetch("", Desk())}

    assert {"1_1", "1_2", "1_5", f"{PAGE}_2", "77_1", "m_1"} == set(found)
    assert ("حفرة 1", ABU, "أبو علي") == (found["1_1"].text, found["1_1"].sender, found["1_1"].sender_name)
    assert (Address(Scheme.COMMENT, "1_1"), True) == (found["1_1"].reply_to, found["1_1"].public)
    assert "https://www.facebook.com/1_1" == found["1_1"].url
    assert Address(Scheme.UNKNOWN, "") == found["1_5"].sender
    assert (Media("image/jpeg", "https://scontent.xx.fbcdn.net/p.jpg"),) == found[f"{PAGE}_2"].media
    assert (None, True) == (found["77_1"].reply_to, found["77_1"].public)
    assert (CITIZEN, "سارة", False) == (found["m_1"].sender, found["m_1"].sender_name, found["m_1"].public)
    assert (Media("image/png", "https://scontent.xx.fbcdn.net/a.png", "a.png"),) == found["m_1"].media
    assert {PAGE} == {inbound.account for inbound in found.values()}


async def test_fetch_goes_on_where_it_ended(facebook: Facebook, graph: GraphDouble) -> None:
    """The next search looks no further back than the last, but for half an hour that is searched twice."""
    lay(graph)
    desk = Desk()
    [_ async for _ in facebook.fetch("", desk)]
    assert {"feed", "tagged", "messages"} == set(desk.remembered)
    desk.remembered = dict.fromkeys(desk.remembered, (datetime.now(UTC) + timedelta(minutes=25)).isoformat())

    found = [inbound.external_id async for inbound in facebook.fetch("", desk)]
    assert ["1_1", "1_5", f"{PAGE}_2", "77_1", "m_1"] == found


async def test_fetch_that_breaks_off_begins_again(facebook: Facebook, graph: GraphDouble) -> None:
    """While what was found could not be stored, the search does not count as done."""
    lay(graph)
    desk = Desk()
    found = facebook.fetch("", desk)
    await anext(found)
    await found.aclose()

    assert {} == desk.remembered


async def test_finds_all_of_a_long_list(facebook: Facebook, graph: GraphDouble) -> None:
    """Of a comment list that came cut off, the rest is asked for, page after page."""
    graph.put("post", PAGE, "feed", id=f"{PAGE}_1", message="إعلان", created_time=ago(days=1), **{"from": {"id": PAGE}})
    for number in range(230):
        graph.put("comment", f"{PAGE}_1", "comments", id=f"1_{number}", message="حفرة", created_time=ago(hours=1))
    found = {inbound.external_id async for inbound in facebook.fetch("", Desk())}

    assert {f"1_{number}" for number in range(230)} == found


async def test_one_missing_permission(facebook: Facebook, graph: GraphDouble) -> None:
    """A place that the token does not open closes none of the others; its search does not count as done."""
    lay(graph)
    graph.forbidden = {"feed": Wrong(10)}
    desk = Desk()
    found = [inbound.external_id async for inbound in facebook.fetch("", desk)]

    assert ["77_1", "m_1"] == found
    assert {"tagged", "messages"} == set(desk.remembered)


async def test_no_permission_at_all(facebook: Facebook, graph: GraphDouble) -> None:
    """A token that opens nothing calls for a person."""
    graph.forbidden = {place: Wrong(10) for place in ("feed", "tagged", "conversations")}
    with pytest.raises(Barred) as barred:
        [_ async for _ in facebook.fetch("", Desk())]

    assert "10" == barred.value.code


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ((401, {"error": {"code": 190, "message": "dead"}}, {}), Barred),
        ((400, {"error": {"code": 32, "message": "much"}}, {}), Busy),
        ((500, {}, {}), Busy),
        ((200, {"data": [{"id": f"{PAGE}_1", "comments": {"data": {}}}]}, {}), Busy),
    ],
)
async def test_fetch_ends(answer: Any, end: type[Exception], facebook: Facebook, graph: GraphDouble) -> None:
    """A dead token, a full quota, an outage and an answer beyond reading end the search as what they are."""
    graph.answers = [answer]
    with pytest.raises(end):
        [_ async for _ in facebook.fetch("", Desk())]


async def test_leaves_some_of_the_quota(facebook: Facebook, graph: GraphDouble) -> None:
    """When most of the quota is used up, the rest is left for answers, and the search goes on later."""
    graph.answers = [(200, {"data": []}, {"X-App-Usage": '{"call_count": 85, "total_time": 10, "total_cputime": 10}'})]
    desk = Desk()
    with pytest.raises(Busy) as busy:
        [_ async for _ in facebook.fetch("", desk)]

    assert ("usage", 900.0, {"feed"}) == (busy.value.code, busy.value.retry_after, set(desk.remembered))
    assert 1 == len(graph.asked)


async def test_a_quota_that_never_suffices_closes_no_place(facebook: Facebook, graph: GraphDouble) -> None:
    """With most of the quota gone hour after hour, each search begins where none was for longest: all are searched."""
    desk = Desk()
    used = (200, {"data": []}, {"X-App-Usage": '{"call_count": 85}'})
    for _ in range(4):
        graph.answers = [used]
        with pytest.raises(Busy):
            [_ async for _ in facebook.fetch("", desk)]

    places = ["feed", "tagged", "conversations", "feed"]
    assert [f"GET /{PAGE}/{place}" for place in places] == graph.asked


async def test_away() -> None:
    """While Meta cannot be reached the search is tried again later."""
    channel = Facebook(example_settings(Facebook, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy):
        [_ async for _ in channel.fetch("", Desk())]
    await channel.close()


async def test_listed_object_that_cannot_be_read(facebook: Facebook, graph: GraphDouble) -> None:
    """What Meta lists in a strange shape is kept for a person, and the rest is found."""
    graph.put("post", PAGE, "tagged", id="77_1", message=["?"], created_time=ago(minutes=1))
    graph.put("post", PAGE, "tagged", id="77_2", message="ماء", created_time=ago(minutes=1))
    first, second = [inbound async for inbound in facebook.fetch("", Desk())]

    assert (Purpose.UNREADABLE, "message is not text") == (first.purpose, first.note)
    assert "ماء" == second.text


async def test_recounts(facebook: Facebook, graph: GraphDouble) -> None:
    """The books are compared as far back as was asked."""
    lay(graph)
    since = datetime.now(UTC) - timedelta(days=60)
    found = {inbound.external_id async for inbound in facebook.recount(since, Desk())}

    assert {"1_1", "1_2", "1_3", "1_5", f"{PAGE}_2", "77_1", "77_2", "m_1", "m_3"} == found


READS = sorted((ROOT.parent / "shared/data/channels/facebook_graph_reads").glob("facebook__*.json"))


def listed_in(file: Path) -> list[dict[str, Any]]:
    """Take the objects out of a recorded answer: a list, a table by id, or one."""
    answer = json.loads(file.read_text("utf-8"))
    if "data" in answer:
        return [item for item in answer["data"] if isinstance(item, dict)]
    if "id" in answer:
        return [answer]
    return [item for item in answer.values() if isinstance(item, dict)]


@pytest.mark.parametrize("file", READS, ids=lambda file: file.stem)
def test_recorded_answers(file: Path) -> None:
    """What others recorded of the Graph API becomes citizens' words, nothing, or is kept for a person; none breaks."""
    channel = Facebook(example_settings(Facebook))

    def read(item: dict[str, Any]) -> Inbound | None:
        if "__messages__" in file.name:
            return listed(item, channel.place(PAGE))
        return channel._listed(item, PAGE, mentioned=False)

    for item in listed_in(file):
        inbound = channel.readable(item, read)
        if inbound:
            assert inbound == Inbound.from_json(inbound.to_json())
            assert item.get("message", "") == inbound.text or inbound.purpose is Purpose.UNREADABLE
            assert (inbound.purpose is Purpose.UNREADABLE) == ("id" not in item)


# Followed


def pointer(**answers: Any) -> Inbound:
    sender = Address(Scheme.UNKNOWN, "")
    return Inbound("facebook", PAGE, "feed:1_1", sender, purpose=Purpose.POINTER, answers=answers)


async def test_follows_to_the_words(facebook: Facebook, graph: GraphDouble) -> None:
    """A comment that came without words is filed under its own id, once they are here."""
    graph.put("comment", id="1_1", message="حفرة", created_time=ago(minutes=1), **{"from": {"id": ABU.value}})
    [inbound] = [item async for item in facebook.follow(pointer(node="1_1", item="comment", mentioned=False))]

    assert ("1_1", "حفرة", Purpose.MESSAGE, ABU) == (inbound.external_id, inbound.text, inbound.purpose, inbound.sender)
    assert Address(Scheme.COMMENT, "1_1") == inbound.reply_to


async def test_follows_a_mention(facebook: Facebook, graph: GraphDouble) -> None:
    """A post elsewhere that names the Page is followed too; its author cannot be answered in private."""
    graph.put("post", id="77_1", message="يا أمانة", created_time=ago(minutes=1))
    [inbound] = [item async for item in facebook.follow(pointer(node="77_1", item="post", mentioned=True))]

    assert ("يا أمانة", None) == (inbound.text, inbound.reply_to)


async def test_follows_nothing_that_is_gone(facebook: Facebook) -> None:
    """A comment that was removed before its words were fetched is nobody's complaint."""
    assert [] == [item async for item in facebook.follow(pointer(node="9_9", item="comment", mentioned=False))]


async def test_follow_is_tried_again(facebook: Facebook, graph: GraphDouble) -> None:
    """While Meta does not say, or does not let us in, the pointer stays."""
    for answer, end in (((500, {}, {}), Busy), ((400, {"error": {"code": 10}}, {}), Refused)):
        graph.answers = [answer]
        with pytest.raises(end):
            [_ async for _ in facebook.follow(pointer(node="1_1", item="comment"))]


# Media, and who we are


async def test_media_is_fetched_without_the_token() -> None:
    """Photos come from Meta's storage, which gets no token; a stand-in for Meta may hold them, and nobody else."""
    real = await Facebook(example_settings(Facebook)).source("https://scontent.xx.fbcdn.net/p.jpg")
    stand_in = Facebook(example_settings(Facebook, api_url="http://127.0.0.1:9090"))
    other = await stand_in.source("http://127.0.0.1:9090/p.jpg")

    assert ({}, "", True) == (real.headers, real.private, "*.fbcdn.net" in real.hosts)
    assert "127.0.0.1" not in real.hosts
    assert ({}, "127.0.0.1:9090", True) == (other.headers, other.private, "127.0.0.1" in other.hosts)


async def test_probe(facebook: Facebook, graph: GraphDouble) -> None:
    """The check names the Page and what is delivered, and calls a person when nothing is."""
    graph.objects[PAGE] = {"name": "أمانة المدينة"}
    with pytest.raises(Refused) as refusal:
        await facebook.probe()
    assert ("unsubscribed", True) == (refusal.value.code, refusal.value.alarm)

    graph.put("app", PAGE, "subscribed_apps", id="1", subscribed_fields=["messages", "feed"])
    assert "أمانة المدينة; delivers feed, messages" == await facebook.probe()

    graph.forbidden = {"subscribed_apps": Wrong(200)}
    assert "أمانة المدينة; its subscriptions cannot be seen" == await facebook.probe()


def test_can_do_what_it_says() -> None:
    """The channel speaks, fetches, follows, probes and recounts."""
    channel = Facebook(example_settings(Facebook))

    assert [True] * 5 == [isinstance(channel, kind) for kind in (Speaker, Fetches, Follows, Probes, Recounts)]
    assert (2.0, 300.0) == (channel.rate, channel.interval)


async def test_token_stays_inside(facebook: Facebook, graph: GraphDouble) -> None:
    """The token is in no address that is asked, also not where Meta puts it into the next page's."""
    for number in range(60):
        graph.put("post", PAGE, "tagged", id=f"77_{number}", message="ماء", created_time=ago(minutes=1))
    found = [inbound async for inbound in facebook.fetch("", Desk())]

    assert 60 == len(found)
    assert TOKEN not in repr(facebook.settings)


# What became of it


async def test_posts_that_are_gone(facebook: Facebook, graph: GraphDouble) -> None:
    """A comment and a visitor's post that are not there any more are taken back, as a delivery would."""
    lay(graph)
    heard = [inbound async for inbound in facebook.fetch("", Desk())]
    for node, place in (("1_2", (f"{PAGE}_1", "comments")), (f"{PAGE}_2", (PAGE, "feed")), ("77_1", (PAGE, "tagged"))):
        del graph.kinds[node]
        graph.edges[place].remove(node)
    said = {inbound.external_id: inbound async for inbound in facebook.revisit(heard)}

    assert {"1_2:remove", f"{PAGE}_2:remove"} == said.keys()
    assert (Purpose.DELETION, "1_2", ABU) == (
        said["1_2:remove"].purpose,
        said["1_2:remove"].revises,
        said["1_2:remove"].sender,
    )


async def test_a_comment_that_meta_will_not_speak_of_holds_up_no_other(facebook: Facebook, graph: GraphDouble) -> None:
    """Two comments that Meta refuses to show are let be, and those after them that are gone are taken back."""
    lay(graph)
    heard = [inbound async for inbound in facebook.fetch("", Desk())]
    assert ["1_1", "1_2", "1_5"] == [post.external_id for post in heard if post.external_id.startswith("1_")]
    graph.forbidden = {"1_1": Wrong(10), "1_2": Wrong(3)}
    del graph.kinds["1_5"]
    graph.edges[f"{PAGE}_1", "comments"].remove("1_5")
    said: list[str] = []

    with pytest.raises(Refused) as refusal:
        async for inbound in facebook.revisit(heard):
            said.append(inbound.external_id)  # noqa: PERF401 - what was said before the refusal counts
    assert (["1_5:remove"], "3") == (said, refusal.value.code)


@pytest.mark.parametrize("first", [Wrong(100, 33), Wrong(10)], ids=["gone", "not spoken of"])
@pytest.mark.parametrize("code", [10, 200, 190])
async def test_a_permission_that_was_taken_away_removes_nothing(
    code: int, first: Wrong, facebook: Facebook, graph: GraphDouble
) -> None:
    """Meta says of what we may not see what it says of what is gone: then nothing is believed to be gone."""
    lay(graph)
    heard = [inbound async for inbound in facebook.fetch("", Desk())]
    graph.forbidden = {post.external_id: Wrong(100, 33) for post in heard} | {"feed": Wrong(code)}
    graph.forbidden[heard[0].external_id] = first
    said: list[str] = []

    with pytest.raises((Refused, Barred)):
        async for inbound in facebook.revisit(heard):
            said.append(inbound.external_id)  # noqa: PERF401 - what was said before the refusal counts
    assert [] == said
