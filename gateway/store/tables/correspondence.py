"""What citizens are told, how it fared, and who wants silence."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from gateway.store.tables.columns import Instant, index_of, metadata

replies = Table(
    "replies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("journal_id", Text, nullable=False, comment="the Inbound it answers"),
    Column("complaint_id", Text),
    Column("purpose", Text, nullable=False, comment="received, amended, opt_out, …"),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("provider_id", Text),
    Column("error_code", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("first_tried_at", Instant),
    Column("next_at", Instant, comment="null once nothing more will be tried"),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("journal_id", "purpose", name="replies_once"),
)
index_of("replies_due", replies.c.next_at, where="next_at IS NOT NULL")
index_of("replies_urgent", replies.c.purpose, replies.c.next_at, where="next_at IS NOT NULL")
Index("replies_sender", replies.c.sender, replies.c.created_at)
Index("replies_provider", replies.c.channel, replies.c.provider_id)

reply_payload = Table(
    "reply_payload",
    metadata,
    Column("id", Text, ForeignKey("replies.id"), primary_key=True),
    Column("scheme", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reference", Text, nullable=False, server_default=""),
    Column("thread", Text, nullable=False, server_default="", comment="what the channel gave to answer in"),
    Column("slots", Text, nullable=False, server_default="{}", comment="what stands in a template, as JSON"),
    Column("heard_at", Instant, comment="when the message came that it answers"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("error_code", Text, nullable=False, server_default=""),
    Column("at", Instant, nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)
