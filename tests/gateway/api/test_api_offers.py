"""The feed of a department: its offers for a program that has no AMQP."""

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator

from gateway.api import offers
from gateway.app import running
from gateway.broker.bus import Delivery
from gateway.broker.topology import department_queue
from gateway.city.city import City
from gateway.schema import documents
from gateway.store import complaints, feed, outbox
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from tests.gateway.api.caller import BOSS, DESK, POWER, READER, WATER, Door, make_house, site
from tests.gateway.api.department import Program
from tests.servers.waiting import until

PHONE = {"contact": {"phone": "07701234567", "name": "أم علي الجبوري"}}


async def moved(door: Door, reference: str, department: str) -> None:
    """Let somebody put the complaint to another department."""

    def job(connection: Connection) -> None:
        case = complaints.load(connection, reference, lock=True)
        assert case is not None
        assert case.route is not None
        with Ledger(connection, case.heard_at) as ledger:
            route = case.route.model_copy(update={"department": department})
            ledger.offer(case, route, routed_sequence=case.sequence, decided=True)

    await door.house.store.write(job)


def waiting_at(door: Door) -> int:
    """How many programs wait at the feed."""
    [route] = [one for one in door.client.server.app.router.routes() if one.resource.canonical == offers.PATH]
    return int(route.handler.__self__._waiting.total())


async def test_a_department_reads_what_its_queue_carries(door: Door) -> None:
    """An offer over HTTP is the very message of the queue, contact and all, and holds to the published schema."""
    heard: list[bytes] = []
    got = asyncio.Event()

    async def hear(delivery: Delivery) -> None:
        heard.append(delivery.body)
        got.set()

    await door.house.bus.consume(department_queue("water"), hear, 1)
    shown = await door.filed(**PHONE)
    [offer] = await Program(door).news()
    await asyncio.wait_for(got.wait(), 60)

    assert offer == json.loads(heard[0])
    assert (shown["reference"], "أم علي الجبوري") == (
        offer["subject"], offer["data"]["complaint"]["contact"]["name"],
    )  # fmt: skip
    schema = documents(door.house.city, "https://city.example")["event.v1.json"]
    assert [] == list(Draft202012Validator(schema).iter_errors(offer))


async def test_reading_on_brings_only_what_is_new(door: Door) -> None:
    """The cursor of one answer continues it; the same cursor again gives the same events again."""
    water = Program(door)
    first, second = await door.filed(), await door.filed()
    assert [[first["reference"]], [second["reference"]], []] == [
        [event["subject"] for event in await water.news(limit=1)] for _ in range(3)
    ]
    third = await door.filed()
    again = water.cursor
    assert [third["reference"]] == [event["subject"] for event in await water.news()]
    water.cursor = again
    assert [third["reference"]] == [event["subject"] for event in await water.news()]


async def test_whoever_waits_is_answered_as_soon_as_there_is_news(door: Door) -> None:
    """A program that asks with its cursor is kept waiting until something is put to its department."""
    water = Program(door)
    assert [] == await water.news()
    waiting = asyncio.create_task(water.fetch(cursor=water.cursor))
    shown = await door.filed()

    status, page = await asyncio.wait_for(waiting, offers.LONGEST)
    assert (200, [shown["reference"]]) == (status, [event["subject"] for event in page["events"]])


async def test_the_house_can_stop_while_somebody_waits(door: Door) -> None:
    """A program that waits is answered with nothing, and keeps its place, when the gateway is stopped."""
    water = Program(door)
    await water.news()
    waiting = asyncio.create_task(water.fetch(cursor=water.cursor))
    async with asyncio.timeout(20):
        while not waiting_at(door):
            await asyncio.sleep(0.01)
    await door.client.server.app.shutdown()

    assert (200, {"events": [], "next": water.cursor}) == await asyncio.wait_for(waiting, offers.LONGEST / 2)


async def test_only_the_department_s_own_key_opens_its_feed(idle: Door) -> None:
    """Another department, the operator and whoever reads or files have no business in it."""
    for headers in (POWER, BOSS, READER, DESK):
        status, said = await Program(idle).fetch(headers)
        assert (403, "/problems/forbidden") == (status, said["type"])
        assert "It takes a key with the scope department.water." == said["detail"]


async def test_a_department_that_the_city_has_not_is_not_there(tmp_path: Path, baghdad: City) -> None:
    """A key may name what the city's files do not know; and its name comes back in no header."""
    house = make_house(tmp_path, baghdad, BALAGH_API_KEYS="ghosts:a-key-of-ghosts:department.ghosts")
    key = {"Authorization": "Bearer a-key-of-ghosts"}
    async with TestClient(TestServer(site(house))) as client:
        for department, status in (("ghosts", 404), ("a%0d%0ab", 403)):
            async with client.get(f"/api/v1/departments/{department}/offers", headers=key) as response:
                assert status == response.status
                assert "a\r\nb" not in str(response.headers)
    house.store.close()


INVENTED: list[Any] = [
    {}, [], ["electricity", 1, "0" * 16], ["water", "1", "0" * 16], ["water", 1], ["water", -1, "0" * 16],
    ["water", True, "0" * 16], ["water", 2**63, "0" * 16], ["water", 1, "'; DROP TABLE events"],
]  # fmt: skip


