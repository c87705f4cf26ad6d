"""Lessons: complaints whose category or department a person has confirmed, for the next training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select, update

from gateway.store.insert import insert_or_ignore
from gateway.store.tables import lessons

DESK, REJECTED, IMPORT = "desk", "rejected", "import"
"""Where a lesson comes from: the triage desk, a department that said no, the city's own history."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What some words turned out to mean. `text` has everything masked that identifies anybody.

    `category` is None where only the department was said.
    """

    id: str
    text: str = field(repr=False)
    category: str | None
    department: str | None
    source: str
    by: str
    at: datetime
    complaint_id: str | None = None
    used: bool = False


def add(connection: Connection, lesson: Lesson) -> bool:
    """Keep a lesson; one of the same id is kept once. Returns whether it is new."""
    names = ("id", "complaint_id", "text", "category", "department", "source", "by", "at", "used")
    result = connection.execute(
        insert_or_ignore(connection, lessons).returning(lessons.c.id), {name: getattr(lesson, name) for name in names}
    )
    return result.scalar() is not None


def all(connection: Connection, *, since: datetime | None = None) -> Sequence[Lesson]:  # noqa: A001 - all of them
    """Return every lesson, or those since a moment, the oldest first."""
    wanted = select(lessons).order_by(lessons.c.at, lessons.c.id)
    if since is not None:
        wanted = wanted.where(lessons.c.at >= since)
    return [
        Lesson(
            id=row.id,
            text=row.text,
            category=row.category,
            department=row.department,
            source=row.source,
            by=row.by,
            at=row.at,
            complaint_id=row.complaint_id,
            used=row.used,
        )
        for row in connection.execute(wanted)
    ]


def mark_used(connection: Connection, ids: Sequence[str]) -> None:
    """Record that a model which was adopted has learned from some lessons."""
    if ids:
        connection.execute(update(lessons).where(lessons.c.id.in_(list(ids))).values(used=True))
