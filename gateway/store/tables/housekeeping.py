"""What the house keeps for itself: what broke, what it has noted, who works on what, and the seals."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from gateway.store.tables.columns import Instant, Serial, metadata

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("stage", Text, nullable=False, comment="the room in which it broke: interpret, dispatch, …"),
    Column("subject", Text, nullable=False, comment="journal id or event id"),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False, comment="what broke, for a person"),
    Column("state", Text, nullable=False, server_default="open", comment="open, retried, dropped"),
    Column("created_at", Instant, nullable=False),
    Column("copied_at", Instant, comment="when its copy reached balagh.dead"),
    Column("settled_at", Instant),
    Column("settled_by", Text),
    sqlite_autoincrement=True,
)
Index("quarantine_open", quarantine.c.stage, quarantine.c.subject)

memory = Table(
    "memory",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)

seals = Table(
    "seals",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=False),
    Column("first_event", BigInteger, nullable=False),
    Column("last_event", BigInteger, nullable=False),
    Column("size", Integer, nullable=False, comment="how many events"),
    Column("digest", Text, nullable=False),
    Column("sealed_at", Instant, nullable=False),
)
