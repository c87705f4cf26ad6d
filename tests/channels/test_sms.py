"""What an SMS means: one recorded request after the other, through real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator
from yarl import URL

from channels.base import Unreadable
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, MediaKind, Purpose, Scheme
from channels.sms import Sms
from channels.twilio_form import SETTINGS, SIGNATURE
from channels.twilio_messaging import TwilioMessaging
from tests.channels.harness import FIXTURES, Sink, example_settings, house, public

NUMBER = "+15005550006"
CITIZEN = Address(Scheme.TEL, "+9647701234567")

Hear = Callable[..., Awaitable[Inbound]]


@pytest.fixture
def hear(aiohttp_client: Any, sink: Sink) -> Hear:
    """Post a recorded request, signed, and give what was accepted."""

    async def post(condition: str, path: str = "/channels/sms") -> Inbound:
        body = (FIXTURES / f"sms/{condition}.form").read_bytes()
        channel = Sms(example_settings(Sms))
        client = await aiohttp_client(house(channel, sink))
        response = await client.post(URL(path, encoded=True), data=body, headers=channel.sign(public(path), body))
        assert 200 == response.status
        assert ("text/xml", "<Response/>") == (response.content_type, await response.text())
        return sink.accepted[-1]

    return post


async def test_hello_arabic(hear: Hear) -> None:
    """A citizen's words arrive as they were typed, from the citizen's number, at the city's number."""
    inbound = await hear("hello_arabic")

    assert "الماء مقطوع من يومين بحي الجامعة، شارع الربيع" == inbound.text
    assert ("sms", NUMBER, CITIZEN) == (inbound.channel, inbound.account, inbound.sender)
    assert ("twilio", Purpose.MESSAGE, False) == (inbound.provider, inbound.purpose, inbound.public)
    assert "SM00000000000000000000000000000001" == inbound.external_id
    assert "IQ" == inbound.raw["FromCountry"]


async def test_photo(hear: Hear) -> None:
    """Both photos of an MMS are recorded, to be fetched later."""
    inbound = await hear("photo")
    folder = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/MM00000000000000000000000000000002/Media"

    assert (
        Media("image/jpeg", f"{folder}/ME00000000000000000000000000000001"),
        Media("image/png", f"{folder}/ME00000000000000000000000000000002"),
    ) == inbound.media
    assert MediaKind.IMAGE == inbound.media[0].kind


async def test_empty_body(hear: Hear) -> None:
    """An empty SMS is kept too: what it means is not for the channel to say."""
    inbound = await hear("empty_body")

    assert ("", Purpose.MESSAGE, ()) == (inbound.text, inbound.purpose, inbound.media)


async def test_long(hear: Hear) -> None:
    """A complaint of twenty-four parts arrives whole."""
    inbound = await hear("long")

    assert "طفح مجاري في شارع فلسطين والماء وصل للبيوت. " * 36 == inbound.text


@pytest.mark.parametrize(
    ("condition", "sender"),
    [
        ("alphanumeric_sender", Address(Scheme.SENDER_ID, "BAGHDAD")),
        ("short_code", Address(Scheme.SENDER_ID, "19123")),
        ("withheld", Address(Scheme.UNKNOWN, "")),
    ],
)
async def test_sender_that_is_no_telephone(condition: str, sender: Address, hear: Hear) -> None:
    """A name, a short code and a withheld number are heard, and never taken for a telephone."""
    assert sender == (await hear(condition)).sender


@pytest.mark.parametrize("digits", ["266696687", "7378742833", "2562533", "8656696", "86282452253"])
@pytest.mark.parametrize("plus", ["+", ""])
def test_withheld_number(plus: str, digits: str) -> None:
    """Whoever withholds the number is nobody, although Twilio spells "anonymous" and its like in digits."""
    assert Address(Scheme.UNKNOWN, "") == sender_of(plus + digits)


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("Anonymous", Address(Scheme.UNKNOWN, "")),
        ("", Address(Scheme.UNKNOWN, "")),
        ("messenger:1234567890", Address(Scheme.UNKNOWN, "messenger:1234567890")),
        ("+٩٦٤٧٧٠١٢٣٤٥٦٧", Address(Scheme.SENDER_ID, "+٩٦٤٧٧٠١٢٣٤٥٦٧")),
        ("9647701234567", Address(Scheme.SENDER_ID, "9647701234567")),
        ("MUN91234567", Address(Scheme.SENDER_ID, "MUN91234567")),
        ("+96891234567 ", Address(Scheme.SENDER_ID, "+96891234567 ")),
        ("whatsapp:+9647701234567", Address(Scheme.WHATSAPP, "+9647701234567")),
    ],
)
def test_sender_is_what_it_looks_like(value: str, sender: Address) -> None:
    """Only what Twilio writes as a telephone number is one; everything else stays as it came."""
    assert sender == sender_of(value)


