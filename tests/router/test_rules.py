"""The ordered table: which rule decides, by what conditions, and what follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Contact, ContactAddress, FoundBy, Kind, Place, Priority, Source
from normalizer.guess import Guess
from router.route import Route
from router.rules import Calendar, Days, Group, Rule, RuleTable, decide, minutes, route
from tests.router.asking import CATCH_ALL, WATER, complaint, guess, table


def test_the_first_rule_that_fits_decides() -> None:
    """Of two rules that fit, the upper one sends the complaint; the order is the clerk's."""
    above = Rule("dora", "sewage", districts=frozenset({"dora"}))
    there = complaint(place=Place(district="dora"))

    assert "sewage" == route(there, table(above, WATER), guess()).department
    assert "water" == route(there, table(WATER, above), guess()).department


def test_what_no_rule_fits_goes_to_a_person() -> None:
    """A complaint that only the last rule fits goes to the triage desk, and its reason says what was understood."""
    decided = route(complaint(category="noise"), table(WATER), guess(("noise", 0.9)))

    assert ("citizens", "triage", False) == (decided.department, decided.rule, decided.automatic)
    assert decided.reason.startswith("يقرر الموظف: التصنيف «noise» (90%")
    assert 'a person decides: category noise (90%, by the words "بوري مكسور")' in decided.reason


def test_an_empty_table_still_has_the_triage_desk() -> None:
    """Even without a single rule somebody gets the complaint."""
    decided = route(complaint(), RuleTable((), triage="citizens", min_confidence=0.5), guess())

    assert ("citizens", "none", False) == (decided.department, decided.rule, decided.automatic)
    assert "لم تنطبق أي قاعدة / no rule fits" == decided.reason


SCHOOL = Group(
    addresses=frozenset({"+9647701234567", "head@school.example"}),
    domains=frozenset({"moe.gov.iq"}),
    inboxes=frozenset({"governor@baghdad.example"}),
)


def contact(scheme: str, value: str, **more: Any) -> Contact:
    return Contact(addresses=(ContactAddress(scheme=scheme, value=value),), **more)


@pytest.mark.parametrize(
    ("rule", "fits", "misses"),
    [
        (Rule("r", "x", districts=frozenset({"dora"})), {"place": Place(district="dora")}, {"place": None}),
        (Rule("r", "x", districts=frozenset({"dora"})), {"place": Place(district="dora")}, {"place": Place()}),
        (
            Rule("r", "x", districts=frozenset({"dora"})),
            {"place": Place(district="dora", found_by=FoundBy.NAME)},
            {"place": Place(district="dora", found_by=FoundBy.LIKELY)},
        ),
        (Rule("r", "x", channels=frozenset({"fax"})), {"channel": "fax"}, {"channel": "sms"}),
        (Rule("r", "x", kinds=frozenset({"enquiry"})), {"kind": Kind.ENQUIRY}, {"kind": Kind.COMPLAINT}),
        (Rule("r", "x", priorities=frozenset({"distress"})), {"priority": Priority.DISTRESS}, {}),
        (Rule("r", "x", words=("رشوة",)), {"text": "يطلب رشوه"}, {"text": "يطلب ماء"}),
        (Rule("r", "x", words=("!!",)), None, {"text": "!!"}),
        (Rule("r", "x", public=True), {"source": Source(public=True)}, {}),
        (Rule("r", "x", public=False), {}, {"source": Source(public=True)}),
        (Rule("r", "x", vulnerable=True), {"vulnerable": True}, {}),
        (Rule("r", "x", hidden=True), {"confidential": True}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), {"contact": contact("tel", "+9647701234567")}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), {"contact": contact("mailto", "Head@School.example")}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), {"contact": contact("mailto", "a@karkh.moe.gov.iq")}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), {"contact": Contact(phone="+9647701234567")}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), {"source": Source(account="Governor@Baghdad.example")}, {}),
        (Rule("r", "x", groups=frozenset({"schools"})), None, {"contact": contact("mailto", "a@notmoe.gov.iq")}),
        (Rule("r", "x", groups=frozenset({"schools"})), None, {"contact": contact("mailto", "moe.gov.iq@x.example")}),
    ],
)
def test_every_condition_must_hold(rule: Rule, fits: dict[str, Any] | None, misses: dict[str, Any]) -> None:
    """A rule fits by what it names, and does not fit when that is otherwise."""
    asked = table(rule, groups={"schools": SCHOOL})

    if fits is not None:
        assert "x" == route(complaint(**fits), asked, guess()).department
    assert "citizens" == route(complaint(**misses), asked, guess()).department


