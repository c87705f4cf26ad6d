"""What an answer changes: the complaint, those that follow it, the desk's tasks, and what citizens are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway import asking
from gateway.acknowledge import Acknowledger
from gateway.adopt import told
from gateway.city.city import City
from gateway.followers import NEWS, fall_back, move_followers, resolve_followers, share
from gateway.store import answers, incidents, lessons, tasks
from gateway.store.complaints import Case
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from gateway.teach import teach
from normalizer.complaint import Status, rfc3339
from router.lifecycle import Change, Said, Verb
from router.route import Route, Suggestion
from router.rules import route

RULE = "rejection"  # the rule that a route names which a rejection decided


@dataclass(frozen=True, slots=True)
class Effects:
    """Carries out one answer of `department` in the transaction of a ledger. `answer_id` is its row's."""

    ledger: Ledger
    city: City
    acknowledger: Acknowledger
    department: str
    answer_id: str

    def carry_out(self, case: Case, following: Sequence[Case], said: Said, change: Change) -> Case:
        """Let a complaint become what the answer makes of it; it and its followers are as `held` returned them."""
        if said.verb is Verb.REJECTED:
            return self._rejected(case, following, said, change)
        case = case.but(due_at=said.due_at or case.due_at)
        for event, status in change.told:
            case = self.ledger.become(case, status, {"answer": self.answer_id}, event=event)
        if change.status is Status.RESOLVED:
            self.acknowledger.news(self.ledger, case.complaint, NEWS[change.status])
            resolve_followers(self.ledger, case, following, change.status, self.acknowledger)
        else:
            share(self.ledger, case, following, change.told)
        return case

    def _rejected(self, case: Case, following: Sequence[Case], said: Said, change: Change) -> Case:
        facts: dict[str, Any] = {"answer": self.answer_id}
        if said.suggested:
            facts["suggested_department"] = said.suggested
        case = self.ledger.become(case.but(due_at=None), case.complaint.status, facts, event=said.verb.value)
        case = self._parted(case)
        teach(
            self.ledger.connection,
            case,
            category=None,
            department=said.suggested if said.suggested not in self._said_no(case) else None,  # it is disputed
            source=lessons.REJECTED,
            by=self.department,
            now=self.ledger.now,
        )
        decided = self._route(case, said, change)
        told_with = told(self.ledger.connection, case)
        case = self.ledger.offer(
            case, decided, routed_sequence=case.sequence, decided=change.to is not None, facts=told_with
        )
        if change.to is None:  # one complaint asks for all of them: they stay where they are until it is decided
            self._ask(case, said)
            fall_back(self.ledger, following)
        else:
            move_followers(self.ledger, following, decided, {self.department})
        return case

    def _parted(self, case: Case) -> Case:
        """Take a follower that is rejected by itself out of its incident: the lead's fate is its own no more."""
        incident, connection = case.complaint.incident, self.ledger.connection
        if not incident or incidents.lead_of(connection, incident) == case.complaint.id:
            return case
        facts = {"incident": None, "left": incident, "left_by": self.department}
        case = self.ledger.amend(case, case.complaint.but(incident=None), heard_at=case.heard_at, facts=facts)
        self.ledger.flush()
        incidents.apart(connection, [case.complaint.id])
        return case

    def _route(self, case: Case, said: Said, change: Change) -> Route:
        """Say where it goes and why; the department's own words stay out of it, for everybody reads a route."""
        arabic, english = self._names(self.department)
        if change.to is not None:
            to_arabic, to_english = self._names(change.to)
            reason = (
                f"رُفض لدى {arabic}، والمختص {to_arabic} / rejected by {english}, which says that it is for {to_english}"
            )
        elif said.suggested is not None:
            to_arabic, to_english = self._names(said.suggested)
            reason = (
                f"رُفض لدى {arabic}، والمقترح {to_arabic}: القرار للفرز"
                f" / rejected by {english}, which suggests {to_english}: a person decides"
            )
        else:
            reason = f"رُفض لدى {arabic}: القرار للفرز / rejected by {english}: a person decides"
        return Route(
            department=change.to or self.city.triage,
            category=case.complaint.category,
            automatic=False,
            rule=RULE,
            reason=reason,
            confidence=1.0 if change.to is not None else 0.0,
            suggestions=self._suggestions(case),
            version=self.city.rules.version,
        )

    def _suggestions(self, case: Case) -> tuple[Suggestion, ...]:
        """Say what else it may be, by the words alone: whoever has rejected it is not proposed again."""
        table, refused = self.city.rules, self._said_no(case)
        others = {category: name for category, name in table.responsible.items() if name not in refused}
        asked = replace(table, rules=(), responsible=others)
        return route(case.complaint, asked, self.city.reader.guess(case.complaint.text)).suggestions

    def _said_no(self, case: Case) -> set[str]:
        """Return who has rejected it, this time and before."""
        return {self.department} | answers.said_no(self.ledger.connection, case.complaint.id)

    def _names(self, department: str) -> tuple[str, str]:
        """Return a department's names, the Arabic first; one that left the city has only its id."""
        found = self.city.departments.get(department)
        names: Mapping[str, str] = found.names if found else {}
        return names.get("ar", department), names.get("en", department)

    def _ask(self, case: Case, said: Said) -> None:
        """Put it on the desk with who rejected it and why."""
        connection = self.ledger.connection
        asking.triage(self.ledger, case.complaint)
        earlier = [
            {"department": one.department, "at": rfc3339(one.at), **one.body}
            for one in answers.rejections(connection, case.complaint.id)
        ]
        latest = {"department": self.department, "at": rfc3339(self.ledger.now), **written(said)}
        tasks.retell(connection, TaskKind.TRIAGE, case.complaint.id, {"rejections": [*earlier, latest]})


def written(said: Said) -> dict[str, Any]:
    """Return what a department wrote, by the names of the contract; what it left out is not there."""
    fields = {
        "due_at": rfc3339(said.due_at) if said.due_at else None,
        "officer": said.officer,
        "reason": said.reason,
        "suggested_department": said.suggested,
        "note": said.note,
        "outcome": said.outcome,
        "answer": said.answer,
    }
    return {name: value for name, value in fields.items() if value}
