"""Who is responsible: the ordered table, its conditions, the gate, and that every complaint finds a department."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Complaint, Kind, Place, Priority
from router.route import Route, Suggestion
from router.rules import MOST_SUGGESTIONS, Rule, RuleTable, route

NAMES = {
    "water.leak": {"ar": "كسر في شبكة الماء", "en": "Burst pipe"},
    "staff.conduct": {"ar": "سلوك الموظفين", "en": "Staff conduct"},
}
RESPONSIBLE = {"water.leak": "water", "roads.damage": "roads", "staff.conduct": "inspector", "other": "citizens"}
CATCH_ALL = Rule("triage", "citizens", reason={"ar": "يقرر الموظف", "en": "a person decides"})


def complaint(**changes: Any) -> Complaint:
    given_ = {"category": "water.leak", "category_confidence": 0.9, "text": "بوري مكسور", "channel": "sms", **changes}
    return Complaint(id="c", reference="1234567890", received_at=datetime(2026, 5, 3, tzinfo=UTC), **given_)


def table(*rules: Rule, min_confidence: float = 0.5) -> RuleTable:
    return RuleTable(
        (*rules, CATCH_ALL),
        triage="citizens",
        min_confidence=min_confidence,
        responsible=RESPONSIBLE,
        category_names=NAMES,
        district_names={"dora": {"ar": "الدورة", "en": "Dora"}},
    )


WATER = Rule("water", "water", categories=frozenset({"water.leak"}))


def test_the_first_rule_that_fits_decides() -> None:
    """Of two rules that fit, the upper one sends the complaint; the order is the clerk's."""
    above = Rule("dora", "sewage", districts=frozenset({"dora"}))
    there = complaint(place=Place(district="dora"))

    assert "sewage" == route(there, table(above, WATER)).department
    assert "water" == route(there, table(WATER, above)).department


def test_what_no_rule_fits_goes_to_a_person() -> None:
    """A complaint that only the last rule fits goes to the triage desk, and is not called automatic."""
    decided = route(complaint(category="noise"), table(WATER))

    assert ("citizens", "triage", False) == (decided.department, decided.rule, decided.automatic)
    assert "يقرر الموظف / a person decides" == decided.reason


def test_an_empty_table_still_has_the_triage_desk() -> None:
    """Even without a single rule somebody gets the complaint."""
    decided = route(complaint(), RuleTable((), triage="citizens", min_confidence=0.5))

    assert ("citizens", "none", False) == (decided.department, decided.rule, decided.automatic)


@pytest.mark.parametrize(
    ("rule", "fits", "misses"),
    [
        (Rule("r", "x", categories=frozenset({"water.leak"})), {}, {"category": "noise"}),
        (Rule("r", "x", districts=frozenset({"dora"})), {"place": Place(district="dora")}, {"place": None}),
        (Rule("r", "x", districts=frozenset({"dora"})), {"place": Place(district="dora")}, {"place": Place()}),
        (Rule("r", "x", channels=frozenset({"fax"})), {"channel": "fax"}, {"channel": "sms"}),
        (Rule("r", "x", kinds=frozenset({"enquiry"})), {"kind": Kind.ENQUIRY}, {"kind": Kind.COMPLAINT}),
        (Rule("r", "x", priorities=frozenset({"distress"})), {"priority": Priority.DISTRESS}, {}),
        (Rule("r", "x", words=("رشوة",)), {"text": "يطلب رشوه"}, {"text": "يطلب ماء"}),
        (Rule("r", "x", words=("!!",)), None, {"text": "!!"}),
    ],
)
def test_every_condition_must_hold(rule: Rule, fits: dict[str, Any] | None, misses: dict[str, Any]) -> None:
    """A rule fits by what it names, and does not fit when that is otherwise."""
    if fits is not None:
        assert "x" == route(complaint(**fits), table(rule)).department
    assert "citizens" == route(complaint(**misses), table(rule)).department


def test_conditions_are_joined_by_and() -> None:
    """A rule with a category and a district wants both."""
    rule = Rule("r", "x", categories=frozenset({"water.leak"}), districts=frozenset({"dora"}))

    assert "citizens" == route(complaint(), table(rule)).department
    assert "x" == route(complaint(place=Place(district="dora")), table(rule)).department


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("طلب مني الرشوة", True),
        ("وبالرشوه تمشي المعاملة", True),
        ("رِشْوَة", True),
        ("رشــــوة", True),
        ("للرشوة", True),
        ("مرشوة", False),
        ("رشوان", False),
        ("he wants a BRIBE!", True),
        ("bribery", False),
        ("under   the\ntable", True),
        ("under that table", False),
        ("", False),
    ],
)
def test_a_word_is_found_however_it_is_spelled_and_never_inside_another(text: str, found: bool) -> None:
    """Vowel marks, tatweel, ة or ه, capitals, and what Arabic writes together with a word make no difference."""
    rule = Rule("r", "x", words=("رشوة", "bribe", "under the table"))

    assert ("x" if found else "citizens") == route(complaint(text=text), table(rule)).department


def test_an_unsure_category_goes_to_a_person_who_sees_the_guess() -> None:
    """Below the city's confidence nothing is sent by itself, and the guess stands first among the suggestions."""
    decided = route(complaint(category_confidence=0.49), table(WATER), [("roads.damage", 0.3), ("other", 0.2)])

    assert ("citizens", "water", False, 0.49) == (
        decided.department,
        decided.rule,
        decided.automatic,
        decided.confidence,
    )
    assert "كسر في شبكة الماء" in decided.reason and "not certain (49%, needed 50%)" in decided.reason
    assert (
        Suggestion(category="water.leak", department="water", confidence=0.49),
        Suggestion(category="roads.damage", department="roads", confidence=0.3),
    ) == decided.suggestions


