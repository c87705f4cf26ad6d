"""Where a citizen's words leave their complaint, nothing there leads to the citizen: places without other tests."""

from __future__ import annotations

from functools import partial

import pytest

from channels.message import Inbound, Pin
from gateway import quarantine
from gateway.city.city import City
from gateway.interpret import reading
from gateway.learning.learn import _keep
from gateway.learning.material import Case
from gateway.store import lessons
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from normalizer.personal import find
from tests.gateway.walk import Walk

NAME = "زينب كريم"
TOLD = f"انا {NAME} رقمي ٠٧٧٠ ٩٨٧ ٦٥٤٣ وبطاقتي 784-1990-1234567-6 وايميلي zainab@example.org"
UNCLEAR = f"عندي مشكلة كبيرة وما احد يرد علي. {TOLD}"


def clean(text: str) -> bool:
    return not find(text) and NAME not in text and "zainab" not in text


async def test_what_a_decision_teaches_names_nobody(walk: Walk) -> None:
    """A lesson outlives the complaint it came from, so it is kept without number, address, id or name."""
    await walk.hear(UNCLEAR, sender_name=NAME)
    await walk.publish()
    tasks = Tasks(walk.house, clock=walk.clock)
    (task,) = await tasks.list([TaskKind.TRIAGE])
    await tasks.complete(task.id, "officer", Answer(category="water.outage"))
    (lesson,) = await walk.house.store.read(lessons.all)
    assert "مشكلة كبيرة" in lesson.text
    assert clean(lesson.text), lesson.text


async def test_what_is_imported_is_masked(walk: Walk, city: City) -> None:
    """A city's own history is learned from without the numbers that stand in it."""
    case = Case(
        id="h1", text="ماكو ماي بالبيت اتصلوا 07709876543", categories=("water.outage",), departments=("water",)
    )
    keep = partial(_keep, known=[], history=[case], city=city)
    await walk.house.store.write(keep)
    (lesson,) = await walk.house.store.read(lessons.all)
    assert "ماكو ماي" in lesson.text
    assert not find(lesson.text)


async def test_the_place_of_an_incident_is_a_place(walk: Walk) -> None:
    """What whoever counts causes is shown as the name of a place is never somebody's number or name."""
    await walk.hear("الماء مقطوع", sender_name=NAME, place=Pin(text=f"بيت {NAME} ٠٧٧٠ ٩٨٧ ٦٥٤٣"))
    await walk.hear("الماء مقطوع عدنا", "+9647801112223", place=Pin(text="حي الجامعة"))
    rows = await walk.rows("SELECT place FROM sightings ORDER BY place")
    assert {None, "حي الجامعة"} == {row.place for row in rows}


async def test_the_list_of_what_broke_quotes_nobody(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's list says where a message broke and by which fault, not what the message said."""

    def break_on(inbound: Inbound, *_: object, **__: object) -> None:
        raise ValueError(inbound.text)

    monkeypatch.setattr(reading, "normalize", break_on)
    monkeypatch.setenv("BALAGH_DATA_DIR", str(walk.house.settings.data_dir))
    await walk.hear(TOLD)
    said: list[str] = []
    await quarantine.show_all(said.append)
    assert 2 == len(said)
    assert "ValueError" in said[0]
    assert all(map(clean, said))
