"""What a post and a direct message on X mean, and who may have them signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from authlib.oauth1 import ClientAuth
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Unreadable
from channels.message import Address, Inbound, MediaKind, Pin, Purpose, Scheme
from channels.x import X
from channels.x.channel import SIGNATURE
from channels.x.credentials import OAuth1
from tests.channels.harness import FIXTURES, ROOT, Sink, example_settings, house, public

US = "1111111111111111111"
CITIZEN = Address(Scheme.X, "2222222222222222222")
FIRST = "2080765813578191301"
RECORDED = sorted((ROOT.parent / "shared/data/channels/x_pytwitter").glob("*.json"))


def channel(**changes: Any) -> X:
    return X(example_settings(X, **changes))


def heard(body: bytes, **changes: Any) -> list[Inbound]:
    return list(channel(**changes).parse(make_mocked_request("POST", "/channels/x"), body))


def fixture(name: str) -> bytes:
    return (FIXTURES / f"x/{name}.json").read_bytes()


def recorded(name: str, **changes: Any) -> Inbound:
    [inbound] = heard(fixture(name), **changes)
    return inbound


def event(kind: str, payload: Any, **more: Any) -> bytes:
    return json.dumps({"data": {"event_type": kind, "payload": payload, **more}}).encode()


def post(**changes: Any) -> dict[str, Any]:
    return {"id": "7", "author_id": CITIZEN.value, "text": "الماء مقطوع", **changes}


def test_mention() -> None:
    """A post that names the city is public, known by its number, and can be answered by message and below it."""
    inbound = recorded("mention")

    assert "@baghdad_city الماء مقطوع من يومين بحي الجامعة & ماكو جواب" == inbound.text
    assert (Purpose.MESSAGE, True, US, FIRST) == (inbound.purpose, inbound.public, inbound.account, inbound.external_id)
    assert (CITIZEN, "سعاد") == (inbound.sender, inbound.sender_name)
    assert (CITIZEN, Address(Scheme.PUBLIC, FIRST)) == (inbound.reply_to, inbound.comment_to)
    assert f"https://x.com/i/status/{FIRST}" == inbound.url
    assert datetime(2026, 7, 24, 21, 23, 1, tzinfo=UTC) == inbound.sent_at


def test_long_post_arrives_whole() -> None:
    """A post that X cuts in its short text is read to its end, with its signs as they were typed."""
    inbound = recorded("mention_long")

    assert inbound.text.startswith("@baghdad_city النفايات متراكمة قدام مدرسة البنات بالكرادة من أسبوع <والريحة قاتلة>")
    assert len(inbound.text) > 280


def test_what_was_typed_as_an_escape_stays_one() -> None:
    """Signs are put back once: who wrote &lt; did not write <."""
    [inbound] = heard(event("post.mention.create", post(text="a &amp;lt; b &lt;c&gt; &copy;")))

    assert "a &lt; b <c> &copy;" == inbound.text


def test_photos_films_and_places() -> None:
    """A photo, the smallest size of a film and the place come with the post; another post's photo does not."""
    inbound = recorded("mention_with_media")

    assert ["https://pbs.twimg.com/media/a.jpg", "https://video.twimg.com/small.mp4"] == [m.url for m in inbound.media]
    assert [MediaKind.IMAGE, MediaKind.VIDEO] == [media.kind for media in inbound.media]
    assert Pin("بغداد, العراق", 33.3152, 44.3661) == inbound.place


def test_an_edit_is_a_version_of_the_first() -> None:
    """An edited post has a number of its own and says which one it replaces."""
    inbound = recorded("mention_edited")

    assert (Purpose.EDIT, FIRST) == (inbound.purpose, inbound.revises)
    assert inbound.external_id != FIRST


def test_removed_by_its_author() -> None:
    """What its author removed is taken back."""
    inbound = recorded("deleted")

    assert (Purpose.DELETION, FIRST, CITIZEN) == (inbound.purpose, inbound.revises, inbound.sender)


def test_only_who_called_us_is_answered_in_public() -> None:
    """Who names us in words or quotes us may be answered below; who merely answers our post may not, by X's rules."""
    assert recorded("mention").comment_to
    assert recorded("reply").comment_to is None
    assert recorded("reply").reply_to == CITIZEN

    named = {"mentions": [{"start": 20, "id": US}]}
    [inbound] = heard(event("post.reply.create", post(entities=named, display_text_range=[14, 40])))
    assert inbound.comment_to

    other = {"mentions": [{"start": 20, "id": "3"}, {"start": "20", "id": US}, {"id": US}, 7]}
    [inbound] = heard(event("post.mention.create", post(entities=other)))
    assert inbound.comment_to is None


