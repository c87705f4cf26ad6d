"""Tasks: what only a person can do, listed, claimed and completed through one door for the desk and for programs.

Completing one changes the complaint in the same transaction: written words amend it and are routed anew, a decision
offers it to a department, a confirmed post becomes a complaint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from channels.message import Address, Inbound, Purpose, Scheme
from gateway import observe
from gateway.acknowledge import ENTRY
from gateway.adopt import told
from gateway.city.city import City
from gateway.followers import held, move_followers
from gateway.house import House
from gateway.store import answers, complaints, journal, lessons, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.store.tasks import Task, TaskKind
from gateway.teach import teach
from normalizer.complaint import Kind, Priority, Status
from normalizer.normalize import amend, normalize
from normalizer.text import clean
from normalizer.urgency import DECLARED
from router.route import Route

TERM = timedelta(minutes=30)  # a task that nobody went on with in this time is free again
MOST = 100  # tasks in one listing
LONGEST = 20_000  # characters of what a person writes
REACHED, NOT_REACHED, DECLINED = "reached", "not_reached", "declined"
OUTCOMES = (REACHED, NOT_REACHED, DECLINED)
DECIDED = "حدّده موظف الفرز / decided by a triage clerk"  # who that is stands in the event, which departments do not see


class TaskError(Exception):
    """The base of every reason why a task was not done."""


class NotThere(TaskError):
    """There is no such task."""


class Taken(TaskError):
    """Somebody else has it in hand. `by` is who."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by} has it in hand")
        self.by = by


class Over(TaskError):
    """It is done already. `outcome` is how it ended."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class WrongAnswer(TaskError):
    """A field of the answer cannot be taken. `field` names it."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says at the end of a task; which fields count depends on the task's kind.

    `accepted` is for a post to be confirmed, `department` for triage, `outcome` (reached, not_reached, declined) for a
    call. `category`, `kind`, `district`, `place` and `danger` say outright what the words are about.
    """

    text: str = field(default="", repr=False)
    kind: str | None = None
    category: str | None = None
    district: str | None = None
    place: str = field(default="", repr=False)
    danger: bool = False
    department: str | None = None
    accepted: bool | None = None
    outcome: str = ""
    note: str = field(default="", repr=False)

    def stated(self) -> dict[str, Any]:
        """Lay out what was stated, as an Inbound's answers are."""
        place = {"district": self.district, "text": self.place}
        given = {
            "kind": self.kind,
            "category": self.category,
            "place": {name: value for name, value in place.items() if value},
            "danger": self.danger,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with what it is about: the complaint as it stands, or the message that waits for a decision.

    `said` is what departments have answered to the complaint.
    """

    task: Task
    case: Case | None = field(default=None, repr=False)
    inbound: Inbound | None = field(default=None, repr=False)
    said: Sequence[answers.Answer] = field(default=(), repr=False)


class Tasks:
    """The door to the tasks of one house."""

    def __init__(self, house: House, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.house, self.clock = house, clock

    async def list(
        self,
        kinds: Collection[TaskKind] = tuple(TaskKind),
        *,
        limit: int = MOST,
        after: tuple[bool, datetime, str] | None = None,
        free_for: str | None = None,
    ) -> Sequence[Task]:
        """Return open tasks, distress first, then the oldest; `after` and `free_for` as for `store.tasks.listing`."""
        job = partial(
            tasks.listing,
            kinds=kinds,
            now=self.clock(),
            limit=min(max(limit, 1), MOST),
            after=after,
            free_for=free_for,
        )
        return await self.house.store.read(job)

    async def get(self, task_id: str) -> TaskView:
        """Return one task with what it is about. Raises NotThere."""
        return await self.house.store.read(partial(_view, task_id=task_id))

    async def claim(self, task_id: str, by: str) -> TaskView:
        """Take a task in hand for half an hour, or keep it. Raises NotThere, Taken, Over."""

        def take(connection: Connection) -> TaskView:
            now = self.clock()
            if not tasks.claim(connection, task_id, by, now=now, term=TERM):
                raise _why(connection, task_id, now)
            return _view(connection, task_id=task_id)

        return await self.house.store.write(take)

    async def release(self, task_id: str, by: str) -> None:
        """Let go of a task. Raises NotThere, Taken, Over when it is not in this person's hands."""

        def drop(connection: Connection) -> None:
            if not tasks.release(connection, task_id, by):
                raise _why(connection, task_id, self.clock())

        await self.house.store.write(drop)

    async def complete(self, task_id: str, by: str, answer: Answer) -> str:
        """Do what the answer says and close the task; returns the complaint's reference, empty where there is none.

        A task that nobody has in hand counts as claimed by whoever completes it. A call that nobody answered stays
        open. Raises NotThere, Taken, Over, WrongAnswer.
        """
        city = self.house.city
        _check(answer, city)

        def do(connection: Connection) -> tuple[str, bool]:
            now = self.clock()
            task = tasks.find(connection, task_id, lock=True)
            if task is None or task.state != tasks.OPEN or task.held(now) not in {None, by}:
                raise _why(connection, task_id, now)
            completion = _Completion(connection, city, now, by, self.house)
            return completion.do(task, answer), completion.danger

        reference, danger = await self.house.store.write(do)
        if danger:
            observe.distress("tasks", reference)
        for signal in (self.house.signals.filed, self.house.signals.owed, self.house.signals.arrived):
            signal.set()
        return reference


def _view(connection: Connection, *, task_id: str) -> TaskView:
    task = tasks.find(connection, task_id)
    if task is None:
        raise NotThere(task_id)
    case = complaints.load_by_id(connection, task.complaint_id) if task.complaint_id else None
    row = journal.by_id(connection, task.journal_id) if task.journal_id else None
    said = answers.of_complaint(connection, task.complaint_id) if task.complaint_id else ()
    return TaskView(task, case, Inbound.from_json(row.body) if row is not None else None, said)


def _why(connection: Connection, task_id: str, now: datetime) -> TaskError:
    task = tasks.find(connection, task_id)
    if task is None:
        return NotThere(task_id)
    if task.state != tasks.OPEN:
        return Over(task.outcome or "")
    return Taken(task.held(now) or "nobody")


def _check(answer: Answer, city: City) -> None:
    for name, value, known in (
        ("category", answer.category, city.categories),
        ("district", answer.district, city.districts),
        ("department", answer.department, city.departments),
        ("kind", answer.kind, set(Kind)),
        ("outcome", answer.outcome or None, OUTCOMES),
    ):
        if value is not None and value not in known:
            raise WrongAnswer(name, f"the city has no {name} of this name")
    for name, value in (("text", answer.text), ("note", answer.note), ("place", answer.place)):
        if len(value) > LONGEST:
            raise WrongAnswer(name, f"it must have at most {LONGEST} characters")


class _Completion:
    """One task being completed in one transaction."""

    def __init__(self, connection: Connection, city: City, now: datetime, by: str, house: House) -> None:
        self.connection, self.city, self.now, self.by, self.house = connection, city, now, by, house
        self.danger = False  # a complaint became one of danger to life by it

    def do(self, task: Task, answer: Answer) -> str:
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
            ledger.offer(case, route, routed_sequence=case.sequence, decided=True, facts=facts)
            left = {one.department for one in answers.rejections(self.connection, case.complaint.id)}
            move_followers(ledger, following, route, left)
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
        if not case.complaint.status.undecided and not answer.category:
            known = case.complaint
            amended = amended.but(category=known.category, category_confidence=known.category_confidence)
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
