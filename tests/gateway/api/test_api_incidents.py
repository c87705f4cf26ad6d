"""Incidents, causes and splitting over HTTP: who may, what is shown, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from normalizer.reference import make
from tests.gateway.api.caller import BOSS, DESK, POWER, READER, WATER, Door, fields

HERE = {"district": "mansour", "text": "حي الجامعة", "latitude": 33.3331, "longitude": 44.3331}
UNKNOWN = make(b"another city", "its first complaint")
NOBODY = "00000000-0000-7000-8000-000000000000"


async def ask(
    door: Door, method: str, path: str, body: Any = None, headers: dict[str, str] = BOSS, **more: Any
) -> tuple[int, Any]:
    """Call one of the addresses below /api/v1."""
    sent = {"json": body} if body is not None else {}
    async with door.client.request(method, f"/api/v1/{path}", headers=headers, **sent, **more) as response:
        return response.status, await response.json(content_type=None) if response.status != 204 else None


async def filed(door: Door, count: int) -> list[str]:
    """File complaints of one street, and see them reach their department."""
    found = [await door.filed(place=HERE, text=f"الماء مقطوع عن الدار {one}") for one in range(count)]
    return [one["reference"] for one in found]


async def test_suggested_made_joined_left_and_closed(door: Door) -> None:
    """The whole life of an incident, with a counter for the department and the incident on each complaint."""
    found = await filed(door, 3)
    _, listed = await ask(door, "GET", "incidents")
    (suggestion,) = listed["suggestions"]
    assert found == [one["reference"] for one in suggestion["complaints"]]
    assert "text" not in suggestion["complaints"][0]

    status, made = await ask(door, "POST", "incidents", {"complaints": found[:2]})
    assert (201, 2, found[0], "boss") == (status, made["members"], made["lead"], made["created_by"])
    status, made = await ask(door, "POST", f"incidents/{made['id']}/join", {"complaints": [found[2]]})
    assert (200, found) == (status, [one["reference"] for one in made["complaints"]])
    _, shown = await door.get(found[2])
    assert made["id"] == shown["incident"]
    assert {"id": made["id"], "lead": found[0], "followers": 2} == shown["events"][-1]["data"]["incident"]

    _, listed = await ask(door, "GET", "incidents", headers=WATER)
    assert ([3], []) == ([one["members"] for one in listed["incidents"]], listed["suggestions"])
    _, made = await ask(door, "POST", f"incidents/{made['id']}/leave", {"complaints": [found[1]]})
    assert 2 == made["members"]
    _, made = await ask(door, "POST", f"incidents/{made['id']}/close")
    assert ("closed", "boss") == (made["state"], made["closed_by"])
    _, listed = await ask(door, "GET", "incidents?state=closed")
    assert [made["id"]] == [one["id"] for one in listed["incidents"]]


async def test_who_follows_is_shown_as_accepted_with_the_lead(door: Door) -> None:
    """The department answers one job; whoever asks for another complaint of it sees status, date and the event."""
    lead, other = await filed(door, 2)
    _, made = await ask(door, "POST", "incidents", {"complaints": [lead, other]})
    _, shown = await door.get(lead)
    (offer,) = (event["id"] for event in shown["events"] if event["type"] == "offered")
    due = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"specversion": "1.0", "id": "a", "type": "balagh.update.accepted.v1", "subject": lead}
    assert 200 == (await ask(door, "POST", "updates", {**said, "data": {"offer": offer, "due_at": due}}, WATER))[0]
    _, shown = await door.get(other)
    assert ("accepted", due[:19]) == (shown["status"], shown["due_at"][:19])
    last = shown["events"][-1]
    assert ("accepted", "water", lead) == (last["type"], last["department"], last["data"]["as"])
    await ask(door, "POST", f"incidents/{made['id']}/leave", {"complaints": [other]})
    _, shown = await door.get(other)
    assert ("offered", None) == (shown["status"], shown["due_at"])


async def test_who_may(door: Door) -> None:
    """A department sees its own and nobody else's; nobody changes anything without the right to tasks."""
    found = await filed(door, 2)
    _, made = await ask(door, "POST", "incidents", {"complaints": found})
    assert 200 == (await ask(door, "GET", f"incidents/{made['id']}", headers=WATER))[0]
    assert 404 == (await ask(door, "GET", f"incidents/{made['id']}", headers=POWER))[0]
    assert [] == (await ask(door, "GET", "incidents", headers=POWER))[1]["incidents"]
    assert 200 == (await ask(door, "GET", "incidents", headers=READER))[0]
    assert 403 == (await ask(door, "GET", "incidents", headers=DESK))[0]
    for headers in (DESK, READER, WATER):
        for path, body in (
            ("incidents", {"complaints": found}),
            ("incidents/dismiss", {"complaints": found}),
            (f"incidents/{made['id']}/leave", {"complaints": found}),
            (f"incidents/{made['id']}/close", None),
        ):
            assert 403 == (await ask(door, "POST", path, body, headers))[0]
    split = {"category": "waste.collection"}
    for headers, refused in ((DESK, 403), (READER, 403), (POWER, 404)):
        assert refused == (await ask(door, "POST", f"complaints/{found[0]}/split", split, headers))[0]
    assert [200, 200, 403, 403, 401] == [
        (await ask(door, "GET", "causes", headers=headers))[0] for headers in (BOSS, READER, WATER, DESK, {})
    ]


