"""What channels that fetch must remember from one fetch to the next: cursors, ids, halves of messages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

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
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    connection.execute(
        insert(memory)
        .values(channel=channel, key=key, value=value, updated_at=now)
        .on_conflict_do_update(index_elements=["channel", "key"], set_={"value": value, "updated_at": now})
    )
