"""Which complaints have one cause, and where and when the city heard of each."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Table, Text, text

from gateway.store.tables.columns import Instant, index_of, metadata

sightings = Table(
    "sightings",
    metadata,
    Column("complaint_id", Text, ForeignKey("complaints.id"), primary_key=True),
    Column("family", Text, nullable=False, comment="the category up to its dot"),
    Column("district", Text),
    Column("place", Text, comment="its name; erased with the complaint's words"),
    Column("latitude", Float, comment="WGS 84 degrees; erased with the complaint's words"),
    Column("longitude", Float),
    Column("at", Instant, nullable=False, comment="when the city first heard of it"),
    Column("caller", Text, comment="keyed digest of the number it was sent from, on whichever channel"),
    Column("incident", Text, comment="the incident that it belongs to"),
    Column("joined_by", Text, comment="who said so: a person's name, or * for the house"),
    Column("alone", Boolean, nullable=False, server_default=text("false"), comment="a person said: a cause of its own"),
)
Index("sightings_at", sightings.c.at)
Index("sightings_district", sightings.c.family, sightings.c.district, sightings.c.at)
index_of("sightings_place", sightings.c.family, sightings.c.place, sightings.c.at, where="place IS NOT NULL")
index_of("sightings_pin", sightings.c.family, sightings.c.latitude, where="latitude IS NOT NULL")
index_of("sightings_caller", sightings.c.caller, sightings.c.at, where="caller IS NOT NULL")
index_of("sightings_incident", sightings.c.incident, where="incident IS NOT NULL")

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("lead", Text, ForeignKey("complaints.id"), nullable=False, comment="the complaint whose fate it shares"),
    Column("state", Text, nullable=False, server_default="open", comment="open, closed"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
)
Index("incidents_recent", incidents.c.state, incidents.c.created_at)
Index("incidents_lead", incidents.c.lead)