async def test_a_department_does_not_learn_who_at_the_desk_did_it(door: Door) -> None:
    """Who put complaints together is a name for those who read the city's; a department sees that it was staff."""
    found = await filed(door, 2)
    _, made = await ask(door, "POST", "incidents", {"complaints": found})
    address = f"incidents/{made['id']}"
    _, opened = await ask(door, "GET", "incidents", headers=WATER)
    assert ["staff"] == [one["created_by"] for one in opened["incidents"]]
    await ask(door, "POST", f"{address}/close")

    for headers, who in ((BOSS, "boss"), (READER, "boss"), (WATER, "staff")):
        _, shown = await ask(door, "GET", address, headers=headers)
        assert (who, who) == (shown["created_by"], shown["closed_by"])
        assert [who, who] == [one["joined_by"] for one in shown["complaints"]]
        _, shown = await door.get(found[1], headers=headers)
        assert who == shown["events"][-1]["data"]["joined_by"]


async def test_a_department_splits_off_what_is_not_its_own(door: Door) -> None:
    """It files the second problem of what is there now, in the citizen's words and in none of its own."""
    (reference,) = await filed(door, 1)
    address, wanted = f"complaints/{reference}/split", {"category": "waste.collection"}
    status, problem = await ask(door, "POST", address, {**wanted, "text": "ادفعوا رسماً"}, WATER)
    assert (422, ["text"]) == (status, fields(problem))
    status, half = await ask(door, "POST", address, {**wanted, "text": "عن الدار"}, WATER)
    assert 201 == status
    _, whole = await door.get(reference)
    _, other = await door.get(half["reference"])
    assert [other["id"]] == whole["related"]
    assert ("waste.collection", "عن الدار") == (other["category"], other["text"])


async def test_a_department_finds_no_number_out_by_splitting(door: Door) -> None:
    """Words that are hidden from it are as any that the citizen never wrote; those that it reads may be split off."""
    shown = await door.filed(
        text="الماء مقطوع عن الدار، رقمي 07701234567 والحاوية ممتلئة",
        contact={"phone": "07701234567"},
        confidential=True,
    )
    address, wanted = f"complaints/{shown['reference']}/split", {"category": "waste.collection"}
    for guess in ("0770", "07701234567", "9999"):
        status, problem = await ask(door, "POST", address, {**wanted, "text": guess}, WATER)
        assert (422, ["text"]) == (status, fields(problem)), guess
    assert 201 == (await ask(door, "POST", address, {**wanted, "text": "والحاوية ممتلئة"}, WATER))[0]


