"""Why complaints were not put together or taken apart."""

from __future__ import annotations


class IncidentError(Exception):
    """The base of every reason why nothing was put together or taken apart."""


class NotThere(IncidentError):
    """There is no such incident or complaint. `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no {what}")
        self.what = what


class Elsewhere(IncidentError):
    """A complaint belongs to another incident: it must leave that first. `reference` names the complaint."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"{reference} belongs to another incident")
        self.reference = reference


class Finished(IncidentError):
    """The incident is closed, or a complaint is: nothing joins there any more."""


class TooFew(IncidentError):
    """One complaint alone is no incident."""
