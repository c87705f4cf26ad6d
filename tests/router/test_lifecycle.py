"""What a department's answer may do to a complaint, whatever it says and in whatever order."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from normalizer.complaint import Status
from router.lifecycle import LONGEST, NOT_YOURS, OLD_OFFER, Change, Refusal, Said, Standing, Verb, decide, read

NOW = datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC)
DUE = NOW + timedelta(days=2)
CITY = ("water", "sewage", "roads", "citizens")
OFFERED = Standing(Status.OFFERED, "water", "offer-1")


def answer(verb: str, **data: Any) -> Said | Refusal:
    return read(verb, data, at=NOW, department="water", departments=CITY, triage="citizens")


def said(verb: Verb, **fields: Any) -> Said:
    return Said(verb, **fields)


@pytest.mark.parametrize(
    ("status", "verb", "after", "told"),
    [
        ("offered", "accepted", "accepted", ["accepted"]),
        ("offered", "progressed", "in_progress", ["accepted", "progressed"]),
        ("offered", "resolved", "resolved", ["accepted", "resolved"]),
        ("offered", "rejected", "triage", ["rejected"]),
        ("accepted", "accepted", "accepted", []),
        ("accepted", "progressed", "in_progress", ["progressed"]),
        ("accepted", "resolved", "resolved", ["resolved"]),
        ("accepted", "rejected", "triage", ["rejected"]),
        ("in_progress", "accepted", "in_progress", []),
        ("in_progress", "progressed", "in_progress", ["progressed"]),
        ("in_progress", "resolved", "resolved", ["resolved"]),
        ("in_progress", "rejected", "triage", ["rejected"]),
    ],
)
def test_what_each_answer_does(status: str, verb: str, after: str, told: list[str]) -> None:
    """Every answer in every state in which a department has the complaint, with the events in order."""
    change = decide(replace(OFFERED, status=Status(status)), "water", "offer-1", said(Verb(verb)))
    assert isinstance(change, Change)
    assert (after, told) == (change.status.value, [event for event, _ in change.told])


@pytest.mark.parametrize("status", ["received", "triage", "resolved", "closed", "withdrawn"])
@pytest.mark.parametrize("verb", list(Verb))
def test_what_no_department_has_takes_no_answer(status: str, verb: Verb) -> None:
    """What is done with, or waits for a person, stays as it is; the reason says how it stands, in each language."""
    refusal = decide(replace(OFFERED, status=Status(status)), "water", "offer-1", said(verb))
    assert isinstance(refusal, Refusal)
    assert status in refusal.english
    assert not re.search("[a-z_]", refusal.arabic)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("verb", list(Verb))
def test_who_does_not_have_it_learns_nothing(status: Status, verb: Verb) -> None:
    """Whatever becomes of it elsewhere, another department hears the same words; so does an old offer of one's own."""
    standing = replace(OFFERED, status=status)
    assert NOT_YOURS is decide(standing, "sewage", "offer-1", said(verb))
    assert NOT_YOURS is decide(replace(standing, department=None), "sewage", "offer-1", said(verb))
    assert OLD_OFFER is decide(standing, "water", "offer-0", said(verb))
    assert OLD_OFFER is decide(replace(standing, offer=None), "water", "", said(verb))


def test_a_date_moves_and_says_so() -> None:
    """Accepted again: another date is news, the same or none is not."""
    accepted = replace(OFFERED, status=Status.IN_PROGRESS, due_at=DUE)
    for due, told in ((DUE, 0), (None, 0), (DUE + timedelta(hours=1), 1)):
        change = decide(accepted, "water", "offer-1", said(Verb.ACCEPTED, due_at=due))
        assert isinstance(change, Change)
        assert (Status.IN_PROGRESS, told) == (change.status, len(change.told))


@pytest.mark.parametrize(
    ("changes", "suggested", "to"),
    [
        ({}, "sewage", "sewage"),
        ({}, None, None),
        ({"confidential": True}, "sewage", None),
        ({"rejected": True}, "sewage", None),
    ],
)
def test_where_a_rejected_complaint_goes(changes: dict[str, Any], suggested: str | None, to: str | None) -> None:
    """To the department that is named, unless it is confidential or somebody has rejected it before."""
    change = decide(replace(OFFERED, **changes), "water", "offer-1", said(Verb.REJECTED, suggested=suggested))
    assert isinstance(change, Change)
    assert (to, Status.OFFERED if to else Status.TRIAGE) == (change.to, change.status)


@pytest.mark.parametrize(
    ("verb", "data", "expected"),
    [
        ("accepted", {}, said(Verb.ACCEPTED)),
        ("accepted", {"due_at": None, "officer": None}, said(Verb.ACCEPTED)),
        (
            "accepted",
            {"due_at": "2026-11-23T13:15:30+03:00", "officer": " سـعاد\u202e  علي\0 "},
            said(Verb.ACCEPTED, due_at=DUE, officer="سعاد علي\ufffd"),
        ),
        ("accepted", {"due_at": "2026-11-21t10:11:00.5z"}, said(Verb.ACCEPTED, due_at=NOW - timedelta(seconds=269.5))),
        ("accepted", {"note": 7, "offer": "offer-1"}, said(Verb.ACCEPTED)),
        ("rejected", {"reason": "لا"}, said(Verb.REJECTED, reason="لا")),
        (
            "rejected",
            {"reason": "no", "suggested_department": "sewage"},
            said(Verb.REJECTED, reason="no", suggested="sewage"),
        ),
        ("progressed", {"note": "x"}, said(Verb.PROGRESSED, note="x")),
        (
            "resolved",
            {"outcome": "repaired", "answer": "أُصلح"},
            said(Verb.RESOLVED, outcome="repaired", answer="أُصلح"),
        ),
    ],
)
def test_fields_are_read_and_cleaned(verb: str, data: dict[str, Any], expected: Said) -> None:
    """What belongs to the verb is taken, cleaned as citizens' words are; null is nothing, the rest is left alone."""
    assert expected == answer(verb, **data)


