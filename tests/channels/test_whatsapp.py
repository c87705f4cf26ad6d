"""What a WhatsApp message means, where it says more than an SMS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from yarl import URL

from channels.message import Address, DeliveryState, Inbound, MediaKind, Pin, Purpose, Scheme
from channels.whatsapp import Whatsapp
from tests.channels.harness import FIXTURES, Sink, example_settings, house, public

Hear = Callable[..., Awaitable[Inbound]]


@pytest.fixture
def hear(aiohttp_client: Any, sink: Sink) -> Hear:
    """Post a recorded request, signed, and give what was accepted."""

    async def post(condition: str, path: str = "/channels/whatsapp") -> Inbound:
        body = (FIXTURES / f"whatsapp/{condition}.form").read_bytes()
        channel = Whatsapp(example_settings(Whatsapp))
        client = await aiohttp_client(house(channel, sink))
        response = await client.post(URL(path, encoded=True), data=body, headers=channel.sign(public(path), body))
        assert 200 == response.status
        return sink.accepted[-1]

    return post


async def test_hello_arabic(hear: Hear) -> None:
    """A citizen writes on WhatsApp: the address keeps its kind, and both ends lose the prefix."""
    inbound = await hear("hello_arabic")

    assert "اكو طفح مجاري بشارع فلسطين" == inbound.text
    assert ("whatsapp", "+14155238886") == (inbound.channel, inbound.account)
    assert Address(Scheme.WHATSAPP, "+9647701234567") == inbound.sender
    assert "أبو علي" == inbound.sender_name


async def test_business_scoped_id(hear: Hear) -> None:
    """A citizen who hides the number is heard under an id that nobody takes for a number."""
    assert Address(Scheme.WHATSAPP, "IQ.13491208655302741918") == (await hear("business_scoped_id")).sender


async def test_location(hear: Hear) -> None:
    """A place on the map arrives with its words, and its empty text is no empty complaint."""
    inbound = await hear("location")

    assert Pin("ساحة التحرير, شارع السعدون، بغداد", 33.3152, 44.3661) == inbound.place
    assert "" == inbound.text


async def test_location_without_numbers(hear: Hear) -> None:
    """Numbers that are no place on Earth are left out; the words of the place stay."""
    assert Pin("الكرادة خارج") == (await hear("location_broken")).place


@pytest.mark.parametrize(("condition", "text"), [("button", "متابعة شكوى"), ("list_choice", "انقطاع الماء")])
async def test_choice_is_text(condition: str, text: str, hear: Hear) -> None:
    """What the citizen chose from buttons or a list counts as said."""
    assert text == (await hear(condition)).text


async def test_media(hear: Hear) -> None:
    """A photo and a voice note are recorded by kind."""
    assert [MediaKind.IMAGE] == [media.kind for media in (await hear("photo")).media]
    assert [MediaKind.AUDIO] == [media.kind for media in (await hear("voice_note")).media]


async def test_hostile_profile_name(hear: Hear) -> None:
    """A name full of marks of direction and markup is kept as it is; showing it safely is for others."""
    assert "\u202e\u2066<b>علي</b>\u2069\u0000 😀" == (await hear("profile_bidi")).sender_name


async def test_answer_to_ours(hear: Hear) -> None:
    """An answer to a message of ours says to which."""
    assert "SM000000000000000000000000000000ff" == (await hear("answer_to_ours")).thread


async def test_delivery(hear: Hear) -> None:
    """Delivered, read and refused are told apart, for the same conversation's address."""
    path = "/channels/whatsapp/status?reply=r1"
    delivered, read, failed = [
        await hear(f"status/{name}", path) for name in ("delivered", "read", "failed_outside_window")
    ]

    assert [DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.FAILED] == [
        inbound.delivery.status for inbound in (delivered, read, failed) if inbound.delivery
    ]
    assert failed.delivery
    assert ("63016", False) == (failed.delivery.error_code, failed.delivery.transient)
    assert (Purpose.DELIVERY, "+14155238886") == (read.purpose, read.account)
    assert Address(Scheme.WHATSAPP, "+9647701234567") == read.sender


@pytest.mark.parametrize("number", ["whatsapp:+14155238886", "+14155238886", " whatsapp:+14155238886 "])
def test_number_with_or_without_prefix(number: str) -> None:
    """The number may be written in the settings either way."""
    assert "+14155238886" == example_settings(Whatsapp, number=number).number
