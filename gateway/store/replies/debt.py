"""Owing a reply: once for each purpose and Inbound, however often it is asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, not_, select

from gateway.store.insert import insert_or_ignore
from gateway.store.prepared import Prepared, known
from gateway.store.replies.draft import Draft
from gateway.store.replies.state import NEWS, QUEUED, serves
from gateway.store.tables import Instant, replies, reply_payload

_QUEUE = Prepared(
    replies.insert(),
    (
        "id",
        "journal_id",
        "complaint_id",
        "purpose",
        "channel",
        "account",
        "sender",
        "language",
        "state",
        "created_at",
        "updated_at",
        "next_at",
    ),
)
_WRITE = Prepared(
    reply_payload.insert(), ("id", "scheme", "address", "text", "reference", "thread", "slots", "heard_at")
)
_RECENT = (
    select(
        replies.c.sender,
        func.count().label("number"),
        func.count(case((replies.c.created_at >= bindparam("lately", type_=Instant), 1))).label("lately"),
    )
    .where(
        replies.c.sender.in_(bindparam("senders", expanding=True)),
        replies.c.created_at >= bindparam("since", type_=Instant),
        not_(serves(*NEWS)),
    )
    .group_by(replies.c.sender)
)


def queue(connection: Connection, drafts: Sequence[tuple[Draft, str]], now: datetime) -> set[str]:
    """Owe replies, each in its state; one for each purpose and Inbound, however often it is asked for.

    Returns the ids of those that are new.
    """
    if not drafts:
        return set()
    rows = [
        {
            "id": draft.id,
            "journal_id": draft.journal_id,
            "complaint_id": draft.complaint_id,
            "purpose": draft.purpose,
            "channel": draft.channel,
            "account": draft.account,
            "sender": draft.sender,
            "language": draft.language,
            "state": state,
            "created_at": now,
            "updated_at": now,
            "next_at": now if state == QUEUED else None,
        }
        for draft, state in drafts
    ]
    if connection.dialect.name == "postgresql":
        inserted = insert_or_ignore(connection, replies).returning(replies.c.id)
        fresh = set(connection.execute(inserted, rows).scalars())
    else:  # SQLite has one writer: nobody comes between the look and the insert
        owed = known(connection, replies.c.id, [draft.id for draft, _ in drafts])
        new = {str(row["id"]): row for row in rows if row["id"] not in owed}
        _QUEUE.run(connection, list(new.values()))
        fresh = set(new)
    payload = {
        draft.id: {
            "id": draft.id,
            "scheme": str(draft.to.scheme),
            "address": draft.to.value,
            "text": draft.text,
            "reference": draft.reference,
            "thread": draft.thread,
            "slots": json.dumps(draft.slots, ensure_ascii=False),
            "heard_at": draft.heard_at,
        }
        for draft, _ in drafts
        if draft.id in fresh
    }
    _WRITE.run(connection, list(payload.values()))
    return fresh


def recent(
    connection: Connection, senders: Collection[str], since: datetime, lately: datetime
) -> dict[str, tuple[int, int]]:
    """Count what was owed to senders, since a moment and since a later one: machines that thank each other must stop.

    Not the news of what people did with their complaints: that answers no machine, and who has much of it is no loop.
    """
    rows = connection.execute(_RECENT, {"senders": senders, "since": since, "lately": lately})
    return {row.sender: (row.number, row.lately) for row in rows}
