"""A wish for silence, or for words again."""

from __future__ import annotations

from channels.message import Inbound
from gateway.interpret.batch import Batch
from gateway.interpret.reading import Done
from gateway.store import replies
from gateway.store.journal import Row


def silence(batch: Batch, row: Row, inbound: Inbound, *, wanted: bool, answered: bool) -> Done:
    """Honour a wish for silence, or take it back. `answered` says that the provider has confirmed it already."""
    ledger = batch.ledger
    outcome = "opt_out" if wanted else "opt_in"
    if wanted:
        replies.opt_out(ledger.connection, row.channel, row.account, row.sender, ledger.now)
        ledger.hush(row.sender)
        batch.others.silent.add((row.channel, row.account, row.sender))
    else:
        replies.opt_in(ledger.connection, row.channel, row.account, row.sender)
        batch.others.silent.discard((row.channel, row.account, row.sender))
    if not answered:
        batch.owe(row, inbound, outcome)
    ledger.finish(row.seq, outcome)
    return Done(outcome)
