"""What departments answered to a complaint, for the people at the desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from gateway.desk.page import DeskPages
from gateway.store.answers import Answer
from normalizer.complaint import Complaint, Contact
from normalizer.personal import conceal

WORDS: Final = ("reason", "note", "answer")
"""The fields in which a department explains itself, of which each verb has one."""


def said(answers: Sequence[Answer], complaint: Complaint, pages: DeskPages, language: str) -> list[dict[str, Any]]:
    """Lay out the answers, the oldest first. The citizen's own numbers and name are hidden in a department's words."""
    contact = complaint.contact or Contact()

    def name(department: str) -> str:
        found = pages.house.city.departments.get(department)  # one that left the city has only its id
        return pages.name(found.names, language) if found else department

    def words(answer: Answer, *fields: str) -> str:
        return conceal(next((str(answer.body[one]) for one in fields if answer.body.get(one)), ""), contact)

    return [
        {
            "verb": one.verb,
            "department": name(one.department),
            "at": one.at,
            "due": _day(one, pages, language),
            "officer": words(one, "officer"),
            "suggested": name(str(one.body["suggested_department"])) if one.body.get("suggested_department") else "",
            "outcome": words(one, "outcome"),
            "words": words(one, *WORDS),
        }
        for one in answers
    ]


def _day(answer: Answer, pages: DeskPages, language: str) -> str:
    given = answer.body.get("due_at")
    return pages.date(language, datetime.fromisoformat(str(given))) if given else ""
