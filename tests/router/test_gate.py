"""The gate: what goes to a department by itself, and what a person sees first, with the three best and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Source
from normalizer.guess import Guess
from router.route import Suggestion
from router.rules import MOST_SUGGESTIONS, Rule, decide, route
from tests.router.asking import RESPONSIBLE, WATER, complaint, guess, table

PUBLIC = {"source": Source(public=True)}


def test_what_a_person_stated_needs_no_reading() -> None:
    """A category that somebody chose goes to its department, whatever the text seems to say."""
    stated = complaint(category_confidence=1.0, text="")
    decided = route(stated, table(WATER, min_confidence=1.0))

    assert ("water", True, 1.0) == (decided.department, decided.automatic, decided.confidence)
    assert "as a person stated" in decided.reason


def test_words_and_model_must_agree() -> None:
    """However sure the figure is, a person looks when the two name different departments; the reason says so."""
    decided = route(complaint(), table(WATER), guess(("water.leak", 0.99), agreed=False))

    assert ("citizens", "water", False) == (decided.department, decided.rule, decided.automatic)
    assert (
        'words ("بوري مكسور") and model disagree on the department; the nearest is water.leak (Burst pipe) (99%)'
        in (decided.reason)
    )


def test_without_a_word_of_the_city_a_person_looks() -> None:
    """A model alone sends nothing."""
    decided = route(complaint(), table(WATER), guess(("water.leak", 0.97), agreed=False, words=()))

    assert ("citizens", False) == (decided.department, decided.automatic)
    assert "no word of the city was recognised; the nearest is water.leak (Burst pipe) (97%)" in decided.reason


def test_nothing_recognised_is_said_so() -> None:
    """A greeting waits for a person, and nothing is made up about it."""
    decided = route(complaint(category="other"), table(WATER), Guess("other", 0.0))

    assert ("citizens", (), 0.0) == (decided.department, decided.suggestions, decided.confidence)
    assert "nothing of the city's categories was recognised" in decided.reason


def test_a_complaint_that_nobody_read_waits_for_a_person() -> None:
    """A figure from the past is no reading: without one nothing goes by itself."""
    assert "citizens" == route(complaint(category_confidence=0.99), table(WATER)).department


def test_what_counts_is_how_likely_the_rules_categories_are_together() -> None:
    """Torn between two categories of one department, a complaint goes there; between two departments, to a person."""
    torn = guess(("water.leak", 0.5), ("water.outage", 0.45), ("roads.damage", 0.05))
    decided = route(complaint(), table(WATER, min_confidence=0.9), torn)

    assert ("water", True, 0.95) == (decided.department, decided.automatic, decided.confidence)
    narrow = Rule("leak", "water", categories=frozenset({"water.leak"}))
    assert "citizens" == route(complaint(), table(narrow, min_confidence=0.9), torn).department


def test_a_further_problem_stands_on_the_route_for_whoever_can_split_it_off() -> None:
    """Also when the complaint goes by itself; the complaint's own category is no further one."""
    two = replace(guess(), second=("roads.damage", "water.leak"))

    assert (True, ("roads.damage",)) == (
        (decided := route(complaint(), table(WATER), two)).automatic,
        decided.second,
    )
    assert () == route(complaint(), table(WATER), guess()).second


def test_a_category_has_one_figure_and_its_family_another() -> None:
    """The share beside a category is its own, as on the suggestions; that of the rule's family is said apart."""
    torn = guess(("water.leak", 0.5), ("water.outage", 0.299), ("roads.damage", 0.05))
    sure = route(complaint(), table(WATER, min_confidence=0.7), torn)
    unsure = route(complaint(), table(WATER, min_confidence=0.9), torn)
    odd = route(complaint(), table(WATER), replace(torn, agreed=False))

    assert "Burst pipe) (50%, 79% with the rule's other categories, by" in sure.reason
    assert "شبكة الماء» (50%، ومع أصناف القاعدة الأخرى 79%، بكلمات" in sure.reason
    assert "not certain (50%, 79% with the rule's other categories, needed 90%" in unsure.reason
    assert "the nearest is water.leak (Burst pipe) (50%)" in odd.reason
    assert 0.5 == unsure.suggestions[0].confidence


def test_an_unsure_category_goes_to_a_person_who_sees_the_guess() -> None:
    """Below what is needed nothing is sent by itself; the reason says how sure it was and how sure it had to be."""
    decided = route(complaint(), table(WATER), guess(("water.leak", 0.49), ("roads.damage", 0.3), ("other", 0.2)))

    assert ("citizens", "water", False, 0.49) == (
        decided.department,
        decided.rule,
        decided.automatic,
        decided.confidence,
    )
    assert "كسر في شبكة الماء" in decided.reason and "not certain (49%, needed 50%" in decided.reason
    assert (
        Suggestion(category="water.leak", department="water", confidence=0.49),
        Suggestion(category="roads.damage", department="roads", confidence=0.3),
    ) == decided.suggestions


def test_a_figure_is_never_shown_as_more_than_it_is() -> None:
    """94.9 % is not enough where 95 % is needed, and the reason does not read as if it were."""
    decided = route(complaint(), table(WATER, min_confidence=0.945), guess(("water.leak", 0.9449)))

    assert "(94%, needed 95%" in decided.reason


