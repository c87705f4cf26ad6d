"""What departments answer, with one door for the queue and for HTTP: `Updates`. `Listener` takes from the queue."""

from gateway.updates.answer import Updates
from gateway.updates.listener import Listener, Unreadable, read, sent_to
from gateway.updates.update import Outcome, Update

__all__ = ["Listener", "Outcome", "Unreadable", "Update", "Updates", "read", "sent_to"]
