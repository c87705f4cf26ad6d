"""Incidents at the desk: what may have one cause, what has, and what keeps coming back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiohttp import web

from gateway.citizen.posted import Posted
from gateway.desk.page import VISIT, DeskPages
from gateway.desk.session import Sessions
from gateway.house import House
from gateway.incidents import Elsewhere, Finished, IncidentError, Incidents, IncidentView, Suggestion
from gateway.store import complaints
from gateway.store.causes import Cause
from gateway.store.incidents import Member
from normalizer.complaint import Complaint, Priority
from normalizer.personal import mask
from normalizer.reference import show
from router.incident import family

SUGGESTED: Final = 10  # suggestions on one page
OPENED: Final = 20  # incidents on one page
LISTED: Final = 12  # complaints of each that are shown; the others go with them
EXCERPT: Final = 140  # characters of a complaint's words
TICKS: Final = tuple(f"c{number}" for number in range(LISTED))
FIELDS: Final = frozenset({"act", "incident", "rest", *TICKS})
ADDRESS: Final = "/desk/incidents"
_ID: Final = re.compile(r"[0-9a-f-]{36}")  # what is no id of ours never reaches the store


@dataclass(frozen=True, slots=True)
class Row:
    """A complaint as the page lists it: enough of its words, masked, to judge whether it is the same cause."""

    reference: str
    shown: str
    excerpt: str = field(repr=False)
    member: Member = field(repr=False)

    @property
    def distress(self) -> bool:
        """Whether danger threatens there."""
        return self.member.priority is Priority.DISTRESS


class IncidentsPage:
    """Serves /desk/incidents and what is below it."""

    def __init__(self, house: House, pages: DeskPages, sessions: Sessions) -> None:
        self.house, self.pages, self.sessions = house, pages, sessions
        self.incidents = Incidents(house)

    async def list(self, request: web.Request) -> web.Response:
        """Show suggestions, open incidents and causes."""
        suggestions = (await self.incidents.suggestions())[:SUGGESTED]
        opened = [await self.incidents.get(one.id) for one in await self.incidents.list(limit=OPENED)]
        listed = [*(one.members for one in suggestions), *(one.members for one in opened)]
        words = await self._words([member for members in listed for member in _danger_first(members)[:LISTED]])
        language = self.pages.language(request)
        return self.pages.render(
            request,
            "incidents.html",
            suggestions=[self._card(one.members, words, language, suggestion=one) for one in suggestions],
            incidents=[self._card(one.members, words, language, view=one) for one in opened],
            causes=[self._cause(one, language) for one in await self.incidents.causes()],
        )

    async def gather(self, request: web.Request) -> web.Response:
        """Put the ticked complaints together, or record that they have causes of their own."""
        posted, genuine = await self.sessions.read(request, FIELDS)
        if not genuine:
            return self.pages.said(ADDRESS, "stale")
        by, chosen = request[VISIT].name, _chosen(posted)
        try:
            if posted["act"] == "dismiss":
                await self.incidents.dismiss(chosen, by)
                return self.pages.said(ADDRESS, "parted")
            if posted["incident"] and not _ID.fullmatch(posted["incident"]):
                return self.pages.said(ADDRESS, "gone")
            if posted["incident"]:
                await self.incidents.join(posted["incident"], chosen, by)
            else:
                await self.incidents.create(chosen, by)
        except IncidentError as error:
            return self.pages.said(ADDRESS, _word(error))
        return self.pages.said(ADDRESS, "joined")

    async def change(self, request: web.Request) -> web.Response:
        """Take the ticked complaints out of an incident, or close it."""
        posted, genuine = await self.sessions.read(request, FIELDS)
        if not genuine:
            return self.pages.said(ADDRESS, "stale")
        wanted, by = request.match_info["id"], request[VISIT].name
        try:
            if posted["act"] == "close":
                await self.incidents.close(wanted, by)
                return self.pages.said(ADDRESS, "shut")
            await self.incidents.leave(wanted, _chosen(posted), by)
        except IncidentError as error:
            return self.pages.said(ADDRESS, _word(error))
        return self.pages.said(ADDRESS, "left")

    async def _words(self, members: Sequence[Member]) -> dict[str, Complaint]:
        ids = {member.id for member in members if not member.confidential}
        cases = await self.house.store.read(partial(complaints.load_these, ids=ids))
        return {case.complaint.id: case.complaint for case in cases}

    def _card(
        self,
        members: Sequence[Member],
        words: dict[str, Complaint],
        language: str,
        *,
        suggestion: Suggestion | None = None,
        view: IncidentView | None = None,
    ) -> dict[str, Any]:
        ordered = _danger_first(members)
        first, last = members[0], max(members, key=lambda one: one.spot.at)
        rows = [_row(member, words.get(member.id)) for member in ordered[:LISTED]]
        department = self.house.city.departments.get(view.incident.department or "") if view else None
        return {
            "id": view.incident.id if view else suggestion.incident or "" if suggestion else "",
            "category": self._category(first.spot.category, language),
            "where": self._where(first, language),
            "department": self.pages.name(department.names, language) if department else "",
            "count": len(members),
            "lead": show(view.incident.reference) if view else "",
            "burst": suggestion.burst if suggestion else False,
            "urgent": any(row.distress for row in rows),
            "began": first.spot.at,
            "last": last.spot.at,
            "rows": rows,
            "rest": " ".join(member.reference for member in ordered[LISTED:]),
            "more": max(len(members) - LISTED, 0),
        }

    def _cause(self, cause: Cause, language: str) -> dict[str, Any]:
        city = self.house.city
        names = [
            self.pages.name(one.names, language) for one in city.categories.values() if family(one.id) == cause.family
        ]
        district = city.districts.get(cause.district or "")
        growth = "" if cause.growth is None else "up" if cause.growth > 1 else "down" if cause.growth < 1 else "same"
        return {
            "what": names[0] if len(names) == 1 else " · ".join(names),
            "district": self.pages.name(district.names, language) if district else "",
            "place": cause.place or "",
            "week": cause.week,
            "month": cause.month,
            "quarter": cause.quarter,
            "senders": cause.senders,
            "growth": growth,
            "last": cause.last_at,
        }

    def _category(self, category: str, language: str) -> str:
        known = self.house.city.categories.get(category)
        return self.pages.name(known.names, language) if known else category

    def _where(self, member: Member, language: str) -> str:
        district = self.house.city.districts.get(member.spot.district or "")
        named = [self.pages.name(district.names, language)] if district else []
        return " · ".join([*named, *([member.spot.place] if member.spot.place else [])])


def _danger_first(members: Sequence[Member]) -> list[Member]:
    """Put danger before the rest: nobody shall put it together with others without having seen it."""
    return sorted(members, key=lambda member: member.priority is not Priority.DISTRESS)


def _row(member: Member, complaint: Complaint | None) -> Row:
    words = " ".join(mask(complaint.text).split()) if complaint else ""
    excerpt = words if len(words) <= EXCERPT else f"{words[:EXCERPT]}…"
    return Row(member.reference, show(member.reference), excerpt, member)


def _chosen(posted: Posted) -> list[str]:
    """Return what was ticked, and what belongs to it without being shown."""
    named = [*(posted[tick] for tick in TICKS), *posted["rest"].split()]
    return [word for word in dict.fromkeys(named) if word.isascii() and word.isdecimal()]


def _word(error: IncidentError) -> str:
    """Name what came between, as the pages' words do."""
    return "elsewhere" if isinstance(error, Elsewhere) else "over" if isinstance(error, Finished) else "missing"
