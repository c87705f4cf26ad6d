"""Tasks for people, who they are, and what channels that fetch must remember."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    calls = sa.text("purpose = 'call'")
    op.create_index("journal_calls", "journal", ["sender", "seq"], sqlite_where=calls, postgresql_where=calls)
    op.add_column("reply_payload", sa.Column("reference", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "reply_payload",
        sa.Column("thread", sa.Text(), nullable=False, server_default="", comment="what the channel gave to answer in"),
    )
    op.add_column(
        "reply_payload",
        sa.Column("slots", sa.Text(), nullable=False, server_default="{}", comment="what stands in a template, as JSON"),
    )
    op.add_column(
        "reply_payload", sa.Column("heard_at", Instant(), comment="when the message came that it answers")
    )
    op.create_table(
        "revisions",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column(
            "external_id", sa.Text(), nullable=False, comment="of the message that was edited or taken back"
        ),
        sa.Column("journal_id", sa.Text(), nullable=False, comment="the Inbound that says so last"),
        sa.Column("purpose", sa.Text(), nullable=False, comment="edit, deletion"),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", "external_id"),
    )
    op.create_table(
        "pointers",
        sa.Column("journal_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_at", Instant(), comment="null once its words are here, or can never be"),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("journal_id"),
    )
    due = sa.text("next_at IS NOT NULL")
    op.create_index("pointers_due", "pointers", ["next_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="transcribe, call_back, triage, confirm"),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="what it is about: a complaint's id, a call, a journal id"
        ),
        sa.Column("complaint_id", sa.Text()),
        sa.Column("journal_id", sa.Text()),
        sa.Column("reference", sa.Text(), nullable=False, server_default=""),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False, server_default="und"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="open", comment="open, done"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("claimed_until", Instant()),
        sa.Column("done_at", Instant()),
        sa.Column("done_by", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject", name="tasks_once"),
    )
    waiting = sa.text("state = 'open'")
    op.create_index(
        "tasks_open",
        "tasks",
        [sa.text("urgent DESC"), "created_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("tasks_complaint", "tasks", ["complaint_id"])
    op.create_table(
        "task_payload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="what the person needs to know and has entered, as JSON"),
        sa.ForeignKeyConstraint(["id"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "memory",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "key"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("rights", sa.Text(), nullable=False, comment="a JSON list of words"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("disabled_at", Instant()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("locked_until", Instant()),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sessions",
        sa.Column("id_digest", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"]),
        sa.PrimaryKeyConstraint("id_digest"),
    )
    _ask_about_what_waits()


def _ask_about_what_waits() -> None:
    """Open a task for every complaint that waits at the triage desk already."""
    bind = op.get_bind()
    names = ("id", "reference", "channel", "language", "priority", "received_at")
    complaints = sa.table("complaints", *(sa.column(name) for name in (*names, "status")))
    columns = ("id", "kind", "subject", "complaint_id", "reference", "channel", "language", "urgent", "created_at")
    tasks = sa.table("tasks", *(sa.column(name) for name in columns))
    waiting = bind.execute(sa.select(*(complaints.c[name] for name in names)).where(complaints.c.status == "triage"))
    for rows in waiting.partitions(1000):
        bind.execute(
            tasks.insert(),
            [
                {
                    "id": str(uuid5(NAMESPACE_URL, f"balagh:task:triage:{row.id}")),
                    "kind": "triage",
                    "subject": row.id,
                    "complaint_id": row.id,
                    "reference": row.reference,
                    "channel": row.channel,
                    "language": row.language,
                    "urgent": row.priority == "distress",
                    "created_at": row.received_at,
                }
                for row in rows
            ],
        )