NIGHT = Rule("r", "x", hours=minutes([(22 * 60, 6 * 60)]))
EID = Days(holidays=True, periods=((date(2026, 5, 10), date(2026, 5, 12)),))
BAGHDAD = Calendar(timezone(timedelta(hours=3)), ((date(2026, 5, 20), date(2026, 5, 21)),))


@pytest.mark.parametrize(
    ("rule", "utc", "expected"),
    [
        (NIGHT, "2026-05-04 19:00", True),  # ten in the evening in Baghdad
        (NIGHT, "2026-05-04 18:59", False),
        (NIGHT, "2026-05-04 02:59", True),
        (NIGHT, "2026-05-04 03:00", False),
        (Rule("r", "x", days=Days(weekdays=frozenset({4}))), "2026-05-07 21:30", True),  # Friday there already
        (Rule("r", "x", days=Days(weekdays=frozenset({4}))), "2026-05-08 21:30", False),
        (Rule("r", "x", days=EID), "2026-05-12 12:00", True),
        (Rule("r", "x", days=EID), "2026-05-13 12:00", False),
        (Rule("r", "x", days=EID), "2026-05-20 12:00", True),
        (Rule("r", "x", days=EID), "2026-05-21 21:00", False),
    ],
)
def test_hours_and_days_are_the_citys_own(rule: Rule, utc: str, expected: bool) -> None:
    """A night shift past midnight, a Friday, a feast: by the clock and the calendar of the city, not of the server."""
    came = complaint(at=datetime.fromisoformat(utc).replace(tzinfo=UTC))

    assert ("x" if expected else "citizens") == route(came, table(rule, calendar=BAGHDAD), guess()).department


def test_conditions_are_joined_by_and() -> None:
    """A rule with a category and a district wants both."""
    rule = Rule("r", "x", categories=frozenset({"water.leak"}), districts=frozenset({"dora"}))

    assert "citizens" == route(complaint(), table(rule), guess()).department
    assert "x" == route(complaint(place=Place(district="dora")), table(rule), guess()).department


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


def test_a_clerks_words_need_no_confidence() -> None:
    """A rule by words, district or channel decides outright, however little was understood."""
    decided = route(complaint(category="other", category_confidence=0.0), table(Rule("r", "water", words=("بوري",))))

    assert ("water", True, 1.0) == (decided.department, decided.automatic, decided.confidence)


def test_the_reason_names_what_matched_in_arabic_and_english() -> None:
    """An officer reads why a complaint came: category, word, district, channel, kind, priority, hour and day."""
    rule = Rule(
        "all",
        "water",
        categories=frozenset({"water.leak"}),
        words=("ماء", "بوري"),
        districts=frozenset({"dora"}),
        channels=frozenset({"sms"}),
        kinds=frozenset({"complaint"}),
        priorities=frozenset({"normal"}),
        hours=minutes([(0, 12 * 60)]),
        days=Days(weekdays=frozenset({0})),
    )
    decided = route(complaint(place=Place(district="dora")), table(rule), guess())
    arabic, _, english = decided.reason.partition(" / ")

    assert (
        "التصنيف «كسر في شبكة الماء» (90%، بكلمات «بوري مكسور»)، ورد في النص «بوري»، المنطقة «الدورة»، "
        "وصل عبر sms، نوعه شكوى، أولويته اعتيادية، وصل الساعة 09:30، وصل يوم الاثنين"
    ) == arabic
    assert (
        'category water.leak (Burst pipe) (90%, by the words "بوري مكسور"), the text says "بوري", district Dora, '
        "came by sms, is a complaint, priority normal, came at 09:30, came on a Monday"
    ) == english


def test_the_reason_does_not_say_who_complains() -> None:
    """A route is published to everybody's programs: neither the sender's group nor that they are in need is in it."""
    rule = Rule("r", "x", groups=frozenset({"governor-office"}), vulnerable=True)
    known = complaint(contact=contact("tel", "+9647701234567"), vulnerable=True)
    decided = route(known, table(rule, groups={"governor-office": SCHOOL}))

    assert "x" == decided.department
    assert not {"governor", "office", "vulnerable", "964"} & set(decided.reason.replace("-", " ").split())


