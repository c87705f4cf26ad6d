"""Following a complaint: who sees it, how much of it, and its attachments."""

import dataclasses
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer

from channels.message import Address, Inbound, Media, Purpose, Scheme
from gateway.api.attachments import EXTENSIONS
from gateway.app import running
from gateway.city.city import City
from gateway.media.content import TAKEN
from gateway.spool import Spool
from gateway.store import attachments, journal
from normalizer.reference import make as make_reference
from tests.gateway.api.caller import (
    BOSS,
    DESK,
    JPEG,
    OTHER,
    OUTAGE,
    POWER,
    READER,
    WATER,
    Door,
    document,
    form,
    make_house,
    site,
)

REFERENCE = make_reference(b"key", "nobody's")
CONTACT = {"contact": {"phone": "07701234567", "name": "أم علي"}}


async def test_a_complaint_is_seen_at_its_department(door: Door) -> None:
    """Filed, routed and offered: the answer says where it is, why, and how it came there."""
    shown = await door.filed()

    assert ("offered", "water", "water.outage") == (shown["status"], shown["department"], shown["route"]["category"])
    assert shown["route"]["reason"]
    assert shown["due_at"] is None
    received, offered = shown["events"]
    assert (1, "received", None) == (received["sequence"], received["type"], received["department"])
    assert (2, "offered", "water") == (offered["sequence"], offered["type"], offered["department"])
    assert shown["route"] == offered["data"]["route"]
    assert ["data", "department", "id", "sequence", "time", "type"] == sorted(offered)
    assert received["time"] <= offered["time"]
    assert offered["time"].endswith("Z")
    assert len("2026-11-21T10:15:30.123456Z") == len(offered["time"])


async def test_what_nobody_has_understood_yet_is_received(idle: Door) -> None:
    """Right after filing the answer has the words and the status, and no department, no event, no link to a file."""
    _, receipt = await idle.post(**form(("complaint", document(), None, None), ("p", JPEG, "p.jpg", None)))
    status, shown = await idle.get(receipt["reference"])

    assert (200, "received", None, []) == (status, shown["status"], shown["department"], shown["events"])
    assert (receipt["id"], OUTAGE["text"], "water.outage") == (shown["id"], shown["text"], shown["category"])
    assert [None] == [photo["url"] for photo in shown["attachments"]]


