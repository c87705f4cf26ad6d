"""What channels that fetch must remember from one fetch to the next: cursors, ids, halves of messages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from gateway.store.insert import insert_or_update
from gateway.store.tables import memory


def recall(connection: Connection, channel: str, key: str) -> str:
    """Return what a channel remembered under a key; empty when nothing."""
    found = connection.execute(select(memory.c.value).where(memory.c.channel == channel, memory.c.key == key)).scalar()
    return found or ""


def remember(connection: Connection, channel: str, key: str, value: str, now: datetime) -> None:
    """Keep a value under a key; an empty one is forgotten."""
    if not value:
        connection.execute(delete(memory).where(memory.c.channel == channel, memory.c.key == key))
        return
    insert_or_update(connection, memory, {"channel": channel, "key": key}, {"value": value, "updated_at": now})
