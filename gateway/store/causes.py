"""Causes: places and categories that keep coming back, counted without anybody's words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, null, select

from gateway.store.tables import complaints, sightings

WEEK, MONTH, QUARTER = timedelta(days=7), timedelta(days=30), timedelta(days=90)
FEWEST, FEWEST_SENDERS = 5, 3  # complaints, and people behind them, before it is more than one person's trouble


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps coming back where: complaints of one family in a district, or at a named place of it.

    `week`, `month` and `quarter` count the last 7, 30 and 90 days; `before` the 30 days before the last 30.
    """

    family: str
    district: str | None
    place: str | None
    week: int
    month: int
    quarter: int
    before: int
    senders: int
    incidents: int
    last_at: datetime

    @property
    def growth(self) -> float | None:
        """The last 30 days against the 30 before, as a ratio; None when there was nothing before."""
        return self.month / self.before if self.before else None


def coming_back(
    connection: Connection,
    now: datetime,
    *,
    since: datetime | None = None,
    besides: Collection[str] = (),
    limit: int = 100,
) -> Sequence[Cause]:
    """Return what at least five complaints of three senders in 90 days were about, the latest first.

    `since` leaves out what has not come back since then; `besides` are families that have no common cause.
    """
    at = sightings.c.at

    recent = and_(
        at > now - QUARTER,
        at <= now,
        sightings.c.family.not_in(list(besides)),
        complaints.c.confidential.is_(False),
    )
    found: list[Cause] = []
    for where, district, place in (
        (sightings.c.place, func.min(sightings.c.district), sightings.c.place),
        (sightings.c.district, sightings.c.district, null()),
    ):
        statement = (
            select(
                sightings.c.family,
                district.label("district"),
                place.label("place"),
                _within(now, WEEK).label("week"),
                _within(now, MONTH).label("month"),
                func.count().label("quarter"),
                _within(now - MONTH, MONTH).label("before"),
                func.count(complaints.c.sender.distinct()).label("senders"),
                func.count(sightings.c.incident.distinct()).label("incidents"),
                func.max(at).label("last_at"),
            )
            .join(complaints, complaints.c.id == sightings.c.complaint_id)
            .where(recent, where.is_not(None))
            .group_by(sightings.c.family, where)
            .having(func.count() >= FEWEST, func.count(complaints.c.sender.distinct()) >= FEWEST_SENDERS)
            .order_by(func.max(at).desc())
            .limit(limit)
        )
        found += [Cause(*row) for row in connection.execute(statement)]
    wanted = [cause for cause in found if (since is None or cause.last_at >= since) and not _said(cause, found)]
    return sorted(wanted, key=lambda cause: cause.last_at, reverse=True)[:limit]


def _within(until: datetime, span: timedelta) -> ColumnElement[int]:
    """Count what was seen in a span that ends at a moment."""
    return func.count(case((and_(sightings.c.at > until - span, sightings.c.at <= until), 1)))


def _said(cause: Cause, found: Sequence[Cause]) -> bool:
    """Tell whether a district's cause is wholly that of one named place, which says more."""
    same = (cause.family, cause.district, cause.quarter)
    return cause.place is None and any(one.place and (one.family, one.district, one.quarter) == same for one in found)
