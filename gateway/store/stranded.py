"""What the broker was given and may have lost: events that no router has seen, messages of a queue that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, or_, select, text, update

from gateway.store import facts, outbox
from gateway.store.parts import parts
from gateway.store.quarantine import DISPATCH
from gateway.store.tables import answers, complaints, events, quarantine, relay
from gateway.store.tables import facts as facts_table
from normalizer.complaint import Priority

AT_ONCE = 500  # events published anew in one look
_FIRST = "first"  # noted of a queue that this store had never looked into before it was made


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue was seen to hold, and when."""

    messages: int
    at: datetime


def settled(connection: Connection, after: int, before: datetime) -> int:
    """Return up to which event, counted from `after`, a router has seen all that is older than `before`.

    Whoever asks again may begin there, so that a look costs what is new and not what is stored.
    """
    # Asked first, so that what comes meanwhile is young.
    last: int = connection.execute(select(func.max(events.c.seq))).scalar() or after
    waiting = _unrouted(after).with_only_columns(func.min(events.c.seq))
    young = select(func.min(events.c.seq)).where(events.c.seq > after, events.c.time >= before)
    bounds = [seq - 1 for seq in (connection.execute(waiting).scalar(), connection.execute(young).scalar()) if seq]
    return min(last, *bounds) if bounds else last


def settled_before(connection: Connection) -> int:
    """Return what the last process that looked found `settled`; 0 before the first look."""
    return int(facts.known(connection, "settled") or 0)


def keep_settled(connection: Connection, seq: int) -> None:
    """Keep what is `settled`, so that a start does not begin with a look at every event there ever was."""
    facts.keep(connection, "settled", str(seq))


def unrouted(connection: Connection, after: int = 0) -> tuple[int, datetime | None]:
    """Count the events that the broker has and that no router has seen, and say since when the oldest is so.

    One that broke on the way there is not among them: it is in quarantine.
    """
    told = _unrouted(after).where(relay.c.published_at.is_not(None))
    count, since = connection.execute(told.with_only_columns(func.count(), func.min(relay.c.published_at))).one()
    return int(count), since


def tell_again(connection: Connection, after: int, before: datetime) -> list[str]:
    """Publish anew what was published before a moment and no router has seen. Returns the references."""
    rows = connection.execute(
        _unrouted(after)
        .with_only_columns(events.c.seq, events.c.reference)
        .where(relay.c.published_at < before)
        .order_by(events.c.seq)
        .limit(AT_ONCE)
    ).all()
    _anew(connection, [row.seq for row in rows])
    return [row.reference for row in rows]


def _unrouted(after: int) -> Select[Any]:
    broke = exists().where(quarantine.c.stage == DISPATCH, quarantine.c.subject == events.c.id)
    return (
        select(events.c.seq)
        .join(complaints, complaints.c.id == events.c.complaint_id)
        .join(relay, relay.c.event_seq == events.c.seq)
        .where(
            events.c.seq > after,
            events.c.type.in_(("received", "amended")),
            events.c.sequence > complaints.c.routed_sequence,
            ~broke,
        )
    )


def first_to_make(connection: Connection, queue: str, *, by: str, at: datetime, within: timedelta) -> bool:
    """Note who found a queue missing and made it; False when another process notes the same at about the same time.

    Processes that start together, or that lose one broker, all find its queues missing; what a queue held is published
    again once.
    """
    name = f"made {queue}"
    other, *noted = facts.hold(connection, name).split() or [""]
    if other not in {"", by} and abs(at - datetime.fromisoformat(noted[0])) < within:
        return False
    first = [_FIRST] if remembered(connection, queue) is None else []
    facts.keep(connection, name, " ".join([by, at.isoformat(), *first]))
    return True


