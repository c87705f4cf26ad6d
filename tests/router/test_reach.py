"""Rules that are never reached, and rules that take from those below them: found before a complaint is lost to them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Kind, Place, Priority
from router.rules import Days, Rule, minutes, shadows, unreachable
from router.rules.moment import Moment
from router.rules.reach import apart, covers
from router.rules.rule import Facts
from tests.router.asking import CATCH_ALL, complaint

DAY, NIGHT = minutes([(360, 1320)]), minutes([(1320, 360)])


def cat(name: str, department: str, *categories: str, **more: object) -> Rule:
    return Rule(name, department, categories=frozenset(categories), **more)  # type: ignore[arg-type]


def test_a_wider_rule_covers_a_narrower_one_and_never_the_reverse() -> None:
    """This is how a rule that can never be reached is found."""
    wide, narrow = cat("wide", "x", "a", "b"), cat("narrow", "x", "a", channels=frozenset({"sms"}))

    assert (True, False) == (covers(wide, narrow), covers(narrow, wide))
    assert (True, False) == (covers(CATCH_ALL, wide), covers(wide, CATCH_ALL))
    assert not covers(Rule("w", "x", words=("ماء",)), Rule("v", "x", words=("ماء", "بوري")))
    assert covers(Rule("w", "x", words=("الماء", "بوري")), Rule("v", "x", words=("الماءْ",)))


def test_several_rules_together_can_leave_nothing() -> None:
    """Day and night, both halves of a family, all four kinds: nothing is left for the rule below."""
    by_category = [cat("a", "x", "a"), cat("b", "y", "b"), cat("both", "z", "a", "b")]
    by_hours = [Rule("day", "x", hours=DAY), Rule("night", "y", hours=NIGHT), CATCH_ALL]
    by_kind = [*(Rule(kind, "x", kinds=frozenset({kind})) for kind in Kind), CATCH_ALL]

    assert {2: (by_category[0], by_category[1])} == unreachable(by_category)
    assert {2: (by_hours[0], by_hours[1])} == unreachable(by_hours)
    assert [4] == list(unreachable(by_kind))
    assert {} == unreachable([*by_kind[1:]])


def test_a_rule_beside_takes_nothing_from_anybody() -> None:
    """A rule without a department only adds: the one below it is reached."""
    assert {} == unreachable([Rule("told", None, notice=("x",)), cat("a", "x", "a"), CATCH_ALL])


def test_an_exception_above_its_rule_is_no_surprise() -> None:
    """A narrower rule above a wider one is what order is for; two that cross each other are worth a word."""
    water = cat("water", "water", "a")
    exception = cat("dora", "roads", "a", districts=frozenset({"dora"}))
    crossing = Rule("bribery", "inspector", words=("رشوة",))

    assert [] == shadows([exception, water, CATCH_ALL])
    assert [("bribery", ("water",))] == [
        (found.above.id, tuple(rule.id for rule in found.below)) for found in shadows([crossing, water, CATCH_ALL])
    ]
    assert [] == shadows([cat("a", "x", "a"), cat("b", "y", "b"), CATCH_ALL])
    assert [] == shadows([Rule("d", "x", hours=DAY), Rule("n", "y", hours=NIGHT), CATCH_ALL])


@pytest.mark.parametrize(
    "asked",
    [
        {"categories": frozenset({"a"})},
        {"words": ("ماء",)},
        {"districts": frozenset({"dora"})},
        {"channels": frozenset({"sms"})},
        {"groups": frozenset({"schools"})},
        {"kinds": frozenset({Kind.REQUEST})},
        {"priorities": frozenset({Priority.HIGH})},
        {"hours": DAY},
        {"days": Days(weekdays=frozenset({4}))},
        {"public": True},
        {"vulnerable": True},
        {"hidden": False},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_each_condition_narrows_a_rule(asked: dict[str, Any]) -> None:
    """Above a rule that asks for nothing it leaves that its part; below one, it is reached by nothing."""
    narrow, plain = Rule("narrow", "x", **asked), Rule("plain", "y")

    assert {} == unreachable([narrow, plain])
    assert {1: (plain,)} == unreachable([plain, narrow])


RULES = st.builds(
    Rule,
    id=st.sampled_from("abcdef"),
    department=st.sampled_from(["x", "y"]),
    categories=st.frozensets(st.sampled_from(["a", "b"]), max_size=2),
    words=st.lists(st.sampled_from(["ماء", "بوري"]), max_size=2).map(tuple),
    districts=st.frozensets(st.sampled_from(["dora", "karkh"]), max_size=2),
    kinds=st.frozensets(st.sampled_from(Kind), max_size=4),
    priorities=st.frozensets(st.sampled_from(Priority), max_size=3),
    hours=st.sampled_from([frozenset(), DAY, NIGHT]),
    days=st.builds(
        Days,
        weekdays=st.frozensets(st.integers(0, 6)),
        holidays=st.booleans(),
        periods=st.sampled_from([(), ((date(2026, 5, 4), date(2026, 5, 6)),)]),
    ),
    vulnerable=st.none() | st.booleans(),
    hidden=st.none() | st.booleans(),
)
FACTS = st.builds(
    lambda category, text, district, kind, priority, minute, day, holiday, vulnerable: Facts(
        complaint(
            category=category,
            place=Place(district=district),
            kind=kind,
            priority=priority,
            vulnerable=vulnerable,
        ),
        text,
        Moment(date(2026, 5, day), minute, holiday),
    ),
    st.sampled_from("abc"),
    st.sampled_from(["ماء", "بوري", "ماء بوري", ""]),
    st.sampled_from([None, "dora", "karkh"]),
    st.sampled_from(Kind),
    st.sampled_from(Priority),
    st.integers(0, 1439),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
)


@given(rules=st.lists(RULES, max_size=5), facts=st.lists(FACTS, min_size=1, max_size=6))
def test_what_is_called_unreachable_is_never_reached(rules: list[Rule], facts: list[Facts]) -> None:
    """A clerk is never told that a good rule is useless, and rules that are called apart never fit one complaint."""
    never = unreachable(rules)
    for one in facts:
        reached = next((position for position, rule in enumerate(rules) if rule.fits(one)), None)
        assert reached not in never
        fitting = [rule for rule in rules if rule.fits(one)]
        assert not any(apart(rule, other) for rule in fitting for other in fitting)
