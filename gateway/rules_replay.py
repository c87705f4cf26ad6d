"""What a change of rules would move: cases and past complaints put to two tables of rules, one beside the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from channels.message import Address, Inbound, Scheme
from gateway.learning.evaluate import PUBLIC
from gateway.learning.material import Case as Held
from gateway.store.complaints import Case
from normalizer.complaint import Complaint, Kind
from normalizer.normalize import normalize
from normalizer.reader import Reader
from router.route import Route
from router.rules import STATED, RuleTable, route

_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Moved:
    """What would go elsewhere: the name of a case or a reference, where it goes now, and where it would go."""

    name: str
    now: Route
    then: Route
    worse: bool = False  # it was right and would be wrong

    def __str__(self) -> str:
        departments = f"{self.now.department} → {self.then.department}"
        told = f"rule {self.now.rule} → {self.then.rule}"
        if self.now.notice != self.then.notice:
            told += f", notice {', '.join(self.now.notice) or '-'} → {', '.join(self.then.notice) or '-'}"
        return f"{self.name:<12} {departments:<28} {told}{'   WRONG, and it was right' if self.worse else ''}"


@dataclass(slots=True)
class Tally:
    """How the cases of each right department fare under one table."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    triage: Counter[str] = field(default_factory=Counter)

    def add(self, case: Held, decided: Route) -> None:
        """Count a case under the department that should have it."""
        due = next(iter(case.departments), "")
        if is_right(case, decided):
            self.right[due] += 1
        else:
            (self.wrong if decided.automatic else self.triage)[due] += 1

    def lines(self) -> Iterator[str]:
        """Say it, a department to a line and all of them in the last."""
        yield f"{'department':<14}{'right':>7}{'wrong':>7}{'to triage':>11}"
        for name in sorted({*self.right, *self.wrong, *self.triage}):
            yield f"{name or '?':<14}{self.right[name]:>7}{self.wrong[name]:>7}{self.triage[name]:>11}"
        yield f"{'together':<14}{self.right.total():>7}{self.wrong.total():>7}{self.triage.total():>11}"


def is_right(case: Held, decided: Route) -> bool:
    """Tell whether a case went where it may go: the triage desk is right only where the case names it."""
    return decided.department in case.departments


def cases(
    held: Iterable[Held], reader: Reader, present: RuleTable, then: RuleTable, at: datetime
) -> tuple[list[Moved], Tally]:
    """Put held cases to both tables, as if they had come at one moment. Returns what moves, and how `then` fares."""
    moved, tally = [], Tally()
    for case in held:
        complaint = _as_complaint(case, reader, at)
        before, after = (_route(complaint, reader, table) for table in (present, then))
        tally.add(case, after)
        if _differ(before, after):
            worse = is_right(case, before) and after.automatic and not is_right(case, after)
            moved.append(Moved(case.id, before, after, worse=worse))
    return moved, tally


def past(found: Iterable[Case], reader: Reader, present: RuleTable | None, then: RuleTable) -> Iterator[Moved]:
    """Put past complaints to both tables; without a `present` one, what was decided at the time stands for it.

    What a person decided is compared with nothing: rules did not send it there.
    """
    for case in found:
        complaint = case.complaint
        if not complaint.text and complaint.category_confidence != STATED:
            continue  # its words are erased, or it never had any: nothing can be read again
        if complaint.category_confidence != STATED:
            guess = reader.guess(complaint.text)
            complaint = complaint.but(category=guess.category, category_confidence=guess.confidence)
        before = _route(complaint, reader, present) if present else case.route
        if before is None or (present is None and not before.automatic):
            continue
        after = _route(complaint, reader, then)
        if _differ(before, after):
            yield Moved(complaint.reference, before, after)


def _route(complaint: Complaint, reader: Reader, table: RuleTable) -> Route:
    return route(complaint, table, reader.guess(complaint.text))


def _differ(before: Route, after: Route) -> bool:
    return (before.department, before.rule, before.notice) != (after.department, after.rule, after.notice)


def _as_complaint(case: Held, reader: Reader, at: datetime) -> Complaint:
    """Read a case as the house reads a message that comes with its kind and district stated."""
    inbound = Inbound(
        channel="cases",
        account="cases",
        external_id=case.id,
        sender=Address(Scheme.UNKNOWN, ""),
        text=case.text,
        way=case.channel or "sms",
        public=case.channel in PUBLIC,
        answers={
            **({"kind": case.kind} if case.kind in _KINDS else {}),
            **({"place": {"district": case.districts[0]}} if case.districts else {}),
        },
    )
    return normalize(inbound, reader, id=case.id, reference="1000000000", received_at=at)
