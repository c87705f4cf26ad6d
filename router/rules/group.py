"""Sender groups: schools, hospitals, the governor's own mailbox, known by what they write from."""

from __future__ import annotations

from dataclasses import dataclass, field

from normalizer.complaint import Complaint


@dataclass(frozen=True, slots=True)
class Group:
    """Senders whom rules may treat apart. It never shows in full: it is a list of people's addresses.

    `addresses` are E.164 numbers, e-mail addresses in small letters, and other addresses as they are; `domains` are of
    e-mail, with all below them; `inboxes` are accounts of the city's own to which somebody wrote.
    """

    addresses: frozenset[str] = field(default=frozenset(), repr=False)
    domains: frozenset[str] = field(default=frozenset(), repr=False)
    inboxes: frozenset[str] = frozenset()

    def has(self, complaint: Complaint) -> bool:
        """Tell whether whoever sent the complaint belongs to it, as far as they said who they are."""
        if self.inboxes and complaint.source.account.lower() in self.inboxes:
            return True
        contact = complaint.contact
        if contact is None:
            return False
        known = {contact.phone or "", (contact.email or "").lower(), *(one.value.lower() for one in contact.addresses)}
        return not self.addresses.isdisjoint(known) or any(map(self._within, known))

    def _within(self, address: str) -> bool:
        """Tell whether an e-mail address lies in one of the domains, or below one."""
        _, found, domain = address.rpartition("@")
        parts = domain.split(".") if found and self.domains else []
        return any(".".join(parts[begin:]) in self.domains for begin in range(len(parts)))
