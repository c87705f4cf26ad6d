"""Tasks: what a person must do. Each is claimed by one at a time, comes free when it is abandoned, and is done once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select, text, update
from sqlalchemy.engine import Row

from gateway.store.insert import insert_or_ignore
from gateway.store.tables import task_payload, tasks


class TaskKind(StrEnum):
    """What has to be done."""

    TRANSCRIBE = "transcribe"  # write down what a recording or a scan says
    CALL_BACK = "call_back"  # ring a citizen who was not heard
    TRIAGE = "triage"  # decide which department a complaint is for
    CONFIRM = "confirm"  # say whether a public post is a complaint to the city


OPEN, DONE = "open", "done"
# What is open is found by its own short index: a literal lets SQLite see that it fits, and a kind that is no bare
# column does not tempt it to the index of every task that there ever was.
_WAITING = tasks.c.state == text("'open'")
_KIND = tasks.c.kind.concat(literal_column("''"))


@dataclass(frozen=True, slots=True)
class Draft:
    """A task to be. One of each kind exists for a subject, however often it is asked for."""

    kind: TaskKind
    subject: str
    channel: str
    complaint_id: str | None = None
    journal_id: str | None = None
    reference: str = ""
    language: str = "und"
    urgent: bool = False
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The same for the same task."""
        return str(uuid5(NAMESPACE_URL, f"balagh:task:{self.kind.value}:{self.subject}"))


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands. `body` is what the person needs to know; it may identify a citizen."""

    id: str
    kind: TaskKind
    subject: str
    complaint_id: str | None
    journal_id: str | None
    reference: str
    channel: str
    language: str
    urgent: bool
    state: str
    created_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    done_at: datetime | None
    done_by: str | None
    outcome: str | None
    body: Mapping[str, Any] = field(repr=False)

    def held(self, now: datetime) -> str | None:
        """Who has it in hand now."""
        return self.claimed_by if self.claimed_until is not None and self.claimed_until > now else None


def open_task(connection: Connection, draft: Draft, now: datetime) -> bool:
    """Open a task, unless there is one of its kind and subject already. Returns whether it is new."""
    result = connection.execute(
        insert_or_ignore(connection, tasks).returning(tasks.c.id),
        {
            "id": draft.id,
            "kind": draft.kind.value,
            "subject": draft.subject,
            "complaint_id": draft.complaint_id,
            "journal_id": draft.journal_id,
            "reference": draft.reference,
            "channel": draft.channel,
            "language": draft.language,
            "urgent": draft.urgent,
            "state": OPEN,
            "created_at": now,
        },
    )
    fresh = result.scalar() is not None
    if fresh:
        connection.execute(
            task_payload.insert(), {"id": draft.id, "body": json.dumps(dict(draft.body), ensure_ascii=False)}
        )
    return fresh


def reopen(connection: Connection, draft: Draft, now: datetime) -> None:
    """Open a task, also when it was done before: the same question has come up again."""
    if open_task(connection, draft, now):
        return
    connection.execute(
        update(tasks)
        .where(tasks.c.id == draft.id, tasks.c.state == DONE)
        .values(
            state=OPEN,
            urgent=draft.urgent,
            created_at=now,
            claimed_by=None,
            claimed_until=None,
            done_at=None,
            done_by=None,
            outcome=None,
        )
    )


def listing(
    connection: Connection,
    *,
    kinds: Collection[TaskKind],
    now: datetime,
    limit: int,
    after: tuple[bool, datetime, str] | None = None,
    free_for: str | None = None,
) -> Sequence[Task]:
    """Return open tasks, whom danger threatens first, then the oldest.

    `after` is the (urgent, created_at, id) of the last one seen. `free_for` leaves out what others have in hand.
    """
    conditions: list[ColumnElement[bool]] = [_WAITING, _KIND.in_([kind.value for kind in kinds])]
    if free_for is not None:
        conditions.append(
            or_(tasks.c.claimed_until.is_(None), tasks.c.claimed_until <= now, tasks.c.claimed_by == free_for)
        )
    if after is not None:
        urgent, created_at, last = after
        later = or_(tasks.c.created_at > created_at, and_(tasks.c.created_at == created_at, tasks.c.id > last))
        same = and_(tasks.c.urgent.is_(urgent), later)
        conditions.append(or_(same, tasks.c.urgent.is_(False)) if urgent else same)
    found = _READ.where(*conditions).order_by(tasks.c.urgent.desc(), tasks.c.created_at, tasks.c.id).limit(limit)
    return [_task(row) for row in connection.execute(found)]


def find(connection: Connection, task_id: str, *, lock: bool = False) -> Task | None:
    """Return a task, or None; `lock` keeps others from changing it until the commit."""
    if lock and connection.dialect.name == "postgresql":
        connection.execute(select(tasks.c.id).where(tasks.c.id == task_id).with_for_update()).first()
    row = connection.execute(_READ.where(tasks.c.id == task_id)).first()
    return _task(row) if row is not None else None


def hold(connection: Connection, kind: TaskKind, subjects: Collection[str]) -> bool:
    """Keep others from changing the tasks about some subjects until the commit. Returns whether there are any."""
    wanted = select(tasks.c.id).where(tasks.c.kind == kind.value, tasks.c.subject.in_(list(subjects)))
    return bool(subjects) and bool(connection.execute(wanted.order_by(tasks.c.id).with_for_update()).all())


def confirmed(connection: Connection, complaint_id: str) -> bool:
    """Tell whether somebody looked at the post that a complaint came from, and called it one."""
    looked = (tasks.c.kind == TaskKind.CONFIRM.value) & (tasks.c.subject == complaint_id) & (tasks.c.state == DONE)
    return connection.execute(select(tasks.c.id).where(looked)).first() is not None


def of_complaint(connection: Connection, complaint_id: str) -> Sequence[Task]:
    """Return every task about a complaint."""
    return [_task(row) for row in connection.execute(_READ.where(tasks.c.complaint_id == complaint_id))]


def claim(connection: Connection, task_id: str, by: str, *, now: datetime, term: timedelta) -> bool:
    """Take or keep a task in hand until `now + term`; False while another has it, or once it is done."""
    free = or_(tasks.c.claimed_until.is_(None), tasks.c.claimed_until <= now, tasks.c.claimed_by == by)
    result = connection.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.state == OPEN, free)
        .values(claimed_by=by, claimed_until=now + term)
    )
    return bool(result.rowcount)


def release(connection: Connection, task_id: str, by: str) -> bool:
    """Let go of a task. Returns False when this person does not have it."""
    result = connection.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.claimed_by == by, tasks.c.state == OPEN)
        .values(claimed_by=None, claimed_until=None)
    )
    return bool(result.rowcount)


def finish(
    connection: Connection, task_id: str, *, by: str, outcome: str, body: Mapping[str, Any] | None, now: datetime
) -> bool:
    """Mark a task done, with what was entered. Returns False when it was done already."""
    result = connection.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.state == OPEN)
        .values(state=DONE, done_at=now, done_by=by, outcome=outcome, claimed_by=None, claimed_until=None)
    )
    if result.rowcount and body is not None:
        _keep(connection, task_id, body)
    return bool(result.rowcount)


def note(connection: Connection, task_id: str, body: Mapping[str, Any]) -> None:
    """Let go of a task that was tried in vain, with what was noted about it; it stays open."""
    connection.execute(
        update(tasks).where(tasks.c.id == task_id, tasks.c.state == OPEN).values(claimed_by=None, claimed_until=None)
    )
    _keep(connection, task_id, body)


def urge(connection: Connection, complaint_id: str) -> None:
    """Put every open task about a complaint before the others: somebody is in danger."""
    connection.execute(
        update(tasks)
        .where(tasks.c.complaint_id == complaint_id, tasks.c.state == OPEN, tasks.c.urgent.is_(False))
        .values(urgent=True)
    )


def retell(connection: Connection, kind: TaskKind, subject: str, news: Mapping[str, Any]) -> bool:
    """Replace what an open task tells the person; False when there is none that is open."""
    found = connection.execute(
        _READ.where(tasks.c.kind == kind.value, tasks.c.subject == subject, tasks.c.state == OPEN)
    ).first()
    if found is None:
        return False
    _keep(connection, found.id, {**json.loads(found.body or "{}"), **news})
    return True


def settle(connection: Connection, kind: TaskKind, subject: str, *, outcome: str, now: datetime) -> bool:
    """Close a task whose question has gone: the house itself found the answer."""
    result = connection.execute(
        update(tasks)
        .where(tasks.c.kind == kind.value, tasks.c.subject == subject, tasks.c.state == OPEN)
        .values(state=DONE, done_at=now, done_by="", outcome=outcome, claimed_by=None, claimed_until=None)
    )
    return bool(result.rowcount)


def waiting(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Count the open tasks of each kind, and say since when the oldest waits."""
    rows = connection.execute(
        select(_KIND.label("kind"), func.count().label("number"), func.min(tasks.c.created_at).label("since"))
        .where(_WAITING)
        .group_by(_KIND)
    )
    return {row.kind: (row.number, row.since) for row in rows}


_READ: Select[Any] = select(tasks, task_payload.c.body).outerjoin(task_payload, task_payload.c.id == tasks.c.id)


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        kind=TaskKind(row.kind),
        subject=row.subject,
        complaint_id=row.complaint_id,
        journal_id=row.journal_id,
        reference=row.reference,
        channel=row.channel,
        language=row.language,
        urgent=row.urgent,
        state=row.state,
        created_at=row.created_at,
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        done_at=row.done_at,
        done_by=row.done_by,
        outcome=row.outcome,
        body=json.loads(row.body) if row.body else {},
    )


def _keep(connection: Connection, task_id: str, body: Mapping[str, Any]) -> None:
    connection.execute(
        update(task_payload).where(task_payload.c.id == task_id).values(body=json.dumps(body, ensure_ascii=False))
    )