async def test_what_nobody_can_read_is_received_too(idle: Door) -> None:
    """A message that waits for a person is known by its reference, and by nothing else."""
    lost = Inbound("sms", "+9647000", "raw:1", Address(Scheme.UNKNOWN, ""), purpose=Purpose.UNREADABLE, note="odd")
    receipt = await idle.house.intake.accept(lost)
    status, shown = await idle.get(receipt.reference)

    assert (200, "received", "sms", "", None) == (
        status, shown["status"], shown["channel"], shown["text"], shown["contact"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "write",
    [
        lambda reference: reference,
        lambda reference: f"{reference[:4]} {reference[4:7]} {reference[7:]}",
        lambda reference: reference.translate({ord(str(n)): chr(0x660 + n) for n in range(10)}),
        lambda reference: reference.translate({ord(str(n)): chr(0x6F0 + n) for n in range(10)}),
        lambda reference: f"\u200f{reference[:4]}-{reference[4:]}\u200e",
    ],
    ids=["plain", "in groups", "Arabic digits", "Persian digits", "hyphen and bidi marks"],
)
async def test_a_reference_is_read_as_people_write_it(idle: Door, write: object) -> None:
    """Any digits, and whatever stands between them."""
    assert callable(write)
    _, receipt = await idle.post(OUTAGE)
    status, shown = await idle.get(quote(write(receipt["reference"]), safe=""))

    assert (200, receipt["reference"]) == (status, shown["reference"])


async def test_a_complaint_is_found_by_its_id_too(door: Door) -> None:
    """`related` holds ids: each opens to whoever may see that complaint, as its reference does, and to nobody else."""
    shown = await door.filed()
    for headers in (DESK, READER, WATER, BOSS):
        assert await door.get(shown["reference"], headers) == await door.get(shown["id"].upper(), headers)
    for headers in (OTHER, POWER):
        assert 404 == (await door.get(shown["id"], headers))[0]


@pytest.mark.parametrize(
    "reference",
    [
        REFERENCE,
        "0d3f7c52-4f7b-8a0e-9d7e-5a6f1f0c2b11",
        "0000000000",
        "abc",
        "%00",
        "%ED%A0%80",
        "4821%0A093756",
        "x" * 3000,
        "1" * 200,
        "-",
    ],
)
async def test_what_is_no_reference_here_is_not_found(idle: Door, reference: str) -> None:
    """A number nobody was given and a text that is none get the same answer."""
    status, problem = await idle.get(reference)

    assert (404, "/problems/not-found") == (status, problem["type"])


async def test_what_may_still_be_in_the_spool_is_not_denied(idle: Door, tmp_path: Path) -> None:
    """A reference just given, while the store was away, is to be asked for again; it is found once the spool is empty.

    What is no reference is not found, spool or not.
    """
    spool = Spool(tmp_path / "spool")
    spool.open()
    idle.house.spool = spool
    inbound = Inbound("api", "desk", "1", Address(Scheme.API, "desk:1"), text=OUTAGE["text"], provider="api")
    entry = idle.house.identities.entry(inbound, datetime.now(UTC))
    assert entry.refer is not None
    await spool.keep(entry)
    async with idle.client.get(f"/api/v1/complaints/{entry.refer(0)}", headers=DESK) as response:
        said = await response.json(content_type="application/problem+json")
        assert (503, "/problems/unavailable", "5") == (response.status, said["type"], response.headers["Retry-After"])
    assert 404 == (await idle.get("abc", DESK))[0]

    await idle.house.store.write(partial(journal.append, entries=[entry]))
    spool.remove([one.path for one in spool.oldest(1)])
    assert 200 == (await idle.get(entry.refer(0), DESK))[0]
    assert 404 == (await idle.get(REFERENCE, DESK))[0]


async def test_a_word_around_a_reference_makes_it_none(idle: Door) -> None:
    """An address is one reference and nothing more, so that each complaint has no end of addresses."""
    _, receipt = await idle.post(OUTAGE)

    for around in (f"a{receipt['reference']}", f"{receipt['reference']} 12", f"+{receipt['reference']}"):
        assert 404 == (await idle.get(quote(around)))[0], around


SEEN: list[tuple[str, dict[str, str], bool, int, bool]] = [
    ("a supervisor", BOSS, False, 200, True),
    ("a supervisor, confidential", BOSS, True, 200, True),
    ("a reader", READER, False, 200, True),
    ("a reader, confidential", READER, True, 200, False),
    ("its department", WATER, False, 200, True),
    ("its department, confidential", WATER, True, 200, False),
    ("another department", POWER, False, 404, False),
    ("the program that filed it", DESK, False, 200, False),
    ("another program", OTHER, False, 404, False),
]


@pytest.mark.parametrize(
    ("headers", "confidential", "status", "contact"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN]
)
async def test_who_sees_a_complaint_and_its_contact(
    door: Door, headers: dict[str, str], confidential: bool, status: int, contact: bool
) -> None:
    """Each scope sees what it is for; without the contact nothing else leads to the citizen either."""
    filed = await door.filed(**CONTACT, confidential=confidential)
    found, shown = await door.get(filed["reference"], headers)

    assert status == found
    if status == 200:
        assert contact == (shown["contact"] is not None)
        assert contact == bool(shown["source"]["external_id"])
        assert contact == ("+9647701234567" in str(shown))
        assert OUTAGE["text"] == shown["text"]


CALL_ME = {
    "text": "انا زينب كاظم الجبوري والماء مقطوع، اتصلوا بي على ٠٧٧٠١٢٣٤٥٦٧، رقم العداد 55512345678",
    "place": {"text": "بيت زينب كاظم الجبوري قرب 0770-123-4567"},
    "contact": {"phone": "07701234567", "name": "زينب كاظم الجبوري"},
}


@pytest.mark.parametrize("headers", [READER, WATER, DESK], ids=["a reader", "its department", "who filed it"])
async def test_without_the_contact_the_words_name_nobody_either(door: Door, headers: dict[str, str]) -> None:
    """Who is not told who complains does not read it in the words, as on the bus; a meter's number stays."""
    filed = await door.filed(**CALL_ME, confidential=True)
    _, shown = await door.get(filed["reference"], headers)
    whole = str([filed["text"], filed["original_text"], filed["place"]["text"]])
    seen = str(shown).replace("-", "")

    for own in ("الجبوري", "7701234567", "٧٧٠١٢٣٤٥٦٧"):
        assert own not in seen, own
        assert own in str(filed).replace("-", ""), own
    assert "الجبوري" in whole
    assert "55512345678" in shown["text"]
    assert "قرب" in shown["place"]["text"]


async def test_a_department_from_which_the_city_withholds_contact(tmp_path: Path, baghdad: City) -> None:
    """What the city keeps from a department's queue, the department's key does not see either."""
    withheld = dataclasses.replace(baghdad.departments["water"], withhold_contact=True)
    city = dataclasses.replace(baghdad, departments=MappingProxyType({**baghdad.departments, "water": withheld}))
    async with running(make_house(tmp_path, city)) as house, TestClient(TestServer(site(house))) as client:
        door = Door(house, client)
        filed = await door.filed(**CONTACT)
        _, shown = await door.get(filed["reference"], WATER)

    assert filed["contact"]["name"] == "أم علي"
    assert (None, "") == (shown["contact"], shown["source"]["external_id"])


async def test_a_message_of_another_channel_is_not_a_programs_own(door: Door) -> None:
    """A key that only files does not see a citizen's SMS, though the city's number be called like the key."""
    message = Inbound(
        "sms", "desk", "SM1", Address(Scheme.TEL, "+9647701234567"), text=OUTAGE["text"], provider="twilio"
    )
    receipt = await door.house.intake.accept(message)
    shown = await door.settled(receipt.reference)

    assert "+9647701234567" == shown["contact"]["phone"]
    assert 404 == (await door.get(receipt.reference, DESK))[0]


# Attachments


async def with_photo(door: Door, content: bytes = JPEG) -> tuple[str, str]:
    _, receipt = await door.post(**form(("complaint", document(), None, None), ("p", content, "p.jpg", None)))
    shown = await door.settled(receipt["reference"])
    url = shown["attachments"][0]["url"]
    assert url.startswith("https://city.example/api/v1/attachments/")
    return receipt["reference"], url.removeprefix("https://city.example")


async def test_a_photo_comes_back_as_it_was_and_can_do_no_harm(door: Door) -> None:
    """Byte for byte, under a name of ours, to be saved and never to be run."""
    reference, path = await with_photo(door)
    async with door.client.get(path, headers=WATER) as response:
        assert (200, JPEG) == (response.status, await response.read())
        headers = response.headers
    assert (
        f"attachment; filename=\"{reference}-1.jpg\"; filename*=UTF-8''{reference}-1.jpg"
        == headers["Content-Disposition"]
    )
    assert ("image/jpeg", "nosniff", "default-src 'none'; sandbox", "private, no-store") == tuple(
        headers[name] for name in ("Content-Type", "X-Content-Type-Options", "Content-Security-Policy", "Cache-Control")
    )


async def test_a_part_of_a_recording_can_be_asked_for(door: Door) -> None:
    """A player that skips ahead gets the bytes from there."""
    _, path = await with_photo(door)
    async with door.client.get(path, headers={**BOSS, "Range": "bytes=10-19"}) as response:
        assert (206, JPEG[10:20]) == (response.status, await response.read())
        assert f"bytes 10-19/{len(JPEG)}" == response.headers["Content-Range"]


@pytest.mark.parametrize(
    ("headers", "status"), [(BOSS, 200), (READER, 200), (WATER, 200), (DESK, 200), (POWER, 404), (OTHER, 404)]
)
async def test_a_photo_is_seen_by_whoever_sees_its_complaint(door: Door, headers: dict[str, str], status: int) -> None:
    """And by nobody else."""
    _, path = await with_photo(door)
    async with door.client.get(path, headers=headers) as response:
        assert status == response.status


@pytest.mark.parametrize("path", ["0b8e1c1e-6f0c-4a52-9a6b-2f6b7c1d4e90", "x", "%00", "..%2f..%2fbalagh.db", "ab" * 32])
async def test_an_attachment_that_is_not_there(idle: Door, path: str) -> None:
    """An unknown id, and what is no id at all."""
    async with idle.client.get(f"/api/v1/attachments/{path}", headers=BOSS) as response:
        assert (404, "/problems/not-found") == (response.status, (await response.json(content_type=None))["type"])


async def test_a_photo_that_is_still_at_its_provider(tmp_path: Path, baghdad: City) -> None:
    """Known and not fetched, and known and lost, are said as what they are."""
    message = Inbound(
        "sms", "+9647000", "MM1", Address(Scheme.TEL, "+9647701234567"), text=OUTAGE["text"],
        media=(Media("image/jpeg", url="https://media.example/1"),),
    )  # fmt: skip
    house = make_house(tmp_path, baghdad)
    house.roles = house.roles - {"replies"}  # nobody fetches
    answers = []
    async with running(house), TestClient(TestServer(site(house))) as client:
        door = Door(house, client)
        receipt = await house.intake.accept(message)
        (photo,) = (await door.settled(receipt.reference))["attachments"]
        for fault in ("", "no such file"):
            if fault:
                await house.store.write(partial(attachments.failed, attachment_id=photo["id"], reason=fault))
            async with client.get(f"/api/v1/attachments/{photo['id']}", headers=BOSS) as response:
                problem = await response.json(content_type=None)
            answers.append((response.status, problem["type"], problem["detail"]))

    assert (None, None) == (photo["sha256"], photo["url"])
    assert [
        (404, "/problems/attachment-not-held", "It is not fetched yet; try later."),
        (404, "/problems/attachment-not-held", "It could not be fetched from its provider."),
    ] == answers


async def test_a_photo_whose_file_is_lost(door: Door) -> None:
    """A file that vanished from the disk is a problem that says so, and not an empty picture."""
    _, path = await with_photo(door)
    for file in (door.house.files.root).rglob("*"):
        if file.is_file():
            file.unlink()
    async with door.client.get(path, headers=BOSS) as response:
        assert (404, "/problems/attachment-not-held") == (
            response.status,
            (await response.json(content_type=None))["type"],
        )


def test_every_type_that_is_taken_can_be_saved_under_a_name() -> None:
    """No type that the house takes is sent back as an unknown one."""
    assert TAKEN == set(EXTENSIONS)
