"""What departments answer to the complaints that are put to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column(
            "id",
            sa.Text(),
            nullable=False,
            comment="follows from department and update_id, so that each is heard once",
        ),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("update_id", sa.Text(), nullable=False, comment="the department's own id of it"),
        sa.Column(
            "digest", sa.Text(), nullable=False, comment="of what it said: the same id with other words is no copy"
        ),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("complaint_id", sa.Text(), comment="null where it was refused as not theirs"),
        sa.Column("verb", sa.Text(), nullable=False, comment="accepted, rejected, progressed, resolved"),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False, comment="done, refused"),
        sa.Column("status", sa.Text(), comment="of the complaint after it"),
        sa.Column("sequence", sa.Integer(), comment="of the complaint's last event after it"),
        sa.Column("field", sa.Text(), comment="what it was refused for"),
        sa.Column("reason", sa.Text(), nullable=False, server_default="", comment="why it was refused"),
        sa.Column("body", sa.Text(), nullable=False, comment="what the department wrote, as JSON; may be personal"),
        sa.Column("said_at", Instant(), nullable=False, comment="when the department said it, as it says"),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("tell_at", Instant(), comment="when its refusal is next published; null when none is owed"),
        sa.Column("told_at", Instant()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answers_complaint", "answers", ["complaint_id", "at"])
    owed = sa.text("tell_at IS NOT NULL")
    op.create_index("answers_untold", "answers", ["tell_at"], sqlite_where=owed, postgresql_where=owed)
