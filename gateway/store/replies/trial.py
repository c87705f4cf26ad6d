"""What came of a try: sent, not now, never."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, literal_column, not_, null, or_, select, update

from channels.message import DeliveryState
from gateway.store.prepared import Prepared
from gateway.store.replies.report import advance
from gateway.store.replies.state import GAVE_UP, NEWS, PATIENCE, QUEUED, REFUSED, SENDING, serves
from gateway.store.tables import deliveries, replies

_SENT = Prepared(
    update(replies)
    .where(
        replies.c.id == bindparam("b_id"),
        replies.c.state != literal_column(f"'{QUEUED}'"),  # queued: a report came first, and it goes anew
    )
    .values(
        provider_id=bindparam("provider_id"),
        state=literal_column(f"'{DeliveryState.SENT.value}'"),
        error_code=null(),
        next_at=null(),
        updated_at=bindparam("updated_at"),
    ),
    ("b_id", "provider_id", "updated_at"),
)
_EARLY = (
    select(deliveries.c.status, deliveries.c.error_code, replies.c.id)
    .join(replies, and_(replies.c.channel == deliveries.c.channel, replies.c.provider_id == deliveries.c.provider_id))
    .where(
        deliveries.c.channel == bindparam("channel"),
        deliveries.c.provider_id.in_(bindparam("provider_ids", expanding=True)),
    )
)


def sent(connection: Connection, channel: str, taken: Mapping[str, str], now: datetime) -> list[str]:
    """Record that the provider took replies: id to the provider's. A delivery report that came first is applied now.

    Returns the ids of those of which there was such a report.
    """
    rows = [{"b_id": ours, "provider_id": theirs, "updated_at": now} for ours, theirs in taken.items()]
    _SENT.run(connection, rows)
    early = connection.execute(_EARLY, {"channel": channel, "provider_ids": list(taken.values())}).all()
    for row in early:
        advance(connection, row.id, row.status, row.error_code, now)
    return [row.id for row in early]


def again(
    connection: Connection,
    reply_id: str,
    code: str,
    at: datetime,
    now: datetime,
    *,
    unknown: bool,
    counted: bool = True,
) -> None:
    """Record a try that failed for now. Unless its outcome is `unknown`, the next try need not look first.

    One that is not `counted` was no fault of this reply's.
    """
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state == SENDING)  # a report or a wish for silence may be faster
        .values(
            state=SENDING if unknown else QUEUED,
            error_code=code,
            next_at=at,
            updated_at=now,
            **({} if unknown else {"first_tried_at": None}),
            **({} if counted else {"attempts": replies.c.attempts - 1}),
        )
    )


def refused(connection: Connection, reply_id: str, code: str, now: datetime) -> None:
    """Record that a reply will never go."""
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state == SENDING)
        .values(state=REFUSED, error_code=code, next_at=None, updated_at=now)
    )


def close_all_but(connection: Connection, channels: Collection[str], now: datetime, *, limit: int) -> list[str]:
    """Give up what has waited too long for channels that nobody speaks for any more; returns the ids of some."""
    late = [and_(serves(purpose), replies.c.created_at <= now - lasting) for purpose, lasting in NEWS.items()]
    late.append(and_(not_(serves(*NEWS)), replies.c.created_at <= now - PATIENCE))
    waiting = select(replies.c.id).where(replies.c.next_at <= now, or_(*late), replies.c.channel.not_in(channels))
    closed = list(connection.scalars(waiting.limit(limit).with_for_update(skip_locked=True)))
    given_up = {"state": REFUSED, "error_code": f"{GAVE_UP}channel is off", "next_at": None, "updated_at": now}
    if closed:
        connection.execute(update(replies).where(replies.c.id.in_(closed)).values(given_up))
    return closed
