"""Ids and addresses of our own mails that come back in the answers to them, signed so that nobody can make them up.

    <case.REFERENCE.REPLY.ADDRESSEE.SIGNATURE@domain>      the Message-ID: comes back in In-Reply-To and References
    name+c.REFERENCE.ADDRESSEE.SIGNATURE@domain            Reply-To, for programs that forget those two headers
    name+b.REPLY.SIGNATURE@domain                          the return path: what bounces comes here (VERP)

The reference is no secret; what it may be used for is: an answer amends a complaint because it carries the signature.
The addressee is a keyed digest of the address that we wrote to, so that an answer of somebody else is known as such.
Every part is lower-case letters and digits, for some mail servers change the case of addresses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

_NO_REFERENCE = "0"
_PART = r"([a-z0-9]+)"
_MESSAGE_ID = re.compile(rf"<?case\.{_PART}\.{_PART}\.{_PART}\.{_PART}@([^@<>\s]+)>?", re.IGNORECASE)
_CASE = re.compile(rf"\+c\.{_PART}\.{_PART}\.{_PART}@", re.IGNORECASE)
_BOUNCE = re.compile(rf"\+b\.{_PART}\.{_PART}@", re.IGNORECASE)
_REFERENCE = re.compile(r"[0-9]{1,20}")
_LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1


@dataclass(frozen=True, slots=True)
class Proof:
    """What a signed id says: the complaint it belongs to, the reply it was sent with, and whom that was written to.

    `reference` and `reply` are empty where the id does not carry them.
    """

    reference: str
    reply: str
    addressee: str


class ThreadIds:
    """Makes and recognises them for one address of ours. `plus` says that name+anything@ is delivered like name@."""

    def __init__(self, key: str, address: str, *, plus: bool) -> None:
        self._key = key.encode()
        self._local, _, self._domain = address.rpartition("@")
        self._plus = plus

    def message_id(self, reference: str, reply: str, addressee: str) -> str:
        """Return the Message-ID of a reply, in its angle brackets: the same at every try."""
        parts = [reference_part(reference), _written(reply), self.tag(addressee)]
        return f"<case.{'.'.join(parts)}.{self._sign('case', *parts)}@{self._domain}>"

    def reply_to(self, reference: str, addressee: str) -> str:
        """Return the address to which answers about a complaint shall go; empty where it cannot be."""
        if not reference:
            return ""
        parts = [reference_part(reference), self.tag(addressee)]
        return self._extended("c", *parts, self._sign("c", *parts))

    def return_path(self, reply: str) -> str:
        """Return the address to which a reply shall bounce; our plain one where no other is possible."""
        part = _written(reply)
        return self._extended("b", part, self._sign("b", part)) or f"{self._local}@{self._domain}"

    def tag(self, address: str) -> str:
        """Return the keyed digest of an address."""
        return self._sign("to", address.strip().lower())[:8]

    def proof(self, message_ids: Iterable[str], addresses: Iterable[str]) -> Proof | None:
        """Find the first id or address among these that we signed for a complaint."""
        for message_id in message_ids:
            match = _MESSAGE_ID.fullmatch(message_id.strip())
            if match:
                *parts, signature = (part.lower() for part in match.groups()[:4])
                if self._signed(signature, "case", *parts):
                    return Proof(_reference(parts[0]), _read(parts[1]), parts[2])
        for address in addresses:
            match = _CASE.search(address)
            if match:
                *parts, signature = (part.lower() for part in match.groups())
                if self._signed(signature, "c", *parts):
                    return Proof(_reference(parts[0]), "", parts[1])
        return None

    def bounced(self, message_id: str, addresses: Iterable[str]) -> str:
        """Return the id of the reply that a delivery report is about; empty when it is provably none of ours."""
        proof = self.proof([message_id], ())
        if proof:
            return proof.reply
        for address in addresses:
            match = _BOUNCE.search(address)
            if match and self._signed(match[2].lower(), "b", match[1].lower()):
                return _read(match[1].lower())
        return ""

    def _extended(self, *parts: str) -> str:
        local = f"{self._local}+{'.'.join(parts)}"
        return f"{local}@{self._domain}" if self._plus and len(local) <= _LONGEST_LOCAL_PART else ""

    def _sign(self, *parts: str) -> str:
        digest = hmac.new(self._key, "|".join(parts).encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:10]).decode().lower()  # 80 bits: nobody guesses that one mail at a time

    def _signed(self, signature: str, *parts: str) -> bool:
        return hmac.compare_digest(signature.encode(), self._sign(*parts).encode())


def reference_part(reference: str) -> str:
    """Return a reference as it stands in an id; "0" for none."""
    return reference if _REFERENCE.fullmatch(reference) else _NO_REFERENCE


def _reference(part: str) -> str:
    return "" if part == _NO_REFERENCE else part


def _written(reply: str) -> str:
    """Write a reply's id in letters and digits: short for a UUID, which it is but for tests of ours and others'."""
    try:
        return "u" + _base32(UUID(reply).bytes)
    except ValueError:
        return "t" + _base32(reply.encode())


def _read(part: str) -> str:
    """Read back what `_written` wrote and we signed."""
    try:
        data = base64.b32decode(part[1:].upper() + "=" * (-len(part[1:]) % 8))
        return str(UUID(bytes=data)) if part[0] == "u" else data.decode()
    except (binascii.Error, ValueError):
        return ""


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
