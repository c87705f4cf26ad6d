"""Second thoughts and a person's decision at the same moment, on a server: neither is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels.message import Purpose, Scheme
from gateway.city.city import City
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Over, Tasks
from normalizer.normalize import REMOVED
from tests.gateway.walk import Walk
from tests.servers.postgres import Database

pytestmark = pytest.mark.servers

ROUNDS = 12
POST = "شوفوا هاي الصورة"
EDITED = "شوفوا هاي الصورة في الكرادة"


@pytest.fixture
async def walk(tmp_path: Path, city: City, postgres: Database) -> AsyncIterator[Walk]:
    """A house on PostgreSQL, where a person and the interpreter are truly at work at once."""
    made = Walk(tmp_path, city, BALAGH_STORE_URL=postgres.url)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def tasks(walk: Walk) -> Tasks:
    """The door to the tasks of this house."""
    return Tasks(walk.house, clock=walk.clock)


async def say(walk: Walk, text: str, external_id: str, **more: object) -> None:
    more = {"channel": "whatsapp", "scheme": Scheme.WHATSAPP, "public": True, **more}
    await walk.hear(text, external_id=external_id, **more)


@pytest.mark.parametrize(("purpose", "words"), [(Purpose.EDIT, EDITED), (Purpose.DELETION, "")])
async def test_decided_while_it_changes(walk: Walk, tasks: Tasks, purpose: Purpose, words: str) -> None:
    """The complaint says what its author said last, or that they took it back; there is one, or none was wanted."""
    for number in range(ROUNDS):
        post = f"P{number}"
        await say(walk, POST, post)
        (task,) = await tasks.list([TaskKind.CONFIRM])
        decided, _ = await asyncio.gather(
            tasks.complete(task.id, "zainab", Answer(accepted=True)),
            say(walk, words, f"{post}:later", revises=post, purpose=purpose),
            return_exceptions=True,
        )
        assert isinstance(decided, (str, Over))
        assert [] == await tasks.list([TaskKind.CONFIRM])

    rows = await walk.rows(
        "SELECT p.body FROM personal p JOIN complaints c ON c.id = p.complaint_id AND c.version = p.version"
    )
    texts = {json.loads(row.body)["text"] for row in rows}
    assert texts <= {words or REMOVED}
    assert len(rows) <= ROUNDS
    if purpose is Purpose.EDIT:
        assert ROUNDS == len(rows)


async def test_two_agents_complete_one_task(walk: Walk, tasks: Tasks) -> None:
    """It is done once, and the other is told."""
    for number in range(ROUNDS):
        await say(walk, POST, f"P{number}")
        (task,) = await tasks.list([TaskKind.CONFIRM])
        done = await asyncio.gather(
            *(tasks.complete(task.id, name, Answer(accepted=True)) for name in ("zainab", "ali")),
            return_exceptions=True,
        )
        assert 1 == sum(isinstance(one, str) for one in done)
        assert 1 == sum(isinstance(one, Over) for one in done)

    assert ROUNDS == len(await walk.rows("SELECT 1 FROM complaints"))
