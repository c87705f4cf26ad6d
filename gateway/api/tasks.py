"""/api/v1/tasks: what only a person can do, for programs that bring it to people. The desk uses the same door."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import read_as, read_body
from gateway.api.keys import Keys, require
from gateway.api.problem import GONE_BY, INVALID, NOT_FOUND, TAKEN, UNREADABLE, Fault, Problem
from gateway.api.view import ComplaintView, Found, Sight, show
from gateway.house import House
from gateway.settings import ApiKey
from gateway.store.tasks import Task, TaskKind
from gateway.tasks import LONGEST, MOST, Answer, NotThere, Over, Taken, TaskError, Tasks, TaskView, WrongAnswer
from normalizer.complaint import Kind, Moment

PATH: Final = "/api/v1/tasks"
_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_Words = Annotated[str, Field(max_length=LONGEST)]


class TaskShown(BaseModel):
    """A task as the API shows it. `details` is what the person needs to know; it may identify a citizen."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: TaskKind
    reference: str = Field(description="Of the complaint it is about; empty when there is none yet.")
    channel: str
    language: str
    urgent: bool = Field(description="Danger to life: first in every listing.")
    state: str = Field(description="open or done.")
    created_at: Moment
    claimed_by: str | None = None
    claimed_until: Moment | None = None
    outcome: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    complaint: ComplaintView | None = Field(None, description="As it stands; in the listing it is left out.")


class TaskList(BaseModel):
    """A page of open tasks, urgent ones first, then the oldest."""

    tasks: Sequence[TaskShown]
    next: str | None = Field(None, description="Give it back as `cursor` to read on; null at the end.")


class AnswerGiven(BaseModel):
    """What a person says at the end of a task. Which fields count depends on its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: _Words = Field("", description="transcribe, call_back: the citizen's words.")
    kind: Annotated[Kind, Field(strict=False)] | None = None
    category: str | None = Field(None, description="A category id of the city.")
    district: str | None = Field(None, description="A district id of the city.")
    place: Annotated[str, Field(max_length=500)] = ""
    danger: bool = Field(False, description="Danger to life or health now.")
    department: str | None = Field(None, description="triage: the department that shall have it.")
    accepted: bool | None = Field(None, description="confirm: whether it is a complaint to the city.")
    outcome: str = Field("", description="call_back: reached, not_reached or declined.")
    note: _Words = ""


class TaskDoor:
    """The handlers, for one house."""

    def __init__(self, house: House, keys: Keys) -> None:
        self._house, self._keys, self._tasks = house, keys, Tasks(house)

    async def list(self, request: web.Request) -> web.Response:
        """List open tasks; ?kind= once or more, ?cursor= to read on, ?limit= up to 100."""
        self._caller(request)
        tasks = await self._tasks.list(_kinds(request), limit=_limit(request), after=_after(request))
        following = _cursor(tasks[-1]) if len(tasks) == _limit(request) else None
        return _json(TaskList(tasks=[_shown(task) for task in tasks], next=following))

    async def get(self, request: web.Request) -> web.Response:
        """Show one task with its complaint."""
        self._caller(request)
        return await self._answer(self._tasks.get(_wanted(request)))

    async def claim(self, request: web.Request) -> web.Response:
        """Take a task in hand, for half an hour, in the name of the key."""
        key = self._caller(request)
        return await self._answer(self._tasks.claim(_wanted(request), key.name))

    async def release(self, request: web.Request) -> web.Response:
        """Let go of a task."""
        key = self._caller(request)

        async def let_go() -> TaskView:
            await self._tasks.release(_wanted(request), key.name)
            return await self._tasks.get(_wanted(request))

        return await self._answer(let_go())

    async def complete(self, request: web.Request) -> web.Response:
        """Do what the answer says, and close the task."""
        key = self._caller(request)
        given = read_as(AnswerGiven, (await read_body(request, self._house.files)).document)
        answer = Answer(**given.model_dump(exclude={"kind"}), kind=given.kind.value if given.kind else None)

        async def finish() -> TaskView:
            reference = await self._tasks.complete(_wanted(request), key.name, answer)
            view = await self._tasks.get(_wanted(request))
            # A post or a call had no complaint before: whoever made it one wants to know its reference.
            return replace(view, task=replace(view.task, reference=view.task.reference or reference))

        return await self._answer(finish())

    def _caller(self, request: web.Request) -> ApiKey:
        """Return the key: admin, or one that may both read and enter; its people see citizens' words and numbers."""
        key = self._keys.caller(request)
        if not {"intake", "read"} <= key.scopes:
            require(key, "admin")
        return key

    async def _answer(self, asked: Any) -> web.Response:
        try:
            view: TaskView = await asked
        except TaskError as error:
            raise _problem(error) from None
        found = None
        if view.case is not None:
            case = view.case
            found = Found(case.complaint, True, case.department, case.due_at, case.route, answers=view.said)
        complaint = show(found, Sight.WHOLE, self._house.settings.public_url) if found else None
        return _json(_shown(view.task, complaint))


