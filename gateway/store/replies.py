"""The citizens' outbox: what we owe them in words, what the provider made of it, and who asked for silence."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Row

from channels.message import Address, Delivery, DeliveryState, Reply
from gateway.store.journal import insert_or_ignore
from gateway.store.prepared import Prepared, known
from gateway.store.tables import Instant, deliveries, opt_outs, replies, reply_payload

QUEUED, SUPPRESSED, REFUSED = "queued", "suppressed", "refused"
SENDING = DeliveryState.SENDING.value
PATIENCE = timedelta(days=1)  # with a provider that takes nothing, and a channel that is off
NEWS = {"resolved": timedelta(days=2), "closed": timedelta(days=2)}  # the same, for what cannot be read anywhere sooner
GAVE_UP = "gave up: "  # before the reason, in the error code of what we ceased to try
ELSEWHERE = "/"  # between the purpose of a reply and the channel that it went to instead
SENDINGS = 3  # of the same words, when the network says that a telephone was off
RESEND_AFTER = timedelta(minutes=20)  # times the tries so far


@dataclass(frozen=True, slots=True)
class Due:
    """A reply to send now."""

    reply: Reply
    channel: str
    attempts: int
    created_at: datetime
    journal_id: str
    complaint_id: str | None


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
_TAKE = Prepared(
    update(replies)
    .where(replies.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in ("state", "attempts", "first_tried_at", "next_at", "updated_at")}),
    ("state", "attempts", "first_tried_at", "next_at", "updated_at", "b_id"),
)
_RECENT = (
    select(replies.c.sender, func.count().label("number"))
    .where(
        replies.c.sender.in_(bindparam("senders", expanding=True)),
        replies.c.created_at >= bindparam("since", type_=Instant),
    )
    .group_by(replies.c.sender)
)
_SILENT = select(opt_outs.c.channel, opt_outs.c.account, opt_outs.c.sender).where(
    opt_outs.c.sender.in_(bindparam("senders", expanding=True))
)


def patience(purpose: str) -> timedelta:
    """Return for how long after it was owed a reply for this purpose is worth sending."""
    return NEWS.get(purpose.partition(ELSEWHERE)[0], PATIENCE)


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


def recent(connection: Connection, senders: Collection[str], since: datetime) -> dict[str, int]:
    """Count what was owed to senders lately: two machines that thank each other must stop somewhere."""
    rows = connection.execute(_RECENT, {"senders": senders, "since": since})
    return {row.sender: row.number for row in rows}


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
    connection: Connection, now: datetime, *, channels: Collection[str] | None = None, limit: int, hold: timedelta
) -> list[Due]:
    """Take the replies whose time has come, of some channels or of all, whom to call in danger first.

    Each is held for `hold`, so that no other worker takes it meanwhile.
    A worker that dies leaves them in `sending`; after the hold they are due again, with `first_tried_at` set, so that
    the channel looks at the provider before it sends a second time.
    """
    parameters = {"now": now, "channels": channels or [""], "any": channels is None}
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
            purpose=row.purpose.partition(ELSEWHERE)[0],
            reference=row.reference,
            thread=row.thread,
            heard_at=row.heard_at,
            values=json.loads(row.slots),
        )
        taken.append(Due(reply, row.channel, row.attempts + 1, row.created_at, row.journal_id, row.complaint_id))
    return taken


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


def sent(connection: Connection, channel: str, taken: Mapping[str, str], now: datetime) -> None:
    """Record that the provider took replies: id to the provider's. A delivery report that came first is applied now."""
    rows = [{"b_id": ours, "provider_id": theirs, "updated_at": now} for ours, theirs in taken.items()]
    _SENT.run(connection, rows)
    early = connection.execute(_EARLY, {"channel": channel, "provider_ids": list(taken.values())}).all()
    for row in early:
        _advance(connection, row.id, row.status, row.error_code, now)


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
        insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
        values = {"status": status.value, "error_code": delivery.error_code, "at": now}
        connection.execute(
            insert(deliveries)
            .values(channel=channel, provider_id=delivery.provider_id, **values)
            .on_conflict_do_update(index_elements=["channel", "provider_id"], set_=values)
        )
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
        _advance(connection, reply.id, status.value, delivery.error_code, now)
    return str(reply.id)


def find(connection: Connection, reply_id: str) -> Draft | None:
    """Return a reply as it was owed, or None."""
    row = connection.execute(
        select(replies, *(column for column in reply_payload.c if column.name != "id"))
        .join(reply_payload, reply_payload.c.id == replies.c.id)
        .where(replies.c.id == reply_id)
    ).first()
    if row is None:
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


def _send_anew(connection: Connection, reply_id: str, error_code: str, at: datetime, now: datetime) -> None:
    """Owe a reply once more that the network lost for a reason that passes; one that arrived stays as it is."""
    arrived = [state.value for state in DeliveryState if state.rank >= DeliveryState.DELIVERED.rank and not state.lost]
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state.not_in([*arrived, SUPPRESSED, REFUSED, QUEUED]))
        .values(state=QUEUED, provider_id=None, first_tried_at=None, error_code=error_code, next_at=at, updated_at=now)
    )


def _advance(connection: Connection, reply_id: str, status: str, error_code: str, now: datetime) -> None:
    """Move a reply forward; a report that is older than what we know changes nothing."""
    lower = [state.value for state in DeliveryState if state.rank < DeliveryState(status).rank]
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.state.in_([*lower, QUEUED]))
        .values(state=status, error_code=error_code or None, next_at=None, updated_at=now)
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


def close_all_but(connection: Connection, channels: Collection[str], now: datetime) -> int:
    """Give up what has waited too long for channels that nobody speaks for any more; returns how many."""
    plain = replies.c.purpose
    named = {purpose: or_(plain == purpose, plain.startswith(purpose + ELSEWHERE)) for purpose in NEWS}
    late = [and_(named[purpose], replies.c.created_at <= now - lasting) for purpose, lasting in NEWS.items()]
    late.append(and_(not_(or_(*named.values())), replies.c.created_at <= now - PATIENCE))
    result = connection.execute(
        update(replies)
        .where(replies.c.next_at <= now, or_(*late), replies.c.channel.not_in(channels))
        .values(state=REFUSED, error_code=f"{GAVE_UP}channel is off", next_at=None, updated_at=now)
    )
    return result.rowcount


def given_up(connection: Connection, since: datetime) -> int:
    """Count the replies that were given up since a moment, because a provider or a channel stayed away."""
    lost = select(func.count()).select_from(replies)
    lost = lost.where(
        replies.c.state == REFUSED, replies.c.error_code.startswith(GAVE_UP), replies.c.updated_at >= since
    )
    return int(connection.execute(lost).scalar_one())


def states(connection: Connection) -> dict[str, int]:
    """Count the replies by state."""
    return {
        row.state: row.number
        for row in connection.execute(select(replies.c.state, func.count().label("number")).group_by(replies.c.state))
    }


def opt_out_of(connection: Connection, reply_id: str, channel: str, account: str, now: datetime) -> None:
    """Record that the provider knows of a wish for silence that we had missed."""
    sender = connection.execute(select(replies.c.sender).where(replies.c.id == reply_id)).scalar()
    if sender:
        opt_out(connection, channel, account, sender, now)


def waiting(connection: Connection) -> int:
    """Count what is still to be done, whatever the history."""
    due = select(func.count()).select_from(replies).where(replies.c.next_at.is_not(None))
    return int(connection.execute(due).scalar_one())