def test_a_rule_may_ask_for_less_or_more_certainty() -> None:
    """The confidence that a rule names replaces the table's, in both directions."""
    bold = Rule("water", "water", categories=frozenset({"water.leak"}), min_confidence=0.0)
    careful = Rule("water", "water", categories=frozenset({"water.leak"}), min_confidence=0.95)

    assert "water" == route(complaint(category_confidence=0.1), table(bold)).department
    assert "citizens" == route(complaint(category_confidence=0.9), table(careful)).department


def test_a_clerks_words_need_no_confidence() -> None:
    """A rule by words, district or channel decides outright, however little was understood."""
    decided = route(complaint(category="other", category_confidence=0.0), table(Rule("r", "water", words=("بوري",))))

    assert ("water", True, 1.0) == (decided.department, decided.automatic, decided.confidence)


def test_the_reason_names_what_matched_in_arabic_and_english() -> None:
    """An officer reads why a complaint came: category, word, district, channel, kind and priority."""
    rule = Rule(
        "all",
        "water",
        categories=frozenset({"water.leak"}),
        words=("ماء", "بوري"),
        districts=frozenset({"dora"}),
        channels=frozenset({"sms"}),
        kinds=frozenset({"complaint"}),
        priorities=frozenset({"normal"}),
    )
    decided = route(complaint(place=Place(district="dora")), table(rule))
    arabic, _, english = decided.reason.partition(" / ")

    assert (
        "التصنيف «كسر في شبكة الماء» (90%)، ورد في النص «بوري»، المنطقة «الدورة»، "
        "وصل عبر sms، نوعه شكوى، أولويته اعتيادية"
    ) == arabic
    assert (
        'category water.leak (Burst pipe) (90%), the text says "بوري", district Dora, came by sms, '
        "is a complaint, priority normal"
    ) == english


def test_a_sent_complaint_suggests_only_what_else_it_might_be() -> None:
    """The category that decided is no suggestion; unknown ones and the unclear one are left out; a few are enough."""
    many = [(f"c{n}", 0.1) for n in range(9)]
    known = RuleTable((WATER,), "citizens", 0.5, responsible={**RESPONSIBLE, **{name: "roads" for name, _ in many}})
    decided = route(complaint(), known, [("water.leak", 0.9), ("nonsense", 0.8), ("other", 0.5), *many])

    assert MOST_SUGGESTIONS == len(decided.suggestions)
    assert {"roads"} == {suggestion.department for suggestion in decided.suggestions}


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), -1.0, 7.0])
def test_a_mad_confidence_is_no_reason_to_fail(confidence: float) -> None:
    """A figure outside 0 to 1 is taken as the nearest sensible one."""
    decided = route(complaint().but(category_confidence=confidence), table(WATER), [("roads.damage", confidence)])

    assert decided.confidence in {0.0, 1.0}


WORDS = st.one_of(st.text(max_size=60), st.sampled_from(["رشوة", "ماء مقطوع", "\ud800", "a" * 500, "\0"]))


@given(
    text=WORDS,
    category=st.one_of(st.sampled_from(["water.leak", "staff.conduct", "other"]), WORDS),
    confidence=st.floats(),
    district=st.none() | WORDS,
    channel=WORDS,
    kind=st.sampled_from(Kind),
    priority=st.sampled_from(Priority),
    offered=st.lists(st.tuples(WORDS, st.floats()), max_size=8),
    rules=st.lists(
        st.builds(
            Rule,
            id=WORDS,
            department=st.sampled_from(["water", "inspector", "citizens"]),
            categories=st.frozensets(st.sampled_from(["water.leak", "other"])),
            words=st.lists(WORDS, max_size=3).map(tuple),
            districts=st.frozensets(WORDS, max_size=2),
            min_confidence=st.none() | st.floats(0, 1),
        ),
        max_size=4,
    ),
)
def test_whatever_arrives_somebody_gets_it(
    text: str,
    category: str,
    confidence: float,
    district: str | None,
    channel: str,
    kind: Kind,
    priority: Priority,
    offered: list[tuple[str, float]],
    rules: list[Rule],
) -> None:
    """No complaint and no table make it raise, and there is always a department and a reason."""
    odd = complaint().but(
        text=text,
        category=category,
        category_confidence=confidence,
        channel=channel,
        kind=kind,
        priority=priority,
        place=Place().model_copy(update={"district": district}),
    )
    decided = route(odd, table(*rules), offered)

    assert isinstance(decided, Route)
    assert decided.department in {"water", "inspector", "citizens"}
    assert decided.reason and decided.automatic == (decided.department != "citizens")


def test_a_wider_rule_covers_a_narrower_one_and_never_the_reverse() -> None:
    """This is how a rule that can never be reached is found."""
    wide = Rule("wide", "x", categories=frozenset({"a", "b"}))
    narrow = Rule("narrow", "x", categories=frozenset({"a"}), channels=frozenset({"sms"}))

    assert (True, False) == (wide.covers(narrow), narrow.covers(wide))
    assert (True, False) == (CATCH_ALL.covers(wide), wide.covers(CATCH_ALL))
    assert not Rule("w", "x", words=("ماء",)).covers(Rule("v", "x", words=("ماء", "بوري")))
    assert Rule("w", "x", words=("ماء", "بوري")).covers(Rule("v", "x", words=("ماء",)))
