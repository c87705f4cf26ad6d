"""A reply to be: the words that a citizen is owed, and how they were owed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from channels.message import Address
from gateway.store.replies.state import CODE, CODE_LIFE, LOST, instead, root, serves
from gateway.store.tables import replies, reply_payload


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply to be: what it answers, and to whom it goes."""

    id: str
    journal_id: str
    complaint_id: str | None
    purpose: str
    channel: str
    account: str
    sender: str
    language: str
    to: Address = field(repr=False)
    text: str = field(repr=False)
    reference: str = ""
    thread: str = field(default="", repr=False)
    slots: Mapping[str, str] = field(default_factory=dict, repr=False)
    heard_at: datetime | None = None


def lost(connection: Connection, reply_id: str, now: datetime) -> Draft | None:
    """Return a reply as it was owed when it is known not to reach its citizen, and nothing went in its place.

    None of every other, and of a code that is of no use any more.
    """
    other = replies.alias()
    row = connection.execute(
        select(replies, *(column for column in reply_payload.c if column.name != "id"))
        .join(reply_payload, reply_payload.c.id == replies.c.id)
        .where(replies.c.id == reply_id, replies.c.state.in_(LOST))
        .where(~select(other.c.id).where(instead(other, replies)).exists())
    ).first()
    if row is None or (root(row.purpose) == CODE and now - row.created_at > CODE_LIFE):
        return None
    return Draft(
        id=row.id,
        journal_id=row.journal_id,
        complaint_id=row.complaint_id,
        purpose=row.purpose,
        channel=row.channel,
        account=row.account,
        sender=row.sender,
        language=row.language,
        to=Address(row.scheme, row.address),
        text=row.text,
        reference=row.reference,
        thread=row.thread,
        slots=json.loads(row.slots),
        heard_at=row.heard_at,
    )


def ways(connection: Connection, reply: Draft) -> set[tuple[str, str, str]]:
    """Return (channel, account, sender) of a reply, and of all in whose place it went."""
    rows = connection.execute(
        select(replies.c.channel, replies.c.account, replies.c.sender).where(
            replies.c.journal_id == reply.journal_id, serves(root(reply.purpose))
        )
    )
    return {(row.channel, row.account, row.sender) for row in rows}
