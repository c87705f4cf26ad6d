"""Entering what did not come by itself: who walked in, a telephone call, a paper box, a letter, a newspaper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from channels.message import Address, Inbound, Media, Receipt, Scheme
from gateway.acknowledge import ENTRY
from gateway.citizen.draft import Fault, brought, faults, fingerprint, inbound
from gateway.citizen.form import AgainError, filled
from gateway.citizen.posted import Posted, Shelf
from gateway.citizen.tokens import Grant, Nonce, Tokens
from gateway.desk.page import VISIT, DeskPages
from gateway.desk.session import Sessions
from gateway.house import House
from gateway.intake import NotStored
from gateway.people import Visit
from normalizer.reference import show
from normalizer.stated import EARLIEST
from normalizer.text import ascii_digits

WAYS: Final = (
    "walk_in", "phone", "paper_box", "office", "radio", "newspaper", "meeting", "inspector_general", "fax",
)  # fmt: skip
RECEIPT: Final = "balagh_desk_receipt"
FIELDS: Final = frozenset(
    {
        *("nonce", "way", "date", "time", "text", "where", "district", "danger", "kind", "category"),
        *("name", "phone", "email", "confidential"),
    }
)


class Entry:
    """Serves /desk/entry and /desk/receipt."""

    def __init__(self, house: House, pages: DeskPages, tokens: Tokens, sessions: Sessions) -> None:
        self.house, self.pages, self.tokens, self.sessions = house, pages, tokens, sessions
        self.shelf = Shelf(house.files)

    async def form(self, request: web.Request) -> web.Response:
        """Show an empty form; `way` and `date` stay as they were in the one before, for whoever empties a box."""
        return self._form(request, Posted(fields={name: request.query.get(name, "") for name in ("way", "date")}), ())

    async def receive(self, request: web.Request) -> web.Response:
        """Take what was entered: on disk before the receipt is shown."""
        posted, genuine = await self.sessions.read(request, FIELDS, self.shelf)
        media = await brought(posted, self.tokens, self.house.files)
        try:
            receipt = await self._take(request[VISIT], posted, media, genuine=genuine)
        except AgainError as again:
            return self._form(request, posted, media, again.status, **again.how)
        same = urlencode({name: posted[name] for name in ("way", "date")})  # as for the next paper of the same box
        response = self.pages.redirect(f"/desk/receipt?{same}")
        grant = Grant(receipt.reference, danger=posted["danger"] == "yes", files=len(media))
        self.sessions.keep(response, RECEIPT, self.tokens.grant(grant, datetime.now(UTC)))
        return response

    async def receipt(self, request: web.Request) -> web.Response:
        """Show reference and PIN, large enough to be read from the other side of the desk, and made to be printed."""
        grant = self.tokens.granted(request.cookies.get(RECEIPT, ""), datetime.now(UTC))
        if grant is None:
            return self.pages.redirect("/desk/entry")
        return self.pages.render(
            request,
            "receipt.html",
            reference=show(grant.reference),
            pin=self.house.identities.pin(grant.reference),
            danger=grant.danger,
            files=grant.files,
            follow=f"{self.house.settings.public_url}/track",
            another="/desk/entry?" + urlencode({name: request.query.get(name, "") for name in ("way", "date")}),
        )

    async def _take(self, visit: Visit, posted: Posted, media: Sequence[Media], *, genuine: bool) -> Receipt:
        """Put an entry on disk. Raises AgainError when it must be sent once more."""
        nonce = posted["nonce"]
        if self.tokens.judge(nonce, datetime.now(UTC)) is not Nonce.GOOD:
            raise AgainError(422, notice="stale")
        if not genuine:
            raise AgainError(422, notice="stale", nonce=nonce)
        if posted.full or posted.disk_broken:
            raise AgainError(503, notice="not-stored", nonce=nonce)
        wrong = [*self._faults(posted), *faults(posted, media, self.house.city)]
        if wrong:
            raise AgainError(422, wrong=wrong, nonce=nonce)
        report = self._inbound(visit, posted, media)
        mark = self.house.identities.digest("desk entry", fingerprint(report))
        try:
            receipt = await self.house.intake.accept(report, fingerprint=mark)
        except NotStored as error:
            raise AgainError(503, notice="not-stored", nonce=nonce) from error
        if receipt.duplicate and receipt.fingerprint != mark:
            raise AgainError(409, notice="sent-before")
        return receipt

    def _inbound(self, visit: Visit, posted: Posted, media: Sequence[Media]) -> Inbound:
        """Make the Inbound: it is the citizens' own form's, told by an agent, with how and when it came."""
        external_id = self.tokens.external_id(posted["nonce"])
        report = inbound(posted, media, self.house.city, external_id=external_id, page_language="und")
        answers: dict[str, Any] = {**report.answers, "channel": posted["way"]}
        answers.pop("language", None)  # the page's is the agent's, and says nothing of who complained
        occurred = self._occurred(posted)
        if isinstance(occurred, datetime):
            answers["occurred_at"] = occurred.isoformat()
        return report.but(
            channel=ENTRY,
            account=visit.name,
            sender=Address(Scheme.API, f"{visit.name}:{external_id}"),
            answers=answers,
            way=posted["way"],
            provider=ENTRY,
        )

    def _faults(self, posted: Posted) -> list[Fault]:
        found = [] if posted["way"] in WAYS else [Fault("way", "fault-way")]
        occurred = self._occurred(posted)
        if isinstance(occurred, Fault):
            found.append(occurred)
        return found

    def _occurred(self, posted: Posted) -> datetime | Fault | None:
        """Read when it happened, in the city's time; a day without an hour begins at midnight."""
        zone = self.house.city.timezone
        given = [ascii_digits(posted[name]).strip() for name in ("date", "time")]
        if not given[0]:
            return Fault("date", "fault-time-alone") if given[1] else None
        try:
            occurred = datetime.combine(
                date.fromisoformat(given[0]), time.fromisoformat(given[1]) if given[1] else time(), zone
            )
            ahead, old = occurred > datetime.now(UTC), occurred < EARLIEST
        except (ValueError, OverflowError):
            return Fault("date", "fault-date")
        if ahead or old:
            return Fault("date", "fault-date-ahead" if ahead else "fault-date-old")
        return occurred

    def _form(
        self,
        request: web.Request,
        posted: Posted,
        media: Sequence[Media],
        status: int = 200,
        *,
        wrong: Sequence[Fault] = (),
        notice: str = "",
        nonce: str = "",
    ) -> web.Response:
        now = datetime.now(UTC)
        return self.pages.render(
            request,
            "entry.html",
            status=status,
            **filled(posted, media, self.tokens, now, wrong=wrong, nonce=nonce),
            notice=notice,
            ways=WAYS,
            today=now.astimezone(self.house.city.timezone).date().isoformat(),
        )