@pytest.mark.parametrize(
    ("verb", "data", "wrong"),
    [
        ("closed", {}, "verb"),
        ("accepted", {"due_at": "2026-11-23"}, "due_at"),
        ("accepted", {"due_at": "2026-11-23T13:15:30"}, "due_at"),
        ("accepted", {"due_at": "٢٠٢٦-11-23T13:15:30Z"}, "due_at"),
        ("accepted", {"due_at": "2026-02-30T13:15:30Z"}, "due_at"),
        ("accepted", {"due_at": "0001-01-01T00:00:00+23:59"}, "due_at"),
        ("accepted", {"due_at": "9999-12-31T23:59:59-23:59"}, "due_at"),
        ("accepted", {"due_at": 1795000000}, "due_at"),
        ("accepted", {"due_at": "2026-11-21T10:10:00Z"}, "due_at"),
        ("accepted", {"due_at": (NOW + LONGEST + timedelta(seconds=1)).isoformat()}, "due_at"),
        ("accepted", {"officer": "x" * 101}, "officer"),
        ("accepted", {"officer": ["x"]}, "officer"),
        ("rejected", {}, "reason"),
        ("rejected", {"reason": " \u200b\n"}, "reason"),
        ("rejected", {"reason": "x" * 2001}, "reason"),
        ("rejected", {"reason": "x", "suggested_department": "moon"}, "suggested_department"),
        ("rejected", {"reason": "x", "suggested_department": "water"}, "suggested_department"),
        ("rejected", {"reason": "x", "suggested_department": "citizens"}, "suggested_department"),
        ("rejected", {"reason": "x", "suggested_department": ["sewage"]}, "suggested_department"),
        ("progressed", {}, "note"),
        ("resolved", {"outcome": "x" * 61}, "outcome"),
        ("resolved", {"answer": {}}, "answer"),
    ],
)
def test_a_wrong_field_is_named(verb: str, data: dict[str, Any], wrong: str) -> None:
    """The refusal says which field, and in both languages what is wrong with it, without quoting it."""
    refusal = answer(verb, **data)
    assert isinstance(refusal, Refusal)
    arabic, _, english = refusal.reason.partition(" / ")
    assert wrong == refusal.field
    assert arabic
    assert english
    assert "moon" not in refusal.reason


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("anser", "anser"),
        ("Answer", "Answer"),
        ("answer ", "answer "),
        ("offer\0", "offer\ufffd"),
        ("\ud800", "\ufffd"),
        ("", ""),
        ("جواب", "جواب"),
        ("x" * 5_000, "x" * 60),
    ],
)
def test_a_field_that_no_verb_has_is_named(verb: Verb, name: str, named: str) -> None:
    """A misspelt field is refused before all else, whatever is in it, and the refusal says which fields there are."""
    for value in ("أُصلح", None):
        refusal = answer(verb, **{name: value})
        assert isinstance(refusal, Refusal)
        assert named == refusal.field
        assert 2 == refusal.reason.count("due_at, officer, reason, suggested_department, note, outcome, answer")


_VERBS = some.sampled_from(list(Verb))
_DATES = some.sampled_from([None, DUE, DUE + timedelta(days=1)])
_WHERE = some.sampled_from([None, "sewage", "roads"])


@given(some.lists(some.tuples(_VERBS, _DATES, _WHERE, some.booleans()), max_size=12))
def test_whatever_is_answered_in_whatever_order(answers: list[tuple[Verb, datetime | None, str | None, bool]]) -> None:
    """No final state is left, nobody goes on with what was not accepted, and an offer ends once."""
    standing, told, offers = OFFERED, ["offered"], 1
    for verb, due, to, stale in answers:
        offer = "stale" if stale else str(standing.offer)
        change = decide(standing, str(standing.department), offer, said(verb, due_at=due, suggested=to))
        if isinstance(change, Refusal):
            assert stale or standing.status in {Status.RESOLVED, Status.TRIAGE}
            continue
        assert not standing.status.final
        told += [event for event, _ in change.told]
        standing = replace(standing, status=change.status, due_at=due or standing.due_at)
        if verb is Verb.REJECTED:
            offers += 1
            told.append("offered")
            department = change.to or "citizens"
            standing = replace(standing, department=department, offer=f"{offers}", due_at=None, rejected=True)
    for events in " ".join(told).split("offered")[1:]:
        life = events.split()
        assert not life or life[0] in {"accepted", "rejected"}
        assert "resolved" not in life[:-1]
        assert "rejected" not in life[:-1]
    assert told.count("resolved") <= 1
    assert sum(event == "rejected" for event in told) == offers - 1
