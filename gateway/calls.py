"""After a call: whoever hung up before they were heard is called back, and a call without an end finds one.

Every step of a call is a fact in the journal. When the call is over they are folded: what was chosen, whether anything
was recorded, whether an agent answered. Nothing that a caller began is lost; nobody is called who only listened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from channels.base import SpeakError
from channels.message import Inbound, Purpose, Receipt, Scheme
from channels.voice import COMPLAINTS, Choice
from gateway import observe
from gateway.identity import Identities
from gateway.intake import NotStored
from gateway.store import calls, journal, tasks
from gateway.store.engine import Connection, Store, StoreUnavailable
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.tasks import Draft, TaskKind

TALKED = "bridged"  # with an agent
CALL_BACK_REASONS = {  # what was begun -> why somebody must call, the weightiest first
    "danger": "pressed the danger key and recorded nothing",
    "asked": "asked to be called back",
    "agent": "waited for an agent and was not heard",
    "report": "chose to report and recorded nothing",
}
SWEEP = 300.0  # seconds between looks for calls without an end
LATE = timedelta(hours=1)
GIVEN_UP = timedelta(hours=6)  # nobody is on the telephone that long: with Twilio away the call counts as over

log = observe.logger("calls")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a fact of a call became: the outcome for the journal, and how many call-backs it opened."""

    outcome: str
    opened: int = 0


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known of a call (of one complaint in it), folded from its facts."""

    phone: str = field(default="", repr=False)
    language: str = ""
    category: str = ""
    path: tuple[str, ...] = ()
    danger: bool = False
    heard: bool = False  # something was recorded
    talked: bool = False  # an agent answered
    asked: bool = False  # a call back was promised
    over: bool = False
    proposed_text: str = field(default="", repr=False)

    @property
    def reason(self) -> str:
        """Why the caller must be called back; empty when there is no need."""
        if self.heard or (self.talked and not self.danger):
            return ""
        if self.danger:
            return CALL_BACK_REASONS["danger"]
        if self.asked:
            return CALL_BACK_REASONS["asked"]
        if Choice.AGENT.value in self.path:
            return CALL_BACK_REASONS["agent"]
        begun = {Choice.REPORT.value, Choice.MESSAGE.value} & set(self.path)
        return CALL_BACK_REASONS["report"] if begun else ""


def gather(facts: Sequence[Inbound]) -> Gathered:
    """Fold the facts of one complaint of a call, in whatever order they stand. Pure."""
    said: dict[str, str] = {}
    path: dict[str, None] = {}
    danger = heard = talked = asked = over = False
    for inbound in facts:
        answers = inbound.answers
        contact = answers.get("contact")
        phone = contact.get("phone") if isinstance(contact, dict) else None
        for name, value in (("phone", phone), *((key, answers.get(key)) for key in ("category", "proposed_text"))):
            if isinstance(value, str) and value:
                said.setdefault(name, value)
        language = answers.get("language")
        if isinstance(language, str) and language:
            said["language"] = language  # the one chosen last
        danger = danger or answers.get("danger") is True
        heard = heard or bool(inbound.media)
        match answers.get("event"):
            case "chosen":
                path[str(answers.get("choice"))] = None
            case "left":
                talked = talked or answers.get("result") == TALKED
            case "call_back":
                asked = True
            case "ended":
                over = True
    return Gathered(**said, path=tuple(path), danger=danger, heard=heard, talked=talked, asked=asked, over=over)


class Calls:
    """What the interpreter does about calls, in its own transaction."""

    def __init__(self, identities: Identities) -> None:
        self.identities = identities

    def note(self, ledger: Ledger, row: Row, inbound: Inbound) -> Settled:
        """Deal with one fact of a call: remember that it began, fold it when it has ended, or only note the step."""
        event = str(inbound.answers.get("event", "step"))
        call = inbound.sender.value.partition(":")[0]
        if event == "begun" and not self._gathered(ledger.connection, inbound, call).over:
            calls.begin(ledger.connection, inbound.channel, call, ledger.now)
        if event != "ended":
            return Settled(f"call: {event}")
        ledger.flush()  # what was recorded may have been filed in this very batch
        calls.end(ledger.connection, inbound.channel, call)
        opened = sum(self._fold(ledger, row, inbound, call, ordinal) for ordinal in range(1, COMPLAINTS + 1))
        return Settled(f"call: ended, {opened} to call back" if opened else "call: ended", opened)

    def heard(self, ledger: Ledger, inbound: Inbound) -> bool:
        """Close the call-back of a caller whose recording came after the call's end. Returns whether there was one."""
        if inbound.sender.scheme != Scheme.CALL or not inbound.media:
            return False
        subject = inbound.sender.value
        return tasks.settle(
            ledger.connection, TaskKind.CALL_BACK, subject, outcome="a recording arrived", now=ledger.now
        )

    def complete(self, connection: Connection, inbound: Inbound) -> Inbound:
        """Add to what was said in a call what only its other steps told: the caller's number, language, category.

        A recording's callback does not say who called.
        """
        if inbound.sender.scheme != Scheme.CALL or inbound.purpose is not Purpose.MESSAGE:
            return inbound
        call = inbound.sender.value.partition(":")[0]
        known, whole = self._gathered(connection, inbound, inbound.sender.value), None
        if not known.phone and inbound.sender.value != call:
            whole = self._gathered(connection, inbound, call)
        phone = known.phone or (whole.phone if whole else "")
        answers: dict[str, Any] = dict(inbound.answers)
        if phone:
            answers.setdefault("contact", {"phone": phone})
        for name, value in (
            ("language", known.language),
            ("category", known.category),
            ("proposed_text", known.proposed_text),
        ):
            if value:
                answers.setdefault(name, value)
        return inbound if answers == dict(inbound.answers) else inbound.but(answers=answers)

    def _gathered(self, connection: Connection, inbound: Inbound, sender: str) -> Gathered:
        return gather([Inbound.from_json(row.body) for row in self._rows(connection, inbound, sender)])

    def _rows(self, connection: Connection, inbound: Inbound, sender: str) -> list[Row]:
        digest = self.identities.digest("sender", inbound.channel, inbound.account, f"{Scheme.CALL}:{sender}")
        return journal.of_call(connection, digest)

    def _fold(self, ledger: Ledger, row: Row, ended: Inbound, call: str, ordinal: int) -> bool:
        sender = call if ordinal == 1 else f"{call}:{ordinal}"
        rows = self._rows(ledger.connection, ended, sender)
        facts = [Inbound.from_json(found.body) for found in rows]
        known = gather([*facts, ended] if ordinal == 1 else facts)
        if not known.reason or not (known.phone or known.danger):
            return False
        filed = next((found for found in rows if found.reference), None)  # of danger: filed before a word was said
        draft = Draft(
            kind=TaskKind.CALL_BACK,
            subject=sender,
            channel=ended.channel,
            complaint_id=filed.id if filed else None,
            journal_id=row.id,
            reference=filed.reference if filed else "",
            language=known.language or "und",
            urgent=known.danger,
            body={
                "phone": known.phone,
                "language": known.language,
                "category": known.category,
                "danger": known.danger,
                "path": list(known.path),
                "proposed": known.proposed_text,
                "reason": known.reason,
                "way": ended.way,
            },
        )
        return tasks.open_task(ledger.connection, draft, ledger.now)


