"""What departments answer, with one door for the queue and for HTTP: `Updates`. `Listener` takes from the queue."""

from gateway.updates.answer import Updates
from gateway.updates.listener import Listener
from gateway.updates.update import Outcome, Update

__all__ = ["Listener", "Outcome", "Update", "Updates"]