async def test_a_cursor_that_no_answer_gave_is_refused(idle: Door) -> None:
    """What was made up, or is of another department's feed, reads nothing."""
    made = [base64.urlsafe_b64encode(json.dumps(said).encode()).decode() for said in INVENTED]
    for cursor in ("x", "=", "☹", *made):
        status, said = await Program(idle).fetch(cursor=cursor)
        assert (400, "/problems/unreadable") == (status, said["type"]), cursor


async def test_numbers_have_bounds(idle: Door) -> None:
    """Who asks for more than there can be is told what there can be."""
    for name, value in (("limit", "0"), ("limit", "101"), ("wait", "26"), ("wait", "-1"), ("wait", "٣")):
        status, said = await Program(idle).fetch(**{name: value})
        assert (422, name) == (status, said["errors"][0]["field"])


async def test_a_cursor_of_a_store_that_was_restored_says_so(door: Door) -> None:
    """Numbers that were given again would hide events; the program is told to begin anew, and loses nothing."""
    water = Program(door)
    await door.filed()
    await water.news()
    cursor = json.loads(base64.urlsafe_b64decode(water.cursor))
    ahead = base64.urlsafe_b64encode(json.dumps([cursor[0], cursor[1] + 1000, cursor[2]]).encode()).decode()

    status, said = await water.fetch(cursor=ahead)
    assert (410, "/problems/cursor-strayed") == (status, said["type"])


async def test_what_has_left_the_department_is_told_without_the_contact(door: Door) -> None:
    """A program that reads late sees that it had the complaint, and no more who complained."""
    shown = await door.filed(**PHONE, text="الماء مقطوع، رقمي 07701234567")
    await moved(door, shown["reference"], "electricity")
    events = await Program(door).news()

    assert ["offered", "recalled"] == [event["type"].split(".")[2] for event in events]
    assert "أم علي" not in json.dumps(events, ensure_ascii=False)
    assert "7701234567" not in json.dumps(events)
    [offer] = await Program(door, "electricity", POWER).offers()
    assert "أم علي الجبوري" == offer["data"]["complaint"]["contact"]["name"]


async def test_a_confidential_complaint_names_nobody(door: Door) -> None:
    """The rules of the queue are the rules of the feed."""
    await door.filed(**PHONE, confidential=True)
    [offer] = await Program(door).news()
    assert offer["data"]["complaint"]["contact"] is None


async def test_nobody_keeps_an_answer_of_the_feed(idle: Door) -> None:
    """Citizens' words are in it."""
    async with idle.client.get("/api/v1/departments/water/offers", headers=WATER) as response:
        assert (200, "no-store") == (response.status, response.headers["Cache-Control"])


async def test_a_program_that_asks_too_often_at_once_must_wait(idle: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """One department cannot take every place."""
    monkeypatch.setattr(offers, "WAITING_OF_ONE", 0)
    status, said = await Program(idle).fetch()
    assert (503, "/problems/busy") == (status, said["type"])


async def test_programs_that_wait_behind_somebody_who_appends_ask_seldom_and_together(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL every such question holds up who appends, and a connection: two programs ask once per look."""
    asked = 0

    def never(_connection: Connection) -> None:
        nonlocal asked
        asked += 1

    water, power = Program(door), Program(door, "electricity", POWER)
    for program in (water, power):
        assert [] == await program.news()
    monkeypatch.setattr(feed, "settled", never)
    await door.filed()
    pages = await asyncio.gather(*(one.fetch(cursor=one.cursor, wait=1) for one in (water, power, water)))

    assert [(200, [])] * 3 == [(status, page["events"]) for status, page in pages]
    assert 1 <= asked <= 3 * (1 / offers.POLL + 2)


async def test_with_the_store_away_the_feed_says_so(idle: Door) -> None:
    """No empty list where nobody could look."""
    whole, idle.house.store = idle.house.store, Store("sqlite:////nowhere/balagh.db")
    status, said = await Program(idle).fetch()
    idle.house.store.close()
    idle.house.store = whole
    assert (503, "/problems/unavailable") == (status, said["type"])


async def test_a_damaged_complaint_is_left_out_and_alarmed(door: Door) -> None:
    """What cannot be read back holds up nothing."""
    broken, whole = await door.filed(), await door.filed()
    spoil = "UPDATE personal SET body = '{' WHERE complaint_id = (SELECT id FROM complaints WHERE reference = ?)"
    await door.house.store.write(lambda found: found.exec_driver_sql(spoil, (broken["reference"],)) and None)

    assert [whole["reference"]] == [event["subject"] for event in await Program(door).news()]


async def test_a_department_without_a_queue_is_served_from_offer_to_end(tmp_path: Path, baghdad: City) -> None:
    """Its delivery is "pull": it fetches, accepts and resolves over HTTP, and nothing of it waits for the broker."""
    water = replace(baghdad.departments["water"], delivery="pull")
    city = replace(baghdad, departments={**baghdad.departments, "water": water})
    house = make_house(tmp_path, city)
    async with running(house), TestClient(TestServer(site(house))) as client:
        program = Program(Door(house, client))
        shown = await program.door.filed()
        [offer] = await program.news()
        assert 200 == (await program.answer(offer, "accepted"))[0]
        assert 200 == (await program.answer(offer, "resolved", answer="تم"))[0]
        told = [event["type"].split(".")[2] for event in await program.news()]

        async def published() -> bool:
            return (await house.store.read(outbox.backlog))[0] == 0

        await until(published)
        assert shown["reference"] == offer["subject"]
        assert ["accepted", "resolved"] == told
        assert department_queue("water") not in [queue.name for queue in house.bus.topology.queues]
