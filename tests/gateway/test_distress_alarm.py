"""Danger to life has an alarm of its own: counted once and logged once, at whichever door it becomes known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from channels.message import Purpose, Scheme
from gateway.city.city import City
from gateway.split import Splits
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from normalizer.complaint import Priority
from router.rules import Rule
from tests.gateway.walk import CITIZEN, OUTAGE, Walk, logged, metric

DANGER = {"danger": True}
UNCLEAR = "عندي مشكلة كبيرة وما احد يرد علي"


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house in which a rule makes danger of an earthquake."""
    rule = Rule("shaken", None, words=("زلزال",), raises=Priority.DISTRESS)
    made = Walk(tmp_path, replace(city, rules=replace(city.rules, rules=(rule, *city.rules.rules))))
    await made.open()
    yield made
    await made.close()


@contextmanager
def rings(room: str, times: int = 1) -> Iterator[None]:
    """What happens in here rings the alarm so often, in that room, and says no more than a reference."""
    before = metric("balagh_alarms_total", kind="distress")
    with logged() as log:
        yield
    lines = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "distress"]
    assert [room] * times == [line["room"] for line in lines]
    assert times == metric("balagh_alarms_total", kind="distress") - before
    assert all({"timestamp", "level", "room", "event", "reference"} == set(line) for line in lines)


async def only(tasks: Tasks, kind: TaskKind) -> str:
    (task,) = await tasks.list([kind])
    return task.id


async def test_it_rings_when_danger_is_filed_and_not_again(walk: Walk) -> None:
    """The first message tells of it; further words and its way to a department do not ring a second time."""
    with rings("interpret"):
        await walk.hear(OUTAGE, answers=DANGER)
        await walk.hear("وما زال الخطر", answers=DANGER)
        await walk.publish()


async def test_what_is_no_danger_rings_nothing(walk: Walk) -> None:
    """A complaint of every day, and words added to it."""
    with rings("interpret", 0):
        await walk.hear()
        await walk.hear("الرجاء الإسراع")
        await walk.publish()


async def test_it_rings_when_later_words_tell_of_danger(walk: Walk) -> None:
    """A complaint of every day becomes one of danger by a second message."""
    await walk.hear()
    await walk.publish()
    with rings("interpret"):
        await walk.hear("طفل وقع", answers=DANGER)


async def test_it_rings_when_the_same_words_come_again_with_danger(walk: Walk) -> None:
    """Two days later the same words, and now somebody is in danger."""
    await walk.hear()
    walk.clock.pass_by(days=2)
    with rings("interpret"):
        await walk.hear(answers=DANGER)


async def test_it_rings_when_an_edit_tells_of_danger(walk: Walk) -> None:
    """A message is corrected, and what it says now is danger."""
    more = {"channel": "whatsapp", "scheme": Scheme.WHATSAPP}
    await walk.hear(external_id="M1", **more)
    with rings("interpret"):
        await walk.hear(
            f"{OUTAGE} سلك كهرباء مقطوع على الارض وتكهرب طفل",
            external_id="M2",
            revises="M1",
            purpose=Purpose.EDIT,
            **more,
        )


async def test_it_rings_when_a_rule_of_the_city_raises_it(walk: Walk) -> None:
    """Nobody spoke of danger; the city holds what it is for that."""
    with rings("dispatch"):
        await walk.hear(f"{OUTAGE} بعد زلزال")
        await walk.publish()


async def test_it_rings_when_a_person_finds_danger(walk: Walk) -> None:
    """The triage desk raises it; a confirmed post and a transcription that tell of it ring as well."""
    tasks = Tasks(walk.house, clock=walk.clock)
    await walk.hear(UNCLEAR)
    await walk.publish()
    with rings("tasks"):
        await tasks.complete(await only(tasks, TaskKind.TRIAGE), "sara", Answer(department="water", danger=True))
        await walk.publish()
    await walk.hear("شوفوا", external_id="P1", public=True, channel="whatsapp", scheme=Scheme.WHATSAPP)
    with rings("tasks"):
        await tasks.complete(await only(tasks, TaskKind.CONFIRM), "sara", Answer(accepted=True, danger=True))


async def test_it_rings_for_the_half_that_has_the_danger(walk: Walk) -> None:
    """Split off with all the words it is a complaint of danger of its own; asked for twice it rings once."""
    receipt = await walk.hear(OUTAGE, CITIZEN, answers=DANGER)
    splits = Splits(walk.house, clock=walk.clock)
    with rings("split"):
        for _ in range(2):
            await splits.split(receipt.reference, "waste.collection", "sara")