def _problem(error: TaskError) -> Problem:
    match error:
        case Taken(by=by):
            return Problem(TAKEN, f"{by} has it in hand.")
        case Over(outcome=outcome):
            return Problem(GONE_BY, f"It is done: {outcome}." if outcome else "It is done.")
        case WrongAnswer(field=field):
            return Problem(INVALID, errors=[Fault(field=field, detail=f"{error}.")])
        case NotThere():
            return Problem(NOT_FOUND)
    raise error


def _shown(task: Task, complaint: ComplaintView | None = None) -> TaskShown:
    return TaskShown(
        id=task.id,
        kind=task.kind,
        reference=complaint.reference if complaint else task.reference,
        channel=task.channel,
        language=task.language,
        urgent=task.urgent,
        state=task.state,
        created_at=task.created_at,
        claimed_by=task.claimed_by,
        claimed_until=task.claimed_until,
        outcome=task.outcome,
        details=dict(task.body),
        complaint=complaint,
    )


def _json(model: BaseModel) -> web.Response:
    return web.json_response(text=model.model_dump_json(), headers=_PRIVATE)


def _wanted(request: web.Request) -> str:
    """Return the id in the address. What is none of ours never reaches the store: some hold what no column takes."""
    wanted = request.match_info["id"]
    if not _ID.fullmatch(wanted):
        raise Problem(NOT_FOUND)
    return wanted


def _kinds(request: web.Request) -> Sequence[TaskKind]:
    given = request.query.getall("kind", [])
    unknown = sorted(set(given) - set(TaskKind))
    if unknown:
        wanted = ", ".join(TaskKind)
        raise Problem(INVALID, errors=[Fault(field="kind", detail=f"It must be one of {wanted}.")])
    return [TaskKind(kind) for kind in given] or tuple(TaskKind)


def _limit(request: web.Request) -> int:
    given = request.query.get("limit", str(MOST))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= MOST:
        raise Problem(INVALID, errors=[Fault(field="limit", detail=f"It must be a number from 1 to {MOST}.")])
    return int(given)


def _cursor(task: Task) -> str:
    document = json.dumps([task.urgent, task.created_at.isoformat(), task.id])
    return base64.urlsafe_b64encode(document.encode()).decode("ascii")


def _after(request: web.Request) -> tuple[bool, datetime, str] | None:
    given = request.query.get("cursor")
    if not given:
        return None
    try:
        urgent, created_at, last = json.loads(base64.urlsafe_b64decode(given.encode("ascii")))
        seen = datetime.fromisoformat(created_at).astimezone(UTC)
        if _ID.fullmatch(last):
            return bool(urgent), seen, last
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        pass
    raise Problem(UNREADABLE, "cursor must be one that a listing gave.")
