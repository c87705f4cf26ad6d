"""What a citizen is told, and whether: phrases give the words, opt-outs and a budget the right to send them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from channels.message import Inbound, Scheme
from gateway import observe
from gateway.city.city import City
from gateway.identity import Identities
from gateway.store import replies
from gateway.store.engine import Connection
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from gateway.store.replies import Draft
from normalizer.complaint import Complaint
from normalizer.language import language, reply_language
from normalizer.reference import show

ANSWERABLE = {Scheme.TEL, Scheme.WHATSAPP, Scheme.MAILTO}
PHRASES = {  # what a reply is for -> the city's phrase
    "received": "receipt",
    "distress": "receipt-distress",
    "amended": "receipt-amended",
    "nothing": "not-a-text",
    "opt_out": "opted-out",
    "opt_in": "opted-in",
}
BUDGET = 12  # replies to one sender …
BUDGET_WINDOW = timedelta(hours=1)  # … in this time: two machines that thank each other must stop somewhere


class Correspondents:
    """What a batch's senders were told lately, and which of them asked for silence."""

    def __init__(self, connection: Connection, senders: Collection[str], now: datetime) -> None:
        self.told = Counter(replies.recent(connection, senders, now - BUDGET_WINDOW))
        self.silent = replies.silent(connection, senders)


class Acknowledger:
    """Owes replies in the interpreter's transaction; the replies worker sends them."""

    def __init__(self, city: Callable[[], City], identities: Identities, speakers: Collection[str]) -> None:
        self.city, self.identities, self.speakers = city, identities, speakers

    def owe(
        self,
        ledger: Ledger,
        others: Correspondents,
        row: Row,
        inbound: Inbound,
        purpose: str,
        complaint: Complaint | None = None,
    ) -> None:
        """Owe the sender a reply, unless they cannot be answered in private, asked for silence, or it would loop."""
        if row.channel not in self.speakers or inbound.sender.scheme not in ANSWERABLE:
            return
        if inbound.public:  # an answer there would show the reference and its PIN to everybody
            return
        if others.told[row.sender] >= BUDGET:
            observe.ROOM.labels("replies", "over_budget").inc()
            return
        others.told[row.sender] += 1
        quiet = (row.channel, row.account, row.sender) in others.silent and purpose not in {"opt_out", "opt_in"}
        city = self.city()
        spoken = complaint.language if complaint else language(inbound.text)
        chosen = reply_language(spoken, city.languages)
        reference = complaint.reference if complaint else row.reference
        text = city.phrases.say(
            chosen,
            PHRASES[purpose],
            reference=show(reference),
            pin=self.identities.pin(reference),
        )
        draft = Draft(
            id=str(uuid5(NAMESPACE_URL, f"balagh:reply:{row.id}:{purpose}")),
            journal_id=row.id,
            complaint_id=complaint.id if complaint else None,
            purpose=purpose,
            channel=row.channel,
            account=row.account,
            sender=row.sender,
            language=chosen,
            to=inbound.sender,
            text=text,
        )
        ledger.owe(draft, replies.SUPPRESSED if quiet else replies.QUEUED)
