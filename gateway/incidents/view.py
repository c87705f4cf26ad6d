"""An incident as it is shown, and the complaints that somebody names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gateway.incidents.refusal import NotThere
from gateway.store import complaints
from gateway.store import incidents as store
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.incidents import Incident, Member


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with its complaints, the oldest first."""

    incident: Incident
    members: Sequence[Member] = field(repr=False)


def view(connection: Connection, incident_id: str) -> IncidentView:
    """Return an incident with its complaints. Raises NotThere."""
    incident = store.find(connection, incident_id)
    if incident is None:
        raise NotThere("such incident")
    return IncidentView(incident, store.members(connection, incident_id))


def cases_of(connection: Connection, references: Collection[str], *, lock: bool = False) -> list[Case]:
    """Load complaints, in the order of their ids. Raises NotThere."""
    found = complaints.load_many(connection, set(references), lock=lock)
    for reference in references:
        if reference not in found:
            raise NotThere(f"complaint {reference}")
    return sorted(found.values(), key=lambda case: case.complaint.id)