def sender_of(value: str) -> Address:
    body = urlencode({"MessageSid": "SM1", "From": value, "Body": "x"}).encode()
    [inbound] = Sms(example_settings(Sms)).parse(make_mocked_request("POST", "/channels/sms"), body)
    return inbound.sender


@pytest.mark.parametrize(("condition", "purpose"), [("stop", Purpose.OPT_OUT), ("start", Purpose.OPT_IN)])
async def test_opting_out_and_in(condition: str, purpose: Purpose, hear: Hear) -> None:
    """STOP and START, as Twilio recognised them, are wishes and not complaints."""
    assert purpose == (await hear(condition)).purpose


async def test_words_are_untouched(hear: Hear) -> None:
    """Spaces, line ends, marks of direction, NUL and tatweel stay exactly as they came."""
    assert "  الكهرباء مقطوعة  \r\n " == (await hear("trailing_spaces")).text
    assert "\u202bرقم\u0640ي \u202d0790\u202c1234567\u202c\u200f\u0000 \ufeff" == (await hear("unicode_controls")).text
    assert (
        "No water in Karrada since Friday & the pipe on 52nd St = broken + leaking 100%" == (await hear("english")).text
    )


async def test_broken_utf8_is_kept(hear: Hear) -> None:
    """Bytes that are no UTF-8 survive, and what can be read of them is read."""
    text = (await hear("broken_utf8")).text

    assert "ما" == text[:2]
    assert b"\xd9\x85\xd8\xa7\xd8 \xff\xfe" == text.encode("utf-8", "surrogateescape")


async def test_everything_is_kept_raw(hear: Hear) -> None:
    """Parameters that nobody knows and names that repeat are kept for a person."""
    assert ["b", "a", "b", ""] == (await hear("repeated_field")).raw["Tag"]
    raw = (await hear("unknown_fields")).raw
    assert ("12", "جديد", "") == (raw["RiskScore"], raw["محتوى"], raw[""])


@pytest.mark.parametrize(
    ("condition", "state", "code", "transient"),
    [
        ("queued", DeliveryState.QUEUED, "", False),
        ("sent", DeliveryState.SENT, "", False),
        ("delivered", DeliveryState.DELIVERED, "", False),
        ("undelivered_phone_off", DeliveryState.UNDELIVERED, "30003", True),
        ("undelivered_landline", DeliveryState.UNDELIVERED, "30006", False),
        ("failed_filtered", DeliveryState.FAILED, "30007", False),
        ("unheard_of_state", DeliveryState.UNKNOWN, "", False),
    ],
)
async def test_delivery(condition: str, state: DeliveryState, code: str, transient: bool, hear: Hear) -> None:
    """What became of a reply is told in the house's words, with the reply's own id, and files nothing."""
    inbound = await hear(f"status/{condition}", "/channels/sms/status?reply=r%2F1")
    sid = str(inbound.raw["MessageSid"])

    assert Delivery(sid, state, code, "r/1", transient) == inbound.delivery
    assert f"{sid}:{inbound.raw['MessageStatus']}" == inbound.external_id
    assert (Purpose.DELIVERY, NUMBER, CITIZEN) == (inbound.purpose, inbound.account, inbound.sender)


async def test_swapped_addresses_lose_nothing(hear: Hear) -> None:
    """A message posted to the address for reports is a message, and a report at the other one is a report."""
    assert Purpose.MESSAGE == (await hear("empty_body", "/channels/sms/status")).purpose
    assert Purpose.DELIVERY == (await hear("status/delivered", "/channels/sms")).purpose


def test_report_without_a_word() -> None:
    """A report that names no state changes nothing, and is no empty complaint either."""
    request = make_mocked_request("POST", "/channels/sms/status?reply=r1")
    [inbound] = Sms(example_settings(Sms)).parse(request, b"MessageSid=SM1")

    assert Delivery("SM1", DeliveryState.UNKNOWN, reply="r1") == inbound.delivery


