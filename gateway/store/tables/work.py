"""What people do: the tasks that wait for them, the answers of departments, and what their decisions teach."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from gateway.store.tables.columns import Instant, index_of, metadata

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
index_of("tasks_open", tasks.c.urgent.desc(), tasks.c.created_at, where="state = 'open'")
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
index_of("answers_untold", answers.c.tell_at, where="tell_at IS NOT NULL")

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
