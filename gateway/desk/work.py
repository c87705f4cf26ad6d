"""Tasks: the list of what waits for a person, and one task with its form beside what must be heard, read or called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.calls import CALL_BACK_REASONS
from gateway.citizen.posted import Posted
from gateway.desk.danger import seen
from gateway.desk.material import items
from gateway.desk.page import VISIT, DeskPages
from gateway.desk.said import said
from gateway.desk.session import Sessions
from gateway.house import House
from gateway.people import Visit
from gateway.store import tasks as rows
from gateway.store.tasks import OPEN, Task, TaskKind
from gateway.tasks import NOT_REACHED, OUTCOMES, Answer, NotThere, Over, Taken, Tasks, TaskView, WrongAnswer
from normalizer.complaint import Attachment, Contact, Kind, Priority
from normalizer.reference import show

KINDS: Final = (TaskKind.TRANSCRIBE, TaskKind.CALL_BACK, TaskKind.CONFIRM)
"""What agents do; triage has a page of its own."""

FIELDS: Final = frozenset(
    {"text", "kind", "category", "district", "place", "danger", "outcome", "accepted", "note", "then"}
)


class Work:
    """Serves /desk/tasks and what is below it."""

    def __init__(self, house: House, pages: DeskPages, sessions: Sessions, tasks: Tasks) -> None:
        self.house, self.pages, self.sessions, self.tasks = house, pages, sessions, tasks

    async def list(self, request: web.Request) -> web.Response:
        """List what waits: whom danger threatens first, then the oldest. What others have in hand is there too."""
        chosen = request.query.get("kind", "")
        kinds = [kind for kind in KINDS if kind.value == chosen] or list(KINDS)
        found = await self.tasks.list(kinds)
        counts = await self.house.store.read(rows.waiting)
        now, visit = datetime.now(UTC), request[VISIT]
        return self.pages.render(
            request,
            "tasks.html",
            rows=[self._row(request, task, visit, now) for task in found],
            chosen=kinds[0].value if len(kinds) == 1 else "",
            counts=[(kind.value, counts[kind.value][0] if kind.value in counts else 0) for kind in KINDS],
        )

    async def claim(self, request: web.Request) -> web.Response:
        """Take a task in hand."""
        _, genuine = await self.sessions.read(request, ())
        if not genuine:
            return self.pages.said("/desk/tasks", "stale")
        view = await self._agents(request)
        try:
            await self.tasks.claim(view.task.id, request[VISIT].name)
        except (Taken, Over, NotThere) as error:
            return self.pages.said("/desk/tasks", _word(error))
        return self.pages.redirect(f"/desk/tasks/{view.task.id}")

    async def release(self, request: web.Request) -> web.Response:
        """Let go of a task; somebody else may take it."""
        _, genuine = await self.sessions.read(request, ())
        if not genuine:
            return self.pages.said("/desk/tasks", "stale")
        view = await self._agents(request)
        try:
            await self.tasks.release(view.task.id, request[VISIT].name)
        except (Taken, Over, NotThere) as error:
            return self.pages.said("/desk/tasks", _word(error))
        return self.pages.said("/desk/tasks", "released")

    async def show(self, request: web.Request) -> web.Response:
        """Show a task to who has it in hand; to anybody else, that it waits or who has it."""
        view = await self._agents(request)
        task = view.task
        if task.state != OPEN:
            return self.pages.said("/desk/tasks", "over")
        if task.held(datetime.now(UTC)) != request[VISIT].name:
            return self.pages.said("/desk/tasks", "taken" if task.held(datetime.now(UTC)) else "free")
        try:
            view = await self.tasks.claim(task.id, request[VISIT].name)  # who looks at it again keeps it for longer
        except (Taken, Over, NotThere) as error:
            return self.pages.said("/desk/tasks", _word(error))
        return self._form(request, view, Posted())

    async def complete(self, request: web.Request) -> web.Response:
        """Do what the form says, and go on with the next task of its kind if that was asked for."""
        posted, genuine = await self.sessions.read(request, FIELDS)
        view, visit = await self._agents(request), request[VISIT]
        if not genuine:
            anothers = view.task.held(datetime.now(UTC)) not in {None, visit.name}
            return self._form(request, view, posted, 422, fault="stale", shut=anothers)
        try:
            view = await self.tasks.claim(view.task.id, visit.name)
            reference = await self.tasks.complete(view.task.id, visit.name, _answer(view.task, posted))
        except WrongAnswer as error:
            return self._form(request, view, posted, 422, fault=_fault(error))
        except (Taken, Over, NotThere) as error:
            # What was typed is shown, so that it can be copied; nobody's call or tape shows beside it any more.
            return self._form(request, view, posted, 409, fault=_word(error), shut=True)
        word = "missed" if posted["outcome"] == NOT_REACHED else "done"
        following = await self._next(visit, view.task) if posted["then"] == "next" else None
        return self.pages.said(f"/desk/tasks/{following}" if following else "/desk/tasks", word, reference)

    async def _next(self, visit: Visit, done: Task) -> str | None:
        """Take the next task of the same kind that nobody has, and return its id."""
        for task in await self.tasks.list([done.kind], limit=10, free_for=visit.name):
            if task.id == done.id:
                continue  # a call that nobody answered is not tried again at once
            try:
                await self.tasks.claim(task.id, visit.name)
            except (Taken, Over, NotThere):
                continue
            return task.id
        return None

    async def _agents(self, request: web.Request) -> TaskView:
        """Return the task of the address, if it is one for agents. Raises HTTPNotFound."""
        try:
            view = await self.tasks.get(request.match_info["id"])
        except NotThere:
            raise web.HTTPNotFound from None
        if view.task.kind not in KINDS:
            raise web.HTTPNotFound
        return view

    def _row(self, request: web.Request, task: Task, visit: Visit, now: datetime) -> dict[str, Any]:
        holder, language = task.held(now), self.pages.language(request)
        return {
            "id": task.id,
            "kind": task.kind.value,
            "urgent": task.urgent,
            "reference": show(task.reference) if task.reference else "",
            "channel": task.channel,
            "language": task.language,
            "since": task.created_at,
            "holder": holder or "",
            "mine": holder == visit.name,
            "until": self.pages.time(language, task.claimed_until) if holder and task.claimed_until else "",
        }

    def _form(
        self,
        request: web.Request,
        view: TaskView,
        posted: Posted,
        status: int = 200,
        *,
        fault: str = "",
        shut: bool = False,
    ) -> web.Response:
        """Show the task with its form. `shut` leaves out whatever belongs to the citizen: it is another's task now."""
        task, complaint = view.task, view.case.complaint if view.case else None
        distress = complaint is not None and complaint.priority is Priority.DISTRESS
        language = self.pages.language(request)
        if not posted.fields:
            posted = Posted(fields=_proposed(task, distress=distress))
        return self.pages.render(
            request,
            "task.html",
            status=status,
            task=task,
            reference=show(task.reference) if task.reference else "",
            complaint=None if shut else complaint,
            why=None if shut or complaint is None else seen(complaint, self.house.city, self.pages, language),
            items=[] if shut or complaint is None else items(_own_first(task, complaint.attachments)),
            proposed=bool(task.body.get("proposed")),
            called_for=next((why for why, said in CALL_BACK_REASONS.items() if said == task.body.get("reason")), ""),
            phone="" if shut else _phone(task, complaint.contact if complaint else None),
            calls=[] if shut else [_call(one) for one in task.body.get("calls", ())],
            post=None if shut else _post(view),
            answers=[] if shut or complaint is None else said(view.said, complaint, self.pages, language),
            posted=posted,
            fault=fault,
            shut=shut,
            kinds=[kind.value for kind in Kind],
            outcomes=OUTCOMES,
        )


