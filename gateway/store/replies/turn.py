"""Replies whose turn has come, each taken by one worker."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Select, bindparam, select, true, update
from sqlalchemy.engine import Row

from channels.message import Address, Reply
from gateway.store.prepared import Prepared
from gateway.store.replies.state import SENDING, root
from gateway.store.tables import Instant, replies, reply_payload


@dataclass(frozen=True, slots=True)
class Due:
    """A reply to send now."""

    reply: Reply
    channel: str
    attempts: int
    created_at: datetime


_TAKE = Prepared(
    update(replies)
    .where(replies.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in ("state", "attempts", "first_tried_at", "next_at", "updated_at")}),
    ("state", "attempts", "first_tried_at", "next_at", "updated_at", "b_id"),
)


def _due(condition: ColumnElement[bool]) -> Select[Any]:
    # Not the bare channel: SQLite would take its index, which holds every reply that was ever sent.
    of_channels = (replies.c.channel.op("||")("")).in_(bindparam("channels", expanding=True))
    return (
        select(replies, *(column for column in reply_payload.c if column.name != "id"))
        .join(reply_payload, reply_payload.c.id == replies.c.id)
        .where(
            condition,
            replies.c.next_at <= bindparam("now", type_=Instant),
            of_channels | bindparam("any", type_=Boolean),
            replies.c.account.not_in(bindparam("without", expanding=True)),
            replies.c.id.not_in(bindparam("taken", expanding=True)),
        )
        .order_by(replies.c.next_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=replies)
    )


# Two looks, each along an index of its own: one look that sorts by urgency would read everything that waits.
_URGENT = _due(replies.c.purpose == "distress")
_DUE = _due(true())


def due(
    connection: Connection,
    now: datetime,
    *,
    channels: Collection[str] | None = None,
    without: Collection[str] = (),
    limit: int,
    hold: timedelta,
) -> list[Due]:
    """Take the replies whose time has come, of some channels or of all, whom to call in danger first.

    Those of the accounts `without` stay: their provider takes nothing from them now.

    Each is held for `hold`, so that no other worker takes it meanwhile.
    A worker that dies leaves them in `sending`; after the hold they are due again, with `first_tried_at` set, so that
    the channel looks at the provider before it sends a second time.
    """
    parameters = {"now": now, "channels": channels or [""], "any": channels is None, "without": without}
    rows: list[Row[Any]] = []
    for look in (_URGENT, _DUE):
        if len(rows) < limit:
            rest = {"taken": [row.id for row in rows], "most": limit - len(rows)}
            rows += connection.execute(look, {**parameters, **rest}).all()
    _TAKE.run(
        connection,
        [
            {
                "b_id": row.id,
                "state": SENDING,
                "attempts": row.attempts + 1,
                "first_tried_at": row.first_tried_at or now,
                "next_at": now + hold,
                "updated_at": now,
            }
            for row in rows
        ],
    )
    taken = []
    for row in rows:
        reply = Reply(
            id=row.id,
            account=row.account,
            to=Address(row.scheme, row.address),
            text=row.text,
            language=row.language,
            first_tried_at=row.first_tried_at,
            purpose=root(row.purpose),
            reference=row.reference,
            thread=row.thread,
            heard_at=row.heard_at,
            values=json.loads(row.slots),
        )
        taken.append(Due(reply, row.channel, row.attempts + 1, row.created_at))
    return taken
