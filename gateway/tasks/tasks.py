"""The tasks of one house: who may take one in hand, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from channels.message import Inbound
from gateway import observe
from gateway.house import House
from gateway.store import answers, complaints, journal, tasks
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.tasks import Task, TaskKind
from gateway.tasks.answer import Answer, check
from gateway.tasks.completion import Completion
from gateway.tasks.refusal import NotThere, Over, Taken, TaskError

TERM = timedelta(minutes=30)  # a task that nobody went on with in this time is free again
MOST = 100  # tasks in one listing


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
        check(answer, city)

        def do(connection: Connection) -> tuple[str, bool]:
            now = self.clock()
            task = tasks.find(connection, task_id, lock=True)
            if task is None or task.state != tasks.OPEN or task.held(now) not in {None, by}:
                raise _why(connection, task_id, now)
            completion = Completion(connection, city, now, by, self.house)
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
