"""Filing a report: what is taken, what is refused and how it is said, and what the same request again gives."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.store import journal
from tests.gateway.api.caller import (
    BOSS,
    DESK,
    JPEG,
    OTHER,
    OUTAGE,
    READER,
    WATER,
    Door,
    document,
    fields,
    form,
    raw_form,
)

FULL = {
    "text": "  الماء مقطوع\u200f منذ الفجر، رقمي ٠٧٧٠١٢٣٤٥٦٧ ",
    "kind": "request",
    "category": "water.outage",
    "place": {"text": "قرب الجامع", "district": "karkh", "latitude": 33.31, "longitude": 44.36},
    "contact": {"phone": "0770 123 4567", "email": "Um.Ali@Example.ORG", "name": "أم علي"},
    "language": "ar",
    "occurred_at": "2026-11-01T06:00:00+03:00",
    "confidential": True,
    "channel": "walk_in",
}


async def test_a_report_is_taken_with_its_receipt(idle: Door) -> None:
    """The answer has all that the citizen needs, says where to follow it, and is kept by no cache."""
    async with idle.client.post("/api/v1/complaints", json=FULL, headers=DESK) as response:
        receipt = await response.json()
        assert 201 == response.status
        assert f"/api/v1/complaints/{receipt['reference']}" == response.headers["Location"]
        assert "no-store" == response.headers["Cache-Control"]
    assert ["id", "pin", "reference", "status"] == sorted(receipt)
    assert "received" == receipt["status"]
    assert idle.house.identities.pin(receipt["reference"]) == receipt["pin"]


async def test_everything_stated_reaches_the_complaint(door: Door) -> None:
    """Each field is on the complaint where the common schema has it, the number as E.164, the moment in UTC."""
    shown = await door.filed(**FULL)

    assert "الماء مقطوع منذ الفجر، رقمي ٠٧٧٠١٢٣٤٥٦٧" == shown["text"]
    assert ("request", "water.outage", 1.0, "walk_in", "ar", True) == tuple(
        shown[name] for name in ("kind", "category", "category_confidence", "channel", "language", "confidential")
    )
    assert {**FULL["place"], "found_by": "stated"} == shown["place"]
    assert "2026-11-01T03:00:00.000000Z" == shown["occurred_at"]
    assert {
        "addresses": [
            {"scheme": "tel", "value": "+9647701234567"},
            {"scheme": "mailto", "value": "Um.Ali@example.org"},
        ],
        "phone": "+9647701234567",
        "email": "Um.Ali@example.org",
        "name": "أم علي",
        "language": "ar",
    } == shown["contact"]
    assert {"provider": "api", "account": "desk"}.items() <= shown["source"].items()


async def test_the_channel_is_api_unless_the_program_says_how_the_citizen_came(door: Door) -> None:
    """A report without a channel came by the API."""
    assert "api" == (await door.filed())["channel"]


WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("no words", {"text": ""}, ["text"]),
    ("only blanks", {"text": " \n\t"}, ["text"]),
    ("only what nobody sees", {"text": "\u200f\u200b\u0640"}, ["text"]),
    ("too long", {"text": "م" * 20_001}, ["text"]),
    ("text is no text", {"text": 5}, ["text"]),
    ("text is null", {"text": None}, ["text"]),
    ("NUL", {"text": "a\0b"}, ["text"]),
    ("half a character", {"text": "\ud800"}, ["text"]),
    ("half a character in a name", {"contact": {"name": "\udc00"}}, ["contact.name"]),
    ("unknown field", {"colour": "red"}, ["colour"]),
    ("unknown field that is a sentence", {"my neighbour hits his wife": 1}, ["?"]),
    ("unknown field of place", {"place": {"street": "x"}}, ["place.street"]),
    ("unknown kind", {"kind": "demand"}, ["kind"]),
    ("category of no city", {"category": "dragons"}, ["category"]),
    ("empty category", {"category": ""}, ["category"]),
    ("district of no city", {"place": {"district": "atlantis"}}, ["place.district"]),
    ("latitude alone", {"place": {"latitude": 33.3}}, ["place.longitude"]),
    ("longitude alone", {"place": {"longitude": 44.3}}, ["place.longitude"]),
    ("off the earth", {"place": {"latitude": 91, "longitude": 181}}, ["place.latitude", "place.longitude"]),
    ("a point in words", {"place": {"latitude": "33.3", "longitude": 44.3}}, ["place.latitude"]),
    ("no place", {"place": "Karkh"}, ["place"]),
    ("no number", {"contact": {"phone": "call me"}}, ["contact.phone"]),
    ("short code", {"contact": {"phone": "122"}}, ["contact.phone"]),
    ("no address", {"contact": {"email": "nobody"}}, ["contact.email"]),
    ("long name", {"contact": {"name": "x" * 81}}, ["contact.name"]),
    ("language in words", {"language": "Arabic language"}, ["language"]),
    ("a moment without offset", {"occurred_at": "2026-11-01T06:00:00"}, ["occurred_at"]),
    ("a day", {"occurred_at": "2026-11-01"}, ["occurred_at"]),
    ("a moment that never was", {"occurred_at": "2026-02-30T06:00:00Z"}, ["occurred_at"]),
    ("a number of seconds", {"occurred_at": 1700000000}, ["occurred_at"]),
    ("the last moment of all", {"occurred_at": "9999-12-31T23:59:59-23:59"}, ["occurred_at"]),
    ("the first moment of all", {"occurred_at": "0001-01-01T00:00:00+14:00"}, ["occurred_at"]),
    ("two lives ago", {"occurred_at": "1890-05-01T06:00:00+03:00"}, ["occurred_at"]),
    ("next week", {"occurred_at": (datetime.now(UTC) + timedelta(days=7)).isoformat()}, ["occurred_at"]),
    ("confidential in words", {"confidential": "yes"}, ["confidential"]),
    ("a channel that is not the program's to claim", {"channel": "sms"}, ["channel"]),
    (
        "several at once",
        {"text": "", "kind": "x", "place": {"district": "y"}, "contact": {"phone": "z"}},
        ["contact.phone", "kind", "place.district", "text"],
    ),
]


@pytest.mark.parametrize(
    ("said", "limit"),
    [({"text": "م" * 20_001}, 20_000), ({"place": {"text": "م" * 501}}, 500), ({"contact": {"name": "م" * 81}}, 80)],
)
async def test_what_is_too_long_is_counted_in_characters(idle: Door, said: dict[str, Any], limit: int) -> None:
    """Whoever reads the answer learns how much room there is, and of what."""
    _, problem = await idle.post({**OUTAGE, **said})
    assert [f"String should have at most {limit} characters"] == [one["detail"] for one in problem["errors"]]


async def test_a_form_that_is_cut_off_is_told_so(idle: Door) -> None:
    """A part that ends before its name speaks of no number of parts: there was one."""
    async with idle.client.post("/api/v1/complaints", **raw_form(b"--edge\r\nContent-Disp")) as response:
        problem = await response.json()
    assert 400 == response.status
    assert "cut off" in problem["detail"]
    assert "64" not in problem["detail"]


@pytest.mark.parametrize(("said", "wrong"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_wrong_report_is_refused_by_the_names_of_its_fields(idle: Door, said: Any, wrong: list[str]) -> None:
    """Every wrong field is named at once, nothing is kept, and the answer repeats none of the citizen's words."""
    status, problem = await idle.post({**OUTAGE, **said})

    assert (422, "/problems/invalid", wrong) == (status, problem["type"], fields(problem))
    assert OUTAGE["text"] not in json.dumps(problem, ensure_ascii=False)
    assert "neighbour" not in json.dumps(problem)
    assert (0, None) == await idle.house.store.read(journal.backlog)


RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("as long as may be", {"text": "م" * 20_000}),
    ("every optional field null", dict.fromkeys(("kind", "category", "place", "contact", "language", "occurred_at"))),
    ("empty groups", {"place": {}, "contact": {}}),
    ("an emoji in two escapes", {"text": "\U0001f4a7 no water"}),
    ("a moment in small letters", {"occurred_at": "2026-11-01t06:00:00.123456789z"}),
    ("a clock some hours ahead", {"occurred_at": (datetime.now(UTC) + timedelta(hours=20)).isoformat()}),
    ("long ago", {"occurred_at": "1900-01-01T00:00:00Z"}),
    ("a foreign number", {"contact": {"phone": "+962 7 9012 3456"}}),
    ("whole degrees", {"place": {"latitude": 33, "longitude": 44}}),
]


@pytest.mark.parametrize("said", [row[1] for row in RIGHT], ids=[row[0] for row in RIGHT])
async def test_an_unusual_report_is_taken(door: Door, said: dict[str, Any]) -> None:
    """What is odd and allowed becomes a complaint like any other."""
    status, receipt = await door.post({**OUTAGE, **said})

    assert 201 == status, receipt
    async with asyncio.timeout(60):
        while (await door.get(receipt["reference"]))[1]["department"] is None:
            await asyncio.sleep(0.02)


