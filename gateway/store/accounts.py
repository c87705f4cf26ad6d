"""The books: where every accepted message is now, and what is missing between journal, events and broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, and_, case, func, or_, select, text

from gateway.store.journal import CANDIDATE
from gateway.store.moments import young
from gateway.store.quarantine import INTERPRET
from gateway.store.tables import complaints, events, journal, quarantine, relay, tasks
from gateway.store.tasks import TaskKind
from normalizer.complaint import Status

SHOWN = 20  # references named for one kind of gap


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """What became of the messages of one channel."""

    channel: str
    accepted: int
    complaints: int
    amendments: int
    nothing: int
    others: int
    waiting: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Passage:
    """How far the complaints of one channel have come.

    `filed` complaints are in the journal, of `confirmed` the broker has every event, of `offered` it has the offer to
    the department (the triage desk is one) that has them now. In peace the three are equal.
    """

    channel: str
    filed: int
    confirmed: int
    offered: int


@dataclass(frozen=True, slots=True)
class DepartmentAccount:
    """What a department was sent."""

    department: str
    published: int
    unpublished: int
    complaints: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not where it should be."""

    what: str
    count: int
    references: tuple[str, ...]


def by_channel(connection: Connection, since: datetime | None) -> list[ChannelAccount]:
    """Account for every journaled message, channel by channel."""

    def of(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    done, outcome = journal.c.state == text("'done'"), journal.c.outcome
    statement = select(
        journal.c.channel,
        func.count().label("accepted"),
        of(and_(done, outcome == "complaint")).label("complaints"),
        of(and_(done, outcome == "amendment")).label("amendments"),
        of(and_(done, outcome.like("nothing%"))).label("unfiled"),
        of(journal.c.state == text("'pending'")).label("waiting"),
        of(journal.c.state == text("'quarantined'")).label("quarantined"),
    )
    if since is not None:
        statement = statement.where(journal.c.received_at >= since)
    rows = connection.execute(statement.group_by(journal.c.channel).order_by(journal.c.channel))
    accounts = []
    for row in rows:
        named = row.complaints + row.amendments + row.unfiled + row.waiting + row.quarantined
        accounts.append(
            ChannelAccount(
                row.channel,
                row.accepted,
                row.complaints,
                row.amendments,
                row.unfiled,
                row.accepted - named,
                row.waiting,
                row.quarantined,
            )
        )
    return accounts


def passages(connection: Connection, since: datetime | None) -> list[Passage]:
    """Follow the complaints of every channel from the journal to the broker and to their departments."""
    unconfirmed = select(relay.c.complaint_id).where(relay.c.published_at.is_(None)).distinct().subquery()
    offer = events.alias("offer")
    statement = (
        select(
            journal.c.channel,
            func.count(complaints.c.id).label("filed"),
            (func.count(complaints.c.id) - func.count(unconfirmed.c.complaint_id)).label("confirmed"),
            func.count(relay.c.published_at).label("offered"),
        )
        .join(complaints, complaints.c.id == journal.c.complaint_id)
        .outerjoin(unconfirmed, unconfirmed.c.complaint_id == complaints.c.id)
        .outerjoin(offer, offer.c.id == complaints.c.offer)
        .outerjoin(relay, relay.c.event_seq == offer.c.seq)
        .where(journal.c.outcome == "complaint")
    )
    if since is not None:
        statement = statement.where(journal.c.received_at >= since)
    rows = connection.execute(statement.group_by(journal.c.channel).order_by(journal.c.channel))
    return [Passage(row.channel, row.filed, row.confirmed, row.offered) for row in rows]


def by_department(connection: Connection, since: datetime | None) -> list[DepartmentAccount]:
    """Account for every event that a department must hear."""
    statement = (
        select(
            events.c.department,
            func.count(relay.c.published_at).label("published"),
            func.count().label("all"),
            func.count(events.c.complaint_id.distinct()).label("complaints"),
        )
        .join(relay, relay.c.event_seq == events.c.seq)
        .where(events.c.department.is_not(None))
    )
    if since is not None:
        statement = statement.where(events.c.time >= since)
    rows = connection.execute(statement.group_by(events.c.department).order_by(events.c.department))
    return [DepartmentAccount(row.department, row.published, row.all - row.published, row.complaints) for row in rows]


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """What is too young to be missed: messages not understood, events not confirmed, complaints not routed."""

    messages: int
    events: int
    complaints: int


def on_the_way(connection: Connection, since: datetime | None, settled_before: datetime) -> OnTheWay:
    """Count what `gaps` leaves out because it arrived after `settled_before`."""
    return OnTheWay(
        *(
            int(
                connection.execute(
                    select(func.count()).select_from(statement.where(young(time, settled_before)).subquery())
                ).scalar_one()
            )
            for _, statement, time in _moving(since)
        )
    )


def copied(connection: Connection) -> int:
    """Count the quarantine rows that have a copy in balagh.dead."""
    return int(connection.execute(select(func.count(quarantine.c.copied_at))).scalar_one())


def last_heard(connection: Connection, reference: str) -> str | None:
    """Return the id of the last event in which a complaint's citizen spoke, the one that a router must have had."""
    return connection.execute(
        select(events.c.id)
        .where(events.c.reference == reference, events.c.type.in_(("received", "amended")))
        .order_by(events.c.sequence.desc())
        .limit(1)
    ).scalar()


def gaps(connection: Connection, since: datetime | None, settled_before: datetime) -> Iterator[Gap]:
    """Yield what is missing. What arrived after `settled_before` may still be on its way and is not counted."""
    in_time = [journal.c.received_at >= since] if since is not None else []
    events_in_time = [events.c.time >= since] if since is not None else []
    for what, statement, time in _moving(since):
        yield from _gap(connection, what, statement.where(~young(time, settled_before)))
    yield from _gap(
        connection,
        "understood as a complaint, but there is none",
        select(journal.c.reference)
        .outerjoin(complaints, complaints.c.id == journal.c.complaint_id)
        .where(journal.c.outcome.in_(("complaint", "amendment")), complaints.c.id.is_(None), *in_time),
    )
    yield from _gap(
        connection,
        "set aside, but nobody is shown it",
        select(func.coalesce(journal.c.reference, journal.c.id).label("reference"))
        .outerjoin(
            quarantine,
            and_(
                quarantine.c.stage == INTERPRET,
                quarantine.c.subject == journal.c.id,
                quarantine.c.state == text("'open'"),
            ),
        )
        .where(journal.c.state == text("'quarantined'"), quarantine.c.id.is_(None), *in_time),
    )
    asked = select(tasks.c.subject).where(tasks.c.state == text("'open'"))
    yield from _gap(
        connection,
        "waits for a person, but nobody is asked",
        select(journal.c.reference)
        .where(journal.c.outcome == CANDIDATE, *in_time)
        .where(journal.c.id.not_in(asked.where(tasks.c.kind == TaskKind.CONFIRM.value)))
        .union_all(
            select(complaints.c.reference)
            .where(complaints.c.status == Status.TRIAGE.value)
            .where(complaints.c.id.not_in(asked.where(tasks.c.kind == TaskKind.TRIAGE.value)))
        ),
    )
    counted = (
        select(events.c.complaint_id, func.count().label("count"), func.max(events.c.sequence).label("last"))
        .group_by(events.c.complaint_id)
        .subquery()
    )
    yield from _gap(
        connection,
        "a complaint with a hole in its events",
        select(complaints.c.reference)
        .outerjoin(counted, counted.c.complaint_id == complaints.c.id)
        .where(
            or_(
                counted.c.count.is_(None),
                counted.c.count != complaints.c.sequence,
                counted.c.last != complaints.c.sequence,
            )
        ),
    )
    yield from _gap(
        connection,
        "an event that the outbox does not know",
        select(events.c.reference)
        .outerjoin(relay, relay.c.event_seq == events.c.seq)
        .where(relay.c.event_seq.is_(None), *events_in_time),
    )


def _moving(since: datetime | None) -> list[tuple[str, Select[Any], ColumnElement[datetime]]]:
    """What must not stay where it is: in words, as a question, and the time since when it is there."""
    in_time = [journal.c.received_at >= since] if since is not None else []
    events_in_time = [events.c.time >= since] if since is not None else []
    return [
        (
            "accepted, but not understood yet",
            select(journal.c.reference).where(journal.c.state == text("'pending'"), *in_time),
            journal.c.received_at,
        ),
        (
            "an event that the broker has not confirmed",
            select(events.c.reference)
            .join(relay, relay.c.event_seq == events.c.seq)
            .where(relay.c.published_at.is_(None), *events_in_time),
            relay.c.created_at,
        ),
        (
            "a complaint that no department has",
            select(complaints.c.reference).where(complaints.c.department.is_(None)),
            complaints.c.received_at,
        ),
    ]


def _gap(connection: Connection, what: str, statement: Select[Any] | CompoundSelect[Any]) -> Iterator[Gap]:
    found = statement.subquery()
    count = connection.execute(select(func.count()).select_from(found)).scalar_one()
    if count:
        shown = connection.execute(select(found.c.reference).limit(SHOWN)).scalars()
        yield Gap(what, int(count), tuple(str(reference) for reference in shown))
