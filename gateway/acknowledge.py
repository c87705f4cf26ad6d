"""What a citizen is told, and whether: phrases give the words, opt-outs and a budget the right to send them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import NAMESPACE_URL, uuid5

from channels.message import Address, Inbound, Scheme
from gateway import observe
from gateway.city.city import City
from gateway.identity import Identities
from gateway.store import complaints, journal, replies
from gateway.store.engine import Connection
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.replies import Draft
from normalizer.complaint import Complaint, Priority
from normalizer.language import language, reply_language
from normalizer.reference import show

SILENT = {Scheme.SENDER_ID, Scheme.YOUTUBE, Scheme.WEB, Scheme.API, Scheme.UNKNOWN}  # nobody there could be answered
PHRASES = {  # what a reply is for -> the city's phrase
    "received": "receipt",
    "distress": "receipt-distress",
    "amended": "receipt-amended",
    "nothing": "not-a-text",
    "opt_out": "opted-out",
    "opt_in": "opted-in",
    "public": "public-thanks",
    "again": "receipt-again",
    "resolved": "told-resolved",
    "closed": "told-closed",
}
ENTRY = "desk"  # the channel of what people at the desk enter
ONLY_THERE = {"public", "opt_out", "opt_in"}  # what is said where the citizen wrote, or not at all
SPLIT_OF = "split_of"  # in the answers of a half that they split off: the id of the whole
BUDGET = 12  # answers to one sender …
BUDGET_WINDOW = timedelta(hours=1)  # … in this time: two machines that thank each other must stop somewhere
DAY, DAY_BUDGET = timedelta(days=1), 24  # … and in a day, for machines are patient
DAY_RECEIPTS = 60  # … with receipts of new, clear complaints to a telephone: of a mukhtar, say, who reports for many
TELEPHONES = {Scheme.TEL, Scheme.WHATSAPP}


class Correspondents:
    """What a batch's senders were told lately, and which of them asked for silence."""

    def __init__(self, connection: Connection, senders: Collection[str], now: datetime) -> None:
        recent = replies.recent(connection, senders, now - DAY, now - BUDGET_WINDOW)
        self.told_today = Counter({sender: today for sender, (today, _) in recent.items()})
        self.told = Counter({sender: lately for sender, (_, lately) in recent.items()})
        self.silent = replies.silent(connection, senders)

    def tell(self, target: Target, purpose: str, *, clear: bool) -> bool:
        """Count one more reply to a sender; False when they were told so much lately that it would be a loop.

        `clear` says that it answers what is a complaint to the city beyond doubt, which machines seldom write.
        """
        sender, danger = target.sender, purpose == "distress"
        receipts = target.to.scheme in TELEPHONES and (danger or (clear and purpose == "received"))
        hour, day = BUDGET, DAY_RECEIPTS if receipts else DAY_BUDGET
        if danger:  # whoever wrote much before hears whom to call all the same
            hour, day = hour + BUDGET, day + DAY_BUDGET
        if self.told[sender] >= hour or self.told_today[sender] >= day:
            return False
        self.told[sender] += 1
        self.told_today[sender] += 1
        return True


@dataclass(frozen=True, slots=True)
class Target:
    """Where words go: through which channel, from which end of ours, to whom."""

    channel: str
    account: str
    to: Address = field(repr=False)
    sender: str  # the digest that silence and budgets go by


def written(connection: Connection, complaint_id: str) -> Row | None:
    """Return the message of a complaint, to be answered: of one that a person split off, what the citizen wrote."""
    row = own = journal.by_id(connection, complaint_id)
    while row is not None and row.channel == ENTRY and (whole := Inbound.from_json(row.body).answers.get(SPLIT_OF)):
        row = journal.by_id(connection, str(whole))
    return replace(row, id=own.id, seq=own.seq) if row is not None and own is not None else None