UNREADABLE: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no JSON", b"text=hello"),
    ("cut off", b'{"text": "wa'),
    ("not UTF-8", b'{"text": "\xe9"}'),
    ("a byte order mark", b'\xef\xbb\xbf{"text": "x"}'),
    ("a name twice", b'{"text": "no water", "text": "no power"}'),
    ("a name twice, deeper", b'{"text": "x", "place": {"district": "karkh", "district": "rusafa"}}'),
    ("not a number", b'{"text": "x", "place": {"latitude": NaN, "longitude": 1}}'),
    ("endless", b'{"text": "x", "place": {"latitude": Infinity, "longitude": 1}}'),
    ("a very long number", b'{"text": ' + b"9" * 5000 + b"}"),
    ("very deep", b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
]


@pytest.mark.parametrize("body", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
async def test_what_is_no_clean_json_is_refused(idle: Door, body: bytes) -> None:
    """A document that could be read in two ways, or in none, is refused whole."""
    status, problem = await idle.post(data=body, headers={**DESK, "Content-Type": "application/json"})

    assert (400, "/problems/unreadable") == (status, problem["type"])


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "true"])
async def test_a_document_must_be_an_object(idle: Door, body: str) -> None:
    """JSON that is no object says so and is not taken."""
    status, problem = await idle.post(data=body, headers={**DESK, "Content-Type": "application/json"})

    assert (422, [""]) == (status, fields(problem))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
async def test_another_media_type_is_refused(idle: Door, kind: str | None) -> None:
    """The door takes JSON and multipart forms, and says so."""
    headers = {**DESK, "Content-Type": kind} if kind else DESK
    status, problem = await idle.post(data=b"text=x", headers=headers)

    assert (415, "/problems/unsupported-media-type") == (status, problem["type"])