BESIDE = Rule(
    "danger",
    None,
    priorities=frozenset({"distress"}),
    notice=("civil-defence",),
    raises=Priority.HIGH,
    confidential=True,
)


def test_a_rule_beside_tells_others_and_lets_the_next_decide() -> None:
    """Danger is told to the civil defence, and the water department still has the burst pipe."""
    decision = decide(complaint(priority=Priority.DISTRESS), table(BESIDE, WATER), guess())

    assert ("water", "water", ("civil-defence",)) == (
        decision.route.department,
        decision.route.rule,
        decision.route.notice,
    )
    assert "also told: civil-defence" in decision.route.reason
    assert decision.confidential
    assert () == route(complaint(), table(BESIDE, WATER), guess()).notice


def test_a_rule_raises_a_priority_and_never_lowers_one() -> None:
    """What came in danger stays in danger, whatever a rule sets."""
    high = Rule("water", "water", categories=WATER.categories, raises=Priority.HIGH)

    assert Priority.HIGH == decide(complaint(), table(high), guess()).raises
    assert decide(complaint(priority=Priority.HIGH), table(high), guess()).raises is None
    assert decide(complaint(priority=Priority.DISTRESS), table(high), guess()).raises is None


def test_what_was_not_sure_enough_raises_nothing_and_still_hides() -> None:
    """A rule that a person must confirm first makes nothing urgent; who complains is hidden meanwhile all the same."""
    rule = Rule(
        "water", "water", categories=WATER.categories, raises=Priority.HIGH, confidential=True, notice=("roads",)
    )
    decision = decide(complaint(), table(rule), guess(agreed=False))

    assert (None, True, ()) == (decision.raises, decision.confidential, decision.route.notice)


def test_a_route_keeps_the_version_of_the_rules() -> None:
    """Whoever reads an old route can tell which rules were in force."""
    assert "abc" == route(complaint(), table(WATER, version="abc"), guess()).version


WORDS = st.one_of(st.text(max_size=60), st.sampled_from(["رشوة", "ماء مقطوع", "\ud800", "a" * 500, "\0"]))


@given(
    text=WORDS,
    category=st.one_of(st.sampled_from(["water.leak", "staff.conduct", "other"]), WORDS),
    confidence=st.floats(),
    district=st.none() | WORDS,
    channel=WORDS,
    kind=st.sampled_from(Kind),
    priority=st.sampled_from(Priority),
    reading=st.none()
    | st.builds(
        Guess,
        category=WORDS,
        confidence=st.floats(),
        scores=st.lists(st.tuples(WORDS | st.sampled_from(["water.leak"]), st.floats()), max_size=8).map(tuple),
        words=st.lists(WORDS, max_size=4).map(tuple),
        agreed=st.booleans(),
    ),
    rules=st.lists(
        st.builds(
            Rule,
            id=WORDS,
            department=st.sampled_from(["water", "inspector", "citizens", None]),
            categories=st.frozensets(st.sampled_from(["water.leak", "other"])),
            words=st.lists(WORDS, max_size=3).map(tuple),
            districts=st.frozensets(WORDS, max_size=2),
            min_confidence=st.none() | st.floats(0, 1),
            notice=st.lists(WORDS, max_size=2).map(tuple),
            raises=st.none() | st.sampled_from(Priority),
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
    reading: Guess | None,
    rules: list[Rule],
) -> None:
    """No complaint, reading or table make it raise; there is always a department, a reason and a sane figure."""
    odd = complaint().but(
        text=text,
        category=category,
        category_confidence=confidence,
        channel=channel,
        kind=kind,
        priority=priority,
        place=Place().model_copy(update={"district": district}),
    )
    decided = route(odd, table(*rules), reading)

    assert isinstance(decided, Route)
    assert decided.department in {"water", "inspector", "citizens"}
    assert decided.reason and decided.automatic == (decided.department != "citizens")
    assert 0.0 <= decided.confidence <= 1.0
    assert CATCH_ALL.id == decided.rule or decided.rule in {rule.id for rule in rules}
