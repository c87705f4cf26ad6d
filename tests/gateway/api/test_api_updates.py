"""What departments answer over HTTP: the same envelope as on their queue, the same effect, and clear refusals."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.api import updates
from gateway.app import running
from gateway.city.city import City
from gateway.store.engine import Store
from normalizer.reference import make
from tests.gateway.api.caller import BOSS, DESK, POWER, READER, WATER, Door, fields, make_house, site
from tests.gateway.api.department import Program, answering

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
NOBODYS = make(b"another city's key", "nobody")
OFFER = {"id": "an-offer", "subject": NOBODYS}


@pytest.fixture
def water(door: Door) -> Program:
    return Program(door)


async def offered(water: Program, **said: Any) -> Any:
    """File a complaint and return its offer, as the department's program sees it."""
    await water.door.filed(**said)
    return (await water.offers())[-1]


async def test_a_department_takes_a_complaint_to_its_end(water: Program) -> None:
    """Accepted with a date, in progress, resolved: each is answered with the complaint's state and seen by readers."""
    offer = await offered(water)
    reference = offer["subject"]
    for verb, status, said in (
        ("accepted", "accepted", {"due_at": TOMORROW, "officer": "سعد"}),
        ("progressed", "in_progress", {"note": "فريق في الطريق"}),
        ("resolved", "resolved", {"outcome": "repaired", "answer": "أصلحنا الأنبوب"}),
    ):
        taken = await water.answer(offer, verb, **said)
        assert (200, {"reference": reference, "status": status, "duplicate": False}) == taken

    _, shown = await water.door.get(reference, READER)
    assert ["accepted", "progressed", "resolved"] == [answer["verb"] for answer in shown["answers"]]
    accepted, progressed, resolved = shown["answers"]
    assert ("سعد", "فريق في الطريق", "أصلحنا الأنبوب") == (accepted["officer"], progressed["note"], resolved["answer"])
    assert datetime.fromisoformat(TOMORROW) == datetime.fromisoformat(shown["due_at"])
    assert "أصلحنا" not in json.dumps(shown["events"], ensure_ascii=False)


async def test_an_answer_that_is_sent_again_does_nothing_twice(water: Program) -> None:
    """After a lost answer the program sends the same again, with its keys in any order, and gets the same."""
    sent = answering(await offered(water), "accepted", due_at=TOMORROW, officer="سعد")
    again = {**sent, "data": dict(reversed(sent["data"].items())), "time": "2026-11-22T10:00:00Z"}
    first, second = await water.send(sent), await water.send(again)

    assert (200, False, 200, True) == (first[0], first[1]["duplicate"], second[0], second[1]["duplicate"])
    _, shown = await water.door.get(sent["subject"])
    assert ["received", "offered", "accepted"] == [event["type"] for event in shown["events"]]


async def test_an_id_stands_for_one_answer(water: Program) -> None:
    """The same id with other words is a mistake of the program, and changes nothing."""
    sent = answering(await offered(water), "accepted")
    await water.send(sent)
    status, said = await water.send({**sent, "data": {**sent["data"], "officer": "another"}})
    assert (422, ["id"]) == (status, fields(said))


async def test_an_answer_that_was_refused_may_be_mended_under_its_id(water: Program) -> None:
    """The program is told its mistake, mends it and sends it again as it is used to: under the same id."""
    right = answering(await offered(water), "accepted", due_at=TOMORROW)
    wrong = {**right, "data": {**right["data"], "due_at": "tomorrow"}}
    refused = [await water.send(wrong) for _ in range(2)]
    assert [(422, ["data.due_at"])] * 2 == [(status, fields(said)) for status, said in refused]
    assert [(200, False), (200, True)] == [
        (status, said["duplicate"]) for status, said in [await water.send(right) for _ in range(2)]
    ]
    status, said = await water.send(wrong)
    assert (422, ["data.due_at"]) == (status, fields(said))