def made(connection: Connection) -> dict[str, str]:
    """Return a word for each department's queue that was ever made anew; it changes whenever that happens again.

    One that was made for the first time, as at the start of a city, has none: nothing can have been lost with it.
    """
    noted = connection.execute(select(facts_table.c.name, facts_table.c.value).where(facts_table.c.name.like("made %")))
    return {row.name.partition(" ")[2]: row.value for row in noted if not row.value.endswith(_FIRST)}


def remember(connection: Connection, queue: str, depth: Depth) -> None:
    """Keep what a queue was seen to hold, for the day on which it is gone."""
    facts.keep(connection, f"queue {queue}", f"{depth.messages} {depth.at.isoformat()}")


def remembered(connection: Connection, queue: str) -> Depth | None:
    """Return what a queue was last seen to hold; None when it was never looked at."""
    value = facts.known(connection, f"queue {queue}")
    if value is None:
        return None
    messages, _, at = value.partition(" ")
    return Depth(int(messages), datetime.fromisoformat(at))


def offer_again(connection: Connection, department: str, depth: Depth, until: datetime) -> int:
    """Publish anew what a department's lost queue can have held, refusals too, and return how many messages that is.

    That is as many as it held when last looked at, the latest ones, and all that was published from then to `until`.
    Some of it the department may have taken meanwhile: it sees an event id again.
    """
    published = (
        select(relay.c.event_seq)
        .join(events, events.c.seq == relay.c.event_seq)
        .where(events.c.department == department, relay.c.published_at < until)
    )
    held = published.where(relay.c.published_at < depth.at).order_by(
        relay.c.published_at.desc(), relay.c.event_seq.desc()
    )
    rows = [*connection.execute(published.where(relay.c.published_at >= depth.at)).scalars()]
    if depth.messages:
        rows += connection.execute(held.limit(depth.messages)).scalars()
    _anew(connection, rows)
    return len(rows) + _refuse_again(connection, department, depth, until)


def _refuse_again(connection: Connection, department: str, depth: Depth, until: datetime) -> int:
    told = select(answers.c.id).where(answers.c.department == department, answers.c.told_at < until)
    held = told.where(answers.c.told_at < depth.at).order_by(answers.c.told_at.desc(), answers.c.id)
    lost = or_(
        answers.c.id.in_(told.where(answers.c.told_at >= depth.at)), answers.c.id.in_(held.limit(depth.messages))
    )
    return connection.execute(update(answers).where(lost).values(tell_at=answers.c.at)).rowcount


def copy_again(connection: Connection, before: datetime) -> int:
    """Copy once more what was copied to balagh.dead before a moment and is open; return how many rows that is."""
    lost = and_(quarantine.c.state == text("'open'"), quarantine.c.copied_at < before)
    return connection.execute(update(quarantine).where(lost).values(copied_at=None)).rowcount


def waits_since(connection: Connection, department: str, messages: int) -> datetime | None:
    """Say when the oldest of so many messages in a department's queue was published; queues hand out oldest first."""
    return connection.execute(
        select(relay.c.published_at)
        .join(events, events.c.seq == relay.c.event_seq)
        .where(events.c.department == department, relay.c.published_at.is_not(None))
        .order_by(relay.c.published_at.desc())
        .offset(messages - 1)
        .limit(1)
    ).scalar()


def refused(connection: Connection, reason: str) -> set[tuple[str | None, bool]]:
    """Say of what is parked for a reason to which departments it goes (None: to the router), and if as distress."""
    waiting = relay.c.published_at.is_(None) & (relay.c.parked_reason == reason)
    distress = (events.c.priority == Priority.DISTRESS.value).label("distress")
    rows = connection.execute(
        select(events.c.department, distress).distinct().join(relay, relay.c.event_seq == events.c.seq).where(waiting)
    )
    return {(row.department, bool(row.distress)) for row in rows}


def _anew(connection: Connection, seqs: list[int]) -> None:
    for some in parts(seqs):
        outbox.anew(connection, relay.c.event_seq.in_(some))