def test_a_rule_or_a_category_may_ask_for_less_or_more_certainty() -> None:
    """What a rule or a category names replaces the table's; where both do, the stricter holds."""
    bold = Rule("water", "water", categories=WATER.categories, min_confidence=0.1)
    careful = Rule("water", "water", categories=WATER.categories, min_confidence=0.95)
    strict = {"water.leak": 0.92}

    assert "water" == route(complaint(), table(bold), guess(("water.leak", 0.2))).department
    assert "citizens" == route(complaint(), table(careful), guess()).department
    assert "citizens" == route(complaint(), table(WATER, thresholds=strict), guess()).department
    assert "citizens" == route(complaint(), table(bold, thresholds=strict), guess()).department
    assert "water" == route(complaint(), table(WATER, thresholds={"noise": 0.99}), guess()).department


def test_a_public_post_needs_more() -> None:
    """What is said to everybody is less often meant for the city: it waits for a person where a message would not."""
    strict = table(WATER, public_min_confidence=0.95)
    post = route(complaint(**PUBLIC), strict, guess())

    assert "water" == route(complaint(), strict, guess()).department
    assert "citizens" == post.department
    assert "needed 95%, as it is public" in post.reason and "منشور عام" in post.reason


def test_a_post_that_a_person_confirmed_needs_no_more_than_others() -> None:
    """Somebody has looked and called it a complaint: it is not sent back to a person because it is public."""
    strict = table(WATER, public_min_confidence=0.95)

    assert not decide(complaint(**PUBLIC), strict, guess()).route.automatic
    assert decide(complaint(**PUBLIC), strict, guess(), confirmed=True).route.automatic


def test_a_clerks_words_alone_send_no_public_post() -> None:
    """Who rants of bribery in public has not complained to the city: a person looks, unless the reading is sure."""
    rule = table(Rule("bribery", "inspector", words=("رشوة",)), public_min_confidence=0.8)
    rant, report = guess(("water.leak", 0.3), agreed=False), guess(("staff.conduct", 0.7), ("water.leak", 0.2))
    said = {"text": "كلها رشوة", "category": "other"}

    assert "inspector" == route(complaint(**said), rule, rant).department
    assert "citizens" == route(complaint(**said, **PUBLIC), rule, rant).department
    assert "not certainly a complaint (30%, needed 80%" in route(complaint(**said, **PUBLIC), rule, rant).reason
    assert "inspector" == route(complaint(**said, **PUBLIC), rule, report).department
    unsure = guess(("staff.conduct", 0.5), ("water.leak", 0.2))
    assert "citizens" == route(complaint(**said, **PUBLIC), rule, unsure).department


def test_suggestions_are_of_different_departments_first() -> None:
    """Three keys of the triage desk offer three departments, not one department three times."""
    torn = guess(
        ("water.leak", 0.3),
        ("water.outage", 0.25),
        ("roads.damage", 0.2),
        ("noise", 0.15),
        ("other", 0.1),
        agreed=False,
    )
    decided = route(complaint(), table(WATER), torn)

    assert ["water.leak", "roads.damage", "noise"] == [one.category for one in decided.suggestions]


def test_a_sent_complaint_suggests_only_what_else_it_might_be() -> None:
    """The category that decided is no suggestion; unknown ones and the unclear one are left out."""
    decided = route(
        complaint(), table(WATER), guess(("water.leak", 0.9), ("nonsense", 0.04), ("other", 0.03), ("noise", 0.02))
    )

    assert (Suggestion(category="noise", department="environment", confidence=0.02),) == decided.suggestions


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), -1.0, 7.0])
def test_a_mad_confidence_is_no_reason_to_fail(confidence: float) -> None:
    """A figure outside 0 to 1 is taken as the nearest sensible one."""
    decided = route(complaint(), table(WATER), guess(("water.leak", confidence), ("roads.damage", confidence)))

    assert decided.confidence in {0.0, 1.0}


SCORES = st.lists(
    st.tuples(st.sampled_from(sorted(RESPONSIBLE)), st.floats(0, 1)), max_size=6, unique_by=lambda one: one[0]
)


@given(scores=SCORES, agreed=st.booleans(), public=st.booleans(), needed=st.floats(0, 1))
def test_nothing_goes_by_itself_without_agreement_and_enough_certainty(
    scores: list[tuple[str, float]], agreed: bool, public: bool, needed: float
) -> None:
    """This is the gate, for any reading: automatic means agreed and sure enough, and at most three are suggested."""
    reading = Guess("water.leak", 0.9, tuple(scores), ("بوري",), agreed)
    asked = table(WATER, min_confidence=needed, public_min_confidence=0.9)
    decided = route(complaint(source=Source(public=public)), asked, reading)
    mass = sum(sure for name, sure in scores if name in WATER.categories)

    assert (agreed and min(mass, 1.0) >= max(needed, 0.9 if public else 0.0)) == decided.automatic
    assert len(decided.suggestions) <= MOST_SUGGESTIONS
    departments = [one.department for one in decided.suggestions]
    possible = {RESPONSIBLE[name] for name, _ in scores} - {"citizens"}
    assert decided.automatic or min(len(possible), MOST_SUGGESTIONS) == len(set(departments))


def test_who_gets_it_is_told_of_a_second_problem() -> None:
    """Two problems in one message that goes out by itself: the reason names the other, for whoever splits it off."""
    seen = replace(guess(), second=("lighting.broken",))
    decided = route(complaint(), table(WATER), seen)

    assert decided.automatic
    assert "it also speaks of lighting.broken" in decided.reason and "وفيه أيضاً" in decided.reason
