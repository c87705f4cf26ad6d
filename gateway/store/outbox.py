"""The outbox: which events the broker has not confirmed yet, in the order in which each complaint's must go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, func, null, select, update

from gateway.store.complaints import Event, as_event, restore
from gateway.store.prepared import Prepared
from gateway.store.tables import Instant, complaints, events, personal, quarantine, relay
from normalizer.complaint import Complaint, Priority, Status
from router.route import Route

RETRIED = 20  # parked events in one window
LONG_AGO = datetime.fromtimestamp(0, UTC)  # due, however far the clock is set back


@dataclass(frozen=True, slots=True)
class Letter:
    """An event ready to be told: the change, and the complaint as the event saw it."""

    event: Event
    complaint: Complaint = field(repr=False)
    route: Route | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Torn:
    """An event whose complaint cannot be read back: a damaged row. It must not hold up the others."""

    event: Event
    attempts: int
    reason: str


def unpublished(connection: Connection, now: datetime, limit: int) -> list[Letter | Torn]:
    """Return the next events to publish, distress first: of each complaint the earliest.

    Of those that were parked and are due again, only a few: however many a missing queue has made, they must not stand
    before what can be delivered.
    """
    fresh = _letters(connection, _FRESH, {"most": limit})
    return fresh + _letters(connection, _PARKED, {"now": now, "most": RETRIED})


def _letters(connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Letter | Torn]:
    return [as_letter(row) for row in connection.execute(statement, parameters).all()]


_ROW = (
    "id",
    "reference",
    "channel",
    "kind",
    "status",
    "category",
    "priority",
    "language",
    "confidential",
    "received_at",
)


LETTER = (*events.c, personal.c.body, *(complaints.c[name].label(f"c_{name}") for name in _ROW))
"""What a letter is written from, beside the outbox's own columns; `lettered` finds it."""


def lettered(statement: Select[Any]) -> Select[Any]:
    """Join to events their complaints, as they stand and as what the citizen had said by then."""
    at_version = and_(personal.c.complaint_id == events.c.complaint_id, personal.c.version == events.c.version)
    return statement.join(complaints, complaints.c.id == events.c.complaint_id).outerjoin(personal, at_version)


def _heads(condition: ColumnElement[bool]) -> Select[Any]:
    """Select what the letters of the earliest unpublished events are written from."""
    earlier = relay.alias("earlier")
    heads = (
        select(relay.c.event_seq, relay.c.urgent, relay.c.attempts, relay.c.created_at)
        .where(
            relay.c.published_at.is_(None),
            condition,
            ~exists().where(
                and_(
                    earlier.c.complaint_id == relay.c.complaint_id,
                    earlier.c.event_seq < relay.c.event_seq,
                    earlier.c.published_at.is_(None),
                )
            ),
        )
        .order_by(relay.c.urgent.desc(), relay.c.event_seq)
        .limit(bindparam("most"))
        .subquery()
    )
    told = select(*LETTER, heads.c.attempts, heads.c.created_at).select_from(events)
    return lettered(told.join(heads, heads.c.event_seq == events.c.seq)).order_by(heads.c.urgent.desc(), events.c.seq)


# Built once: to put such a statement together costs more than to run it.
_FRESH = _heads(relay.c.parked_reason.is_(None))
# One range and no OR: SQLite then finds them by their own index, and not by looking at the whole backlog.
_PARKED = _heads(
    relay.c.parked_reason.is_not(None) & (relay.c.parked_until <= bindparam("now", type_=Instant)),
)


class _Prefixed:
    """The complaint's columns of a joined row, under their own names."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, f"c_{name}")


def as_letter(row: Any) -> Letter | Torn:
    """Write a letter from a row that holds the columns of `LETTER`, `attempts` and `created_at`."""
    try:
        return _letter(row)
    except ValueError as error:  # pydantic's and json's too
        return Torn(as_event(row), row.attempts, f"its complaint cannot be read ({type(error).__name__})")


def _letter(row: Any) -> Letter:
    event = as_event(row)
    changes: dict[str, Any] = {"priority": Priority(event.priority)}
    route = event.data.get("route")
    if "status" in event.data:  # the state as of this event, not as of a later one
        changes["status"] = Status(event.data["status"])
    if "category" in event.data:
        changes["category"] = event.data["category"]
    if route:
        changes["category"] = route["category"]
    return Letter(
        event=event,
        complaint=restore(_Prefixed(row), row.body, **changes),
        route=Route.model_validate(route) if route else None,
        attempts=row.attempts,
        created_at=row.created_at,
    )


_PUBLISHED = Prepared(
    update(relay)
    .where(relay.c.event_seq == bindparam("seq"))
    .values(published_at=bindparam("at"), parked_until=null(), parked_reason=null()),
    ("seq", "at"),
)


def published(connection: Connection, seqs: Sequence[int], now: datetime) -> None:
    """Mark events that every exchange they belong on has confirmed."""
    _PUBLISHED.run(connection, [{"seq": seq, "at": now} for seq in seqs])


def park(connection: Connection, seq: int, reason: str, until: datetime) -> None:
    """Set a refused event aside until a later try; the complaint's further events wait behind it."""
    connection.execute(
        update(relay)
        .where(relay.c.event_seq == seq)
        .values(parked_until=until, parked_reason=reason, attempts=relay.c.attempts + 1)
    )


