"""How far a reply of ours has come, and for how long it is worth sending."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, or_

from channels.message import DeliveryState
from gateway.store.tables import replies

QUEUED, SUPPRESSED, REFUSED = "queued", "suppressed", "refused"
SENDING = DeliveryState.SENDING.value
LOST = (REFUSED, *(state.value for state in DeliveryState if state.lost))  # the citizen does not hear it this way
PATIENCE = timedelta(days=1)  # with a provider that takes nothing, and a channel that is off
NEWS = {"resolved": timedelta(days=2), "closed": timedelta(days=2)}  # the same, for what cannot be read anywhere sooner
GAVE_UP = "gave up: "  # before the reason, in the error code of what we ceased to try
ELSEWHERE = "/"  # between the purpose of a reply and the channel that it went to instead


def patience(purpose: str) -> timedelta:
    """Return for how long after it was owed a reply for this purpose is worth sending."""
    return NEWS.get(purpose.partition(ELSEWHERE)[0], PATIENCE)


def serves(*purposes: str) -> ColumnElement[bool]:
    """Choose in a statement the replies for some purposes, whichever way their words went."""
    named = replies.c.purpose
    return or_(*(or_(named == purpose, named.startswith(purpose + ELSEWHERE)) for purpose in purposes))