async def test_what_cannot_be_is_refused(door: Door) -> None:
    """Each refusal is a problem that says which field or which complaint."""
    found = await filed(door, 4)
    _, made = await ask(door, "POST", "incidents", {"complaints": found[:2]})
    assert ["complaints"] == fields((await ask(door, "POST", "incidents", {"complaints": found[2:3]}))[1])
    assert ["complaints"] == fields((await ask(door, "POST", "incidents", {"complaints": ["nonsense"]}))[1])
    assert ["complaints"] == fields((await ask(door, "POST", "incidents", {"complaints": []}))[1])
    assert ["wrong"] == fields((await ask(door, "POST", "incidents", {"complaints": found, "wrong": 1}))[1])
    assert 404 == (await ask(door, "POST", "incidents", {"complaints": [found[2], UNKNOWN]}))[0]
    status, problem = await ask(door, "POST", "incidents", {"complaints": found[1:3]})
    assert (409, "/problems/in-another-incident") == (status, problem["type"])
    assert found[1] in problem["detail"]
    await ask(door, "POST", f"incidents/{made['id']}/close")
    status, problem = await ask(door, "POST", f"incidents/{made['id']}/join", {"complaints": found[3:]})
    assert (409, "/problems/closed") == (status, problem["type"])
    for wanted in (NOBODY, "nonsense", "%00"):
        assert 404 == (await ask(door, "GET", f"incidents/{wanted}"))[0]
        assert 404 == (await ask(door, "POST", f"incidents/{wanted}/close"))[0]
    assert ["state"] == fields((await ask(door, "GET", "incidents?state=odd"))[1])


async def test_dismissed_complaints_are_not_suggested(door: Door) -> None:
    """A person said that their causes differ: 204, and the listing has nothing more to say of them."""
    found = await filed(door, 2)
    assert (204, None) == await ask(door, "POST", "incidents/dismiss", {"complaints": found})
    assert [] == (await ask(door, "GET", "incidents"))[1]["suggestions"]


async def test_splitting_gives_a_reference_once(door: Door) -> None:
    """201 and a complaint of its own; the same again is 200 and the same; both name each other."""
    (found,) = await filed(door, 1)
    status, half = await ask(
        door, "POST", f"complaints/{found}/split", {"category": "waste.collection", "text": "نفايات"}
    )
    assert 201 == status
    assert (200, half) == await ask(door, "POST", f"complaints/{found}/split", {"category": "waste.collection"})
    shown = await door.settled(half["reference"])
    _, whole = await door.get(found)
    assert ("waste", "نفايات", [whole["id"]]) == (shown["department"], shown["text"], shown["related"])
    assert [shown["id"]] == whole["related"]
    assert ["category"] == fields((await ask(door, "POST", f"complaints/{found}/split", {"category": "odd"}))[1])
    assert 404 == (await ask(door, "POST", f"complaints/{UNKNOWN}/split", {"category": "noise"}))[0]


@pytest.mark.parametrize(("since", "expected"), [("", 1), ("2001-01-01T00:00:00Z", 1), ("2999-01-01", 0)])
async def test_causes_are_counted(door: Door, since: str, expected: int) -> None:
    """Five from one place: counted, without a word of them. Who asks since later hears nothing."""
    for one in range(5):
        contact = {"phone": f"+96477012340{one:02}"}
        await door.filed(place=HERE, text=f"الماء مقطوع {one}", contact=contact)
    _, found = await ask(door, "GET", f"causes?since={since}")
    assert expected == len(found["causes"])
    assert [5] * expected == [cause["quarter"] for cause in found["causes"]]


async def test_a_moment_that_is_none_is_refused(door: Door) -> None:
    """`since` must be a moment."""
    assert ["since"] == fields((await ask(door, "GET", "causes?since=yesterday"))[1])
