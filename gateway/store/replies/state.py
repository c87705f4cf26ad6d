"""How far a reply of ours has come, and for how long it is worth sending."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, FromClause, and_, or_

from channels.message import DeliveryState
from gateway.store.tables import replies

QUEUED, SUPPRESSED, REFUSED = "queued", "suppressed", "refused"
SENDING = DeliveryState.SENDING.value
LOST = (REFUSED, *(state.value for state in DeliveryState if state.lost))  # the citizen does not hear it this way
PATIENCE = timedelta(days=1)  # with a provider that takes nothing, and a channel that is off
NEWS = {"resolved": timedelta(days=2), "closed": timedelta(days=2)}  # the same, for what cannot be read anywhere sooner
GAVE_UP = "gave up: "  # before the reason, in the error code of what we ceased to try
ELSEWHERE = "/"  # between the purpose of a reply and the channel that it went to instead
CODE, CODE_LIFE = "voice_code", timedelta(minutes=10)  # what proves a caller's telephone, and is of no use later


def root(purpose: str) -> str:
    """Return what a reply was owed for, whichever way its words went."""
    return purpose.partition(ELSEWHERE)[0]


def patience(purpose: str) -> timedelta:
    """Return for how long after it was owed a reply for this purpose is worth sending."""
    return NEWS.get(root(purpose), PATIENCE)


def instead(other: FromClause, reply: FromClause) -> ColumnElement[bool]:
    """Choose in a statement the replies that go in the place of another, or in the place of such a one."""
    return and_(other.c.journal_id == reply.c.journal_id, other.c.purpose.startswith(reply.c.purpose + ELSEWHERE))


def serves(*purposes: str) -> ColumnElement[bool]:
    """Choose in a statement the replies for some purposes, whichever way their words went."""
    named = replies.c.purpose
    return or_(*(or_(named == purpose, named.startswith(purpose + ELSEWHERE)) for purpose in purposes))
