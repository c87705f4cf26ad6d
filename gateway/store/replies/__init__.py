"""The citizens' outbox: what we owe them in words, what the provider made of it, and who asked for silence."""

from gateway.store.replies.debt import queue, recent
from gateway.store.replies.draft import Draft, lost, ways
from gateway.store.replies.report import delivered
from gateway.store.replies.silence import opt_in, opt_out, opt_out_of, silent
from gateway.store.replies.state import CODE, CODE_LIFE, ELSEWHERE, GAVE_UP, QUEUED, SUPPRESSED, patience
from gateway.store.replies.tally import given_up, states, waiting
from gateway.store.replies.trial import again, close_all_but, refused, sent
from gateway.store.replies.turn import Due, due

__all__ = [
    "CODE",
    "CODE_LIFE",
    "ELSEWHERE",
    "GAVE_UP",
    "QUEUED",
    "SUPPRESSED",
    "Draft",
    "Due",
    "again",
    "close_all_but",
    "delivered",
    "due",
    "given_up",
    "lost",
    "opt_in",
    "opt_out",
    "opt_out_of",
    "patience",
    "queue",
    "recent",
    "refused",
    "sent",
    "silent",
    "states",
    "waiting",
    "ways",
]
