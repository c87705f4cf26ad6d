"""The desk's addresses, all of them below /desk."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.citizen.statics import Statics
from gateway.citizen.tokens import Tokens
from gateway.desk.dossier import Dossier
from gateway.desk.entry import Entry
from gateway.desk.incidents import IncidentsPage
from gateway.desk.material import Material
from gateway.desk.page import DeskPages
from gateway.desk.session import Sessions, needs
from gateway.desk.sign_in import SignIn
from gateway.desk.triage import Triage
from gateway.desk.work import Work
from gateway.house import House
from gateway.people import People
from gateway.tasks import Tasks

TASK: Final = "{id:[0-9a-f-]{36}}"  # what is no id of ours never reaches the store: some hold what no column takes
REFERENCE: Final = "{reference:[1-9][0-9]{9}}"


def add_desk(app: web.Application, house: House) -> None:
    """Add the desk. Call it before the application starts."""
    desk, tokens, tasks, people = web.Application(), Tokens(house.identities), Tasks(house), People(house.store)
    statics = Statics(("gateway.citizen", "gateway.desk"), at="/desk/static")
    pages = DeskPages(desk, house, tokens, statics)
    sessions = Sessions(people, pages)
    entering, entry = SignIn(house, pages, people, sessions), Entry(house, pages, tokens, sessions)
    work, triage, material = (
        Work(house, pages, sessions, tasks),
        Triage(house, pages, sessions, tasks),
        Material(house, pages),
    )
    causes, dossier = IncidentsPage(house, pages, sessions), Dossier(house, pages, sessions)
    agents, triagers = needs(pages, "agent"), needs(pages, "triage")
    desk.middlewares.append(sessions.guard)
    desk.add_routes(
        [
            web.get("", entering.home),
            web.get("/", entering.home),
            web.get("/sign-in", entering.form),
            web.post("/sign-in", entering.enter),
            web.post("/sign-out", entering.leave),
            web.get("/tasks", agents(work.list)),
            web.get(f"/tasks/{TASK}", agents(work.show)),
            web.post(f"/tasks/{TASK}", agents(work.complete)),
            web.post(f"/tasks/{TASK}/claim", agents(work.claim)),
            web.post(f"/tasks/{TASK}/release", agents(work.release)),
            web.get("/entry", agents(entry.form)),
            web.post("/entry", agents(entry.receive)),
            web.get("/receipt", agents(entry.receipt)),
            web.get("/triage", triagers(triage.list)),
            web.post(f"/triage/{TASK}", triagers(triage.decide)),
            web.post(f"/triage/{TASK}/split", triagers(triage.split)),
            web.get("/incidents", triagers(causes.list)),
            web.post("/incidents", triagers(causes.gather)),
            web.post(f"/incidents/{TASK}", triagers(causes.change)),
            web.get("/complaints", triagers(dossier.list)),
            web.get(f"/complaints/{REFERENCE}", triagers(dossier.show)),
            web.post(f"/complaints/{REFERENCE}/split", triagers(dossier.split)),
            web.get("/attachments/{id}", material.get),
            web.get("/static/{name}", statics.serve),
        ]
    )
    app.add_subapp("/desk", desk)
