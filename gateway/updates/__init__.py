"""What departments answer, with one door: `Updates`."""

from gateway.updates.answer import Updates
from gateway.updates.update import Outcome, Update

__all__ = ["Outcome", "Update", "Updates"]
