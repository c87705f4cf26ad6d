"""What providers report of replies that they took, in whatever order the reports arrive."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update

from channels.message import Delivery, DeliveryState
from gateway.store.insert import insert_or_update
from gateway.store.replies.state import QUEUED, REFUSED, SUPPRESSED
from gateway.store.tables import deliveries, replies

SENDINGS = 3  # of the same words, when the network says that a telephone was off
RESEND_AFTER = timedelta(minutes=20)  # times the tries so far


def delivered(connection: Connection, channel: str, delivery: Delivery, now: datetime) -> str | None:
    """Apply what a provider says became of a reply, in whatever order. Returns the reply's id, if known."""
    status = DeliveryState(delivery.status)
    known = connection.execute(
        select(deliveries.c.status).where(
            deliveries.c.channel == channel, deliveries.c.provider_id == delivery.provider_id
        )
    ).scalar()
    late = known is not None and DeliveryState(known).rank >= status.rank
    if not late:
        sent = {"channel": channel, "provider_id": delivery.provider_id}
        reported = {"status": status.value, "error_code": delivery.error_code, "at": now}
        insert_or_update(connection, deliveries, sent, reported)
    reply = connection.execute(
        select(replies.c.id, replies.c.provider_id, replies.c.attempts).where(
            replies.c.channel == channel,
            or_(replies.c.provider_id == delivery.provider_id, replies.c.id == delivery.reply),
        )
    ).first()
    if reply is None:
        return None
    if late:  # it may be of a try that was lost and is made anew: what overtook it has been dealt with
        return str(reply.id)
    if reply.provider_id is None:
        connection.execute(update(replies).where(replies.c.id == reply.id).values(provider_id=delivery.provider_id))
    if delivery.transient and reply.attempts < SENDINGS and reply.provider_id in {None, delivery.provider_id}:
        _send_anew(connection, reply.id, delivery.error_code, now + RESEND_AFTER * reply.attempts, now)
    else:
        advance(connection, reply.id, status.value, delivery.error_code, now)
    return str(reply.id)


def _send_anew(connection: Connection, reply_id: str, error_code: str, at: datetime, now: datetime) -> None:
    """Owe a reply once more that the network lost for a reason that passes; one that arrived stays as it is."""
    arrived = [state.value for state in DeliveryState if state.rank >= DeliveryState.DELIVERED.rank and not state.lost]
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state.not_in([*arrived, SUPPRESSED, REFUSED, QUEUED]))
        .values(state=QUEUED, provider_id=None, first_tried_at=None, error_code=error_code, next_at=at, updated_at=now)
    )


def advance(connection: Connection, reply_id: str, status: str, error_code: str, now: datetime) -> None:
    """Move a reply forward; a report that is older than what we know changes nothing."""
    lower = [state.value for state in DeliveryState if state.rank < DeliveryState(status).rank]
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state.in_([*lower, QUEUED]))
        .values(state=status, error_code=error_code or None, next_at=None, updated_at=now)
    )
