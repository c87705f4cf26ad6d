"""The life of a complaint at a department: what an answer may do to it, and in which order that is told.

    offered ──accepted──> accepted ──progressed──> in_progress ──resolved──> resolved
       └───────┴── rejected ───┴──> offered to the department that it names, else the triage desk

Whoever goes on with a complaint has accepted it: `progressed` and `resolved` say so first where it was not said. A
department may reject what it has accepted, too: that the pipe is another's is often seen only in the street, and the
other way out would be to call done what nobody did. What is resolved, closed or withdrawn, no answer changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from normalizer.complaint import Status
from normalizer.text import clean, storable

LONGEST: Final = timedelta(days=90)  # that a department may take: what lies further ahead is no promise
LATE: Final = timedelta(minutes=5)  # that a date may be past: two clocks differ, and a form takes its time
OFFICER, WORD, TEXT = 100, 60, 2_000  # characters of a name, of an outcome, of what is explained
FIELDS: Final = ("due_at", "officer", "reason", "suggested_department", "note", "outcome", "answer")
"""Every field that some verb has, beside `offer`, which all have."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_AT_A_DEPARTMENT = frozenset({Status.OFFERED, Status.ACCEPTED, Status.IN_PROGRESS})
_ELSEWHERE = {  # what the others are called, after «بلاغ»
    Status.RECEIVED: "وصل ولم يُعرض على دائرة بعد",
    Status.TRIAGE: "ما زال عند الفرز",
    Status.RESOLVED: "أُنجز",
    Status.CLOSED: "أُغلق",
    Status.WITHDRAWN: "سُحب",
}


class Verb(StrEnum):
    """What a department can say to an offer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PROGRESSED = "progressed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer changes nothing, for a person; `field` is what it is about, where that is one field."""

    arabic: str
    english: str
    field: str | None = None

    @property
    def reason(self) -> str:
        """Both languages, the Arabic first."""
        return f"{self.arabic} / {self.english}"


NOT_YOURS: Final = Refusal("ليس لدى دائرتكم، أو لم يعد لديها", "not yours, or no longer yours", "offer")
"""All that a department learns of a complaint that is not there: not even whether there is one."""

OLD_OFFER: Final = Refusal("هذا العرض لم يعد قائماً", "this offer no longer stands", "offer")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that has been read: the fields of its verb, cleaned; the others are empty.

    `suggested` is the department that it names instead of itself. `due_at` is in UTC.
    """

    verb: Verb
    due_at: datetime | None = None
    suggested: str | None = None
    officer: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    note: str = field(default="", repr=False)
    outcome: str = field(default="", repr=False)
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a complaint stands when the answer comes. `offer` is the id of the event that put it where it is.

    `rejected` says that a department has rejected it before.
    """

    status: Status
    department: str | None
    offer: str | None
    due_at: datetime | None = None
    confidential: bool = False
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer does. `told` are the events in order, each with the status that the complaint has as of it.

    A rejection moves the complaint: to the department `to`, or to the triage desk where that is None.
    """

    status: Status
    told: tuple[tuple[str, Status], ...]
    to: str | None = None


def decide(standing: Standing, department: str, offer: str, said: Said) -> Change | Refusal:
    """Say what comes of a department's answer to an offer."""
    if department != standing.department:
        return NOT_YOURS
    if offer != standing.offer:
        return OLD_OFFER
    if standing.status not in _AT_A_DEPARTMENT:
        now, english = _ELSEWHERE[standing.status], standing.status.value
        return Refusal(f"لا تُقبل إجابة على بلاغ {now}", f"a complaint that is {english} takes no answer")
    if said.verb is Verb.REJECTED:
        return _rejected(standing, said)
    if said.verb is Verb.ACCEPTED:
        return _accepted(standing, said)
    first = ((Verb.ACCEPTED.value, Status.ACCEPTED),) if standing.status is Status.OFFERED else ()
    status = Status.RESOLVED if said.verb is Verb.RESOLVED else Status.IN_PROGRESS
    return Change(status, (*first, (said.verb.value, status)))


