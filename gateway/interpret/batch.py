"""A batch: what filing some readings needs to know, read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from channels.message import Inbound, Scheme
from gateway.acknowledge import Acknowledger, Correspondents
from gateway.calls import Calls
from gateway.city.city import City
from gateway.interpret.reading import ALONE, Reading
from gateway.resend import Earlier
from gateway.store import complaints, revisions
from gateway.store.complaints import Case
from gateway.store.engine import Connection
from gateway.store.journal import Row
from gateway.store.ledger import Ledger
from normalizer.complaint import Attachment, Complaint

MOST_VERSIONS = 40  # of one complaint
MOST_LETTERS = 6_000  # in one complaint
DAWN = datetime(2000, 1, 1, tzinfo=UTC)
NO_SECOND_THOUGHTS = {Scheme.TEL, Scheme.SENDER_ID, Scheme.CALL, *ALONE}  # what is sent there can never be edited


class Batch:
    """Readings that are filed in one transaction, and everything that is known of their senders."""

    def __init__(
        self,
        connection: Connection,
        readings: Sequence[Reading],
        now: datetime,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        calls: Calls,
    ) -> None:
        self.ledger, self.city, self.acknowledger, self.calls = Ledger(connection, now), city, acknowledger, calls
        self.window = city().amend_window if any(reading.draft for reading in readings) else timedelta()
        messages = ((reading.row, reading.inbound, reading.draft) for reading in readings)
        self.earlier = Earlier(self.ledger, acknowledger.identities, [(a, b, c) for a, b, c in messages if b and c])
        senders = {reading.row.sender for reading in readings}
        talking = [reading.row for reading in readings if reading.inbound and may_amend(reading.inbound)]
        since = min((row.received_at for row in talking), default=now) - self.window
        # A clock that was set back has left complaints of a future: nothing that is said now belongs to them.
        until = max((row.received_at for row in talking), default=now) + self.window
        self.opened = complaints.open_of(connection, {row.sender for row in talking}, since=since, until=until)
        self.others = Correspondents(connection, senders, now)
        doubtful = [
            (reading.row.channel, reading.row.account, reading.inbound.external_id)
            for reading in readings
            if reading.inbound and reading.inbound.sender.scheme not in NO_SECOND_THOUGHTS
        ]
        self.revised = revisions.of(connection, doubtful)

    def open_case(self, row: Row, inbound: Inbound) -> Case | None:
        """Return the complaint that a message belongs to.

        The one whose thread it continues, the one of its call, or its sender's, if they wrote of it lately.
        """
        if inbound.about:
            self.ledger.flush()
            return complaints.load(self.ledger.connection, inbound.about, lock=True)
        if not may_amend(inbound):
            return None
        case = self.opened.get(row.sender)
        if inbound.sender.scheme == Scheme.CALL:
            return case or self._of_call(row.sender)
        return case if case is not None and abs(row.received_at - case.heard_at) <= self.window else None

    def _of_call(self, sender: str) -> Case | None:
        """Return the complaint of a telephone call, however late its recording comes."""
        return complaints.open_of(self.ledger.connection, {sender}, since=DAWN).get(sender)

    def owe(self, row: Row, inbound: Inbound, purpose: str, complaint: Complaint | None = None) -> None:
        """Owe the sender of a message a reply, where one may be sent."""
        self.acknowledger.owe(self.ledger, self.others, row, inbound, purpose, complaint)

    def attach(self, inbound: Inbound, complaint_id: str, fresh: Sequence[Attachment]) -> None:
        """Record the attachments that a message brought to its complaint."""
        for media, attachment in zip(inbound.media, fresh, strict=True):
            self.ledger.attach(complaint_id, inbound.channel, attachment, media.url)


def full(case: Case) -> bool:
    """Tell whether a complaint has taken as much as one should: what follows begins another one.

    Every amendment is a version of the whole and goes to the department, so a machine that texts without end would
    otherwise cost the square of what it sends.
    """
    return case.version >= MOST_VERSIONS or len(case.complaint.text) >= MOST_LETTERS


def may_amend(inbound: Inbound) -> bool:
    """Tell whether a further message of this sender may belong to an earlier one: nobody knows who is withheld."""
    return not inbound.public and inbound.sender.scheme not in {*ALONE, Scheme.UNKNOWN}
