"""Teach: what a person decided about a complaint becomes a case for the next training, without who wrote it."""

from __future__ import annotations

from datetime import datetime

from gateway.store import lessons
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.lessons import Lesson
from normalizer.complaint import Contact
from normalizer.personal import conceal, mask


def teach(
    connection: Connection,
    case: Case,
    *,
    category: str | None,
    department: str | None,
    source: str,
    by: str,
    now: datetime,
) -> bool:
    """Keep a decision of the triage desk (`lessons.DESK`) or of a department (`lessons.REJECTED`), once for each event.

    `department` is whose matter it is, also where a department rejected it: the one that it names instead of itself,
    never itself. A rejection that names nothing teaches nothing; what the triage desk then decides does. Returns
    whether there was something to learn that was not known.
    """
    complaint = case.complaint
    if not complaint.text or not (category or department):
        return False
    lesson = Lesson(
        id=f"{source}:{complaint.id}:{case.sequence}",
        text=mask(conceal(complaint.text, complaint.contact or Contact())),
        category=category,
        department=department,
        source=source,
        by=by,
        at=now,
        complaint_id=complaint.id,
    )
    return lessons.add(connection, lesson)
