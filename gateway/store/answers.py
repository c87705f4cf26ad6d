"""Answers: what departments said to the complaints that were put to them, each heard once.

What a department wrote may name a citizen, so it stands here and in no event.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.engine import Row

from gateway.store.insert import insert_or_ignore
from gateway.store.parts import parts
from gateway.store.tables import answers

DONE, REFUSED = "done", "refused"
ATTEMPTS: Final = 20  # answers under one id: a program that is refused so often mends nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and what came of it.

    `update_id` is the department's own id of it, `offer` the id of the event that it answers, and `digest` stands for
    all that it says. `body` holds the fields as the department wrote them. `said_at` is when, as the department says.
    """

    id: str
    department: str
    update_id: str
    digest: str
    reference: str
    verb: str
    offer: str
    said_at: datetime
    at: datetime
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    result: str = DONE
    complaint_id: str | None = None
    status: str | None = None
    sequence: int | None = None
    field: str | None = None
    reason: str = ""


def id_of(department: str, update_id: str, *, attempt: int = 0, misused: str = "") -> str:
    """Return the id of an answer: the same for the same department and update.

    An `attempt` after the first is an answer that was mended and sent under the id of one that was refused. `misused`
    is the digest of an answer that has the id of another one, which was done.
    """
    kind = f"misused:{misused}" if misused else f"mended:{attempt}" if attempt else "answer"
    return str(uuid5(NAMESPACE_URL, f"balagh:{kind}:{department}:{update_id}"))


def begin(connection: Connection, answer: Answer) -> bool:
    """Keep an answer before anything comes of it. Returns False when one of its id is there already.

    Another transaction that brings the same answer waits here for this one to end.
    """
    row = {name: getattr(answer, name) for name in _COLUMNS} | {"body": _written(answer.body)}
    return connection.execute(insert_or_ignore(connection, answers).returning(answers.c.id), row).scalar() is not None


def conclude(connection: Connection, answer: Answer, *, tell: bool = False) -> None:
    """Record what came of an answer. With `tell`, its department is owed the refusal in its queue."""
    names = ("result", "complaint_id", "status", "sequence", "field", "reason")
    changed = {name: getattr(answer, name) for name in names} | {"body": _written(answer.body)}
    found = update(answers).where(answers.c.id == answer.id)
    connection.execute(found.values(**changed, tell_at=answer.at if tell else None))


def find(connection: Connection, answer_id: str) -> Answer | None:
    """Return an answer, or None."""
    row = connection.execute(select(answers).where(answers.c.id == answer_id)).first()
    return _answer(row) if row is not None else None


def attempts(connection: Connection, department: str, update_id: str) -> list[Answer]:
    """Return what a department has said under one id of its own, the first of it first; others wait with theirs.

    All but the last were refused. There are ATTEMPTS at most; what only misused the id is not among them.
    """
    ids = [id_of(department, update_id, attempt=number) for number in range(ATTEMPTS)]
    connection.execute(select(answers.c.id).where(answers.c.id == ids[0]).with_for_update())
    found = {row.id: _answer(row) for row in connection.execute(select(answers).where(answers.c.id.in_(ids)))}
    return [found[one] for one in ids if one in found]


def of_complaint(connection: Connection, complaint_id: str) -> Sequence[Answer]:
    """Return what departments wrote about a complaint and what came to pass by it, the oldest first."""
    found = _HEARD.order_by(answers.c.at, answers.c.sequence)
    return [_answer(row) for row in connection.execute(found, {"complaint": complaint_id})]


def rejections(connection: Connection, complaint_id: str) -> Sequence[Answer]:
    """Return how departments rejected a complaint, the oldest first."""
    found = _HEARD.where(answers.c.verb == "rejected").order_by(answers.c.at, answers.c.sequence)
    return [_answer(row) for row in connection.execute(found, {"complaint": complaint_id})]


def said_no(connection: Connection, complaint_id: str) -> set[str]:
    """Return which departments rejected a complaint, however often."""
    return {one.department for one in rejections(connection, complaint_id)}


def in_hand(connection: Connection, complaint_ids: Collection[str]) -> dict[str, list[Answer]]:
    """Return how departments have taken complaints on and gone on with them, by complaint, the oldest first."""
    found: dict[str, list[Answer]] = {}
    for some in parts(list(complaint_ids)):
        for row in connection.execute(_IN_HAND, {"complaints": some}):
            found.setdefault(row.complaint_id, []).append(_answer(row))
    return found


def untold(connection: Connection, *, now: datetime, limit: int) -> Sequence[Answer]:
    """Return the refusals whose departments are to be told now, the oldest first."""
    due = select(answers).where(answers.c.tell_at.is_not(None), answers.c.tell_at <= now)
    return [_answer(row) for row in connection.execute(due.order_by(answers.c.at, answers.c.id).limit(limit))]


def told(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Record that the broker has confirmed the refusals of some answers."""
    if ids:
        connection.execute(update(answers).where(answers.c.id.in_(list(ids))).values(tell_at=None, told_at=now))


def put_off(connection: Connection, ids: Sequence[str], until: datetime) -> None:
    """Tell some refusals later: the broker does not take them now."""
    if ids:
        connection.execute(update(answers).where(answers.c.id.in_(list(ids))).values(tell_at=until))


_HEARD = select(answers).where(answers.c.complaint_id == bindparam("complaint"), answers.c.result == DONE)
_IN_HAND = (
    select(answers)
    .where(
        answers.c.complaint_id.in_(bindparam("complaints", expanding=True)),
        answers.c.result == DONE,
        answers.c.verb.in_(("accepted", "progressed")),
    )
    .order_by(answers.c.at, answers.c.sequence)
)
_COLUMNS = tuple(Answer.__dataclass_fields__)


def _written(body: Mapping[str, Any]) -> str:
    return json.dumps(dict(body), ensure_ascii=False)


def _answer(row: Row[Any]) -> Answer:
    found = {name: getattr(row, name) for name in _COLUMNS}
    return Answer(**found | {"body": json.loads(row.body)})
