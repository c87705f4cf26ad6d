"""What complaints have in common, and what people taught the house."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sightings",
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False, comment="the category up to its dot"),
        sa.Column("district", sa.Text()),
        sa.Column("place", sa.Text(), comment="its name; erased with the complaint's words"),
        sa.Column("latitude", sa.Float(), comment="WGS 84 degrees; erased with the complaint's words"),
        sa.Column("longitude", sa.Float()),
        sa.Column("at", Instant(), nullable=False, comment="when the city first heard of it"),
        sa.Column(
            "caller", sa.Text(), comment="keyed digest of the number it was sent from, on whichever channel"
        ),
        sa.Column("incident", sa.Text(), comment="the incident that it belongs to"),
        sa.Column("joined_by", sa.Text(), comment="who said so: a person's name, or * for the house"),
        sa.Column(
            "alone",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="a person said: a cause of its own",
        ),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.PrimaryKeyConstraint("complaint_id"),
    )
    op.create_index("sightings_at", "sightings", ["at"])
    op.create_index("sightings_district", "sightings", ["family", "district", "at"])
    for name, columns, wanted in (
        ("sightings_place", ["family", "place", "at"], "place"),
        ("sightings_pin", ["family", "latitude"], "latitude"),
        ("sightings_caller", ["caller", "at"], "caller"),
        ("sightings_incident", ["incident"], "incident"),
    ):
        there = sa.text(f"{wanted} IS NOT NULL")
        op.create_index(name, "sightings", columns, sqlite_where=there, postgresql_where=there)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=False, comment="the complaint whose fate it shares"),
        sa.Column("state", sa.Text(), nullable=False, server_default="open", comment="open, closed"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("closed_at", Instant()),
        sa.Column("closed_by", sa.Text()),
        sa.ForeignKeyConstraint(["lead"], ["complaints.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incidents_recent", "incidents", ["state", "created_at"])
    op.create_index("incidents_lead", "incidents", ["lead"])
    op.create_table(
        "lessons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("complaint_id", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False, comment="the words, with what identifies anybody masked"),
        sa.Column("category", sa.Text()),
        sa.Column("department", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False, comment="desk, rejected, import"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column(
            "used",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="a model has learned from it",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("lessons_at", "lessons", ["at"])
    _see_what_there_is()


def _see_what_there_is() -> None:
    """Say of every earlier complaint what it was about and in which district: causes are older than this version."""
    family = "substr(category, 1, {at} - 1)"
    at = "strpos(category || '.', '.')" if op.get_bind().dialect.name == "postgresql" else "instr(category || '.', '.')"
    op.execute(
        "INSERT INTO sightings (complaint_id, family, district, at) "
        f"SELECT id, {family.format(at=at)}, district, received_at FROM complaints"
    )
