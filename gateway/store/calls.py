"""Telephone calls while they last: which line each has, which codes were sent, and which calls never ended.

These are a few rows at any time, kept beside what channels remember; the facts of a call stand in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, text

from gateway.store.memory import recall, remember
from gateway.store.tables import complaints, journal, memory

LINE, OPEN, CODE = "line:", "open:", "code:"
_LINES_LOCK = 0x62616C61_6C696E65  # on PostgreSQL, for whoever counts lines


@dataclass(frozen=True, slots=True)
class Unended:
    """A call that began and of whose end nobody has told."""

    call: str
    since: datetime


def take_line(connection: Connection, channel: str, call: str, *, lines: int, since: datetime, now: datetime) -> bool:
    """Take a line for a call, once; False when `lines` others have one taken later than `since`."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LINES_LOCK})
    mine = (memory.c.channel == channel) & memory.c.key.startswith(LINE, autoescape=True)
    connection.execute(delete(memory).where(mine, memory.c.updated_at <= since))  # a call whose end was never told
    taken = connection.execute(
        select(func.count()).select_from(memory).where(mine, memory.c.key != LINE + call)
    ).scalar_one()
    if taken >= lines:
        return False
    remember(connection, channel, LINE + call, "1", now)
    return True


def free_line(connection: Connection, channel: str, call: str) -> None:
    """Give a call's line back."""
    connection.execute(delete(memory).where(memory.c.channel == channel, memory.c.key == LINE + call))


def begin(connection: Connection, channel: str, call: str, now: datetime) -> None:
    """Remember a call until its end is told."""
    remember(connection, channel, OPEN + call, "1", now)


def end(connection: Connection, channel: str, call: str) -> None:
    """Forget whatever was remembered of a call."""
    keys = [prefix + call for prefix in (LINE, OPEN, CODE)]
    connection.execute(delete(memory).where(memory.c.channel == channel, memory.c.key.in_(keys)))


def unended(connection: Connection, channel: str, before: datetime, *, limit: int = 100) -> list[Unended]:
    """Return the calls that began before a moment and have not ended, the oldest first."""
    rows = connection.execute(
        select(memory.c.key, memory.c.updated_at)
        .where(
            memory.c.channel == channel,
            memory.c.key.startswith(OPEN, autoescape=True),
            memory.c.updated_at < before,
        )
        .order_by(memory.c.updated_at)
        .limit(limit)
    )
    return [Unended(row.key.removeprefix(OPEN), row.updated_at) for row in rows]


def keep_code(connection: Connection, channel: str, call: str, code: Mapping[str, Any], now: datetime) -> None:
    """Keep what is known of the code that was sent in a call."""
    remember(connection, channel, CODE + call, json.dumps(code, separators=(",", ":")), now)


def code(connection: Connection, channel: str, call: str) -> Mapping[str, Any]:
    """Return what is known of the code that was sent in a call; empty when none was."""
    kept = recall(connection, channel, CODE + call)
    found = json.loads(kept) if kept else {}
    return found if isinstance(found, dict) else {}


def reference(connection: Connection, sender: str) -> str:
    """Return the reference of the complaint that a call has made, or will have once it is understood."""
    filed = connection.execute(
        select(complaints.c.reference)
        .where(complaints.c.sender == sender)
        .order_by(complaints.c.received_at, complaints.c.id)
        .limit(1)
    ).scalar()
    if filed:
        return str(filed)
    waiting = connection.execute(
        select(journal.c.reference)
        .where(journal.c.state == text("'pending'"), journal.c.sender == sender, journal.c.reference.is_not(None))
        .order_by(journal.c.seq)
        .limit(1)
    ).scalar()
    return str(waiting or "")
