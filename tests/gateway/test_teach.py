"""What a person decided teaches the next training, whichever side of the counter they sit on."""

from __future__ import annotations

from gateway.store import complaints, lessons
from gateway.store.engine import Connection
from gateway.teach import teach
from tests.gateway.walk import OUTAGE, Walk


async def test_what_a_department_rejects_teaches_whose_it_is(walk: Walk) -> None:
    """Told twice it is kept once, without the citizen's number; a rejection that names nobody else teaches nothing."""
    receipt = await walk.hear(f"{OUTAGE} رقمي ٠٧٧٠١٢٣٤٥٦٧")

    def reject(connection: Connection) -> list[bool]:
        case = complaints.load(connection, receipt.reference)
        assert case is not None
        named = [None, "sewage", "sewage"]
        return [
            teach(
                connection, case, category=None, department=one, source=lessons.REJECTED, by="water", now=walk.clock()
            )
            for one in named
        ]

    assert [False, True, False] == await walk.house.store.write(reject)
    (lesson,) = await walk.house.store.read(lessons.all)
    assert ("rejected", "sewage", "water", False) == (lesson.source, lesson.department, lesson.by, lesson.used)
    assert OUTAGE in lesson.text
    assert "٠٧٧٠١٢٣٤٥٦٧" not in lesson.text
