"""Resends: somebody sends the same words again, days later or from another of our channels. It is the same complaint.

Forms and programs are never taken for that: they have keys of their own against sending twice, and a number that is
typed into a form proves nothing. What they send is only related to the earlier complaint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from channels.message import Inbound, Scheme
from gateway.identity import Identities
from gateway.store import complaints, incidents
from gateway.store.complaints import Case
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from normalizer.complaint import Complaint
from normalizer.phone import international
from normalizer.resend import FEWEST_WORDS, sent_before
from router.incident import metres, spot

SPAN = timedelta(days=7)
MOST = 10  # earlier complaints of one sender that are compared
RELATED_ONLY = {Scheme.WEB, Scheme.API}
NOBODY = {*RELATED_ONLY, Scheme.UNKNOWN, Scheme.CALL}  # whose digest is no person's
NUMBERED = {Scheme.TEL.value, Scheme.WHATSAPP.value}


FAR = 500.0  # metres between two pins: the same words stand for another hole in another street


class Earlier:
    """The open complaints that a batch's senders sent within a week before, looked up once for all of them."""

    def __init__(
        self, ledger: Ledger, identities: Identities, messages: Iterable[tuple[Row, Inbound, Complaint]]
    ) -> None:
        self._ledger, self._identities = ledger, identities
        self._filed: set[str] = set()  # senders whose complaint of this very batch may not be written yet
        worded = [found for found in messages if len(found[2].text.split()) >= FEWEST_WORDS]
        self._since = min((row.received_at for row, _, _ in worded), default=ledger.now) - SPAN
        self._sent = self._of_senders({row.sender for row, inbound, _ in worded if inbound.sender.scheme not in NOBODY})
        callers = {caller for _, inbound, draft in worded for caller in self._callers(inbound, draft)}
        self._called = incidents.called_since(ledger.connection, callers, self._since)

    def caller(self, inbound: Inbound, draft: Complaint) -> str:
        """Digest the number that a message came from, the same for every channel; empty when nothing proves it."""
        scheme = inbound.sender.scheme.value if isinstance(inbound.sender.scheme, Scheme) else inbound.sender.scheme
        if scheme not in NUMBERED or draft.contact is None:
            return ""
        own = next((one.value for one in draft.contact.addresses if one.scheme == scheme), "")
        number = own if own == draft.contact.phone else international(own)
        return self._identities.digest("caller", number) if number else ""

    def filed(self, sender: str) -> None:
        """Note that a sender's complaint was filed in this batch: the next message may be the same again."""
        self._filed.add(sender)

    def same(self, row: Row, inbound: Inbound, draft: Complaint) -> Case | None:
        """Return the open complaint, locked, that this message only says again."""
        if inbound.sender.scheme in NOBODY:
            return None
        for case in self._alike(row, inbound, draft):
            locked = complaints.load_by_id(self._ledger.connection, case.complaint.id, lock=True)
            if locked is not None and not locked.complaint.status.final:
                return locked
        return None

    def related(self, row: Row, inbound: Inbound, draft: Complaint) -> tuple[str, ...]:
        """Return the id of the open complaint that a form or a program says again, if there is one."""
        if inbound.sender.scheme not in RELATED_ONLY:
            return ()
        return tuple(case.complaint.id for case in self._alike(row, inbound, draft)[:1])

    def _alike(self, row: Row, inbound: Inbound, draft: Complaint) -> list[Case]:
        if len(draft.text.split()) < FEWEST_WORDS:
            return []
        if row.sender in self._filed:
            self._ledger.flush()
            self._sent |= self._of_senders({row.sender})
        ids = list(self._sent.get(row.sender, ()))
        for caller in self._callers(inbound, draft):
            ids += self._called.get(caller, ())
        if not ids:
            return []
        self._ledger.flush()  # what this batch has changed of them is compared too
        found = complaints.load_these(self._ledger.connection, set(ids[:MOST]))
        found = [case for case in found if row.received_at - case.heard_at <= SPAN and case.complaint.id != row.id]
        found = [case for case in found if sent_before(draft.text, case.complaint.text)]
        found = [case for case in found if not _elsewhere(draft, case.complaint)]
        return sorted(found, key=lambda case: case.heard_at, reverse=True)

    def _callers(self, inbound: Inbound, draft: Complaint) -> Sequence[str]:
        """Digest the number that a message came from, or that a form or program names."""
        if inbound.sender.scheme in RELATED_ONLY:
            phone = draft.contact.phone if draft.contact else None
            return [self._identities.digest("caller", phone)] if phone else []
        caller = self.caller(inbound, draft)
        return [caller] if caller else []

    def _of_senders(self, senders: set[str]) -> dict[str, list[str]]:
        return complaints.sent_since(self._ledger.connection, senders, self._since)


def _elsewhere(draft: Complaint, earlier: Complaint) -> bool:
    """Tell whether the same words are sent from quite another place: a new pin would replace where the first one is."""
    apart = metres(spot(draft), spot(earlier))
    return apart is not None and apart > FAR
