"""The first tables."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, fetched, failed"),
        sa.Column("url", sa.Text(), nullable=True, comment="at the provider; dropped once fetched"),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attachments_complaint", "attachments", ["complaint_id"], unique=False)
    op.create_index(
        "attachments_due",
        "attachments",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "complaints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("heard_at", Instant(), nullable=False, comment="when the sender last wrote about it"),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="of its personal payload"),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="of its last event"),
        sa.Column(
            "routed_sequence",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="last event that dispatch has seen",
        ),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("offer", sa.Text(), nullable=True, comment="id of the event that put it to the department"),
        sa.Column("route", sa.Text(), nullable=True, comment="the Route as JSON"),
        sa.Column("due_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("complaints_sender", "complaints", ["sender", "heard_at"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "provider_id"),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False, comment="received, amended, offered, …"),
        sa.Column("time", Instant(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True, comment="the department that must hear it, if any"),
        sa.Column("data", sa.Text(), nullable=False, comment="what changed, as JSON; nothing personal"),
        sa.Column("version", sa.Integer(), nullable=False, comment="of the personal payload it speaks of"),
        sa.Column("digest", sa.Text(), nullable=False, comment="salted, of that payload"),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("complaint_id", "sequence", name="events_order"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the Inbound's, and of the complaint it becomes"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "reference", sa.Text(), nullable=True, comment="reserved for it; null when it can never be a complaint"
        ),
        sa.Column(
            "sender", sa.Text(), nullable=False, comment="keyed digest of the sender: order and windows go by it"
        ),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False, comment="pending, done, quarantined"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="what it became, and why when it became nothing"),
        sa.Column("complaint_id", sa.Text(), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("channel", "account", "external_id", name="journal_identity"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("reference"),
        sqlite_autoincrement=True,
    )
    op.create_index("journal_complaint", "journal", ["complaint_id"], unique=False)
    op.create_index(
        "journal_pending",
        "journal",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "journal_pending_sender",
        "journal",
        ["sender", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "opt_outs",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", "sender"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False, comment="the room in which it broke: interpret, dispatch, …"),
        sa.Column("subject", sa.Text(), nullable=False, comment="journal id or event id"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="what broke, for a person"),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open, retried, dropped"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("copied_at", Instant(), nullable=True, comment="when its copy reached balagh.dead"),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("quarantine_open", "quarantine", ["stage", "subject"], unique=False)
    op.create_table(
        "relay",
        sa.Column(
            "event_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("published_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parked_until", Instant(), nullable=True, comment="refused: not before this"),
        sa.Column("parked_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_seq"),
    )
    op.create_index(
        "relay_fresh",
        "relay",
        [sa.text("urgent DESC"), "event_seq"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL AND parked_reason IS NULL"),
        postgresql_where=sa.text("published_at IS NULL AND parked_reason IS NULL"),
    )
    op.create_index(
        "relay_parked",
        "relay",
        ["parked_until"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL AND parked_reason IS NOT NULL"),
        postgresql_where=sa.text("published_at IS NULL AND parked_reason IS NOT NULL"),
    )
    op.create_index(
        "relay_unpublished_complaint",
        "relay",
        ["complaint_id", "event_seq"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "replies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.Text(), nullable=False, comment="the Inbound it answers"),
        sa.Column("complaint_id", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False, comment="received, amended, opt_out, …"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("first_tried_at", Instant(), nullable=True),
        sa.Column("next_at", Instant(), nullable=True, comment="null once nothing more will be tried"),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("journal_id", "purpose", name="replies_once"),
    )
    op.create_index(
        "replies_due",
        "replies",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_index("replies_sender", "replies", ["sender", "created_at"], unique=False)
    op.create_index("replies_provider", "replies", ["channel", "provider_id"], unique=False)
    op.create_table(
        "seals",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("first_event", sa.BigInteger(), nullable=False),
        sa.Column("last_event", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, comment="how many events"),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sealed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "journal_payload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the Inbound as JSON"),
        sa.ForeignKeyConstraint(
            ["id"],
            ["journal.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "personal",
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the Complaint as JSON, as it was at this version"),
        sa.Column("salt", sa.Text(), nullable=False, comment="of the digest in the events; erased with the body"),
        sa.ForeignKeyConstraint(
            ["complaint_id"],
            ["complaints.id"],
        ),
        sa.PrimaryKeyConstraint("complaint_id", "version"),
    )
    op.create_table(
        "reply_payload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["id"],
            ["replies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
