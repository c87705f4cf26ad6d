"""Complaints: how they stand, what was said, what is attached, what happened, and what is still to be published."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from gateway.store.tables.columns import Instant, Serial, index_of, metadata

complaints = Table(
    "complaints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("district", Text),
    Column("language", Text, nullable=False),
    Column("confidential", Boolean, nullable=False),
    Column("sender", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("heard_at", Instant, nullable=False, comment="when the sender last wrote about it"),
    Column("updated_at", Instant, nullable=False),
    Column("version", Integer, nullable=False, comment="of its personal payload"),
    Column("sequence", Integer, nullable=False, comment="of its last event"),
    Column("routed_sequence", Integer, nullable=False, server_default="0", comment="last event that dispatch has seen"),
    Column("department", Text),
    Column("offer", Text, comment="id of the event that put it to the department"),
    Column("route", Text, comment="the Route as JSON"),
    Column("due_at", Instant),
)
Index("complaints_sender", complaints.c.sender, complaints.c.heard_at)

personal = Table(
    "personal",
    metadata,
    Column("complaint_id", Text, ForeignKey("complaints.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", Text, nullable=False, comment="the Complaint as JSON, as it was at this version"),
    Column("salt", Text, nullable=False, comment="of the digest in the events; erased with the body"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("complaint_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False, comment="pending, fetched, failed"),
    Column("url", Text, comment="at the provider; dropped once fetched"),
    Column("content_type", Text, nullable=False),
    Column("sha256", Text),
    Column("size", BigInteger),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant),
)
index_of("attachments_due", attachments.c.next_at, where="next_at IS NOT NULL")
Index("attachments_complaint", attachments.c.complaint_id)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("complaint_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False, comment="received, amended, offered, …"),
    Column("time", Instant, nullable=False),
    Column("channel", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("department", Text, comment="the department that must hear it, if any"),
    Column("data", Text, nullable=False, comment="what changed, as JSON; nothing personal"),
    Column("version", Integer, nullable=False, comment="of the personal payload it speaks of"),
    Column("digest", Text, nullable=False, comment="salted, of that payload"),
    UniqueConstraint("complaint_id", "sequence", name="events_order"),
    sqlite_autoincrement=True,
)

relay = Table(
    "relay",
    metadata,
    Column("event_seq", Serial, primary_key=True, autoincrement=False),
    Column("complaint_id", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("parked_until", Instant, comment="refused: not before this"),
    Column("parked_reason", Text),
)
index_of(
    "relay_fresh", relay.c.urgent.desc(), relay.c.event_seq, where="published_at IS NULL AND parked_reason IS NULL"
)
index_of("relay_parked", relay.c.parked_until, where="published_at IS NULL AND parked_reason IS NOT NULL")
index_of("relay_unpublished_complaint", relay.c.complaint_id, relay.c.event_seq, where="published_at IS NULL")