@runtime_checkable
class Ends(Protocol):
    """A channel of calls that can be asked how one ended."""

    name: str

    async def outcome(self, call: str) -> Inbound | None:
        """Return the end of a call; None while it lasts. Raises a SpeakError when the provider cannot be asked."""
        ...

    def lost(self, call: str) -> Inbound:
        """Say that a call is over whose end nobody told."""
        ...


class Sweeper:
    """Finds the end of calls that began over an hour ago and of whose end nobody told."""

    def __init__(
        self,
        store: Store,
        channel: Ends,
        accept: Callable[[Inbound], Awaitable[Receipt]],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.channel, self.accept, self.clock = store, channel, accept, clock

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except (StoreUnavailable, NotStored) as error:
                log.warning("store away", reason=str(error))
            await asyncio.sleep(SWEEP)

    async def sweep(self) -> int:
        """Look once, and return how many calls were ended. Raises StoreUnavailable, NotStored."""
        now, name = self.clock(), self.channel.name
        swept = 0
        for left in await self.store.read(partial(calls.unended, channel=name, before=now - LATE)):
            try:
                ended = await self.channel.outcome(left.call)
            except SpeakError as error:
                log.warning("provider away", channel=name, reason=type(error).__name__)
                ended = None
            if ended is None and now - left.since > GIVEN_UP:
                ended = self.channel.lost(left.call)
            if ended is None:
                continue
            receipt = await self.accept(ended)
            if receipt.duplicate:  # it was told before the call was known to have begun
                await self.store.write(partial(calls.end, channel=name, call=left.call))
            swept += 1
        return swept