def unpark(connection: Connection) -> None:
    """Let every parked event be tried at once: after the broker came back or its topology was mended."""
    connection.execute(
        update(relay)
        .where(relay.c.published_at.is_(None), relay.c.parked_reason.is_not(None))
        .values(parked_until=LONG_AGO)
    )


def unpark_some(connection: Connection, department: str | None, limit: int) -> None:
    """Let the oldest few of a department's parked events be tried at once: another of its events got through."""
    oldest = (
        select(relay.c.event_seq)
        .join(events, events.c.seq == relay.c.event_seq)
        .where(relay.c.published_at.is_(None), relay.c.parked_reason.is_not(None), relay.c.parked_until > LONG_AGO)
        .where(events.c.department.is_not_distinct_from(department))
        .order_by(relay.c.event_seq)
        .limit(limit)
    )
    connection.execute(update(relay).where(relay.c.event_seq.in_(oldest)).values(parked_until=LONG_AGO))


def backlog(connection: Connection) -> tuple[int, int, datetime | None]:
    """Count what is unpublished, count what of it is parked, and say since when the oldest waits."""
    # Asked every two seconds, also with a hundred thousand waiting: counted in the indexes, and hardly a row is read.
    unpublished = relay.c.published_at.is_(None)
    refused = and_(unpublished, relay.c.parked_reason.is_not(None), relay.c.parked_until.is_not(None))
    fresh = and_(unpublished, relay.c.parked_reason.is_(None))
    total = connection.execute(select(func.count()).select_from(relay).where(unpublished)).scalar_one()
    parked = connection.execute(select(func.count()).select_from(relay).where(refused)).scalar_one()
    since = [connection.execute(select(func.min(relay.c.created_at)).where(refused)).scalar()] if parked else []
    for urgent in (True, False):
        first = select(relay.c.created_at).where(fresh, relay.c.urgent == urgent).order_by(relay.c.event_seq).limit(1)
        since.append(connection.execute(first).scalar())
    return int(total), int(parked), min((moment for moment in since if moment is not None), default=None)


def parked(connection: Connection, limit: int = 20) -> list[tuple[str, int, str]]:
    """Return reference, sequence and reason of parked events, oldest first."""
    rows = connection.execute(
        select(events.c.reference, events.c.sequence, relay.c.parked_reason)
        .join(events, events.c.seq == relay.c.event_seq)
        .where(relay.c.published_at.is_(None), relay.c.parked_reason.is_not(None))
        .order_by(relay.c.event_seq)
        .limit(limit)
    )
    return [(row.reference, row.sequence, row.parked_reason) for row in rows]


def uncopied(connection: Connection, limit: int) -> list[Any]:
    """Return quarantine rows whose copy has not reached balagh.dead."""
    return list(
        connection.execute(
            select(quarantine).where(quarantine.c.copied_at.is_(None)).order_by(quarantine.c.id).limit(limit)
        ).all()
    )


def copied(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark quarantine rows whose copy the broker confirmed."""
    if ids:
        connection.execute(update(quarantine).where(quarantine.c.id.in_(ids)).values(copied_at=now))


def republish(connection: Connection, event_id: str) -> bool:
    """Publish an event once more, under its own id. Returns False when there is no such event."""
    seq = connection.execute(select(events.c.seq).where(events.c.id == event_id)).scalar()
    return seq is not None and anew(connection, relay.c.event_seq == seq) > 0


def anew(connection: Connection, which: ColumnElement[bool]) -> int:
    """Publish some of the outbox's events as if nobody had tried yet, under their own ids; returns how many."""
    fresh = update(relay).where(which).values(published_at=None, parked_until=None, parked_reason=None, attempts=0)
    return connection.execute(fresh).rowcount
