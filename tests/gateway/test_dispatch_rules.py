"""What rules do to a complaint on its way: raise it, hide who complains, tell others beside, and leave their mark."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.city.city import City
from gateway.store import complaints
from gateway.store.complaints import Case
from normalizer.complaint import Priority
from router.rules import Rule
from tests.gateway.walk import CITIZEN, OUTAGE, Walk
from tests.servers.waiting import until

Ruled = Callable[..., Walk]


@pytest.fixture
async def ruled(tmp_path: Path, city: City) -> AsyncIterator[Ruled]:
    """Make a house whose city has some rules above its own."""
    made: list[Walk] = []

    def make(*rules: Rule) -> Walk:
        table = replace(city.rules, rules=(*rules, *city.rules.rules))
        made.append(Walk(tmp_path, replace(city, rules=table)))
        return made[-1]

    yield make
    for walk in made:
        await walk.close()


async def routed(walk: Walk, text: str) -> Case:
    """Let a complaint come in and be decided; return it as it stands."""
    await walk.open()
    receipt = await walk.hear(text)
    await walk.publish()

    async def decided() -> bool:
        case = await walk.house.store.read(lambda connection: complaints.load(connection, receipt.reference))
        return case is not None and case.route is not None

    await until(decided)
    case = await walk.house.store.read(lambda connection: complaints.load(connection, receipt.reference))
    assert case is not None
    return case


async def test_a_rule_makes_a_complaint_more_urgent_before_it_is_offered(ruled: Ruled) -> None:
    """The department's offer carries the higher priority, and the story says that it was raised."""
    walk = ruled(Rule("night", None, words=("ماء",), raises=Priority.HIGH))
    case = await routed(walk, OUTAGE)
    await walk.publish()

    assert (Priority.HIGH, "water") == (case.complaint.priority, case.department)
    [offer] = [event for event in walk.tape.events() if event["type"].endswith("offered.v1")]
    assert "high" == offer["data"]["complaint"]["priority"]
    rows = await walk.rows("SELECT type, data FROM events ORDER BY sequence")
    assert ["received", "amended", "offered"] == [row.type for row in rows]
    assert '"priority_raised":true' in rows[1].data


async def test_a_notice_and_the_version_stand_in_the_departments_event(ruled: Ruled) -> None:
    """A program of the department reads whom else it concerns, and by which rules it was decided."""
    walk = ruled(Rule("told", None, words=("ماء",), notice=("sewage", "roads")))
    case = await routed(walk, OUTAGE)
    await walk.publish()
    [offer] = [event for event in walk.tape.events() if event["type"].endswith("offered.v1")]
    route = offer["data"]["route"]

    assert (["sewage", "roads"], walk.city.rules.version) == (route["notice"], route["version"])
    assert case.route is not None and ("sewage", "roads") == case.route.notice
    assert "also told: Baghdad Sewerage Authority, Roads and Projects" in route["reason"]
    assert Priority.NORMAL is case.complaint.priority


async def test_a_rule_beside_hides_who_complains(ruled: Ruled) -> None:
    """The department gets the complaint and not the number."""
    walk = ruled(Rule("hide", None, words=("ماء",), confidential=True))
    case = await routed(walk, OUTAGE)
    await walk.publish()
    [offer] = [event for event in walk.tape.events() if event["type"].endswith("offered.v1")]

    assert case.complaint.confidential and offer["data"]["complaint"]["contact"] is None
    assert CITIZEN not in str(offer)


async def test_what_waits_at_the_desk_becomes_urgent_by_later_words(ruled: Ruled) -> None:
    """A greeting is followed by a word that a rule raises: it still waits for a person, and before the others."""
    walk = ruled(Rule("night", None, words=("زلزال",), raises=Priority.DISTRESS))
    waiting = await routed(walk, "مرحبا")
    await walk.hear("زلزال")
    await walk.publish()

    async def raised() -> bool:
        rows = await walk.rows("SELECT priority, status FROM complaints")
        return [("distress", "triage")] == [tuple(row) for row in rows]

    await until(raised)
    [task] = await walk.rows("SELECT urgent FROM tasks WHERE kind = 'triage'")
    assert task.urgent
    assert waiting.department == walk.city.triage
