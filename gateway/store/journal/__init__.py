"""The journal: every Inbound under its identity, kept for good, and what became of it."""

from gateway.store.journal.entry import Entry, Kept, append
from gateway.store.journal.queue import PER_SENDER, VISITED, backlog, claim, drop, pending, reopen
from gateway.store.journal.row import CANDIDATE, Row, arrivals, by_id, find, of_call, of_identity, these

__all__ = [
    "CANDIDATE",
    "PER_SENDER",
    "VISITED",
    "Entry",
    "Kept",
    "Row",
    "append",
    "arrivals",
    "backlog",
    "by_id",
    "claim",
    "drop",
    "find",
    "of_call",
    "of_identity",
    "pending",
    "reopen",
    "these",
]