def test_nobody_is_answered_without_the_means() -> None:
    """Public answers are off unless the city turns them on; without a token of the account there are none at all."""
    assert recorded("mention", public_answers=False).comment_to is None
    assert recorded("mention", public_answers=False).reply_to
    silent = recorded("mention", user_token="", user_token_secret="")
    assert (None, None) == (silent.reply_to, silent.comment_to)


def test_one_post_under_two_events_is_one() -> None:
    """A post that names us and answers us is delivered twice, and is the same message to the letter."""
    body = json.loads(fixture("mention"))
    body["data"].update(event_type="post.reply.create", event_uuid="-99")

    assert [recorded("mention")] == heard(json.dumps(body).encode())


def test_our_own_posts_never_come_back() -> None:
    """What the city posts itself is no complaint, and neither is the repost of something of hers."""
    for name in ("ignored_own_post", "ignored_own_reply", "ignored_own_deletion"):
        assert [] == heard(fixture(name))
    own = json.loads(fixture("mention"))
    own["data"]["payload"]["author_id"] = US
    repost = json.loads(fixture("mention"))
    repost["data"]["payload"]["referenced_tweets"] = [{"type": "retweeted", "id": "1"}]
    assert [[], []] == [heard(json.dumps(body).encode()) for body in (own, repost)]


def test_direct_message() -> None:
    """A direct message is private, from somebody who can be answered there."""
    inbound = recorded("direct_message")

    assert "الكهرباء مقطوعة بشارع فلسطين، رقمي ٠٧٧٠١٢٣٤٥٦٧" == inbound.text
    assert (False, CITIZEN, "سعاد") == (inbound.public, inbound.sender, inbound.sender_name)
    assert ("2080765901528535096", US) == (inbound.external_id, inbound.account)
    assert datetime(2026, 7, 24, 21, 23, 44, 372000, tzinfo=UTC) == inbound.sent_at
    assert [None, ""] == [inbound.reply_to, inbound.url]


def test_direct_message_with_a_photo() -> None:
    """A photo in a direct message is pointed at."""
    [media] = recorded("direct_message_photo").media

    assert (media.url or "").endswith("/1034828552951160836/1034828533812486145/oP5p359h.jpg")
    assert MediaKind.IMAGE == media.kind


def test_our_own_side_of_a_conversation_is_left_out() -> None:
    """Of a conversation only the citizen's words are heard, all of them."""
    assert ["مرحبا", "عندي شكوى"] == [inbound.text for inbound in heard(fixture("direct_messages_two"))]


def test_one_bad_message_costs_no_other() -> None:
    """A message that cannot be read is kept for a person, and the next one is heard."""
    good = {"id": "9", "message_create": {"sender_id": "3", "message_data": {"text": "مرحبا"}}}
    inbounds = heard(event("dm.received", {"direct_message_events": [7, {"id": ""}, good]}))

    assert [Purpose.UNREADABLE, Purpose.UNREADABLE, Purpose.MESSAGE] == [inbound.purpose for inbound in inbounds]
    assert "مرحبا" == inbounds[2].text


def test_encrypted_chat() -> None:
    """Of an encrypted chat it is heard that somebody wrote, so that they can be told."""
    inbound = recorded("chat_encrypted")

    assert (Purpose.MESSAGE, "", CITIZEN) == (inbound.purpose, inbound.text, inbound.sender)
    assert "encoded_event" not in json.dumps(dict(inbound.raw))


def test_revoked_access_goes_to_a_person() -> None:
    """When the account shuts the app out, somebody must look: nothing would come any more."""
    assert "access" in recorded("unreadable_access_revoked").note


def test_profile_is_not_kept() -> None:
    """Of who wrote only the names are kept, and not where they live or who follows them."""
    kept = recorded("mention").to_json()

    assert "followers_count" not in kept
    assert "Baghdad" not in kept


# The secret


def test_signature_is_xs() -> None:
    """X's own example comes out the same: base64 of the HMAC, after a prefix."""
    expected = "sha256=8MCZ9eHC6vfsONLs/1Iuqf5YSTfm9oGxJzSvKx/iXiw="

    assert expected == channel(consumer_secret="secret").sign("", b"tok")[SIGNATURE]


async def test_crc(aiohttp_client: Any, sink: Sink) -> None:
    """X's question is answered at once, without a redirect."""
    client = await aiohttp_client(house(channel(consumer_secret="secret"), sink))
    response = await client.get("/channels/x", params={"crc_token": "tok"}, allow_redirects=False)

    assert 200 == response.status
    assert {"response_token": "sha256=8MCZ9eHC6vfsONLs/1Iuqf5YSTfm9oGxJzSvKx/iXiw="} == await response.json()


