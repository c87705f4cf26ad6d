"""Who sent it and what it is called: ids, references and sender digests, all keyed by the city's secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from channels.message import Inbound, Purpose
from gateway.store.journal import Entry
from normalizer import reference as numbers
from normalizer.text import storable


@dataclass(frozen=True, slots=True)
class Identities:
    """Derives every id from the message itself, so that a redelivery on any node gets the same."""

    key: bytes = field(repr=False)

    def entry(self, inbound: Inbound, now: datetime, *, fingerprint: str = "") -> Entry:
        """Prepare an Inbound for the journal, with its id and the references it may be given."""
        # Genuine or not, a provider's field may hold what no column takes (NUL, half a character).
        account, external_id = storable(inbound.account), storable(inbound.external_id)
        identity = numbers.identity(inbound.channel, account, external_id)
        tracked = inbound.purpose in {Purpose.MESSAGE, Purpose.EDIT, Purpose.UNREADABLE}
        return Entry(
            id=numbers.uuid_for(self.key, identity),
            channel=inbound.channel,
            account=account,
            external_id=external_id,
            sender=self.sender(inbound),
            purpose=inbound.purpose,
            fingerprint=fingerprint,
            received_at=now,
            body=inbound.to_json(),
            refer=partial(self._reference, identity) if tracked else None,
        )

    def restore(self, fields: Mapping[str, Any]) -> Entry:
        """Make an entry again from what the spool kept of it."""
        kept = dict(fields)
        identity = numbers.identity(kept["channel"], kept["account"], kept["external_id"])
        tracked = kept.pop("reference")
        return Entry(**kept, refer=partial(self._reference, identity) if tracked else None)

    def sender(self, inbound: Inbound) -> str:
        """Digest the sender on one account of one channel: what is in order, and what amends, goes by it."""
        return self.digest("sender", inbound.channel, inbound.account, str(inbound.sender))

    def digest(self, *parts: str) -> str:
        """Return a short keyed digest of some words, for what must be compared and not be read."""
        message = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
        mac = numbers.keyed(self.key).copy()
        mac.update(b"balagh-digest:" + message)
        return mac.hexdigest()[:32]

    @property
    def of_store(self) -> str:
        """What a store keeps to know by which key its ids were made."""
        return self.digest("store")

    def pin(self, reference: str) -> str:
        """Return the PIN that stands on the receipt beside a reference."""
        return numbers.pin(self.key, reference)

    def _reference(self, identity: str, counter: int) -> str:
        return numbers.make(self.key, identity, counter)
