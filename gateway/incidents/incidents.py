"""The door to the incidents of one house."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from gateway.house import House
from gateway.incidents.joining import create, join
from gateway.incidents.leaving import close, leave
from gateway.incidents.refusal import TooFew
from gateway.incidents.suggestion import FEWEST, Suggestion, suggest
from gateway.incidents.view import IncidentView, cases_of, view
from gateway.store import causes
from gateway.store import incidents as store
from gateway.store.causes import Cause
from gateway.store.engine import Connection
from gateway.store.incidents import OPEN, Incident

MOST = 500  # complaints named at once
PAGE = 100  # incidents in one listing


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
        return await self.house.store.read(partial(view, incident_id=incident_id))

    async def suggestions(self) -> Sequence[Suggestion]:
        """Return what may have one cause: where danger threatens first, then the largest."""
        return await self.house.store.read(partial(suggest, table=self.house.city.incidents, now=self.clock()))

    async def create(self, references: Collection[str], by: str) -> IncidentView:
        """Make complaints one incident; the oldest leads. Raises NotThere, TooFew, Elsewhere, Finished."""
        if len(set(references)) < FEWEST:
            raise TooFew("one complaint alone is no incident")
        return await self._write(partial(create, references=references, by=by, now=self.clock(), city=self.house.city))

    async def join(self, incident_id: str, references: Collection[str], by: str) -> IncidentView:
        """Add complaints to an incident; who is in it stays. Raises NotThere, Elsewhere, Finished."""
        job = partial(join, incident_id=incident_id, references=references, by=by, now=self.clock())
        return await self._write(partial(job, city=self.house.city))

    async def leave(self, incident_id: str, references: Collection[str], by: str) -> IncidentView:
        """Take complaints out of an incident; they are not suggested again. Raises NotThere."""
        return await self._write(
            partial(leave, incident_id=incident_id, references=references, by=by, now=self.clock())
        )

    async def close(self, incident_id: str, by: str) -> IncidentView:
        """Let nothing join an incident any more; closing it again changes nothing. Raises NotThere."""
        return await self._write(partial(close, incident_id=incident_id, by=by, now=self.clock()))

    async def dismiss(self, references: Collection[str], by: str) -> None:
        """Record that complaints have causes of their own, so that nobody is asked again. Raises NotThere."""
        del by  # nothing of the complaint changes, so there is no event to sign

        def job(connection: Connection) -> None:
            store.apart(connection, [case.complaint.id for case in cases_of(connection, references)])

        await self.house.store.write(job)

    async def causes(self, since: datetime | None = None) -> Sequence[Cause]:
        """Return what keeps coming back where, the latest first."""
        habits = self.house.city.incidents.habits
        besides = [name for name, habit in habits.items() if not habit.shared]
        job = partial(causes.coming_back, now=self.clock(), since=since, besides=besides)
        return await self.house.store.read(job)

    async def _write(self, job: Callable[[Connection], IncidentView]) -> IncidentView:
        found = await self.house.store.write(job)
        self.house.signals.filed.set()
        return found