async def test_a_document_beyond_the_limit_is_refused(idle: Door) -> None:
    """Half a megabyte is the limit, also of what was compressed to a few kilobytes."""
    body = json.dumps({"text": "x", "place": {"text": "y" * 600_000}}).encode()
    plain = await idle.post(data=body, headers={**DESK, "Content-Type": "application/json"})
    packed = {**DESK, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    squeezed = await idle.post(data=gzip.compress(body), headers=packed)

    assert [(413, "/problems/too-large")] * 2 == [(status, problem["type"]) for status, problem in (plain, squeezed)]


# Keys


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong-key-1"},
        {"Authorization": "Bearer desk-key-1x"},
        {"Authorization": "Basic desk-key-1"},
        {"Authorization": "desk-key-1"},
        {"Authorization": "Bearer مفتاح"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/v1/complaints/4821093756", "/api/v1/attachments/x"])
async def test_without_a_key_nothing_is_said(idle: Door, headers: dict[str, str], path: str) -> None:
    """No key, a wrong one, and one that is not even ASCII are all told that a key is needed."""
    async with idle.client.get(path, headers=headers) as response:
        problem = await response.json(content_type="application/problem+json")
        assert (401, "/problems/unauthorized") == (response.status, problem["type"])
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert 401 == (await idle.post(OUTAGE, headers=headers))[0]


@pytest.mark.parametrize(("headers", "status"), [(READER, 403), (WATER, 403), (DESK, 201), (BOSS, 201)])
async def test_filing_takes_the_scope_for_it(idle: Door, headers: dict[str, str], status: int) -> None:
    """A key that may only read may not file."""
    assert status == (await idle.post(OUTAGE, headers=headers))[0]


async def test_the_scheme_may_be_written_in_any_case(idle: Door) -> None:
    """`bearer` is `Bearer`, as RFC 9110 has it."""
    assert 201 == (await idle.post(OUTAGE, headers={"Authorization": "bearer desk-key-1"}))[0]


# The same request again


async def test_the_same_request_again_gives_the_same_receipt(idle: Door) -> None:
    """A program that heard no answer sends it again and gets the first one's receipt, byte for byte."""
    headers = {**DESK, "Idempotency-Key": "case 17/2026"}
    bodies = []
    for body in (json.dumps(OUTAGE), json.dumps(dict(reversed(OUTAGE.items())), indent=2)):
        sent = {**headers, "Content-Type": "application/json"}
        async with idle.client.post("/api/v1/complaints", data=body, headers=sent) as response:
            bodies.append((response.status, await response.read(), response.headers["Location"]))

    assert [201, 200] == [status for status, _, _ in bodies]
    assert bodies[0][1:] == bodies[1][1:]
    assert 1 == (await idle.house.store.read(journal.backlog))[0]


async def test_a_used_key_with_another_report_is_refused(idle: Door) -> None:
    """The first report stands; the other is refused and can be sent under a key of its own."""
    headers = {**DESK, "Idempotency-Key": "17"}
    await idle.post(OUTAGE, headers=headers)
    status, problem = await idle.post({**OUTAGE, "confidential": True}, headers=headers)

    assert (422, "/problems/idempotency-conflict") == (status, problem["type"])
    assert 1 == (await idle.house.store.read(journal.backlog))[0]


async def test_keys_of_two_programs_do_not_meet(idle: Door) -> None:
    """Two programs may number their reports alike."""
    first = await idle.post(OUTAGE, headers={**DESK, "Idempotency-Key": "1"})
    second = await idle.post(OUTAGE, headers={**OTHER, "Idempotency-Key": "1"})

    assert (201, 201) == (first[0], second[0])
    assert first[1]["reference"] != second[1]["reference"]


async def test_without_a_key_of_its_own_every_report_is_new(idle: Door) -> None:
    """Two citizens may say the same words."""
    first, second = await idle.post(OUTAGE), await idle.post(OUTAGE)

    assert first[1]["reference"] != second[1]["reference"]


@pytest.mark.parametrize("key", ["", "x" * 256, "مفتاح", "a\tb"], ids=["empty", "long", "arabic", "control"])
async def test_a_key_that_cannot_be_one_is_refused(idle: Door, key: str) -> None:
    """It is printable ASCII, 1 to 255 characters."""
    status, problem = await idle.post(OUTAGE, headers={**DESK, "Idempotency-Key": key})

    assert (400, "/problems/unreadable") == (status, problem["type"])


async def test_twenty_at_once_are_one_complaint(door: Door) -> None:
    """However often a program sends it at the same moment, there is one complaint and one receipt."""
    headers = {**DESK, "Idempotency-Key": "at-once"}
    answers = await asyncio.gather(*(door.post(OUTAGE, headers=headers) for _ in range(20)))

    assert [200] * 19 + [201] == sorted(status for status, _ in answers)
    assert 1 == len({json.dumps(body) for _, body in answers})
    shown = await door.settled(answers[0][1]["reference"])
    assert ["received", "offered"] == [event["type"] for event in shown["events"]]


# Forms


async def test_a_form_with_a_document_and_a_photo(door: Door) -> None:
    """The photo is on the complaint, known by its content and not by what the form calls it."""
    status, receipt = await door.post(
        **form(
            ("complaint", document(), None, "application/json"),
            ("photo", JPEG, "صورة.exe", "application/x-msdownload"),
        )
    )
    assert 201 == status, receipt
    shown = await door.settled(receipt["reference"])

    (photo,) = shown["attachments"]
    assert ("image", "image/jpeg", len(JPEG)) == (photo["kind"], photo["content_type"], photo["size"])


async def test_a_form_of_fields_says_the_same_as_a_document(idle: Door) -> None:
    """The two ways of writing one report are one request: the second gets the first one's receipt."""
    said = {**FULL, "channel": "office"}
    fields_ = [
        ("text", said["text"]), ("kind", "request"), ("category", "water.outage"), ("place.text", "قرب الجامع"),
        ("place.district", "karkh"), ("place.latitude", "33.31"), ("place.longitude", "44.36"),
        ("contact.phone", "0770 123 4567"), ("contact.email", "Um.Ali@Example.ORG"), ("contact.name", "أم علي"),
        ("language", "ar"), ("occurred_at", "2026-11-01T03:00:00Z"), ("confidential", "true"), ("channel", "office"),
    ]  # fmt: skip
    request = form(*((name, value, None, None) for name, value in fields_))
    request["headers"]["Idempotency-Key"] = "form"
    first = await idle.post(**request)
    second = await idle.post(said, headers={**DESK, "Idempotency-Key": "form"})

    assert (201, 200) == (first[0], second[0]), (first, second)
    assert first[1] == second[1]


async def test_a_photo_alone_is_a_report(idle: Door) -> None:
    """Somebody who sends a picture has said something; fields that were left empty have not been said."""
    status, receipt = await idle.post(
        **form(
            ("text", "", None, None),
            ("category", "", None, None),
            ("photo", JPEG, "p.jpg", "image/jpeg"),
            ("second", b"", "", "application/octet-stream"),
        )
    )

    assert 201 == status, receipt


async def test_other_files_under_the_same_key_are_another_report(idle: Door) -> None:
    """The files belong to what is compared."""
    statuses = []
    for picture in (JPEG, JPEG, JPEG + b"x"):
        request = form(("complaint", document(), None, None), ("photo", picture, "p.jpg", None))
        request["headers"]["Idempotency-Key"] = "photo"
        statuses.append((await idle.post(**request))[0])

    assert [201, 200, 422] == statuses


HTML = b"<!doctype html><script>alert(1)</script>"
FORMS: list[tuple[str, dict[str, Any], int, list[str]]] = [
    ("a page as a photo", form(("text", "x", None, None), ("p", HTML, "p.jpg", "image/jpeg")), 422, ["attachments.0"]),
    (
        "every bad file is named",
        form(("p", JPEG, "a.jpg", None), ("p", HTML, "b", None), ("p", b"", "c.jpg", None), ("kind", "x", None, None)),
        422,
        ["attachments.1", "attachments.2", "kind"],
    ),
    ("nothing at all", raw_form(b"--edge--\r\n"), 422, ["text"]),
    ("an unknown field", form(("text", "x", None, None), ("colour", "red", None, None)), 422, ["colour"]),
    ("degrees in words", form(("text", "x", None, None), ("place.latitude", "north", None, None),
        ("place.longitude", "1e400", None, None)), 422, ["place.latitude", "place.longitude"]),
    ("document and fields", form(("complaint", "{}", None, None), ("text", "x", None, None)), 400, []),
    ("a field twice", form(("text", "x", None, None), ("text", "y", None, None)), 400, []),
    ("a field in Latin-1", form(("text", b"caf\xe9", None, None)), 400, []),
    ("a part without a name", raw_form(b"--edge\r\nContent-Type: text/plain\r\n\r\nx\r\n--edge--\r\n"), 400, []),
    ("a broken disposition",
        raw_form(b"--edge\r\nContent-Disposition: form-data; name\r\n\r\nx\r\n--edge--\r\n"), 400, []),
    ("no first boundary", raw_form(b"hello"), 400, []),
    ("no last boundary", raw_form(b'--edge\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello'), 400, []),
    ("a form in a form",
        raw_form(b"--edge\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\n--edge--\r\n"), 400, []),
    ("base64", raw_form(b'--edge\r\nContent-Disposition: form-data; name="p"; filename="p"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--edge--\r\n"), 400, []),
    ("no boundary named", {"data": b"x", "headers": {**DESK, "Content-Type": "multipart/form-data"}}, 400, []),
    ("nine files", form(*(("p", JPEG + bytes([n]), "p.jpg", None) for n in range(9))), 413, []),
    ("sixty-five parts", form(*((f"f{n}", "x", None, None) for n in range(65))), 400, []),
    ("a photo beyond the limit", form(("p", JPEG + bytes(16 * 1024 * 1024), "p.jpg", None)), 413, []),
    ("a page beyond the limit", form(("p", HTML + bytes(17 * 1024 * 1024), "p.jpg", None)), 413, []),
    ("words beyond the limit", form(("text", "x" * 1_100_000, None, None)), 413, []),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "wrong"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
async def test_a_form_that_cannot_be_taken(idle: Door, request_: Any, status: int, wrong: list[str]) -> None:
    """Each fault has its status, its fields are named, and nothing is filed."""
    found, problem = await idle.post(**request_)

    assert (status, wrong) == (found, fields(problem)), problem
    assert (0, None) == await idle.house.store.read(journal.backlog)


async def test_the_next_request_is_heard_after_a_refusal(idle: Door) -> None:
    """A refused upload leaves no place taken: many of them, and the door is still open."""
    for _ in range(20):
        assert 422 == (await idle.post(**form(("text", "", None, None))))[0]
    assert 201 == (await idle.post(**form(("text", "x", None, None))))[0]
