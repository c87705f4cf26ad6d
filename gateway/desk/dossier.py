"""One complaint, opened by its number: where it is and why, what happened, and what else it may speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aiohttp import web

from gateway.cloudevents import without_contact
from gateway.desk.danger import seen
from gateway.desk.material import items
from gateway.desk.page import VISIT, DeskPages
from gateway.desk.said import said
from gateway.desk.session import Sessions
from gateway.desk.triage import why
from gateway.house import House
from gateway.incidents import NotThere
from gateway.people import Visit
from gateway.split import Splits
from gateway.store import answers, complaints, incidents, journal
from gateway.store.answers import Answer
from gateway.store.complaints import BY, Case, Event
from gateway.store.doubled import doubled
from gateway.store.engine import Connection
from gateway.store.incidents import HOUSE, Brief
from gateway.tasks import WrongAnswer
from gateway.updates.effects import RULE as REJECTION
from normalizer.complaint import Complaint, Priority, Status
from normalizer.personal import mask
from normalizer.reference import read as read_reference
from normalizer.reference import show

ADDRESS: Final = "/desk/complaints"
RECENT: Final = timedelta(days=3)  # within which a second problem is still worth asking about
LISTED: Final = 20
EXCERPT: Final = 200  # characters
LONGEST: Final = 64  # characters of a number as it is typed


@dataclass(frozen=True, slots=True)
class Opened:
    """A complaint with all that its page shows."""

    case: Case
    events: Sequence[Event]
    incident: Brief | None
    related: Sequence[Case]
    said: Sequence[Answer]

    def second(self) -> list[str]:
        """Return which further problems were seen in it that nobody has split off yet."""
        return _unasked(self.case, self.related)


class Dossier:
    """Serves /desk/complaints and what is below it."""

    def __init__(self, house: House, pages: DeskPages, sessions: Sessions) -> None:
        self.house, self.pages, self.sessions = house, pages, sessions
        self.splits = Splits(house)

    async def list(self, request: web.Request) -> web.Response:
        """Open the complaint whose number was typed, or show which may have a second problem in them."""
        typed = request.query.get("reference", "")[:LONGEST]
        reference = read_reference(typed) if typed else None
        fault = "complaints-none" if typed else ""
        if reference is not None:
            found = await self.house.store.read(partial(complaints.load, reference=reference))
            if found is not None:
                return self.pages.redirect(f"{ADDRESS}/{reference}")
            row = await self.house.store.read(partial(journal.find, reference=reference))
            # The citizen's number is right all the same.
            if row is not None and row.state in {"pending", "quarantined"}:
                fault = "complaints-unread"
        since = datetime.now(UTC) - RECENT
        doubles = await self.house.store.read(partial(_doubles, since=since))
        language = self.pages.language(request)
        cards = [self._double(one, second, language) for one, second in doubles]
        return self.pages.render(
            request, "complaints.html", cards=cards, typed=typed, status=404 if fault else 200, fault=fault
        )

    async def show(self, request: web.Request) -> web.Response:
        """Show one complaint. Who sent it is not on the page, and the words do not say it either."""
        found = await self.house.store.read(partial(_opened, reference=request.match_info["reference"]))
        if found is None:
            raise web.HTTPNotFound
        language, visit, case = self.pages.language(request), request[VISIT], found.case
        complaint = case.complaint
        readable = _readable(complaint, visit)
        at_hand = readable and (visit.may("supervisor") or complaint.status is Status.TRIAGE)
        return self.pages.render(
            request,
            "complaint.html",
            path=f"{ADDRESS}/{complaint.reference}",
            complaint=without_contact(complaint),
            reference=show(complaint.reference),
            distress=complaint.priority is Priority.DISTRESS,
            danger=seen(complaint, self.house.city, self.pages, language) if readable else None,
            readable=readable,
            district=self._district(complaint, language),
            items=items(complaint.attachments) if at_hand else [],
            department=self._department(case.department, language),
            category=self._category(complaint.category, language),
            route=case.route,
            suggested=case.route is not None and case.route.rule == REJECTION,
            why=why(case.route, language),
            due_at=case.due_at,
            incident=found.incident,
            incident_lead=show(found.incident.reference) if found.incident else "",
            related=[(one.complaint.reference, show(one.complaint.reference)) for one in found.related],
            events=[self._event(one, language) for one in found.events],
            answers=said(found.said, complaint, self.pages, language) if readable else [],
            second=next(iter(found.second()), ""),
            splits=readable and not complaint.status.final,
        )

    async def split(self, request: web.Request) -> web.Response:
        """Make what else a complaint speaks of a complaint of its own; the first stays where it is."""
        posted, genuine = await self.sessions.read(request, {"second", "back"})
        reference = request.match_info["reference"]
        here = ADDRESS if posted["back"] == "list" else f"{ADDRESS}/{reference}"
        if not genuine:
            return self.pages.said(here, "stale")
        case = await self.house.store.read(partial(complaints.load, reference=reference))
        if case is None or not _readable(case.complaint, request[VISIT]):
            raise web.HTTPNotFound
        try:
            half = await self.splits.split(reference, posted["second"], request[VISIT].name)
        except NotThere:
            raise web.HTTPNotFound from None
        except WrongAnswer:
            return self.pages.said(here, "unsplit")
        return self.pages.said(here, "split", half.reference)

    def _double(self, case: Case, second: Sequence[str], language: str) -> dict[str, Any]:
        complaint, words = case.complaint, " ".join(mask(case.complaint.text).split())
        return {
            "reference": complaint.reference,
            "shown": show(complaint.reference),
            "channel": complaint.channel,
            "since": complaint.received_at,
            "distress": complaint.priority is Priority.DISTRESS,
            "excerpt": words if len(words) <= EXCERPT else f"{words[:EXCERPT]}…",
            "department": self._department(case.department, language),
            "category": self._category(complaint.category, language),
            "second": [(one, self._category(one, language)) for one in second],
        }

    def _event(self, event: Event, language: str) -> dict[str, Any]:
        """Lay out what happened; what a program wrote beside it is not on this page."""
        at_the_desk = event.type == "offered" and event.data.get("status") == Status.TRIAGE.value
        halved = str(event.data.get("split_off", ""))
        return {
            "kind": "triaged" if at_the_desk else event.type,
            "at": event.time,
            "department": self._department(event.department, language) if event.type != "amended" else "",
            "by": next((one for name in BY if (one := str(event.data.get(name) or HOUSE)) != HOUSE), ""),
            "joined": bool(event.data.get("joined_by")),
            "raised": bool(event.data.get("priority_raised")),
            "half": halved,
            "half_shown": show(halved) if halved else "",
        }

    def _department(self, known: str | None, language: str) -> str:
        found = self.house.city.departments.get(known or "")
        return self.pages.name(found.names, language) if found else known or ""

    def _category(self, known: str, language: str) -> str:
        found = self.house.city.categories.get(known)
        return self.pages.name(found.names, language) if found else known

    def _district(self, complaint: Complaint, language: str) -> str:
        found = self.house.city.districts.get(complaint.place.district or "") if complaint.place else None
        return self.pages.name(found.names, language) if found else ""


def _readable(complaint: Complaint, visit: Visit) -> bool:
    """Tell whether somebody at the desk may read the words: of a confidential one only while they decide on it."""
    return not complaint.confidential or complaint.status is Status.TRIAGE or visit.may("supervisor")


def _unasked(case: Case, related: Sequence[Case]) -> list[str]:
    halves = {one.complaint.category for one in related}
    seconds = case.route.second if case.route else ()
    return [one for one in seconds if one != case.complaint.category and one not in halves]


def _opened(connection: Connection, reference: str) -> Opened | None:
    case = complaints.load(connection, reference)
    if case is None:
        return None
    incident = incidents.brief(connection, case.complaint.incident) if case.complaint.incident else None
    related = complaints.load_these(connection, case.complaint.related)
    heard = answers.of_complaint(connection, case.complaint.id)
    return Opened(case, complaints.story(connection, case.complaint.id), incident, related, heard)


def _doubles(connection: Connection, since: datetime) -> list[tuple[Case, list[str]]]:
    found = doubled(connection, since, LISTED)
    known = {one.complaint.id: one for one in complaints.load_these(connection, _related(found))}
    asked = [
        (case, _unasked(case, [known[name] for name in case.complaint.related if name in known])) for case in found
    ]
    return [(case, second) for case, second in asked if second]


def _related(found: Sequence[Case]) -> set[str]:
    return {name for case in found for name in case.complaint.related}
