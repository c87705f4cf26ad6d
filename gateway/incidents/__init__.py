"""Incidents: complaints of one cause, put together and taken apart by people, and by the house where that is safe.

Every complaint keeps its own reference, its own events and its own offer. That it belongs to an incident is an
amendment of it, so that its department hears of it and so that it can be undone by another one.

Locks are taken in one order everywhere: complaints by id, then the incident. Whoever only adds a member shares the
incident's lock; whoever makes, takes apart or closes one has it alone.
"""

from gateway.incidents.incidents import MOST, PAGE, Incidents
from gateway.incidents.refusal import Elsewhere, Finished, IncidentError, NotThere, TooFew
from gateway.incidents.suggestion import Suggestion
from gateway.incidents.view import IncidentView

__all__ = [
    "MOST",
    "PAGE",
    "Elsewhere",
    "Finished",
    "IncidentError",
    "IncidentView",
    "Incidents",
    "NotThere",
    "Suggestion",
    "TooFew",
]
