"""What an update from Telegram means: one recorded request after the other, through real HTTP."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Unreadable
from channels.message import Address, Inbound, Media, Pin, Purpose, Scheme
from channels.telegram.channel import HEADER, Telegram
from channels.telegram.split import pieces
from channels.telegram.update import Me, read
from tests.channels.harness import FIXTURES, ROOT, Sink, example_settings, house, public

BOT = "110201543"
CITIZEN = Address(Scheme.TELEGRAM, "5520011223")
RECORDED = sorted((ROOT / "../shared/data/channels/telegram_nutgram").resolve().glob("*.json"))

Hear = Callable[..., Awaitable[Any]]


def body_of(condition: str) -> bytes:
    return (FIXTURES / f"telegram/{condition}.json").read_bytes()


def heard(condition: str) -> list[Inbound]:
    blank = partial(Inbound, channel="telegram", account=BOT, provider="telegram")
    return list(read(json.loads(body_of(condition)), Me(BOT, "BaghdadReportsBot"), blank).inbounds)


def only(condition: str) -> Inbound:
    [inbound] = heard(condition)
    return inbound


@pytest.fixture
def post(aiohttp_client: Any, sink: Sink) -> Hear:
    """Post updates to one door, and give what Telegram is answered: a call of its API, or nothing."""
    clients: list[Any] = []

    async def hear(condition: str, **changes: Any) -> Any:
        if not clients:
            clients.append(await aiohttp_client(house(Telegram(example_settings(Telegram, **changes)), sink)))
        body = body_of(condition)
        headers = Telegram(example_settings(Telegram)).sign(public("/channels/telegram"), body)
        response = await clients[0].post("/channels/telegram", data=body, headers=headers)
        assert 200 == response.status
        text = await response.text()
        return json.loads(text) if text else None

    return hear


# What a message says


async def test_hello_arabic(post: Hear, sink: Sink) -> None:
    """A citizen's words arrive as they were typed, from the chat that can be answered, at the city's bot."""
    assert await post("hello_arabic") is None
    [inbound] = sink.accepted

    assert "الماء مقطوع من يومين بحي الجامعة، شارع الربيع" == inbound.text
    assert ("telegram", BOT, CITIZEN) == (inbound.channel, inbound.account, inbound.sender)
    assert ("5520011223:42", "42") == (inbound.external_id, inbound.thread)
    assert "أم زينب" == inbound.sender_name
    assert datetime(2026, 9, 21, 14, 55, 20, tzinfo=UTC) == inbound.sent_at
    assert ("telegram", Purpose.MESSAGE, False) == (inbound.provider, inbound.purpose, inbound.public)
    assert json.loads(body_of("hello_arabic")) == inbound.raw


def test_words_are_untouched() -> None:
    """Marks of direction, NUL, tatweel and spaces stay exactly as they came."""
    assert "\u202bرقم\u0640ي \u202d0790\u202c1234567\u202c\u200f\u0000 \ufeff" == only("unicode_controls").text


def test_ids_are_names() -> None:
    """An id of 52 bits is kept digit by digit."""
    assert "4503599627370495" == only("large_id").sender.value


@pytest.mark.parametrize(
    ("condition", "media", "text"),
    [
        ("photo", Media("image/jpeg", "telegram:AgACAgQAAxkBAAIl"), "حفرة بنص الشارع"),
        ("album_first", Media("image/jpeg", "telegram:AgACAgQAAxkBAAIa1"), "نفايات متراكمة من أسبوع"),
        ("album_second", Media("image/jpeg", "telegram:AgACAgQAAxkBAAIa2"), ""),
        ("voice_note", Media("audio/ogg", "telegram:AgACAgQAAxkBAAIv"), ""),
        ("audio", Media("audio/mp4", "telegram:AgACAgQAAxkBAAIau", "تسجيل.m4a"), ""),
        ("video", Media("video/mp4", "telegram:AgACAgQAAxkBAAIvi", "flood.mp4"), "المجاري طافحة"),
        ("video_note", Media("video/mp4", "telegram:AgACAgQAAxkBAAIvn"), ""),
        ("animation", Media("video/mp4", "telegram:AgACAgQAAxkBAAIan", "a.mp4"), ""),
        ("document", Media("application/pdf", "telegram:AgACAgQAAxkBAAId", "شكوى.pdf"), ""),
        ("document_without_type", Media("", "telegram:AgACAgQAAxkBAAIdn"), ""),
    ],
)
def test_media(condition: str, media: Media, text: str) -> None:
    """Whatever a citizen attaches is recorded once, to be fetched later; of a photo the largest size."""
    inbound = only(condition)

    assert (media,) == inbound.media
    assert text == inbound.text


def test_album_is_messages_of_one_citizen() -> None:
    """The photos of an album are messages of their own, from one sender: none replaces another."""
    first, second = only("album_first"), only("album_second")

    assert first.sender == second.sender
    assert first.external_id != second.external_id


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ("location", Pin("", 33.3152, 44.3661)),
        ("live_location", Pin("", 33.32, 44.37)),
        ("venue", Pin("مدرسة النور, حي الجامعة", 33.3, 44.4)),
    ],
)
def test_place(condition: str, place: Pin) -> None:
    """A point on the map is where the citizen put it, with the name of the place if there is one."""
    assert place == only(condition).place


def test_own_contact_is_a_phone() -> None:
    """A citizen who shares their own number can be reached by it."""
    inbound = only("contact_own")

    assert {"contact": {"phone": "+9647701234567"}} == inbound.answers
    assert (Purpose.MESSAGE, "") == (inbound.purpose, inbound.text)


def test_contact_of_another_is_nobodys_number() -> None:
    """The card of somebody else never becomes the way to reach the sender."""
    inbound = only("contact_of_another")

    assert ({}, Purpose.IGNORED, "the contact of somebody else") == (inbound.answers, inbound.purpose, inbound.note)


def test_sticker_is_no_complaint() -> None:
    """A sticker is kept, and says nothing that could be filed."""
    assert (Purpose.IGNORED, "") == (only("sticker").purpose, only("sticker").text)


@pytest.mark.parametrize(
    ("condition", "text", "edited_at"),
    [("edited", "الكهرباء مقطوعة في حي القاهرة", 61), ("edited_caption", "رصيف مكسور", 30)],
)
def test_edit_is_a_newer_version(condition: str, text: str, edited_at: int) -> None:
    """An edit names the message that it revises, and is told from other edits by when it was made."""
    inbound = only(condition)
    message = json.loads(body_of(condition))["edited_message"]

    assert (Purpose.EDIT, text) == (inbound.purpose, inbound.text)
    assert f"5520011223:{message['message_id']}" == inbound.revises
    assert f"{inbound.revises}:edit:{message['date'] + edited_at}" == inbound.external_id


def test_edit_revises_the_message_as_it_was_heard() -> None:
    """What an edit revises is what the first words were accepted under."""
    assert only("before_edit").external_id == only("edited").revises


def test_redelivery_under_another_number_is_the_same_message() -> None:
    """The number of an update says nothing: the chat and the message make it the same."""
    blank = partial(Inbound, channel="telegram", account=BOT)
    update = json.loads(body_of("hello_arabic"))
    [again] = read({**update, "update_id": 5}, Me(BOT), blank).inbounds

    assert only("hello_arabic").external_id == again.external_id


@pytest.mark.parametrize(
    ("condition", "purpose", "at"),
    [("blocked", Purpose.OPT_OUT, 1790200000), ("unblocked", Purpose.OPT_IN, 1790200600)],
)
def test_blocking(condition: str, purpose: Purpose, at: int) -> None:
    """Who blocks the bot wants silence; who unblocks it can be written to again."""
    inbound = only(condition)

    assert (purpose, CITIZEN) == (inbound.purpose, inbound.sender)
    assert (f"5520011223:{purpose}:{at}", datetime.fromtimestamp(at, UTC)) == (inbound.external_id, inbound.sent_at)


def test_words_behind_start_are_a_report() -> None:
    """Whoever writes a report behind /start is heard, and not greeted away."""
    assert "/start الماء مقطوع" == only("start_with_words").text


# What the bot says on its own


@pytest.mark.parametrize("condition", ["ignored_start", "ignored_start_from_link", "ignored_help"])
async def test_start_is_greeted(condition: str, post: Hear, sink: Sink) -> None:
    """Who opens the chat is greeted in both languages, offered the two buttons, and nothing is filed."""
    call = await post(condition)

    assert ("sendMessage", "5520011223") == (call["method"], call["chat_id"])
    assert "أهلاً" in call["text"]
    assert "Welcome" in call["text"]
    assert [{"request_contact": True}, {"request_location": True}] == [
        {name: value for name, value in row[0].items() if name != "text"} for row in call["reply_markup"]["keyboard"]
    ]
    assert [] == sink.accepted


async def test_greets_once_a_minute(post: Hear) -> None:
    """Tapping again and again does not make the bot talk again and again."""
    assert [True, False] == [await post("ignored_start") is not None for _ in range(2)]


@pytest.mark.parametrize("condition", ["ignored_group_mention", "ignored_group_command", "ignored_group_reply"])
async def test_group_gets_a_link(condition: str, post: Hear, sink: Sink) -> None:
    """Who speaks to the bot in a group is led to the private chat, and nothing is taken from the group."""
    call = await post(condition)

    assert "-1001650012345" == call["chat_id"]
    assert "https://t.me/BaghdadReportsBot?start=group" in call["text"]
    assert json.loads(body_of(condition))["message"]["message_id"] == call["reply_parameters"]["message_id"]
    assert [] == sink.accepted


@pytest.mark.parametrize(
    "condition",
    [
        *("ignored_group_chatter", "ignored_group_edit", "ignored_group_anonymous", "ignored_channel_post"),
        "ignored_group_broken",
        *("ignored_added_to_group", "ignored_another_bot", "ignored_reaction", "ignored_pinned"),
        *("ignored_live_location_moved", "ignored_kind_of_the_future"),
    ],
)
async def test_says_and_files_nothing(condition: str, post: Hear, sink: Sink) -> None:
    """What is not meant for the bot is let be."""
    assert await post(condition) is None
    assert [] == sink.accepted


async def test_without_a_name_no_link(post: Hear) -> None:
    """A bot whose public name is not set points nowhere, and does not guess that it was named."""
    assert await post("ignored_group_mention", username="") is None
    assert "t.me" not in (await post("ignored_group_command"))["text"]


async def test_button_is_answered(post: Hear) -> None:
    """A button that was pressed stops spinning."""
    assert {"method": "answerCallbackQuery", "callback_query_id": "666728699048485871"} == await post(
        "ignored_callback"
    )


async def test_too_large_is_said_at_once(post: Hear, sink: Sink) -> None:
    """A video that Telegram will not hand out is kept in the complaint, and its sender hears of it."""
    call = await post("video_too_large")

    assert "20" in call["text"]
    assert ["شوفوا الحالة"] == [inbound.text for inbound in sink.accepted]
    assert 1 == len(sink.accepted[0].media)


async def test_nothing_is_said_before_it_is_on_disk(aiohttp_client: Any, sink: Sink) -> None:
    """When the message could not be stored, nobody hears about its attachment; Telegram tries again."""
    sink.broken = True
    client = await aiohttp_client(house(Telegram(example_settings(Telegram)), sink))
    body = body_of("video_too_large")
    response = await client.post(
        "/channels/telegram", data=body, headers=Telegram(example_settings(Telegram)).sign("", body)
    )

    assert 500 == response.status
    assert "sendMessage" not in await response.text()


# What cannot be read


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("unreadable_no_date", "message: KeyError while reading it"),
        ("unreadable_checklist", "a kind of message that we do not read"),
        ("unreadable_no_json", "the body is not JSON"),
        ("unreadable_no_update_id", "not an update"),
        ("unreadable_not_sent_yet", "a message that was not sent yet: it has no id"),
        ("unreadable_location_off_earth", "a location that is not on earth"),
        ("unreadable_text_that_is_a_number", "a text that is none"),
    ],
)
async def test_unreadable_says_why(condition: str, why: str, post: Hear, sink: Sink) -> None:
    """What is genuine and cannot be read waits for a person, with words that quote nothing of it."""
    await post(condition)

    assert [(Purpose.UNREADABLE, why)] == [(inbound.purpose, inbound.note) for inbound in sink.accepted]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SEEDS = [
    json.loads(file.read_bytes())
    for file in sorted((FIXTURES / "telegram").glob("*.json"))
    if b"{" in file.read_bytes()
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in pairs for place in places(inner, (*path, key)))]


@given(data=st.data())
def test_any_update_is_read_or_unreadable(data: st.DataObject) -> None:
    """Whatever stands in the place of anything in an update, the end is a declared one, and survives the journal."""
    update = copy.deepcopy(data.draw(st.sampled_from(SEEDS)))
    path = data.draw(st.sampled_from(places(update)[1:]))
    target = update
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(JSON)
    blank = partial(Inbound, channel="telegram", account=BOT, provider="telegram")
    try:
        found = read(update, Me(BOT), blank)
    except Unreadable as error:
        assert str(error)
        return
    for inbound in found.inbounds:
        again = Inbound.from_json(inbound.to_json())
        assert inbound.to_json() == again.to_json()
        assert isinstance(inbound.text, str)
        assert isinstance(inbound.sender_name, str)
    if found.courtesy:
        json.dumps(dict(found.courtesy.parameters))


def test_reading_changes_nothing() -> None:
    """What is kept raw is what came."""
    for seed in SEEDS:
        update = copy.deepcopy(seed)
        with contextlib.suppress(Unreadable):
            read(update, Me(BOT), partial(Inbound, channel="telegram", account=BOT))
        assert seed == update


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_elsewhere(file: Path) -> None:
    """Updates that others recorded are read as ours are."""
    found = read(json.loads(file.read_bytes()), Me("111111111"), partial(Inbound, channel="telegram", account="1"))
    expected = {
        "message": [(Purpose.MESSAGE, "Ciao")],
        "photo": [(Purpose.MESSAGE, "asdasdasdasdasdasd")],
        "edited_message": [(Purpose.EDIT, "Editing this message")],
    }

    assert expected.get(file.stem, []) == [(inbound.purpose, inbound.text) for inbound in found.inbounds]


# Settings and lengths


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("token", "no-colon"), ("token", "12:a b"), ("secret", "short"), ("secret", "with space in it 1234")),
        *(("mode", "both"), ("api_url", "api.telegram.org"), ("rate", 31), ("username", "@TheBot")),
    ],
)
def test_settings_that_cannot_work(name: str, value: Any) -> None:
    """A setting that Telegram would refuse is refused at the start, without showing it."""
    with pytest.raises(ValidationError) as refusal:
        example_settings(Telegram, **{name: value})

    assert [(name,)] == [error["loc"] for error in refusal.value.errors()]
    assert str(value) not in str(refusal.value).replace(name, "")


def test_secret_is_what_the_header_repeats() -> None:
    """Telegram sends the very words that it was given with setWebhook."""
    assert "replace-with-a-random-secret" == Telegram(example_settings(Telegram)).sign("", b"")[HEADER]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قصير", ["قصير"]),
        ("ابت\n\nثجح خدذ", ["ابت", "ثجح خدذ"]),
        ("سطر\nسطر ثان", ["سطر", "سطر ثان"]),
        ("كلمة كلمتان", ["كلمة", "كلمتان"]),
        ("x" * 25, ["x" * 10, "x" * 10, "x" * 5]),
        ("😀" * 7, ["😀" * 5, "😀" * 2]),
        ("  ", [""]),
    ],
)
def test_long_text_is_cut_where_a_reader_pauses(text: str, expected: list[str]) -> None:
    """A text that is too long is cut at paragraphs, lines, words, and never inside a character."""
    assert expected == pieces(text, 10)


@given(st.text(max_size=60))
def test_no_word_is_lost_by_cutting(text: str) -> None:
    """Whatever is cut, nothing but the space between the parts is gone."""
    parts = pieces(text, 7)

    assert "".join(text.split()) == "".join("".join(part.split()) for part in parts)
    assert all(len(part.encode("utf-16-le", "surrogatepass")) <= 14 for part in parts)
