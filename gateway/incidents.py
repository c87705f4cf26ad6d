"""Incidents: complaints of one cause, put together and taken apart by people, and by the house where that is safe.

Every complaint keeps its own reference, its own events and its own offer. That it belongs to an incident is an
amendment of it, so that its department hears of it and so that it can be undone by another one.

Locks are taken in one order everywhere: complaints by id, then the incident. Whoever only adds a member shares the
incident's lock; whoever makes, takes apart or closes one has it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateway.adopt import fact
from gateway.city.city import City
from gateway.followers import alone, catch_up, succeed
from gateway.house import House
from gateway.store import causes, complaints, tasks
from gateway.store import incidents as store
from gateway.store.causes import Cause
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.incidents import OPEN, Incident, Member
from gateway.store.ledger import Ledger, event_id
from gateway.store.tasks import TaskKind
from normalizer.complaint import Priority, Status
from router.incident import IncidentTable, bursts, gather
from router.route import Route

FEWEST = 2  # complaints in a new incident
MOST = 500  # complaints named at once
PAGE = 100  # incidents in one listing


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


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with its complaints, the oldest first."""

    incident: Incident
    members: Sequence[Member] = field(repr=False)


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


class Incidents:
    """The door to the incidents of one house, for the desk and for programs."""

    def __init__(self, house: House, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.house, self.clock = house, clock

    async def list(
        self, *, state: str = OPEN, departments: Collection[str] | None = None, limit: int = PAGE
    ) -> Sequence[Incident]:
        """Return incidents, the newest first; with `departments` only theirs."""
        job = partial(store.listing, state=state, departments=departments, limit=min(max(limit, 1), PAGE))
        return await self.house.store.read(job)

    async def get(self, incident_id: str) -> IncidentView:
        """Return an incident. Raises NotThere."""
        return await self.house.store.read(partial(_view, incident_id=incident_id))

    async def suggestions(self) -> Sequence[Suggestion]:
        """Return what may have one cause: where danger threatens first, then the largest."""
        return await self.house.store.read(partial(suggest, table=self.house.city.incidents, now=self.clock()))

    async def create(self, references: Collection[str], by: str) -> IncidentView:
        """Make complaints one incident; the oldest leads. Raises NotThere, TooFew, Elsewhere, Finished."""
        if len(set(references)) < FEWEST:
            raise TooFew("one complaint alone is no incident")
        return await self._write(partial(_create, references=references, by=by, now=self.clock(), city=self.house.city))

    async def join(self, incident_id: str, references: Collection[str], by: str) -> IncidentView:
        """Add complaints to an incident; who is in it stays. Raises NotThere, Elsewhere, Finished."""
        job = partial(_join, incident_id=incident_id, references=references, by=by, now=self.clock())
        return await self._write(partial(job, city=self.house.city))

    async def leave(self, incident_id: str, references: Collection[str], by: str) -> IncidentView:
        """Take complaints out of an incident; they are not suggested again. Raises NotThere."""
        return await self._write(
            partial(_leave, incident_id=incident_id, references=references, by=by, now=self.clock())
        )

    async def close(self, incident_id: str, by: str) -> IncidentView:
        """Let nothing join an incident any more; closing it again changes nothing. Raises NotThere."""
        return await self._write(partial(_close, incident_id=incident_id, by=by, now=self.clock()))

    async def dismiss(self, references: Collection[str], by: str) -> None:
        """Record that complaints have causes of their own, so that nobody is asked again. Raises NotThere."""
        del by  # nothing of the complaint changes, so there is no event to sign

        def job(connection: Connection) -> None:
            store.apart(connection, [case.complaint.id for case in _cases(connection, references)])

        await self.house.store.write(job)

    async def causes(self, since: datetime | None = None) -> Sequence[Cause]:
        """Return what keeps coming back where, the latest first."""
        habits = self.house.city.incidents.habits
        besides = [name for name, habit in habits.items() if not habit.shared]
        job = partial(causes.coming_back, now=self.clock(), since=since, besides=besides)
        return await self.house.store.read(job)

    async def _write(self, job: Callable[[Connection], IncidentView]) -> IncidentView:
        view = await self.house.store.write(job)
        self.house.signals.filed.set()
        return view


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


def _view(connection: Connection, incident_id: str) -> IncidentView:
    incident = store.find(connection, incident_id)
    if incident is None:
        raise NotThere("such incident")
    return IncidentView(incident, store.members(connection, incident_id))


def _cases(connection: Connection, references: Collection[str], *, lock: bool = False) -> list[Case]:
    """Load complaints, in the order of their ids. Raises NotThere."""
    found = complaints.load_many(connection, set(references), lock=lock)
    for reference in references:
        if reference not in found:
            raise NotThere(f"complaint {reference}")
    return sorted(found.values(), key=lambda case: case.complaint.id)


def _create(connection: Connection, references: Collection[str], by: str, now: datetime, city: City) -> IncidentView:
    cases = _cases(connection, references, lock=True)
    theirs = {case.complaint.incident for case in cases}
    if len(theirs) == 1 and None not in theirs:  # asked for a second time
        return _view(connection, theirs.pop() or "")
    _may_join(cases, None)
    first = min(cases, key=lambda case: (case.complaint.received_at, case.complaint.id))
    incident_id = event_id(now)
    store.begin(connection, incident_id, first.complaint.id, by, now)
    _add(connection, incident_id, first, cases, by, now, city)
    return _view(connection, incident_id)


def _join(
    connection: Connection, incident_id: str, references: Collection[str], by: str, now: datetime, city: City
) -> IncidentView:
    cases = _cases(connection, references, lock=True)
    view = _view(connection, incident_id)
    fresh = [case for case in cases if case.complaint.incident != incident_id]
    if not fresh:
        return view
    _may_join(fresh, incident_id)
    if not store.hold(connection, incident_id):
        raise Finished("the incident is closed")
    lead = complaints.load_by_id(connection, store.lead_of(connection, incident_id))
    if lead is not None and lead.complaint.status.final:
        raise Finished(f"{lead.complaint.reference}, which leads it, is {lead.complaint.status.value}")
    _add(connection, incident_id, lead, fresh, by, now, city)
    return _view(connection, incident_id)


def _may_join(cases: Sequence[Case], incident_id: str | None) -> None:
    for case in cases:
        if case.complaint.incident not in {None, incident_id}:
            raise Elsewhere(case.complaint.reference)
        if case.complaint.status.final:
            raise Finished(f"{case.complaint.reference} is {case.complaint.status.value}")


def _add(
    connection: Connection,
    incident_id: str,
    lead: Case | None,
    cases: Sequence[Case],
    by: str,
    now: datetime,
    city: City,
) -> None:
    """Add complaints to an incident that is held; those at the triage desk go where their lead is."""
    incident = store.brief(connection, incident_id)
    if incident is None:
        raise NotThere("such incident")
    said = fact(incident, incident.members + len(cases) - 1)
    with Ledger(connection, now) as ledger:
        for found in cases:
            joined = found.complaint.but(incident=incident_id)
            case = ledger.amend(found, joined, heard_at=found.heard_at, facts={**said, "joined_by": by})
            if lead is not None and _decides(lead, case, city):
                case = _decided(ledger, case, lead, said)
            if lead is not None:
                catch_up(ledger, case, lead, said)
    store.joined(connection, [case.complaint.id for case in cases], by)


def _decides(lead: Case, case: Case, city: City) -> bool:
    """Tell whether a complaint that waits for a decision gets that of its lead."""
    waits = case.complaint.status is Status.TRIAGE and case.complaint.id != lead.complaint.id
    return waits and not lead.complaint.status.undecided and lead.department not in {None, city.triage}


def _decided(ledger: Ledger, case: Case, lead: Case, said: dict[str, Any]) -> Case:
    reference = lead.complaint.reference
    route = Route(
        department=lead.department or "",
        category=lead.complaint.category if case.complaint.category == "other" else case.complaint.category,
        automatic=False,
        rule="incident",
        reason=f"ضُمّ إلى حادثة البلاغ {reference} / joined to the incident of {reference}",
        confidence=1.0,
        suggestions=case.route.suggestions if case.route else (),
    )
    outcome = f"joined to the incident of {reference}"
    tasks.settle(ledger.connection, TaskKind.TRIAGE, case.complaint.id, outcome=outcome, now=ledger.now)
    return ledger.offer(case, route, routed_sequence=case.sequence, decided=True, facts=said)


def _leave(
    connection: Connection, incident_id: str, references: Collection[str], by: str, now: datetime
) -> IncidentView:
    leaving = _held(connection, incident_id, references)
    with Ledger(connection, now) as ledger:
        for found in leaving:
            case = alone(connection, found)
            facts = {"incident": None, "left": incident_id, "left_by": by}
            ledger.amend(case, case.complaint.but(incident=None), heard_at=case.heard_at, facts=facts)
    store.apart(connection, [case.complaint.id for case in leaving])
    staying = store.members(connection, incident_id)
    if store.lead_of(connection, incident_id) not in {one.id for one in staying}:
        # Of one that is done already no further news comes, and the others would never hear.
        following = [one.id for one in staying if not one.status.final]
        if following:
            store.lead(connection, incident_id, following[0])
            cases = {case.complaint.id: case for case in complaints.load_these(connection, following, lock=True)}
            with Ledger(connection, now) as ledger:
                succeed(ledger, cases[following[0]], [cases[name] for name in following[1:]])
        else:
            store.close(connection, incident_id, by, now)
    return _view(connection, incident_id)


def _held(connection: Connection, incident_id: str, references: Collection[str]) -> list[Case]:
    """Hold an incident, and those of some complaints that are in it; with its lead all others too. Raises NotThere."""
    named = {case.complaint.id for case in _cases(connection, references)}
    view = _view(connection, incident_id)
    led = store.lead_of(connection, incident_id) in named
    wanted = named | {member.id for member in view.members} if led else named
    cases = complaints.load_these(connection, wanted, lock=True)
    store.hold(connection, incident_id)
    return [case for case in cases if case.complaint.id in named and case.complaint.incident == incident_id]


def _close(connection: Connection, incident_id: str, by: str, now: datetime) -> IncidentView:
    store.close(connection, incident_id, by, now)
    return _view(connection, incident_id)