class Acknowledger:
    """Owes replies in the interpreter's transaction; the replies worker sends them.

    `speakers` are the channels that can answer; `texts` says, for those that can write an SMS to any number, from
    which number of ours.
    """

    def __init__(
        self,
        city: Callable[[], City],
        identities: Identities,
        speakers: Collection[str],
        texts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.city, self.identities, self.speakers, self.texts = city, identities, speakers, texts

    def owe(
        self,
        ledger: Ledger,
        others: Correspondents,
        row: Row,
        inbound: Inbound,
        purpose: str,
        complaint: Complaint | None = None,
    ) -> None:
        """Owe the sender a reply, unless they cannot be answered, asked for silence, or it would loop."""
        target = self._target(row, inbound, complaint)
        if target is not None:
            self._owe(ledger, others, row, inbound, purpose, complaint, target)
        if inbound.public and inbound.comment_to and purpose in {"received", "distress"}:
            # Everybody reads it there: it says that we have heard, and nothing else.
            open_to_all = Target(row.channel, row.account, inbound.comment_to, row.sender)
            self._owe(ledger, others, row, inbound, "public", complaint, open_to_all)

    def confirmed(self, ledger: Ledger, row: Row, inbound: Inbound, complaint: Complaint) -> None:
        """Owe the receipt of a public post that a person has found to be a complaint."""
        purpose = "distress" if complaint.priority is Priority.DISTRESS else "received"
        others = Correspondents(ledger.connection, {row.sender}, ledger.now)
        self.owe(ledger, others, row, inbound, purpose, complaint)

    def news(self, ledger: Ledger, complaint: Complaint, purpose: str) -> None:
        """Owe the citizen what became of their complaint: where they wrote, or by SMS to a number that we know.

        `purpose` is resolved, closed, received (what a person split off) or distress (what somebody else saw in it).
        """
        row = written(ledger.connection, complaint.id)
        if row is None:
            return
        inbound = Inbound.from_json(row.body)
        phone = complaint.contact.phone if complaint.contact else None
        target = self._target(row, inbound, complaint) or (self.text_to(phone) if phone else None)
        if target is not None:
            self._owe(ledger, None, row, inbound, purpose, complaint, target)

    def elsewhere(self, connection: Connection, reply_id: str, now: datetime) -> bool:
        """Owe the words of a reply that is lost by SMS, to a citizen whose number we know: once, however often asked.

        It goes by the first channel that can write one and has not said them yet. One that may still arrive, or has,
        stays as it is. Returns whether an SMS will go.
        """
        reply = replies.lost(connection, reply_id, now)
        case = complaints.load_by_id(connection, reply.complaint_id) if reply and reply.complaint_id else None
        contact = case.complaint.contact if case else None
        if reply is None or contact is None or not contact.phone or reply.purpose in ONLY_THERE:
            return False
        gone, targets = replies.ways(connection, reply), self._texts_to(contact.phone)
        tried = {channel for channel, _, _ in gone}
        target = next((one for one in targets if one.channel not in tried), None)
        if target is None:
            return False
        purpose = f"{reply.purpose}{replies.ELSEWHERE}{target.channel}"
        draft = replace(
            reply,
            id=str(uuid5(NAMESPACE_URL, f"balagh:reply:{reply.journal_id}:{purpose}")),
            purpose=purpose,
            channel=target.channel,
            account=target.account,
            sender=target.sender,
            to=target.to,
            thread="",
            heard_at=None,
        )
        ways = gone | {(one.channel, one.account, one.sender) for one in targets}  # of any they may have had enough
        silent = not ways.isdisjoint(replies.silent(connection, {sender for _, _, sender in ways}))
        fresh = replies.queue(connection, [(draft, replies.SUPPRESSED if silent else replies.QUEUED)], now)
        return bool(fresh) and not silent

    def text_to(self, phone: str) -> Target | None:
        """Return how an SMS reaches a number; None when no channel that is on can send one."""
        return next(iter(self._texts_to(phone)), None)

    def _texts_to(self, phone: str) -> list[Target]:
        """Return every way in which an SMS reaches a number, the first choice first."""
        to = Address(Scheme.TEL, phone)
        return [
            Target(channel, account, to, self.identities.digest("sender", channel, account, str(to)))
            for channel, account in self.texts.items()
        ]

    def _target(self, row: Row, inbound: Inbound, complaint: Complaint | None) -> Target | None:
        if inbound.sender.scheme == Scheme.CALL:  # whoever called hears of it by SMS
            phone = complaint.contact.phone if complaint and complaint.contact else None
            return self.text_to(phone) if phone else None
        to = inbound.reply_to if inbound.public else inbound.sender
        if row.channel not in self.speakers or to is None or to.scheme in SILENT:
            return None
        return Target(row.channel, row.account, to, row.sender)

    def _owe(
        self,
        ledger: Ledger,
        others: Correspondents | None,
        row: Row,
        inbound: Inbound,
        purpose: str,
        complaint: Complaint | None,
        target: Target,
    ) -> None:
        city = self.city()
        if others is None:  # what a person did answers no machine, and is told: nothing is counted
            silent = replies.silent(ledger.connection, {target.sender})
        else:
            if target.sender != row.sender:
                others = Correspondents(ledger.connection, {target.sender}, ledger.now)
            clear = complaint is not None and complaint.category_confidence >= city.public_confidence
            if not others.tell(target, purpose, clear=clear):
                observe.ROOM.labels("replies", "over_budget").inc()
                return
            silent = others.silent
        quiet = (target.channel, target.account, target.sender) in silent
        quiet = quiet and purpose not in {"opt_out", "opt_in"}
        spoken = complaint.language if complaint else language(inbound.text)
        chosen = reply_language(spoken, city.languages)
        reference = complaint.reference if complaint else row.reference
        slots = {"reference": show(reference), "pin": self.identities.pin(reference)}
        draft = Draft(
            id=str(uuid5(NAMESPACE_URL, f"balagh:reply:{row.id}:{purpose}")),
            journal_id=row.id,
            complaint_id=complaint.id if complaint else None,
            purpose=purpose,
            channel=target.channel,
            account=target.account,
            sender=target.sender,
            language=chosen,
            to=target.to,
            text=city.phrases.say(chosen, PHRASES[purpose], **slots),
            reference=reference,
            thread=inbound.thread,
            slots={} if purpose == "public" else slots,
            heard_at=row.received_at,
        )
        ledger.owe(draft, replies.SUPPRESSED if quiet else replies.QUEUED)
