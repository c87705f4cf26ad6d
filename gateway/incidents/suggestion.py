"""What may have one cause, found when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.store import incidents as store
from gateway.store.engine import Connection
from gateway.store.incidents import Member
from normalizer.complaint import Priority
from router.incident import IncidentTable, bursts, gather

FEWEST = 2  # complaints in a new incident


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Complaints that may have one cause, the oldest first. `incident` is one that they may belong to, if any."""

    members: Sequence[Member] = field(repr=False)
    incident: str | None = None
    burst: bool = False  # their district has many more of them just now

    @property
    def urgent(self) -> bool:
        """Whether danger threatens somebody among them."""
        return any(member.priority is Priority.DISTRESS for member in self.members)


def suggest(connection: Connection, table: IncidentTable, now: datetime) -> list[Suggestion]:
    """Find complaints that may have one cause, among those that belong to no incident and those of open ones."""
    since = now - table.longest
    members = {one.id: one for one in store.lone(connection, since=since)}
    if not members:
        return []
    known = {one.id: one for one in store.recent(connection, since=since)}
    seen = {**known, **members}
    many = bursts([(one.sender, one.spot) for one in seen.values()], table, now)
    found: dict[str, Suggestion] = {}
    for group in gather({name: one.spot for name, one in seen.items()}, table, bursts=many):
        lone = [members[name] for name in group if name in members]
        theirs = next((known[name].incident for name in group if name in known), None)
        if not lone or (theirs is None and len(lone) < FEWEST):
            continue
        earlier = found[theirs].members if theirs in found else ()
        burst = any((one.spot.family, one.spot.district) in many for one in lone)
        found[theirs or group[0]] = Suggestion((*earlier, *lone), theirs, burst)
    return sorted(found.values(), key=lambda one: (not one.urgent, -len(one.members)))
