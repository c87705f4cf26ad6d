"""What may be known of a citizen on the bus: by everybody, by the department, by one that is not told."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channels.message import Media, Pin
from gateway.broker.topology import COMPLAINTS
from gateway.city.city import City
from tests.gateway.walk import Walk

PHONE = "+9647701234567"
SENDER = "+9647709876543"
NAME = "زينب كاظم الجبوري"
WORDS = (
    "انا زينب كاظم الجبوري الماء مقطوع عن بيتنا من يومين، اتصلوا بي على ٠٧٧٠١٢٣٤٥٦٧ او 0770 987 6543 "
    "او +964-770-987-6543 او zainab.k@example.com، والجار ۰۷۹۰۱۱۱۲۲۲۳ يشتكي مثلي"
)
SECRETS = ("7701234567", "7709876543", "7901112223", "zainab", "example.com", "زينب", "الجبوري", "770123", "770987")


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house with the embedded broker, in a city where the roads department is not told who complains."""
    roads = replace(city.departments["roads"], withhold_contact=True)
    made = Walk(tmp_path, replace(city, departments={**city.departments, "roads": roads}))
    await made.open()
    yield made
    await made.close()


def digits(text: str) -> str:
    """Every digit of any script as 0-9, and everything between two digits that is no letter left out."""
    plain = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    return re.sub(r"(?<=\d)[\s+().-]+(?=\d)", "", plain)


def leaks(event: dict[str, Any]) -> list[str]:
    text = json.dumps(event["data"]["complaint"], ensure_ascii=False)
    return [secret for secret in SECRETS if secret in text or secret in digits(text)]


async def file(walk: Walk, words: str = WORDS, **more: Any) -> None:
    more = {"sender_name": NAME, "channel": "whatsapp", "answers": {"contact": {"phone": PHONE}}, **more}
    await walk.hear(words, SENDER, **more)
    await walk.publish()


async def test_everybody_learns_nothing_that_leads_to_the_citizen(walk: Walk) -> None:
    """Not their number in any script, e-mail, name or address, nor the provider's id of their message."""
    await file(walk, external_id="wamid.HBgMOTY0NzcwOTg3NjU0MxUC", place=Pin(text="بيت 7 قرب 0770 123 4567"))
    events = walk.tape.events(COMPLAINTS)
    assert ["balagh.complaint.received.v1", "balagh.complaint.offered.v1"] == [event["type"] for event in events]
    for event in events:
        assert [] == leaks(event)
        complaint = event["data"]["complaint"]
        assert (None, None, "", None) == (
            complaint["contact"],
            complaint["original_text"],
            complaint["source"]["external_id"],
            complaint["source"]["url"],
        )
        assert "الماء مقطوع عن بيتنا من يومين" in complaint["text"]
        assert "بيت 7 قرب" in complaint["place"]["text"]


async def test_the_department_learns_how_to_reach_the_citizen(walk: Walk) -> None:
    """The offer and what is added later carry the contact and the words as they were said."""
    await file(walk)
    await walk.hear("والطابق الثاني أيضاً", SENDER, channel="whatsapp")
    await walk.publish()
    offered, amended = walk.tape.events()
    for event in (offered, amended):
        complaint = event["data"]["complaint"]
        assert "water" == event["to"]
        assert (NAME, PHONE) == (complaint["contact"]["name"], complaint["contact"]["phone"])
        assert {"scheme": "whatsapp", "value": SENDER} in complaint["contact"]["addresses"]
        assert WORDS in complaint["original_text"]


async def test_that_somebody_is_in_need_is_for_the_department_alone(walk: Walk) -> None:
    """The department reads that the citizen is ill or old, to hurry; everybody else on the bus does not."""
    await file(walk, "امي مقعدة وعمرها كبير والماء مقطوع عن بيتنا من يومين")
    [offered] = walk.tape.events()
    everybody = walk.tape.events(COMPLAINTS)

    assert offered["data"]["complaint"]["vulnerable"]
    assert everybody and not [event for event in everybody if event["data"]["complaint"]["vulnerable"]]


async def test_a_confidential_complaint_names_nobody(walk: Walk) -> None:
    """The inspector gets neither the contact nor the citizen's own number and name out of the words.

    The number to which a bribe was to be paid is no contact, and stays.
    """
    bribe = "الموظف طلب رشوة مني حتى يكمل المعاملة وقال حولها على 07901112223. انا زينب كاظم الجبوري 0770 123 4567"
    await file(walk, bribe)
    [offered] = walk.tape.events()
    complaint = offered["data"]["complaint"]
    assert ("inspector", True, None) == (offered["to"], complaint["confidential"], complaint["contact"])
    assert ["7901112223"] == leaks(offered)
    assert "الموظف طلب رشوة مني" in complaint["text"]
    assert "الموظف طلب رشوة مني" in complaint["original_text"]
    for event in walk.tape.events(COMPLAINTS):
        assert [] == leaks(event)
        assert "" == event["data"]["complaint"]["text"]


async def test_a_department_that_is_not_told_is_not_told(walk: Walk) -> None:
    """withhold_contact keeps contact, address, provider's id and the citizen's own number out of the offer."""
    words = "حفرة كبيرة وسط الشارع كسرت سيارتي، رقمي ٠٧٧٠٩٨٧٦٥٤٣ واسمي زينب كاظم الجبوري، رقم السيارة 55512345678"
    await file(walk, words)
    [offered] = walk.tape.events()
    complaint = offered["data"]["complaint"]
    assert ("roads", None, "") == (offered["to"], complaint["contact"], complaint["source"]["external_id"])
    assert [] == leaks(offered)
    assert "55512345678" in complaint["text"]


async def test_a_recalled_complaint_takes_the_contact_with_it(walk: Walk) -> None:
    """The desk that loses a complaint is told that it went, and where, without the contact."""
    await file(walk, "مرحبا اريد اشتكي")
    await walk.hear("الماء مقطوع عن حي الجامعة منذ يومين", SENDER, channel="whatsapp")
    await walk.publish()
    assert [("citizens", "offered"), ("citizens", "amended"), ("citizens", "recalled"), ("water", "offered")] == (
        walk.tape.told()
    )
    first, _, recalled, last = walk.tape.events()
    assert (first["id"], "water") == (recalled["data"]["offer"], recalled["data"]["moved_to"])
    assert None is recalled["data"]["complaint"]["contact"]
    assert [] == leaks(recalled)
    assert NAME == last["data"]["complaint"]["contact"]["name"]


async def test_a_photo_is_named_by_us_and_not_by_its_provider(walk: Walk) -> None:
    """The provider's link, which holds account and message, goes nowhere."""
    link = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
    await file(walk, media=(Media("image/jpeg", url=link),))
    for parcel in walk.tape.parcels:
        assert b"twilio.com" not in parcel.body
        [photo] = json.loads(parcel.body)["data"]["complaint"]["attachments"]
        assert ("image", None, None) == (photo["kind"], photo["sha256"], photo["url"])
