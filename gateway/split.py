"""Split: two problems in one message become two related complaints, by one act of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from channels.message import Address, Inbound, Scheme
from gateway import observe
from gateway.acknowledge import ENTRY, SPLIT_OF
from gateway.house import House
from gateway.incidents import NotThere
from gateway.store import complaints, journal
from gateway.store.engine import Connection
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.tasks import LONGEST, WrongAnswer
from normalizer.complaint import Complaint, Priority, Status
from normalizer.normalize import STATED
from normalizer.text import clean


@dataclass(frozen=True, slots=True)
class Half:
    """The complaint that came of a split. `fresh` is False when it had been split off before."""

    reference: str
    fresh: bool
    danger: bool = False


class Splits:
    """Splits complaints of one house."""

    def __init__(self, house: House, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.house, self.clock = house, clock

    async def split(self, reference: str, category: str, by: str, *, text: str = "") -> Half:
        """File what else a complaint speaks of as one of its own, related to it, and routed as any other.

        `text` are the words that speak of it, all of them when it is empty. One complaint gives one half for each
        category, however often it is asked for. Raises NotThere, WrongAnswer.
        """
        city = self.house.city
        if category not in city.categories:
            raise WrongAnswer("category", "the city has no category of this name")
        if len(text) > LONGEST:
            raise WrongAnswer("text", f"it must have at most {LONGEST} characters")
        now = self.clock()

        def job(connection: Connection) -> Half:
            return self._split(connection, reference, category, clean(text), by, now)

        half = await self.house.store.write(job)
        if half.fresh and half.danger:
            observe.distress("split", half.reference)
        for signal in (self.house.signals.filed, self.house.signals.owed):
            signal.set()
        return half

    def _split(self, connection: Connection, reference: str, category: str, text: str, by: str, now: datetime) -> Half:
        case = complaints.load(connection, reference, lock=True)
        if case is None:
            raise NotThere(f"complaint {reference}")
        if case.complaint.category == category:
            raise WrongAnswer("category", "the complaint itself is of this category")
        inbound = self._inbound(case.complaint, category, text, by)
        [kept] = journal.append(connection, [self.house.identities.entry(inbound, now)])
        if kept.duplicate:
            return Half(kept.reference, fresh=False)
        if case.complaint.status.final:
            raise WrongAnswer("category", "the complaint is closed")
        row = journal.by_id(connection, kept.id)
        assert row is not None
        with Ledger(connection, now) as ledger:
            half = self._half(case.complaint, row, inbound, category)
            ledger.create(half, sender=row.sender, account=row.account)
            ledger.finish(row.seq, "complaint", half.id)
            related = case.complaint.but(related=(*case.complaint.related, half.id))
            facts = {"split_off": half.reference, "split_by": by}
            ledger.amend(case, related, heard_at=case.heard_at, facts=facts)
            known = case.complaint.priority is Priority.DISTRESS
            told = "received" if known or half.priority is not Priority.DISTRESS else "distress"
            self.house.acknowledger.news(ledger, half, told)  # their new number; whom to call comes once
        return Half(half.reference, fresh=True, danger=half.priority is Priority.DISTRESS)

    def _inbound(self, complaint: Complaint, category: str, text: str, by: str) -> Inbound:
        """Write what the person did, as what arrives is written: the journal accounts for every complaint."""
        identity = f"split:{complaint.id}:{category}"
        return Inbound(
            channel=ENTRY,
            account=ENTRY,
            external_id=identity,
            sender=Address(Scheme.API, identity),
            text=text or complaint.text,
            way=complaint.channel,
            provider=ENTRY,
            answers={"category": category, "split_by": by, SPLIT_OF: complaint.id},
        )

    def _half(self, complaint: Complaint, row: Row, inbound: Inbound, category: str) -> Complaint:
        """Return the new complaint: the same citizen, place and material, its own words, number and way."""
        reader = self.house.city.reader
        alarm = reader.danger(inbound.text)
        danger = alarm is not None or (inbound.text == complaint.text and complaint.priority is Priority.DISTRESS)
        confidential = category in reader.vocabulary.confidential
        return complaint.but(
            id=row.id,
            reference=row.reference,
            status=Status.RECEIVED,
            source=complaint.source.model_copy(update={"provider": ENTRY, "external_id": inbound.external_id}),
            text=inbound.text,
            original_text=inbound.text or None,
            category=category,
            category_confidence=STATED,
            priority=Priority.DISTRESS if danger else Priority.NORMAL,
            danger_reason=alarm.why if alarm else complaint.danger_reason if danger else None,
            confidential=complaint.confidential or confidential,
            attachments=(),
            incident=None,
            related=(complaint.id,),
        )