async def test_no_delivery_can_be_had_signed(aiohttp_client: Any, sink: Sink) -> None:
    """Whoever asks for the signature of a delivery of their own gets none; a word that was signed is no delivery."""
    client = await aiohttp_client(house(channel(), sink))
    for token in (fixture("mention").decode(), "{}", "[", '"x"', "", "a b", "ن", "x" * 513):
        response = await client.get("/channels/x", params={"crc_token": token})
        assert (400, "") == (response.status, await response.text())
    assert 400 == (await client.get("/channels/x")).status

    word = b"a-word-of-a-stranger"
    answer = await (await client.get("/channels/x", params={"crc_token": word.decode()})).json()
    response = await client.post("/channels/x", data=word, headers={SIGNATURE: answer["response_token"]})
    assert 403 == response.status
    assert [] == sink.accepted


async def test_same_house_hears_delivery(aiohttp_client: Any, sink: Sink) -> None:
    """A delivery that X signed is heard."""
    body = fixture("mention")
    client = await aiohttp_client(house(channel(), sink))
    response = await client.post("/channels/x", data=body, headers=channel().sign(public("/channels/x"), body))

    assert 200 == response.status
    assert [FIRST] == [inbound.external_id for inbound in sink.accepted]


def test_oauth_is_signed_as_others_sign_it() -> None:
    """A request in the account's name carries the signature that an independent library makes for it."""
    query = {"max_results": "100", "dm_event.fields": "id,text", "words": "حي الجامعة & (x)!*'~"}
    url = "https://api.x.com/2/dm_events"
    nonce, at = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", 1318622958
    ours = OAuth1("key", "sec&ret", "token", "token+secret").sign("GET", url, query, nonce=nonce, at=at)
    theirs = ClientAuth("key", client_secret="sec&ret", token="token", token_secret="token+secret")
    oauth = [
        *(("oauth_consumer_key", "key"), ("oauth_nonce", nonce), ("oauth_signature_method", "HMAC-SHA1")),
        *(("oauth_timestamp", str(at)), ("oauth_token", "token"), ("oauth_version", "1.0")),
    ]
    header = "OAuth " + ", ".join(f'{name}="{value}"' for name, value in oauth)
    expected = theirs.get_oauth_signature("GET", url, {"Authorization": header}, urlencode(query))

    assert f'oauth_signature="{quote(expected, safe="")}"' in ours.split(", ")
    assert all(f'{name}="{value}"' in ours for name, value in oauth)


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": "@baghdad"},
        {"api_url": "https://api.x.com/2"},
        {"consumer_key": ""},
        {"user_token": ""},
        {"consumer_secret": ""},
    ],
    ids=str,
)
def test_wrong_settings_stop_the_start(changes: dict[str, str]) -> None:
    """A name for a number, an address with a path, half an access: said at the start."""
    with pytest.raises(ValidationError):
        channel(**changes)


# Whatever comes


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_by_others(file: Path) -> None:
    """Whatever others recorded of X's lists is read as posts or messages, or kept for a person; nothing breaks."""
    reader = channel()._reader
    document = json.loads(file.read_bytes())
    data = document.get("data", [])
    for entry in data if isinstance(data, list) else [data]:
        for read in (reader.post, reader.message):
            try:
                inbounds = list(read(entry, document.get("includes", {})))
            except Unreadable:
                assert "id" not in entry or not entry["id"]
                continue
            assert all(inbound == Inbound.from_json(inbound.to_json()) for inbound in inbounds)
            assert all(inbound.external_id == entry["id"] for inbound in inbounds)
    with pytest.raises(Unreadable):
        heard(json.dumps(document).encode())


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KINDS = ["post.mention.create", "post.reply.create", "post.delete", "dm.received", "chat.received", "oauth.revoke", "x"]
FIELDS = st.sampled_from(
    [
        *("author_id", "text", "note_tweet", "entities", "display_text_range", "edit_history_tweet_ids", "geo"),
        *("attachments", "referenced_tweets", "created_at", "direct_message_events", "users", "sender_id", "user_id"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS), payload=st.dictionaries(FIELDS, JUNK, max_size=5), includes=JUNK, has_id=st.booleans()
)
def test_any_event_is_read_or_unreadable(kind: str, payload: dict[str, Any], includes: Any, has_id: bool) -> None:
    """Whatever stands in an event, it becomes what survives the journal, or is said to be unreadable."""
    body = event(kind, {**payload, **({"id": "7"} if has_id else {})}, includes=includes)
    try:
        inbounds = heard(body)
    except Unreadable as error:
        assert str(error)
        return
    assert all(inbound == Inbound.from_json(inbound.to_json()) for inbound in inbounds)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60) | JUNK.map(lambda junk: json.dumps(junk).encode()))
def test_any_body_is_unreadable(body: bytes) -> None:
    """Bytes that are no event of X's break nothing."""
    with pytest.raises(Unreadable):
        heard(body)
