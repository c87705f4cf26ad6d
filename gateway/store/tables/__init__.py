"""The tables.

What identifies a citizen stands in tables of its own (`…_payload`, `personal`), so that it can be erased while the
events that prove what happened stay as they are.
"""

from gateway.store.tables.arrivals import journal, journal_payload, pointers, revisions
from gateway.store.tables.cases import attachments, complaints, events, personal, relay
from gateway.store.tables.causes import incidents, sightings
from gateway.store.tables.columns import Instant, metadata
from gateway.store.tables.correspondence import deliveries, opt_outs, replies, reply_payload
from gateway.store.tables.housekeeping import facts, leases, memory, quarantine, seals
from gateway.store.tables.staff import sessions, users
from gateway.store.tables.work import answers, lessons, task_payload, tasks

__all__ = [
    "Instant",
    "answers",
    "attachments",
    "complaints",
    "deliveries",
    "events",
    "facts",
    "incidents",
    "journal",
    "journal_payload",
    "leases",
    "lessons",
    "memory",
    "metadata",
    "opt_outs",
    "personal",
    "pointers",
    "quarantine",
    "relay",
    "replies",
    "reply_payload",
    "revisions",
    "seals",
    "sessions",
    "sightings",
    "task_payload",
    "tasks",
    "users",
]
