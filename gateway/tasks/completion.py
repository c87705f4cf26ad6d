"""Completion: what an answer does, in the transaction that closes the task.

Written words amend the complaint and are routed anew, a decision offers it to a department, a confirmed post becomes a
complaint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from channels.message import Address, Inbound, Purpose, Scheme
from gateway.acknowledge import ENTRY
from gateway.adopt import told
from gateway.city.city import City
from gateway.followers import follow, held, move_followers
from gateway.house import House
from gateway.store import answers, complaints, journal, lessons, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.store.tasks import Task, TaskKind
from gateway.tasks.answer import DECLINED, NOT_REACHED, REACHED, Answer
from gateway.tasks.refusal import NotThere, WrongAnswer
from gateway.teach import teach
from normalizer.complaint import Priority, Status
from normalizer.normalize import amend, normalize
from normalizer.text import clean
from normalizer.urgency import DECLARED
from router.route import Route

DECIDED = "حدّده موظف الفرز / decided by a triage clerk"  # who that is stands in the event, which departments do not see


class Completion:
    """One task being completed in one transaction."""

    def __init__(self, connection: Connection, city: City, now: datetime, by: str, house: House) -> None:
        self.connection, self.city, self.now, self.by, self.house = connection, city, now, by, house
        self.danger = False  # a complaint became one of danger to life by it

    def do(self, task: Task, answer: Answer) -> str:
        """Do what the answer says and return the reference of the complaint, empty where there is none.

        Raises NotThere, WrongAnswer.
        """
        match task.kind:
            case TaskKind.TRANSCRIBE:
                reference, outcome = self._transcribe(task, answer), "transcribed"
            case TaskKind.CALL_BACK:
                if answer.outcome == NOT_REACHED:
                    return self._missed(task, answer)
                reference, outcome = self._called(task, answer)
            case TaskKind.TRIAGE:
                reference, outcome = self._triage(task, answer)
            case TaskKind.CONFIRM:
                reference, outcome = self._confirm(task, answer)
        entered = {name: value for name, value in asdict(answer).items() if value not in ("", None, False)}
        body = {**task.body, "answer": entered}
        tasks.finish(self.connection, task.id, by=self.by, outcome=outcome, body=body, now=self.now)
        return reference

    def _transcribe(self, task: Task, answer: Answer) -> str:
        if not clean(answer.text) and not answer.note:
            raise WrongAnswer("text", "write what it says, or in the note why nobody can tell")
        case = self._case(task)
        if clean(answer.text):
            self._amend(case, task, answer, {"transcribed_by": self.by})
        return case.complaint.reference

    def _missed(self, task: Task, answer: Answer) -> str:
        """Note a call that nobody answered: the task stays, free for whoever tries next."""
        calls = [*task.body.get("calls", ()), {"at": self.now.isoformat(), "by": self.by, "note": answer.note}]
        tasks.note(self.connection, task.id, {**task.body, "calls": calls})
        return task.reference

    def _called(self, task: Task, answer: Answer) -> tuple[str, str]:
        if answer.outcome == DECLINED:
            return task.reference, DECLINED
        if not clean(answer.text):
            raise WrongAnswer("text", "write what the citizen said")
        if task.complaint_id is not None:
            case = self._case(task)
            self._amend(case, task, answer, {"called_back_by": self.by})
            return case.complaint.reference, REACHED
        return self._file(task, answer), REACHED

    def _file(self, task: Task, answer: Answer) -> str:
        """Make a complaint of what somebody said on the telephone who had left nothing."""
        phone, language = task.body.get("phone"), task.body.get("language")
        inbound = Inbound(
            channel=ENTRY,
            account=self.by,
            external_id=f"task:{task.id}",
            sender=Address(Scheme.API, f"task:{task.id}"),
            text=answer.text,
            way=str(task.body.get("way") or "phone"),
            provider=ENTRY,
            answers={
                **answer.stated(),
                **({"contact": {"phone": phone}} if phone else {}),
                **({"language": language} if language else {}),
                "danger": answer.danger or bool(task.body.get("danger")),
            },
        )
        [kept] = journal.append(self.connection, [self.house.identities.entry(inbound, self.now)])
        return kept.reference

    def _triage(self, task: Task, answer: Answer) -> tuple[str, str]:
        case, following = held(self.connection, task.complaint_id or "")
        if case is None:
            raise NotThere(task.id)
        if case.complaint.status is not Status.TRIAGE:
            return case.complaint.reference, "it had been decided meanwhile"
        category = answer.category or case.complaint.category
        department = answer.department or self.city.rules.responsible.get(answer.category or "")
        if department is None:
            raise WrongAnswer("department", "choose a department, or a category whose department is known")
        if department == self.city.triage:
            raise WrongAnswer("department", "it is at the triage desk: choose the department that shall have it")
        route = Route(
            department=department,
            category=category,
            automatic=False,
            rule="desk",
            reason=DECIDED,
            confidence=1.0,
            suggestions=case.route.suggestions if case.route else (),
            version=self.city.rules.version,
        )
        with Ledger(self.connection, self.now) as ledger:
            if answer.danger and case.complaint.priority is not Priority.DISTRESS:
                raised = case.complaint.but(priority=Priority.DISTRESS, danger_reason=DECLARED)
                facts = {"priority_raised": True, "by": self.by}
                case = ledger.amend(case, raised, heard_at=case.heard_at, facts=facts)
                self.danger = True
            facts = {**told(self.connection, case), "by": self.by}
            follow(ledger, ledger.offer(case, route, routed_sequence=case.sequence, decided=True, facts=facts))
            move_followers(ledger, following, route, answers.said_no(self.connection, case.complaint.id))
        said = {"category": answer.category, "department": department}
        teach(self.connection, case, **said, source=lessons.DESK, by=self.by, now=self.now)
        return case.complaint.reference, f"to {department}"

    def _confirm(self, task: Task, answer: Answer) -> tuple[str, str]:
        if answer.accepted is None:
            raise WrongAnswer("accepted", "say whether it is a complaint to the city")
        row = journal.by_id(self.connection, task.journal_id or "")
        if row is None:
            raise NotThere(task.id)
        inbound = Inbound.from_json(row.body)
        with Ledger(self.connection, self.now) as ledger:
            if not answer.accepted:
                ledger.finish(row.seq, f"nothing to file: no complaint, says {self.by}")
                return "", "no complaint"
            inbound = inbound.but(
                purpose=Purpose.MESSAGE,
                text=str(task.body.get("text") or inbound.text),
                answers={**inbound.answers, **answer.stated()},
            )
            draft = normalize(
                inbound, self.city.reader, id=row.id, reference=row.reference, received_at=row.received_at
            )
            ledger.create(draft, sender=row.sender, account=row.account)
            for media, attachment in zip(inbound.media, draft.attachments, strict=True):
                ledger.attach(draft.id, inbound.channel, attachment, media.url)
            ledger.finish(row.seq, "complaint", draft.id)
            self.house.acknowledger.confirmed(ledger, row, inbound, draft)
            self.danger = draft.priority is Priority.DISTRESS
        return draft.reference, "complaint"

    def _amend(self, case: Case, task: Task, answer: Answer, facts: Mapping[str, Any]) -> None:
        """Add what a person wrote to a complaint, as one more version of it."""
        inbound = Inbound(
            channel=ENTRY,
            account=self.by,
            external_id=f"task:{task.id}",
            sender=Address(Scheme.API, self.by),
            text=answer.text,
            answers=answer.stated(),
        )
        amended = amend(case.complaint, inbound, self.city.reader, received_at=self.now)
        if not answer.category:
            amended = case.as_decided(amended)
        raised = amended.priority != case.complaint.priority
        self.danger = raised and amended.priority is Priority.DISTRESS
        with Ledger(self.connection, self.now) as ledger:
            case = ledger.amend(case, amended, heard_at=case.heard_at, facts={**facts, "priority_raised": raised})
            if self.danger:  # their own words, which a person wrote down
                self.house.acknowledger.news(ledger, case.complaint, "distress")

    def _case(self, task: Task) -> Case:
        case = complaints.load_by_id(self.connection, task.complaint_id or "", lock=True)
        if case is None:
            raise NotThere(task.id)
        return case
