"""Who asked for silence, where."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.store.insert import insert_or_ignore
from gateway.store.replies.state import QUEUED, SENDING, SUPPRESSED
from gateway.store.tables import opt_outs, replies

_SILENT = select(opt_outs.c.channel, opt_outs.c.account, opt_outs.c.sender).where(
    opt_outs.c.sender.in_(bindparam("senders", expanding=True))
)


def opt_out(connection: Connection, channel: str, account: str, sender: str, now: datetime) -> None:
    """Send this sender nothing more here. What is queued for them stays unsent, a try that failed is not repeated."""
    connection.execute(
        insert_or_ignore(connection, opt_outs),
        {"channel": channel, "account": account, "sender": sender, "since": now},
    )
    connection.execute(
        update(replies)
        .where(replies.c.sender == sender, replies.c.state.in_((QUEUED, SENDING)))
        .values(state=SUPPRESSED, next_at=None, updated_at=now)
    )


def opt_in(connection: Connection, channel: str, account: str, sender: str) -> None:
    """Take a sender's wish for silence back."""
    connection.execute(
        delete(opt_outs).where(
            opt_outs.c.channel == channel, opt_outs.c.account == account, opt_outs.c.sender == sender
        )
    )


def silent(connection: Connection, senders: Collection[str]) -> set[tuple[str, str, str]]:
    """Return (channel, account, sender) wherever one of the senders asked for silence."""
    rows = connection.execute(_SILENT, {"senders": senders})
    return {(row.channel, row.account, row.sender) for row in rows}


def opt_out_of(connection: Connection, reply_id: str, channel: str, account: str, now: datetime) -> None:
    """Record that the provider knows of a wish for silence that we had missed."""
    sender = connection.execute(select(replies.c.sender).where(replies.c.id == reply_id)).scalar()
    if sender:
        opt_out(connection, channel, account, sender, now)
