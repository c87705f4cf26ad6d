"""Messages, journal entries and complaints, ready for the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.message import Address, Inbound, Scheme
from gateway.identity import Identities
from gateway.store import complaints
from gateway.store.complaints import Case
from gateway.store.engine import Connection, Store
from gateway.store.journal import Entry
from gateway.store.ledger import Ledger
from normalizer.complaint import Complaint, Contact, ContactAddress
from normalizer.reference import make
from router.route import Route

KEY = b"a-key-that-only-tests-know"
IDENTITIES = Identities(KEY)
NOW = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
ACCOUNT = "+9647800000124"
PHONE = "+9647901234567"
WORDS = "الماء مقطوع عن بيتنا منذ يومين"


def later(**span: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(**span)


def sms(sid: str, text: str = WORDS, *, sender: str = PHONE, **fields: Any) -> Inbound:
    """A text message of a citizen."""
    scheme = fields.pop("scheme", Scheme.TEL)
    named = {"channel": "sms", "account": ACCOUNT, "provider": "twilio", **fields}
    return Inbound(external_id=sid, sender=Address(scheme, sender), text=text, **named)


def entry(sid: str, text: str = WORDS, *, at: datetime = NOW, fingerprint: str = "", **fields: Any) -> Entry:
    """The journal entry of a text message."""
    return IDENTITIES.entry(sms(sid, text, **fields), at, fingerprint=fingerprint)


def complaint(name: str, text: str = WORDS, **fields: Any) -> Complaint:
    """A complaint with an id and a reference of its own."""
    given: dict[str, Any] = {
        "id": f"id-{name}",
        "reference": make(KEY, name),
        "channel": "sms",
        "text": text,
        "original_text": text,
        "contact": Contact(addresses=(ContactAddress(scheme="tel", value=PHONE),), phone=PHONE, name="سعاد الجبوري"),
        "category": "water.outage",
        "received_at": NOW,
    }
    return Complaint(**(given | fields))


def route(department: str = "water", *, automatic: bool = True) -> Route:
    """A decision of the router."""
    return Route(
        department=department,
        category="water.outage",
        automatic=automatic,
        rule="water",
        reason="a rule of the city",
        confidence=0.9,
    )


async def file(store: Store, name: str, *, sender: str = "a-sender", **fields: Any) -> Case:
    """File a complaint."""

    def job(connection: Connection) -> Case:
        with Ledger(connection, NOW) as ledger:
            return ledger.create(complaint(name, **fields), sender=sender, account=ACCOUNT)

    return await store.write(job)


async def amend(store: Store, name: str, text: str, **fields: Any) -> None:
    """Add words to a complaint that was filed."""

    def job(connection: Connection) -> None:
        case = complaints.load_by_id(connection, f"id-{name}", lock=True)
        assert case is not None
        changed = case.complaint.but(text=f"{case.complaint.text}\n{text}", **fields)
        with Ledger(connection, NOW) as ledger:
            ledger.amend(case, changed, heard_at=NOW, facts={"amended_by": "another"})

    await store.write(job)


async def offer(store: Store, name: str, department: str = "water") -> None:
    """Put a complaint to a department."""

    def job(connection: Connection) -> None:
        case = complaints.load_by_id(connection, f"id-{name}", lock=True)
        assert case is not None
        with Ledger(connection, NOW) as ledger:
            ledger.offer(case, route(department), routed_sequence=case.sequence)

    await store.write(job)


def refer(*references: str) -> Callable[[int], str]:
    """References in a given order: what a key would make of a message, foretold."""
    return lambda counter: references[counter]


def finish(connection: Connection, seq: int, outcome: str, now: datetime, complaint_id: str | None = None) -> None:
    """Say what an Inbound became."""
    with Ledger(connection, now) as ledger:
        ledger.finish(seq, outcome, complaint_id)


def set_aside(connection: Connection, seq: int, reason: str, now: datetime) -> None:
    """Put an Inbound into a person's hands."""
    with Ledger(connection, now) as ledger:
        ledger.finish(seq, reason, state="quarantined")
