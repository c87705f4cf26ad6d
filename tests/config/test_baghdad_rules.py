"""The sample city's rules: what they promise to citizens, whatever else a clerk changes in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.city.city import City, load
from gateway.learning.material import read_cases
from normalizer.complaint import Complaint, Priority
from router.rules import STATED, Decision, decide, shadows

CASES = Path(__file__).parents[2] / "config" / "cities" / "baghdad" / "cases.csv"


@pytest.fixture(scope="module")
def city() -> City:
    """Read the sample city once."""
    return load("baghdad")


def stated(city: City, category: str, **more: Any) -> Decision:
    """Decide a complaint whose category a person stated."""
    complaint = Complaint(
        id="c",
        reference="1234567890",
        channel="web",
        category=category,
        category_confidence=STATED,
        received_at=datetime(2026, 5, 3, tzinfo=UTC),
        **more,
    )
    return decide(complaint, city.rules)


def test_danger_is_told_beside_and_moves_nothing(city: City) -> None:
    """Danger to life reaches the department that it always reaches, and the citizens' desk hears of it too."""
    for category in city.categories.values():
        calm, danger = stated(city, category.id), stated(city, category.id, priority=Priority.DISTRESS)
        assert calm.route.department == danger.route.department
        assert "citizens" in (*danger.route.notice, danger.route.department)
        assert () == calm.route.notice


def test_rain_water_near_a_wire_is_told_to_electricity(city: City) -> None:
    """Sewage stays responsible, the complaint becomes more urgent, and electricity is told."""
    decision = stated(city, "drainage.flooding", text="الشارع غرقان وبيه واير مكشوف بالماي")

    assert ("sewage", ("electricity",), Priority.HIGH) == (
        decision.route.department,
        decision.route.notice,
        decision.raises,
    )


def test_bribery_hides_who_complains_and_goes_before_all_else(city: City) -> None:
    """By its words alone: no certainty of a category is needed, and nobody at the department learns who said it."""
    for category in ("water.leak", "staff.conduct", "other"):
        decision = stated(city, category, text="الموظف طلب رشوة")
        assert ("inspector", "bribery-words", True) == (
            decision.route.department,
            decision.route.rule,
            decision.confidential,
        )
    assert ["bribery-words"] == [found.above.id for found in shadows(city.rules.rules)]


def test_no_reading_is_taken_for_what_a_person_stated(city: City) -> None:
    """However plain a text is, it passes the gate: certainty is kept for what somebody said outright."""
    for case in read_cases(CASES, city.categories, city.rules.responsible):
        guess = city.reader.guess(case.text)
        assert guess.confidence < STATED
        assert all(sure < STATED for _, sure in guess.scores)