async def test_every_configured_secret_opens(aiohttp_client: Any, sink: Sink) -> None:
    """The primary token, the secondary one and each SharedKey of the settings are heard; no other is."""
    keys = "one:first-secret, two:second:secret"
    channel = Sms(example_settings(Sms, auth_token="primary", auth_token_secondary="secondary", shared_keys=keys))
    client = await aiohttp_client(house(channel, sink))

    async def status(secret: str, key: str = "") -> int:
        algorithm = "HMAC_SHA256" if key else None
        signature = RequestValidator(secret).compute_signature(
            public("/channels/sms"), dict(parse_qsl(body)), algorithm
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", SIGNATURE: signature}
        if key:
            headers[SETTINGS] = f"key={key},algorithm=HMAC_SHA256"
        response = await client.post("/channels/sms", data=body, headers=headers)
        return int(response.status)

    body = urlencode({"AccountSid": "AC00000000000000000000000000000001", "MessageSid": "SM1", "Body": "الماء"})

    assert [200, 200, 403] == [await status(token) for token in ("primary", "secondary", "")]
    assert [200, 200] == [await status("first-secret", "one"), await status("second:secret", "two")]
    assert [403, 403] == [await status("first-secret", "two"), await status("primary", "three")]
    assert [403] == [await status("first-secret")]


async def test_another_account_is_forged(aiohttp_client: Any, sink: Sink) -> None:
    """A message of another account is refused even when its signature holds."""
    channel = Sms(example_settings(Sms))
    client = await aiohttp_client(house(channel, sink))
    hello = (FIXTURES / "sms/hello_arabic.form").read_bytes()
    for body in (hello.replace(b"AC0", b"AC9"), b"MessageSid=SM1&Body=x"):
        response = await client.post("/channels/sms", data=body, headers=channel.sign(public("/channels/sms"), body))
        assert 403 == response.status
    assert [] == sink.accepted


def test_states_settle_in_any_order() -> None:
    """Reports of one reply that arrive in any order end in the same state: nothing is ever less than it was."""
    ranks = [DeliveryState(word).rank for word in ("teleported", "queued", "sending", "sent", "delivered", "read")]

    assert [0, 1, 2, 3, 4, 5] == ranks
    assert DeliveryState.UNDELIVERED.lost
    assert DeliveryState.FAILED.lost
    assert not DeliveryState.DELIVERED.lost


fields = st.sampled_from(
    ["MessageSid", "From", "To", "Body", "OptOutType", "MessageType", "MessageStatus", "SmsStatus", "ErrorCode",
     "NumMedia", "MediaUrl0", "MediaUrl9", "MediaContentType0", "Latitude", "Longitude", "Label", "ButtonText"]
)  # fmt: skip


@given(st.dictionaries(fields, st.text(st.characters(exclude_categories=["Cs"]), max_size=30)))
def test_anything_genuine_is_heard(form: dict[str, str]) -> None:
    """Whatever a genuine form holds, it is read or kept raw; it never breaks the gateway, and survives JSON."""
    request = make_mocked_request("POST", "/channels/sms")
    try:
        inbounds = list(Sms(example_settings(Sms)).parse(request, urlencode(form).encode()))
    except Unreadable:
        return
    for inbound in inbounds:
        assert inbound == Inbound.from_json(inbound.to_json())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"account_sid": "AC/../1"}, "account_sid"),
        ({"auth_token": ""}, "auth_token"),
        ({"shared_keys": "id-without-secret"}, "shared_keys"),
        ({"api_url": "ftp://api.twilio.com"}, "api_url"),
        ({"public_url": "balagh.example"}, "public_url"),
        ({"validity": "36001"}, "validity"),
        ({"rate": "0"}, "rate"),
        ({"auth_tokne": "x"}, "auth_tokne"),
    ],
)
def test_wrong_setting_is_named(change: dict[str, str], named: str) -> None:
    """A wrong or misspelt setting stops the start with its name, and without its value."""
    with pytest.raises(ValidationError) as refusal:
        example_settings(Sms, **change)

    assert [(named,)] == [error["loc"] for error in refusal.value.errors()]
    assert "id-without-secret" not in str(refusal.value)


def test_channel_file_is_thin() -> None:
    """SMS adds its name to what Twilio's channels share."""
    assert issubclass(Sms, TwilioMessaging)
    assert ("", "/status") == tuple(Sms.paths)