async def test_a_rejection_that_names_a_department_moves_the_complaint(water: Program) -> None:
    """The named department is offered it; who rejected it may not answer it again, and is told so."""
    offer = await offered(water)
    status, said = await water.answer(offer, "rejected", reason="ليس أنبوبنا", suggested_department="electricity")
    assert (200, "offered") == (status, said["status"])
    [moved] = await Program(water.door, "electricity", POWER).offers()
    assert offer["subject"] == moved["subject"]

    status, said = await water.answer(offer, "rejected", reason="ليس أنبوبنا")
    assert (409, "/problems/offer-not-open") == (status, said["type"])
    assert 200 == (await water.answer(moved, "accepted", POWER))[0]


async def test_what_is_resolved_takes_no_answer(water: Program) -> None:
    """The end is the end; the refusal says so in Arabic and in English."""
    offer = await offered(water)
    await water.answer(offer, "resolved", outcome="repaired")
    status, said = await water.answer(offer, "progressed", note="again")
    assert (409, "/problems/offer-not-open") == (status, said["type"])
    assert "resolved" in said["detail"]


async def test_another_s_complaint_is_not_there(water: Program) -> None:
    """Another department, with the offer's id or an invented one, and a reference that nobody has: one answer."""
    offer = await offered(water)
    unknown = {**offer, "subject": NOBODYS}
    tries = [
        await Program(water.door, headers=POWER).answer(offer, "accepted"),
        await Program(water.door, headers=POWER).answer({**offer, "id": "x"}, "accepted"),
        await water.answer(unknown, "accepted"),
    ]
    assert {404} == {status for status, _ in tries}
    assert 1 == len({json.dumps(said) for _, said in tries})
    _, shown = await water.door.get(offer["subject"])
    assert "offered" == shown["status"]


async def test_an_offer_that_is_not_the_present_one_is_refused(water: Program) -> None:
    """The complaint is at the department, and the offer is a made-up one: the state is in conflict, nothing changes."""
    offer = await offered(water)
    status, said = await water.answer({**offer, "id": "stale"}, "accepted")
    assert (409, "/problems/offer-not-open") == (status, said["type"])


WRONG_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("accepted", {"due_at": "tomorrow"}, "data.due_at"),
    ("accepted", {"due_at": "2026-01-01T00:00:00Z"}, "data.due_at"),
    ("accepted", {"officer": "س" * 101}, "data.officer"),
    ("rejected", {}, "data.reason"),
    ("rejected", {"reason": "x", "suggested_department": "dragons"}, "data.suggested_department"),
    ("progressed", {"note": " "}, "data.note"),
    ("resolved", {"answer": ["x"]}, "data.answer"),
    ("resolved", {"anser": "dragons"}, "data.anser"),
    ("accepted", {"id": "dragons"}, "data.id"),
    ("progressed", {"note": "x", "offer ": "dragons"}, "data.offer "),
]


async def test_a_field_that_cannot_be_is_named(water: Program) -> None:
    """The program is told which field is wrong, and never what was in it."""
    offer = await offered(water)
    for verb, data, field in WRONG_FIELDS:
        status, said = await water.answer(offer, verb, **data)
        assert (422, "/problems/invalid", [field]) == (status, said["type"], fields(said))
        assert "dragons" not in json.dumps(said)


WRONG_ENVELOPES: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion"),
    ({"id": ""}, "id"),
    ({"id": "x" * 201}, "id"),
    ({"id": "a\u0000b"}, "id"),
    ({"id": 7}, "id"),
    ({"source": ""}, "source"),
    ({"type": "balagh.update.eaten.v1"}, "type"),
    ({"type": "balagh.complaint.accepted.v1"}, "type"),
    ({"subject": f"{NOBODYS[:-1]}{(int(NOBODYS[-1]) + 1) % 10}"}, "subject"),
    ({"subject": "x"}, "subject"),
    ({"time": "yesterday"}, "time"),
    ({"data": {}}, "data.offer"),
    ({"data": []}, "data"),
]


async def test_an_envelope_that_is_none_is_refused_by_its_field(idle: Door) -> None:
    """What is no CloudEvent of a department's answer is never looked up."""
    for change, field in WRONG_ENVELOPES:
        status, said = await Program(idle).send({**answering(OFFER, "accepted"), **change})
        assert (422, [field]) == (status, fields(said)), change
    assert 422 == (await Program(idle).send([]))[0]


