"""The rows of tasks: what is open is found without looking at what is done."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gateway.store import tasks
from gateway.store.engine import Job, Store
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.store.making import NOW, later

SEEN = (True, later(minutes=1), "a")


@pytest.mark.parametrize(
    "look",
    [
        partial(tasks.listing, kinds=tuple(TaskKind), now=NOW, limit=100),
        partial(tasks.listing, kinds=[TaskKind.TRIAGE], now=NOW, limit=20, after=SEEN, free_for="sara"),
        tasks.waiting,
    ],
    ids=["everything", "the next page of one kind", "the counts"],
)
async def test_what_is_open_is_found_by_its_index(sqlite_store: Store, look: Job[Any]) -> None:
    """A year of finished tasks makes neither the desk's lists nor the metrics slower."""
    asked: list[tuple[str, Any]] = []

    def plan(connection: Connection) -> str:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
        look(connection)
        statement, values = asked[-1]
        return " ".join(row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))

    assert "tasks USING INDEX tasks_open" in await sqlite_store.read(plan)


async def test_what_is_open_is_listed_and_counted_by_kind(store: Store) -> None:
    """Whoever asks for one kind sees that kind and no other, and nothing that is done."""

    def fill(connection: Connection) -> None:
        for minute, kind in enumerate((TaskKind.TRIAGE, TaskKind.TRIAGE, TaskKind.CONFIRM, TaskKind.TRIAGE)):
            draft = Draft(kind, str(minute), "sms", urgent=minute == 3)
            tasks.open_task(connection, draft, later(minutes=minute))
            if minute == 1:
                tasks.finish(connection, draft.id, by="sara", outcome="to water", body=None, now=NOW)

    await store.write(fill)
    found = await store.read(partial(tasks.listing, kinds=[TaskKind.TRIAGE], now=NOW, limit=9))
    assert ["3", "0"] == [task.subject for task in found]
    expected = {"confirm": (1, later(minutes=2)), "triage": (2, NOW)}
    assert expected == await store.read(tasks.waiting)
