"""The same words again: one complaint keeps its number, and whatever is new in the message is kept."""

from __future__ import annotations

from typing import Any

import pytest

from channels.message import Media, Pin, Scheme
from normalizer.complaint import Priority, Status
from tests.gateway.walk import CITIZEN, EITHER_STORE, Walk

pytestmark = EITHER_STORE

WORDS = "الماء مقطوع عن بيتنا في حي الجامعة منذ يومين"
OTHER = "+9647709999999"


async def say(walk: Walk, text: str = WORDS, sender: str = CITIZEN, *, days: float = 1, **more: Any) -> str:
    receipt = await walk.hear(text, sender, **more)
    walk.clock.pass_by(days=days)
    return receipt.reference


async def owed(walk: Walk) -> list[str]:
    return [row.purpose for row in await walk.rows("SELECT purpose FROM replies ORDER BY created_at, purpose")]


async def test_the_same_words_a_day_later_are_the_same_complaint(walk: Walk) -> None:
    """It keeps its number and its words; the citizen is told that we have it, and the department that it came again."""
    first = await say(walk)
    again = await say(walk)
    await walk.publish()

    found = await walk.case(first)
    assert WORDS == found.complaint.text
    assert [first] == [row.reference for row in await walk.rows("SELECT reference FROM complaints")]
    assert again != first
    assert ["received", "again"] == await owed(walk)
    (reply,) = await walk.rows("SELECT text FROM reply_payload JOIN replies USING (id) WHERE purpose = 'again'")
    assert f"{first[:4]} {first[4:7]} {first[7:]}" in reply.text
    (offered,) = [event for event in walk.tape.events() if event["type"] == "balagh.complaint.offered.v1"]
    assert first == offered["subject"]


@pytest.mark.parametrize(
    "text", ["الماء مقطوع عن بيتنا في حي الجامعه منذ يومين", f"  {WORDS}!", WORDS.replace("مقطوع", "مقـــطوع")]
)
async def test_words_typed_again_are_the_same(walk: Walk, text: str) -> None:
    """Another spelling, a mark, a letter drawn out: a person reads the same."""
    first = await say(walk)
    await say(walk, text)

    assert [first] == [row.reference for row in await walk.rows("SELECT reference FROM complaints")]


@pytest.mark.parametrize(
    ("text", "days", "sender"),
    [
        (WORDS, 8, CITIZEN),
        (WORDS, 1, OTHER),
        ("الماء مقطوع عن بيت خالتي في الدورة منذ شهر", 1, CITIZEN),
    ],
)
async def test_what_is_not_the_same_is_another_complaint(walk: Walk, text: str, days: float, sender: str) -> None:
    """More than a week later, from somebody else, or in other words."""
    await say(walk, days=days)
    await say(walk, text, sender)

    assert 2 == len(await walk.rows("SELECT reference FROM complaints"))


async def test_a_greeting_sent_again_is_no_resend(walk: Walk) -> None:
    """Two words are said every day and mean something else each time."""
    await say(walk, "ماكو ماي")
    await say(walk, "ماكو ماي")

    assert 2 == len(await walk.rows("SELECT reference FROM complaints"))


async def test_nothing_new_in_it_is_lost(walk: Walk) -> None:
    """The same words with a pin, a photo and danger: they are added to the first, which goes before the others now."""
    first = await say(walk)
    photo = Media(content_type="image/jpeg", url="https://api.twilio.com/2010-04-01/Accounts/AC/Media/ME1")
    pin = Pin(latitude=33.33, longitude=44.33)
    await say(walk, media=(photo,), place=pin, answers={"danger": True})

    found = await walk.case(first)
    assert found.complaint.place is not None
    assert (33.33, 1, Priority.DISTRESS) == (
        found.complaint.place.latitude, len(found.complaint.attachments), found.complaint.priority,
    )  # fmt: skip
    assert ["distress", "received"] == sorted(await owed(walk))


async def test_the_same_words_of_another_street_are_another_complaint(walk: Walk) -> None:
    """Whoever reports one broken lamp after the other writes the same each time: no pin takes the place of another."""
    first = await say(walk, place=Pin(latitude=33.33, longitude=44.33))
    second = await say(walk, place=Pin(latitude=33.36, longitude=44.33))
    await say(walk, place=Pin(latitude=33.3301, longitude=44.33))

    rows = await walk.rows("SELECT reference FROM complaints ORDER BY received_at")
    assert [first, second] == [row.reference for row in rows]


async def test_a_corrected_house_number_is_kept(walk: Walk) -> None:
    """Nearly the same is not the same: the newer words are added, for what differs may be what matters."""
    first = await say(walk, f"{WORDS} زقاق 12 دار 13")
    await say(walk, f"{WORDS} زقاق 12 دار 15")

    found = await walk.case(first)
    assert "دار 13" in found.complaint.text
    assert "دار 15" in found.complaint.text


async def test_another_channel_of_the_same_number_is_the_same_citizen(walk: Walk) -> None:
    """By SMS, and the next day by WhatsApp from the same telephone."""
    first = await say(walk)
    await say(walk, channel="whatsapp", scheme=Scheme.WHATSAPP)

    assert [first] == [row.reference for row in await walk.rows("SELECT reference FROM complaints")]


async def test_a_form_with_that_number_is_only_related(walk: Walk) -> None:
    """Anybody can type a number into a form: it makes a complaint of its own, which names the earlier one."""
    first = await say(walk)
    contact = {"contact": {"phone": CITIZEN}}
    second = await say(walk, sender="token", channel="web", scheme=Scheme.WEB, answers=contact)

    earlier, found = await walk.case(first), await walk.case(second)
    assert (earlier.complaint.id,) == found.complaint.related
    assert 1 == earlier.version


async def test_a_resolved_complaint_is_not_opened_by_it(walk: Walk) -> None:
    """The problem is back in the same words after it was resolved: that is a new complaint."""
    await say(walk)
    await walk.change("UPDATE complaints SET status = :status", status=Status.RESOLVED.value)
    await say(walk)

    assert 2 == len(await walk.rows("SELECT reference FROM complaints"))


async def test_two_letters_of_one_batch_are_one_complaint(walk: Walk) -> None:
    """A mail program sends a letter twice within a second, each under an id of its own."""
    letter = {"channel": "email", "account": "inbox", "scheme": Scheme.MAILTO, "sender": "suad@example.org"}
    for _ in range(2):
        await walk.house.intake.accept(walk.message(WORDS, **letter))
    await walk.understand()

    assert 1 == len(await walk.rows("SELECT reference FROM complaints"))
    assert [("amendment",), ("complaint",)] == sorted(await walk.rows("SELECT outcome FROM journal"))
