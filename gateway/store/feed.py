"""The feed: what a department has to hear, in the order of the events, for systems that fetch it by HTTP.

A reader comes back with the position of the last event that it was given. Numbers grow, but on PostgreSQL a
transaction may commit a lower one after a higher one was seen, so nobody is told of an event before every lower one is
committed or gone: a position would leave the late one behind for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal, select

from gateway.store import seals
from gateway.store.outbox import LETTER, Letter, Torn, as_letter, lettered
from gateway.store.tables import complaints, events

SPAN = 20_000  # events looked through in one statement; there is no index by department, and most are another's


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has come: the number of an event, and a mark by which it is known again.

    A store that was restored gives the numbers that it lost to other events; the mark tells that.
    """

    seq: int = 0
    mark: str = ""


START = Position()


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a department's. `theirs` says that its complaint is theirs, and not confidential, to this day."""

    letter: Letter | Torn
    theirs: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a department's events, in order, and where to read on."""

    told: Sequence[Told]
    position: Position


def known(connection: Connection, position: Position) -> bool:
    """Tell whether a position is one of this store as it stands."""
    return position == START or _mark(connection, position.seq) == position.mark


def settled(connection: Connection) -> int | None:
    """Return the number up to which no event can appear any more; None when an appender takes too long."""
    if connection.dialect.name == "postgresql" and not seals.alone(connection):
        return None
    return int(connection.execute(select(func.max(events.c.seq))).scalar() or 0)


def stirs(connection: Connection, department: str, after: int) -> bool:
    """Tell whether it is worth asking `settled` and reading: there is something, or much to look through."""
    if connection.execute(_ANY, {"department": department, "after": after, "until": after + SPAN}).scalar():
        return True
    return int(connection.execute(select(func.max(events.c.seq))).scalar() or 0) > after + SPAN


def read(connection: Connection, department: str, after: Position, *, until: int, limit: int) -> Page:
    """Return the next events of a department up to the number `until`, which `settled` gave, at most `limit`.

    One call looks through SPAN events: an empty page whose position is not yet `until` has more behind it.
    """
    first = connection.execute(_NEXT, {"after": after.seq}).scalar()
    if first is None:
        return Page((), after)
    among = {"after": after.seq, "until": min(until, first + SPAN)}
    rows = connection.execute(_PAGE, {**among, "department": department, "most": limit}).all()
    last = rows[-1] if len(rows) == limit else connection.execute(_LAST, among).first()
    position = Position(last.seq, _digest(last.id)) if last is not None else after
    return Page([_told(row, department) for row in rows], position)


def offered(connection: Connection, event_id: str, reference: str) -> str | None:
    """Return the department to which an event put the complaint of a reference; None when none did so."""
    found = select(events.c.department).where(
        events.c.id == event_id, events.c.reference == reference, events.c.type == "offered"
    )
    return connection.execute(found).scalar()


def _told(row: Any, department: str) -> Told:
    return Told(as_letter(row), theirs=row.at_now == department and not row.c_confidential)


def _mark(connection: Connection, seq: int) -> str:
    found = connection.execute(select(events.c.id).where(events.c.seq == seq)).scalar()
    return _digest(found) if found else ""


def _digest(event_id: str) -> str:
    """Mark an event, which may be another department's, by what does not tell its id."""
    return hashlib.sha256(f"feed:{event_id}".encode()).hexdigest()[:16]


_AMONG = (events.c.seq > bindparam("after"), events.c.seq <= bindparam("until"))
_THEIRS = events.c.department == bindparam("department")

# Built once, as the outbox's own.
_ANY = select(literal(1)).select_from(events).where(*_AMONG, _THEIRS).limit(1)
_NEXT = select(func.min(events.c.seq)).where(events.c.seq > bindparam("after"))
_LAST = select(events.c.seq, events.c.id).where(*_AMONG).order_by(events.c.seq.desc()).limit(1)
_PAGE = (
    lettered(
        select(
            *LETTER,
            literal(0).label("attempts"),
            events.c.time.label("created_at"),
            complaints.c.department.label("at_now"),
        ).select_from(events)
    )
    .where(*_AMONG, _THEIRS)
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)