def _proposed(task: Task, *, distress: bool) -> dict[str, str]:
    """Fill a form in with what the house believes already; the person corrects it."""
    proposed = {"text": task.body.get("proposed"), "category": task.body.get("category")}
    filled = {name: value for name, value in proposed.items() if isinstance(value, str) and value}
    return {**filled, "danger": "yes"} if task.urgent or distress else filled


def _own_first(task: Task, attachments: Sequence[Attachment]) -> list[Attachment]:
    """Put what the task is about before what the citizen had sent otherwise."""
    own = set(task.body.get("attachments", ()))
    return sorted(attachments, key=lambda attachment: attachment.id not in own)


def _answer(task: Task, posted: Posted) -> Answer:
    """Read the form as an answer. What the task's kind does not ask for is left out."""
    accepted = {"yes": True, "no": False}.get(posted["accepted"])
    return Answer(
        text="" if task.kind is TaskKind.CONFIRM else posted["text"],
        kind=posted["kind"] or None,
        category=posted["category"] or None,
        district=posted["district"] or None,
        place=posted["place"].strip(),
        danger=posted["danger"] == "yes",
        accepted=accepted if task.kind is TaskKind.CONFIRM else None,
        outcome=posted["outcome"] if task.kind is TaskKind.CALL_BACK else "",
        note=posted["note"].strip(),
    )


def _fault(error: WrongAnswer) -> str:
    known = {"text", "accepted", "outcome", "category", "district", "kind", "place", "note"}
    return f"task-fault-{error.field}" if error.field in known else "task-fault-other"


def _word(error: Exception) -> str:
    """Name what came between, as the pages' words do."""
    return "taken" if isinstance(error, Taken) else "over" if isinstance(error, Over) else "gone"


def _phone(task: Task, contact: Contact | None) -> str:
    """Return the number to call, as it is dialled. Only who has the task in hand is shown it."""
    if task.kind is not TaskKind.CALL_BACK:
        return ""
    given = task.body.get("phone") or (contact.phone if contact else None)
    return given if isinstance(given, str) else ""


def _call(call: Any) -> dict[str, Any]:
    """Lay out an earlier call that nobody answered."""
    return {"at": datetime.fromisoformat(call["at"]), "by": str(call["by"]), "note": str(call.get("note", ""))}


def _post(view: TaskView) -> dict[str, str] | None:
    """Lay out a public post. Its address is somebody else's word: only one of the web becomes a link."""
    if view.task.kind is not TaskKind.CONFIRM:
        return None
    inbound, body = view.inbound, view.task.body
    address = str(body.get("url") or (inbound.url if inbound else ""))
    try:
        web_address = urlsplit(address).scheme in {"http", "https"}
    except ValueError:
        web_address = False
    return {
        "text": str(body.get("text") or (inbound.text if inbound else "")),
        "author": inbound.sender_name if inbound else "",
        "address": address if web_address else "",
    }
