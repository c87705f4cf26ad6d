"""A version to come: a new table, a new column, and, on SQLite, the journal made anew with all that refers to it.

In the middle it writes a line to the file that BALAGH_TEST_MIGRATING names, and waits while `<file>.wait` is there.
"""

import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from tests.faults.newer_gateway import OLDER, VERSION

revision = VERSION
down_revision = OLDER
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("wards", sa.Column("id", sa.Text(), primary_key=True))
    with op.batch_alter_table("journal", recreate="auto") as journal:
        journal.add_column(sa.Column("ward", sa.Text(), server_default="none", nullable=False))
        if op.get_bind().dialect.name == "sqlite":
            journal.alter_column("purpose", server_default="message")
    if op.get_bind().dialect.name == "postgresql":
        assert "0" == op.get_bind().execute(sa.text("SHOW statement_timeout")).scalar()
    note = Path(os.environ["BALAGH_TEST_MIGRATING"])
    with note.open("a") as file:
        file.write(f"{os.getpid()}\n")
    while note.with_suffix(".wait").exists():
        time.sleep(0.02)
    op.execute("UPDATE journal SET ward = 'of old'")