def _accepted(standing: Standing, said: Said) -> Change:
    """Accept it, or move the date of what is accepted; the same date again is no news."""
    if standing.status is Status.OFFERED:
        return Change(Status.ACCEPTED, ((said.verb.value, Status.ACCEPTED),))
    moved = said.due_at is not None and said.due_at != standing.due_at
    return Change(standing.status, ((said.verb.value, standing.status),) if moved else ())


def _rejected(standing: Standing, said: Said) -> Change:
    """Let it go where the department says, the first time; between two who both say no, a person decides.

    What is confidential goes to nobody on a department's word alone: it may be about the people there.
    """
    told = ((said.verb.value, standing.status),)
    if said.suggested is None or standing.confidential or standing.rejected:
        return Change(Status.TRIAGE, told)
    return Change(Status.OFFERED, told, to=said.suggested)


def read(
    verb: str, data: Mapping[str, Any], *, at: datetime, department: str, departments: Collection[str], triage: str
) -> Said | Refusal:
    """Read the fields of an answer that `department` gave at `at`; the first that is wrong is named.

    A field that no verb has is refused, also with nothing in it, since it may be one of ours misspelt and what it says
    would be lost. `offer` and the fields of other verbs are left alone, null in a field of ours is the same as nothing.
    """
    try:
        known = Verb(verb)
        _none_unknown(data)
        match known:
            case Verb.ACCEPTED:
                return Said(Verb.ACCEPTED, due_at=_date(data, "due_at", at), officer=_text(data, "officer", OFFICER))
            case Verb.REJECTED:
                others = frozenset(departments) - {department, triage}
                suggested = _one_of(data, "suggested_department", others)
                return Said(Verb.REJECTED, suggested=suggested, reason=_text(data, "reason", TEXT, required=True))
            case Verb.PROGRESSED:
                return Said(Verb.PROGRESSED, note=_text(data, "note", TEXT, required=True))
            case Verb.RESOLVED:
                return Said(Verb.RESOLVED, outcome=_text(data, "outcome", WORD), answer=_text(data, "answer", TEXT))
    except _Wrong as wrong:
        return wrong.refusal
    except ValueError:
        verbs = ", ".join(Verb)
        return Refusal(f"الإجابة واحدة من: {verbs}", f"an answer is one of {verbs}", "verb")


class _Wrong(Exception):
    def __init__(self, name: str, arabic: str, english: str) -> None:
        super().__init__(name)
        self.refusal = Refusal(arabic, english, name)


def _none_unknown(data: Mapping[str, Any]) -> None:
    for name in data:
        if name not in FIELDS and name != "offer":
            # Only cut and made storable, so that no name becomes by it one that we know.
            fields = ", ".join(FIELDS)
            raise _Wrong(storable(name)[:WORD], f"لا حقل بهذا الاسم؛ الحقول: {fields}", f"no such field among {fields}")


def _text(data: Mapping[str, Any], name: str, longest: int, *, required: bool = False) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _Wrong(name, "يجب أن يكون نصاً", "it must be text")
    if value is not None and len(value) > longest:
        raise _Wrong(name, f"لا يزيد على {longest} حرفاً", f"it must have at most {longest} characters")
    words = clean(value or "")
    if required and not words:
        raise _Wrong(name, "لا بد منه", "it is required")
    return words


def _one_of(data: Mapping[str, Any], name: str, known: Collection[str]) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in known:
        raise _Wrong(name, "ليست دائرة أخرى من دوائر المدينة", "it is no other department of the city")
    return value


def _date(data: Mapping[str, Any], name: str, at: datetime) -> datetime | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise _Wrong(name, "يجب أن يكون وقتاً بمنطقته الزمنية (RFC 3339)", "it must be RFC 3339 with its time zone")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Wrong(name, "لا وجود لهذا الوقت", "there is no such time") from None
    if moment < at - LATE:
        raise _Wrong(name, "وقت مضى", "it is past")
    if moment > at + LONGEST:
        raise _Wrong(name, f"أبعد من {LONGEST.days} يوماً", f"it is more than {LONGEST.days} days ahead")
    return moment
