"""Tasks over HTTP: who may see them, one at a time, and what an answer does."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.gateway.api.caller import BOSS, DESK, READER, WATER, Door

UNCLEAR = "عندي مشكلة كبيرة وما احد يرد علي"


async def ask(door: Door, method: str, path: str = "", headers: dict[str, str] = BOSS, **more: Any) -> tuple[int, Any]:
    """Call the tasks' address."""
    async with door.client.request(method, f"/api/v1/tasks{path}", headers=headers, **more) as response:
        return response.status, await response.json(content_type=None)


async def triage(door: Door) -> str:
    """File something that nobody can route, and return its task."""
    status, receipt = await door.post({"text": UNCLEAR})
    assert 201 == status
    await door.settled(receipt["reference"], status="triage")
    _, listed = await ask(door, "GET", "?kind=triage")
    return next(task["id"] for task in listed["tasks"] if task["reference"] == receipt["reference"])


async def test_from_list_to_department(door: Door) -> None:
    """A program lists, claims and completes; the complaint goes to the department that was chosen."""
    task_id = await triage(door)
    status, claimed = await ask(door, "POST", f"/{task_id}/claim")
    assert (200, "boss", UNCLEAR) == (status, claimed["claimed_by"], claimed["complaint"]["text"])
    status, done = await ask(door, "POST", f"/{task_id}/complete", json={"department": "water"})
    assert (200, "done", "to water") == (status, done["state"], done["outcome"])

    _, shown = await door.get(done["reference"])
    assert ("offered", "water") == (shown["status"], shown["department"])
    assert (409, "/problems/task-done") == _kind(await ask(door, "POST", f"/{task_id}/claim"))


async def test_who_may(door: Door) -> None:
    """Tasks show citizens' words: a key that only files, only reads, or is a department's, sees none of them."""
    task_id = await triage(door)
    for headers in (DESK, READER, WATER):
        for method, path in (("GET", ""), ("GET", f"/{task_id}"), ("POST", f"/{task_id}/claim")):
            assert (403, "/problems/forbidden") == _kind(await ask(door, method, path, headers))
    assert (401, "/problems/unauthorized") == _kind(await ask(door, "GET", "", {}))


async def test_a_page_at_a_time(door: Door) -> None:
    """Following `next` shows each task once, and then the end."""
    wanted = {await triage(door) for _ in range(3)}
    seen: list[str] = []
    path = "?kind=triage&limit=2"
    while path:
        status, page = await ask(door, "GET", path)
        assert 200 == status
        seen += [task["id"] for task in page["tasks"]]
        path = f"?kind=triage&limit=2&cursor={page['next']}" if page["next"] else ""

    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


async def test_what_is_wrong_is_named(door: Door) -> None:
    """A field that cannot be taken is named, and the task stays open."""
    task_id = await triage(door)
    for answer, field in (
        ({"department": "moon"}, "department"),
        ({"colour": "red"}, "colour"),
        ({"text": 7}, "text"),
        ({}, "department"),
    ):
        status, problem = await ask(door, "POST", f"/{task_id}/complete", json=answer)
        assert (422, [field]) == (status, [fault["field"] for fault in problem["errors"]])
    assert (422, "/problems/invalid") == _kind(await ask(door, "GET", "?kind=eat"))
    assert (422, "/problems/invalid") == _kind(await ask(door, "GET", "?limit=0"))
    assert (400, "/problems/unreadable") == _kind(await ask(door, "GET", "?cursor=%D9%85"))
    assert (404, "/problems/not-found") == _kind(await ask(door, "POST", "/none/claim"))
    status, shown = await ask(door, "GET", f"/{task_id}")
    assert (200, "open") == (status, shown["state"])


@pytest.mark.parametrize(
    "cursor",
    [
        '[true, "2026-01-01T00:00:00Z", "\\ud800"]',
        '[true, "2026-01-01T00:00:00Z", "\\u0000"]',
        '[true, "0001-01-01T00:00:00+23:00", "02054a24-4050-5f3a-903a-ac02707240b5"]',
        '[true, "9999-12-31T23:59:59-23:00", "02054a24-4050-5f3a-903a-ac02707240b5"]',
        '[true, "2026-01-01T00:00:00Z", {}]',
        '"abc"',
        "[" * 4_000,
    ],
)
async def test_a_cursor_that_nobody_gave(door: Door, cursor: str) -> None:
    """It is refused, and reaches no store: some of them take no such value."""
    made = base64.urlsafe_b64encode(cursor.encode()).decode()

    assert (400, "/problems/unreadable") == _kind(await ask(door, "GET", f"?cursor={made}"))


async def test_an_id_that_no_column_takes(door: Door) -> None:
    """There is no such task, on any store."""
    assert (404, "/problems/not-found") == _kind(await ask(door, "GET", "/%00"))


async def test_let_go(door: Door) -> None:
    """What was claimed can be given back; what is in nobody's hands cannot."""
    task_id = await triage(door)
    await ask(door, "POST", f"/{task_id}/claim")
    status, shown = await ask(door, "POST", f"/{task_id}/release")
    assert (200, None) == (status, shown["claimed_by"])
    assert (409, "/problems/task-taken") == _kind(await ask(door, "POST", f"/{task_id}/release"))


def _kind(answered: tuple[int, Any]) -> tuple[int, str]:
    status, problem = answered
    return status, problem["type"]