async def test_an_answer_that_is_refused_says_so_in_words(idle: Door) -> None:
    """No word of reports, which a department does not file, and the types that there are instead of a pattern."""
    status, said = await Program(idle).send(answering(OFFER, "acepted"))
    assert (422, "/problems/invalid", ["type"]) == (status, said["type"], fields(said))
    assert "report" not in said["title"]
    detail = said["errors"][0]["detail"]
    assert "pattern" not in detail
    for verb in ("accepted", "rejected", "progressed", "resolved"):
        assert 2 == detail.count(f"balagh.update.{verb}.v1")


async def test_attributes_of_others_are_left_alone(water: Program) -> None:
    """CloudEvents may carry more than we know, data other verbs' fields, and the reference may be in any digits."""
    sent = answering(await offered(water), "accepted", note=[1, {"deep": None}], outcome="repaired")
    sent |= {"traceparent": "00-1", "crew": [1], "dataschema": "/x", "subject": sent["subject"].translate(ARABIC)}
    del sent["time"], sent["datacontenttype"], sent["source"]
    assert 200 == (await water.send(sent))[0]


async def test_a_time_at_an_end_of_the_calendar_breaks_nothing(water: Program) -> None:
    """A clock that is wrong by ages is no fault of ours, and no reason to send the same again for ever."""
    offer = await offered(water)
    for time in ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"):
        status, said = await water.send({**answering(offer, "accepted", due_at=TOMORROW), "time": time})
        assert (200, "accepted") == (status, said.get("status")), time


ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


async def test_nobody_but_the_department_speaks_for_it(idle: Door) -> None:
    """A key of the operator, of readers or of the hotline answers no offer."""
    for headers in (BOSS, READER, DESK):
        status, said = await Program(idle, headers=headers).send(answering(OFFER, "accepted"))
        assert (403, "/problems/forbidden") == (status, said["type"])


UNREADABLE = [
    (b"{", "application/json", 400),
    (b'{"id": 1, "id": 2}', "application/cloudevents+json", 400),
    (b"[" * 5000, "application/json", 400),
    (b" " * (updates.LARGEST + 1), "application/json", 413),
    (b"{}", "text/plain", 415),
    (b"{}", "application/cloudevents+json; charset=utf-8", 422),
]


async def test_what_cannot_be_read_is_refused(idle: Door) -> None:
    """No bytes of a program break the door."""
    for content, kind, status in UNREADABLE:
        headers = {**WATER, "Content-Type": kind}
        async with idle.client.post("/api/v1/updates", data=io.BytesIO(content), headers=headers) as response:
            assert (status, "application/problem+json") == (response.status, response.content_type)


async def test_with_the_store_away_an_answer_is_not_taken(idle: Door) -> None:
    """The program is to send it again, and never told that its complaint is unknown."""
    whole, idle.house.store = idle.house.store, Store("sqlite:////nowhere/balagh.db")
    async with TestClient(TestServer(site(idle.house))) as client:
        status, said = await Program(Door(idle.house, client)).send(answering(OFFER, "accepted"))
    idle.house.store.close()
    idle.house.store = whole
    assert (503, "/problems/unavailable") == (status, said["type"])


async def test_a_program_of_two_departments_speaks_for_the_one_that_was_asked(tmp_path: Path, baghdad: City) -> None:
    """With one key for two, an answer is the department's that had the offer, also when it is sent again."""
    keys = "desk:desk-key-1:intake,boss:admin-key-1:admin,both:two-of-them:department.water+department.electricity"
    house = make_house(tmp_path, baghdad, BALAGH_API_KEYS=keys)
    async with running(house), TestClient(TestServer(site(house))) as client:
        both = Program(Door(house, client), headers={"Authorization": "Bearer two-of-them"})
        offer = await offered(both)
        sent = answering(offer, "rejected", reason="ليس أنبوبنا", suggested_department="electricity")
        first, again = await both.send(sent), await both.send(sent)
        [moved] = await Program(both.door, "electricity", both.headers).offers()
        accepted = await both.answer(moved, "accepted")
        stale = await both.answer(offer, "accepted")
        unknown = await both.answer({**offer, "subject": NOBODYS}, "accepted")

    assert [200, 200, 200, 409, 404] == [status for status, _ in (first, again, accepted, stale, unknown)]
    assert [False, True] == [said["duplicate"] for _, said in (first, again)]


