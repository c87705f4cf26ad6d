"""Complaints, guesses and small tables to ask the router with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from normalizer.complaint import Complaint
from normalizer.guess import Guess
from router.rules import Rule, RuleTable

NAMES = {
    "water.leak": {"ar": "كسر في شبكة الماء", "en": "Burst pipe"},
    "staff.conduct": {"ar": "سلوك الموظفين", "en": "Staff conduct"},
}
RESPONSIBLE = {
    "water.leak": "water",
    "water.outage": "water",
    "roads.damage": "roads",
    "noise": "environment",
    "staff.conduct": "inspector",
    "other": "citizens",
}
CATCH_ALL = Rule("triage", "citizens", reason={"ar": "يقرر الموظف", "en": "a person decides"})
WATER = Rule("water", "water", categories=frozenset({"water.leak", "water.outage"}))


def complaint(**changes: Any) -> Complaint:
    """Make a complaint about a burst pipe, as it was read and not as anybody stated it."""
    of = {"category": "water.leak", "category_confidence": 0.9, "text": "بوري مكسور", "channel": "sms", **changes}
    return Complaint(id="c", reference="1234567890", received_at=of.pop("at", MONDAY), **of)


MONDAY = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def guess(*scores: tuple[str, float], agreed: bool = True, words: tuple[str, ...] = ("بوري مكسور",)) -> Guess:
    """Make a reading of these categories, the best first; without any it is of a burst pipe at 0.9."""
    found = scores or (("water.leak", 0.9),)
    return Guess(found[0][0], found[0][1], found, words, agreed)


def table(*rules: Rule, min_confidence: float = 0.5, **more: Any) -> RuleTable:
    """Make a table of these rules and the one that takes what is left."""
    return RuleTable(
        (*rules, CATCH_ALL),
        triage="citizens",
        min_confidence=min_confidence,
        responsible=RESPONSIBLE,
        category_names=NAMES,
        district_names={"dora": {"ar": "الدورة", "en": "Dora"}},
        department_names={"water": {"ar": "دائرة الماء", "en": "Water"}},
        **more,
    )
