"""The changes that one transaction makes, with one door: `Ledger` collects them and writes them together."""

from gateway.store.ledger.event import event_id
from gateway.store.ledger.ledger import Ledger

__all__ = ["Ledger", "event_id"]