async def test_a_department_that_the_city_has_not_says_nothing(tmp_path: Path, baghdad: City) -> None:
    """A key may name what the city's files do not know; for it nothing is there, and nothing is kept."""
    house = make_house(tmp_path, baghdad, BALAGH_API_KEYS="ghosts:a-key-of-ghosts:department.ghosts")
    async with TestClient(TestServer(site(house))) as client:
        ghosts = Program(Door(house, client), headers={"Authorization": "Bearer a-key-of-ghosts"})
        status, said = await ghosts.send(answering(OFFER, "accepted"))
    kept = await house.store.read(lambda found: found.exec_driver_sql("SELECT count(*) FROM answers").scalar())
    house.store.close()

    assert (404, "/problems/not-found", 0) == (status, said["type"], kept)


# Who reads what departments wrote


async def test_whoever_filed_it_reads_what_the_citizen_may_be_told(water: Program) -> None:
    """By when and how it ended; not who works on it, what goes on, nor what departments say of each other."""
    offer = await offered(water)
    await water.answer(offer, "accepted", due_at=TOMORROW, officer="سعد")
    await water.answer(offer, "progressed", note="ننتظر قطعة")
    await water.answer(offer, "resolved", outcome="repaired", answer="أصلحنا الأنبوب")
    _, shown = await water.door.get(offer["subject"], DESK)

    assert ["accepted", "resolved"] == [answer["verb"] for answer in shown["answers"]]
    assert (None, "أصلحنا الأنبوب") == (shown["answers"][0]["officer"], shown["answers"][1]["answer"])


async def test_a_department_reads_its_own_answers_alone(water: Program) -> None:
    """Why another one rejected the complaint is between that one and the city."""
    offer = await offered(water)
    await water.answer(offer, "rejected", reason="عمود كهرباء", suggested_department="electricity")
    [moved] = await Program(water.door, "electricity", POWER).offers()
    await water.answer(moved, "accepted", POWER, officer="نور")
    _, theirs = await water.door.get(offer["subject"], POWER)
    _, whole = await water.door.get(offer["subject"], READER)

    assert ["accepted"] == [answer["verb"] for answer in theirs["answers"]]
    assert ["rejected", "accepted"] == [answer["verb"] for answer in whole["answers"]]


async def test_a_department_that_also_files_reads_of_others_what_it_filed_itself(tmp_path: Path, baghdad: City) -> None:
    """A key for both is no key to what one department said to the complaint that another key filed."""
    keys = (
        "desk:desk-key-1:intake,boss:admin-key-1:admin,waterworks:water-key-1:department.water,"
        "counter:counter-key-1:intake+department.electricity"
    )
    counter = {"Authorization": "Bearer counter-key-1"}
    house = make_house(tmp_path, baghdad, BALAGH_API_KEYS=keys)
    async with running(house), TestClient(TestServer(site(house))) as client:
        water = Program(Door(house, client))
        offer = await offered(water)
        await water.answer(offer, "accepted", due_at=TOMORROW)
        await water.answer(offer, "rejected", reason="عمود كهرباء", suggested_department="electricity")
        status, shown = await water.door.get(offer["subject"], counter)
    assert (200, []) == (status, shown["answers"])


async def test_the_citizen_s_name_in_an_answer_is_hidden_with_the_contact(water: Program) -> None:
    """Who may not see the contact does not read it in a department's words either."""
    said = {"confidential": True, "contact": {"phone": "07701234567", "name": "أم علي الجبوري"}}
    offer = await offered(water, **said)
    await water.answer(offer, "resolved", answer="اتصلنا بأم علي الجبوري على 07701234567")
    _, without = await water.door.get(offer["subject"], READER)
    _, whole = await water.door.get(offer["subject"], BOSS)

    assert "07701234567" not in without["answers"][0]["answer"]
    assert "07701234567" in whole["answers"][0]["answer"]
