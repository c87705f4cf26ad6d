"""Find the replies to people in danger without looking at all the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("next_at IS NOT NULL")
    op.create_index("replies_urgent", "replies", ["purpose", "next_at"], sqlite_where=where, postgresql_where=where)
