"""The tables.

What identifies a citizen stands in tables of its own (`…_payload`, `personal`), so that it can be erased while the
events that prove what happened stay as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

metadata = MetaData()


@lru_cache(maxsize=256)
def _written(moment: datetime) -> str:
    """Write a moment for SQLite; the rows of one transaction share theirs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, sortable RFC 3339 text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the dialect."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Hand a moment to the driver."""
        if value is None or dialect.name == "postgresql":
            return value
        return _written(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a moment back, in UTC."""
        if value is None:
            return None
        moment = value if dialect.name == "postgresql" else datetime.fromisoformat(value)
        return moment.astimezone(UTC) if isinstance(moment, datetime) else None


Serial = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts by itself on SQLite

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
Index(
    "journal_pending", journal.c.seq, sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")
)
Index(
    "journal_pending_sender",
    journal.c.sender,
    journal.c.seq,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index("journal_complaint", journal.c.complaint_id)
Index(
    "journal_calls",
    journal.c.sender,
    journal.c.seq,
    sqlite_where=text("purpose = 'call'"),
    postgresql_where=text("purpose = 'call'"),
)

journal_payload = Table(
    "journal_payload",
    metadata,
    Column("id", Text, ForeignKey("journal.id"), primary_key=True),
    Column("body", Text, nullable=False, comment="the Inbound as JSON"),
)

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
Index(
    "sightings_place",
    sightings.c.family,
    sightings.c.place,
    sightings.c.at,
    sqlite_where=text("place IS NOT NULL"),
    postgresql_where=text("place IS NOT NULL"),
)
Index(
    "sightings_pin",
    sightings.c.family,
    sightings.c.latitude,
    sqlite_where=text("latitude IS NOT NULL"),
    postgresql_where=text("latitude IS NOT NULL"),
)
Index(
    "sightings_caller",
    sightings.c.caller,
    sightings.c.at,
    sqlite_where=text("caller IS NOT NULL"),
    postgresql_where=text("caller IS NOT NULL"),
)
Index(
    "sightings_incident",
    sightings.c.incident,
    sqlite_where=text("incident IS NOT NULL"),
    postgresql_where=text("incident IS NOT NULL"),
)

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

lessons = Table(
    "lessons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("complaint_id", Text),
    Column("text", Text, nullable=False, comment="the words, with what identifies anybody masked"),
    Column("category", Text),
    Column("department", Text),
    Column("source", Text, nullable=False, comment="desk, rejected, import"),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("used", Boolean, nullable=False, server_default=text("false"), comment="a model has learned from it"),
)
Index("lessons_at", lessons.c.at)

personal = Table(
    "personal",
    metadata,
    Column("complaint_id", Text, ForeignKey("complaints.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", Text, nullable=False, comment="the Complaint as JSON, as it was at this version"),
    Column("salt", Text, nullable=False, comment="of the digest in the events; erased with the body"),
)

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
Index(
    "relay_fresh",
    relay.c.urgent.desc(),
    relay.c.event_seq,
    sqlite_where=text("published_at IS NULL AND parked_reason IS NULL"),
    postgresql_where=text("published_at IS NULL AND parked_reason IS NULL"),
)
Index(
    "relay_parked",
    relay.c.parked_until,
    sqlite_where=text("published_at IS NULL AND parked_reason IS NOT NULL"),
    postgresql_where=text("published_at IS NULL AND parked_reason IS NOT NULL"),
)
Index(
    "relay_unpublished_complaint",
    relay.c.complaint_id,
    relay.c.event_seq,
    sqlite_where=text("published_at IS NULL"),
    postgresql_where=text("published_at IS NULL"),
)

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
Index(
    "replies_due",
    replies.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)
Index(
    "replies_urgent",
    replies.c.purpose,
    replies.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)
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
Index(
    "attachments_due",
    attachments.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)
Index("attachments_complaint", attachments.c.complaint_id)

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
Index(
    "pointers_due",
    pointers.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="transcribe, call_back, triage, confirm"),
    Column("subject", Text, nullable=False, comment="what it is about: a complaint's id, a call, a journal id"),
    Column("complaint_id", Text),
    Column("journal_id", Text),
    Column("reference", Text, nullable=False, server_default=""),
    Column("channel", Text, nullable=False),
    Column("language", Text, nullable=False, server_default="und"),
    Column("urgent", Boolean, nullable=False),
    Column("state", Text, nullable=False, server_default="open", comment="open, done"),
    Column("created_at", Instant, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", Instant),
    Column("done_at", Instant),
    Column("done_by", Text),
    Column("outcome", Text),
    UniqueConstraint("kind", "subject", name="tasks_once"),
)
Index(
    "tasks_open",
    tasks.c.urgent.desc(),
    tasks.c.created_at,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)
Index("tasks_complaint", tasks.c.complaint_id)

task_payload = Table(
    "task_payload",
    metadata,
    Column("id", Text, ForeignKey("tasks.id"), primary_key=True),
    Column("body", Text, nullable=False, comment="what the person needs to know and has entered, as JSON"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", Text, primary_key=True, comment="follows from department and update_id, so that each is heard once"),
    Column("department", Text, nullable=False),
    Column("update_id", Text, nullable=False, comment="the department's own id of it"),
    Column("digest", Text, nullable=False, comment="of what it said: the same id with other words is no copy"),
    Column("reference", Text, nullable=False),
    Column("complaint_id", Text, comment="null where it was refused as not theirs"),
    Column("verb", Text, nullable=False, comment="accepted, rejected, progressed, resolved"),
    Column("offer", Text, nullable=False),
    Column("result", Text, nullable=False, comment="done, refused"),
    Column("status", Text, comment="of the complaint after it"),
    Column("sequence", Integer, comment="of the complaint's last event after it"),
    Column("field", Text, comment="what it was refused for"),
    Column("reason", Text, nullable=False, server_default="", comment="why it was refused"),
    Column("body", Text, nullable=False, comment="what the department wrote, as JSON; may be personal"),
    Column("said_at", Instant, nullable=False, comment="when the department said it, as it says"),
    Column("at", Instant, nullable=False),
    Column("tell_at", Instant, comment="when its refusal is next published; null when none is owed"),
    Column("told_at", Instant),
)
Index("answers_complaint", answers.c.complaint_id, answers.c.at)
Index(
    "answers_untold",
    answers.c.tell_at,
    sqlite_where=text("tell_at IS NOT NULL"),
    postgresql_where=text("tell_at IS NOT NULL"),
)

memory = Table(
    "memory",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display", Text, nullable=False),
    Column("password_hash", Text, nullable=False, comment="argon2id"),
    Column("rights", Text, nullable=False, comment="a JSON list of words"),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", Instant),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id_digest", Text, primary_key=True),
    Column("user", Text, ForeignKey("users.name"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("stage", Text, nullable=False, comment="the room in which it broke: interpret, dispatch, …"),
    Column("subject", Text, nullable=False, comment="journal id or event id"),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False, comment="what broke, for a person"),
    Column("state", Text, nullable=False, server_default="open", comment="open, retried, dropped"),
    Column("created_at", Instant, nullable=False),
    Column("copied_at", Instant, comment="when its copy reached balagh.dead"),
    Column("settled_at", Instant),
    Column("settled_by", Text),
    sqlite_autoincrement=True,
)
Index("quarantine_open", quarantine.c.stage, quarantine.c.subject)

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)

seals = Table(
    "seals",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=False),
    Column("first_event", BigInteger, nullable=False),
    Column("last_event", BigInteger, nullable=False),
    Column("size", Integer, nullable=False, comment="how many events"),
    Column("digest", Text, nullable=False),
    Column("sealed_at", Instant, nullable=False),
)
