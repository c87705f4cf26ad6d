"""The triage desk: complaints that no rule could place, each with what they most likely are, routed with one key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from gateway.cloudevents import without_contact
from gateway.desk.danger import seen
from gateway.desk.material import items
from gateway.desk.page import VISIT, DeskPages
from gateway.desk.session import Sessions
from gateway.house import House
from gateway.incidents import NotThere as Unknown
from gateway.split import Splits
from gateway.store import complaints
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.tasks import Task, TaskKind
from gateway.tasks import Answer, NotThere, Over, Taken, Tasks, WrongAnswer
from gateway.updates.effects import RULE as REJECTION
from normalizer.complaint import Complaint, Contact, Priority
from normalizer.personal import conceal
from normalizer.reference import show
from router.route import Route
from router.rules.words import percent

SHOWN: Final = 20  # complaints on one page
SUGGESTIONS: Final = 3  # one for each of the keys 1 to 3
FIELDS: Final = frozenset({"choice", "department"})


class Triage:
    """Serves /desk/triage and what is below it."""

    def __init__(self, house: House, pages: DeskPages, sessions: Sessions, tasks: Tasks) -> None:
        self.house, self.pages, self.sessions, self.tasks = house, pages, sessions, tasks
        self.splits = Splits(house)

    async def list(self, request: web.Request) -> web.Response:
        """Show what waits for a decision: whom danger threatens first, then the oldest."""
        found = await self.tasks.list([TaskKind.TRIAGE], limit=SHOWN, free_for=request[VISIT].name)
        cases = await self.house.store.read(partial(_cases, found=found))
        language = self.pages.language(request)
        cards = [self._card(task, case, language) for task, case in zip(found, cases, strict=True) if case]
        departments = [row for row in self.house.city.departments.values() if row.id != self.house.city.triage]
        return self.pages.render(request, "triage.html", cards=cards, departments=departments, more=len(found) == SHOWN)

    async def decide(self, request: web.Request) -> web.Response:
        """Put a complaint to the department that was chosen."""
        posted, genuine = await self.sessions.read(request, FIELDS)
        if not genuine:
            return self.pages.said("/desk/triage", "stale")
        category, _, department = posted["choice"].partition(":")
        answer = Answer(category=category or None, department=department or posted["department"] or None)
        try:
            view = await self.tasks.get(request.match_info["id"])
            if view.task.kind is not TaskKind.TRIAGE:
                raise web.HTTPNotFound
            reference = await self.tasks.complete(view.task.id, request[VISIT].name, answer)
        except NotThere:
            raise web.HTTPNotFound from None
        except Taken:
            return self.pages.said("/desk/triage", "taken")
        except Over:
            return self.pages.said("/desk/triage", "over")
        except WrongAnswer:
            return self.pages.said("/desk/triage", "missing")
        return self.pages.said("/desk/triage", "routed", reference, answer.department or "")

    async def split(self, request: web.Request) -> web.Response:
        """Make what else a complaint speaks of a complaint of its own; the first stays on the desk."""
        posted, genuine = await self.sessions.read(request, {"second"})
        if not genuine:
            return self.pages.said("/desk/triage", "stale")
        try:
            view = await self.tasks.get(request.match_info["id"])
            if view.task.kind is not TaskKind.TRIAGE:
                raise web.HTTPNotFound
            half = await self.splits.split(view.task.reference, posted["second"], request[VISIT].name)
        except (NotThere, Unknown):
            raise web.HTTPNotFound from None
        except WrongAnswer:
            return self.pages.said("/desk/triage", "unsplit")
        return self.pages.said("/desk/triage", "split", half.reference)

    def _card(self, task: Task, case: Case, language: str) -> dict[str, Any]:
        """Lay out one complaint. Who complains is not on it: where it goes does not hang on that."""
        complaint, city = case.complaint, self.house.city
        shown = without_contact(complaint)  # the words may say it too
        suggestions = case.route.suggestions if case.route else ()
        wanted = [one for one in suggestions if one.department in city.departments and one.department != city.triage]
        district = city.districts.get(complaint.place.district or "") if complaint.place else None
        place = shown.place.text or "" if shown.place else ""
        rejections = [self._rejection(one, complaint, language) for one in task.body.get("rejections", ())]
        return {
            "id": task.id,
            "reference": show(complaint.reference),
            "distress": complaint.priority is Priority.DISTRESS,
            "vulnerable": complaint.vulnerable,
            "channel": complaint.channel,
            "since": complaint.received_at,
            "occurred_at": complaint.occurred_at,
            "waiting_since": task.created_at,
            "language": complaint.language,
            "text": shown.text,
            "place": "" if district and place in district.names.values() else place,
            "district": self.pages.name(district.names, language) if district else "",
            "items": items(complaint.attachments),
            "category": complaint.category,
            "second": next(iter(city.reader.guess(complaint.text).second), ""),
            "danger": seen(complaint, city, self.pages, language),
            # Who rejected it stands above their own words; the route's reason would say it a second time.
            "why": "" if rejections and case.route and case.route.rule == REJECTION else why(case.route, language),
            "rejections": rejections,
            "suggestions": [
                {
                    "value": f"{one.category}:{one.department}",
                    "category": self.pages.name(city.categories[one.category].names, language),
                    "department": self.pages.name(city.departments[one.department].names, language),
                    "percent": percent(one.confidence),
                }
                for one in wanted[:SUGGESTIONS]
                if one.category in city.categories and percent(one.confidence) != percent(0)
            ],
        }

    def _rejection(self, said: Mapping[str, Any], complaint: Complaint, language: str) -> dict[str, str]:
        """Lay out how a department rejected it; one that left the city has only its id."""
        names = {
            name: self.pages.name(found.names, language) if (found := self.house.city.departments.get(name)) else name
            for name in (said["department"], said.get("suggested_department", ""))
        }
        suggested = names[said.get("suggested_department", "")]
        reason = conceal(said["reason"], complaint.contact or Contact())
        return {"department": names[said["department"]], "suggested": suggested, "reason": reason}


def why(route: Route | None, language: str) -> str:
    """Say why it is where it is, in Arabic or in English."""
    arabic, _, english = route.reason.partition(" / ") if route else ("", "", "")
    return arabic if language.partition("-")[0] == "ar" else english or arabic


def _cases(connection: Connection, found: Sequence[Task]) -> list[Case | None]:
    return [complaints.load_by_id(connection, task.complaint_id) if task.complaint_id else None for task in found]
