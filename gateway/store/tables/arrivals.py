"""What arrived: the journal, what later said otherwise of it, and what must still be asked for."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from gateway.store.tables.columns import Instant, Serial, index_of, metadata

journal = Table(
    "journal",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True, comment="the Inbound's, and of the complaint it becomes"),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("reference", Text, unique=True, comment="reserved for it; null when it can never be a complaint"),
    Column("sender", Text, nullable=False, comment="keyed digest of the sender: order and windows go by it"),
    Column("purpose", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    Column("state", Text, nullable=False, server_default="pending", comment="pending, done, quarantined"),
    Column("outcome", Text, comment="what it became, and why when it became nothing"),
    Column("complaint_id", Text),
    Column("done_at", Instant),
    UniqueConstraint("channel", "account", "external_id", name="journal_identity"),
    sqlite_autoincrement=True,
)
index_of("journal_pending", journal.c.seq, where="state = 'pending'")
index_of("journal_pending_sender", journal.c.sender, journal.c.seq, where="state = 'pending'")
Index("journal_complaint", journal.c.complaint_id)
index_of("journal_calls", journal.c.sender, journal.c.seq, where="purpose = 'call'")

journal_payload = Table(
    "journal_payload",
    metadata,
    Column("id", Text, ForeignKey("journal.id"), primary_key=True),
    Column("body", Text, nullable=False, comment="the Inbound as JSON"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("external_id", Text, primary_key=True, comment="of the message that was edited or taken back"),
    Column("journal_id", Text, nullable=False, comment="the Inbound that says so last"),
    Column("purpose", Text, nullable=False, comment="edit, deletion"),
    Column("at", Instant, nullable=False),
)

pointers = Table(
    "pointers",
    metadata,
    Column("journal_id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant, comment="null once its words are here, or can never be"),
    Column("reason", Text),
)
index_of("pointers_due", pointers.c.next_at, where="next_at IS NOT NULL")
