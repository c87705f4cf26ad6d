"""From what the SMSC delivers to what the house accepts, with everything that must outlive a crash kept on the way.

For each delivery: `read` it, give what it yields to the house, `settle`, and only then answer the SMSC. Whatever stops
in between, the SMSC delivers again, and the same identities come out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from aiosmpplib.state import TON, USER_MESSAGE_REFERENCE

from channels.base import Reception
from channels.message import Address, Inbound, Purpose, Scheme
from channels.smpp import pdu, receipt
from channels.smpp.parts import Long, Parts, holds
from channels.smpp.pdu import Arrival
from channels.smpp.recent import Recent
from channels.smpp.session import Delivered
from channels.smpp.settings import SmppSettings
from channels.sms_alphabet import decode

_LONGEST_ID = 64  # characters
_SHORTEST_NUMBER = 7  # digits; fewer are a short code, which nobody can call or answer
_BINARY, _CONTROLS = 0x04, 0.3  # data_coding of 8-bit data; the share of control characters that no words have


class Hearing:
    """Reads one line's deliveries. `clock` gives Unix seconds."""

    def __init__(
        self,
        channel: str,
        provider: str,
        settings: SmppSettings,
        reception: Reception,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._channel, self._provider, self._settings = channel, provider, settings
        self._recent, self._parts = Recent(reception, clock), Parts(reception, clock)
        self._digest, self._touched, self._finished = "", "", ""  # of the delivery in hand

    async def load(self) -> None:
        """Read what an earlier bind left behind."""
        await self._parts.load()

    def pause(self) -> float:
        """Return the seconds until a long message stops waiting for its missing parts."""
        return self._parts.pause()

    async def overdue(self) -> AsyncGenerator[Inbound, None]:
        """Yield what there is of long messages whose other parts did not come."""
        for key, long in self._parts.overdue():
            async with aclosing(self._release(key, long)) as released:
                async for inbound in released:
                    yield inbound

    async def read(self, delivered: Delivered) -> AsyncGenerator[Inbound, None]:
        """Yield what a delivery says: nothing when it is a part of more, or one that was heard before."""
        self._digest = self._touched = self._finished = ""
        try:
            arrival = pdu.read(delivered.header.sequence, delivered.header.command, delivered.body)
        except pdu.Cut:
            yield self._unreadable(delivered.body, "the message ends before it says that it does")
            return
        if receipt.is_receipt(arrival):
            yield self._receipt(arrival)
        elif arrival.to_program:
            yield await self._whole(arrival, Purpose.IGNORED, "addressed to a program on a telephone, not to people")
        elif arrival.piece is not None:
            async with aclosing(self._part(arrival)) as heard:
                async for inbound in heard:
                    yield inbound
        elif _is_binary(arrival):
            yield await self._whole(arrival, Purpose.UNREADABLE, "binary data, not words")
        else:
            yield await self._whole(arrival)

    async def settle(self) -> None:
        """Put on disk that what `read` yielded is stored. After it the delivery may be answered."""
        if self._finished:
            self._parts.finish(self._finished)
        if self._touched:
            await self._parts.save(self._touched)
        if self._digest:
            self._recent.answered(self._digest)

    @property
    def unconfirmed(self) -> bool:
        """Whether deliveries were answered of which nobody knows yet whether the SMSC heard it."""
        return self._recent.unconfirmed

    async def confirm(self) -> None:
        """Put on disk that the SMSC heard every answer so far: what comes again later is said anew."""
        await self._recent.confirm()

    async def _part(self, arrival: Arrival) -> AsyncGenerator[Inbound, None]:
        key, long = self._parts.find(arrival)
        known = holds(long, arrival) if long is not None else None
        if long is not None and known is False and not long.finished:
            # The reference is used again, by another message: of the old one nothing more will come.
            if not long.settled:
                async with aclosing(self._release(key, long)) as old:
                    async for inbound in old:
                        yield inbound
            self._parts.drop(key)
        elif long is not None and known and (long.finished or not long.whole):
            return  # delivered again, because our answer did not reach the SMSC
        released = long.identity if long is not None and known is not False and long.released else ""
        long, self._touched = self._parts.add(key, arrival), key
        if released:
            late = f"{released}:{','.join(sorted(long.parts, key=int))}"
            yield self._joined(long, late).but(purpose=Purpose.EDIT, revises=released)
        elif long.whole:
            yield self._joined(long, long.identity)
        if long.whole:
            self._finished = key

    async def _release(self, key: str, long: Long) -> AsyncGenerator[Inbound, None]:
        # First on disk that it goes out as it is: else a part that comes after a crash would complete it under the
        # identity that the incomplete one already has, and be taken for the same.
        long.released = True
        await self._parts.save(key)
        yield self._joined(long, long.identity)
        self._parts.settle(key)
        await self._parts.save(key)

    async def _whole(self, arrival: Arrival, purpose: Purpose = Purpose.MESSAGE, note: str = "") -> Inbound:
        tag = self._settings.id_tlv
        given = arrival.tlvs.get(tag, b"").rstrip(b"\0") if tag else b""
        if given:
            plain = given.isalnum() and len(given) <= _LONGEST_ID
            identity = f"id:{given.decode('ascii') if plain else hashlib.sha256(given).hexdigest()}"
        else:
            self._digest = _digest(arrival)
            identity = await self._recent.identity(self._digest)
        raw: dict[str, Any] = {"deliver_sm": _base64(arrival.body), "data_coding": arrival.data_coding}
        return self._inbound(
            arrival,
            external_id=identity,
            text=decode(arrival.data, arrival.data_coding, self._settings.default_coding),
            purpose=purpose,
            note=note,
            raw=raw,
        )

    def _joined(self, long: Long, identity: str) -> Inbound:
        raw = {
            "parts": {number: {"data_coding": coding, "data": data} for number, (coding, data) in long.parts.items()}
        }
        return self._inbound(
            long,
            external_id=identity,
            text=long.text(self._settings.default_coding),
            answers={} if long.whole else {"incomplete": True},
            raw={**raw, "total": long.total},
        )

    def _receipt(self, arrival: Arrival) -> Inbound:
        found = receipt.read(arrival, self._settings.receipt_ids)
        raw = {"deliver_sm": _base64(arrival.body)}
        if found is None:
            return self._inbound(
                arrival,
                external_id=f"receipt:{hashlib.sha256(arrival.body).hexdigest()}",
                purpose=Purpose.IGNORED,
                note="a delivery receipt that does not say of which message",
                raw=raw,
            )
        delivery, word = found
        return self._inbound(
            arrival,
            external_id=f"receipt:{delivery.provider_id}:{word}",
            purpose=Purpose.DELIVERY,
            delivery=delivery,
            raw=raw,
        )

    def _unreadable(self, body: bytes, why: str) -> Inbound:
        return Inbound(
            channel=self._channel,
            account="",
            external_id=f"raw:{hashlib.sha256(body).hexdigest()}",
            sender=Address(Scheme.UNKNOWN, ""),
            purpose=Purpose.UNREADABLE,
            provider=self._provider,
            way="sms",
            note=why,
            raw={"deliver_sm": _base64(body)},
        )

    def _inbound(self, heard: Arrival | Long, **rest: Any) -> Inbound:
        return Inbound(
            channel=self._channel,
            account=heard.destination or self._settings.number,
            sender=_address(heard.source_ton, heard.source),
            provider=self._provider,
            way="sms",
            **rest,
        )


def _address(ton: int, source: str) -> Address:
    """Say who a sender is. A number is given its plus only where its type says that it has the country in front."""
    digits = source.strip().removeprefix("+")
    if not digits:
        return Address(Scheme.UNKNOWN, "")
    if ton in {TON.ALPHANUMERIC, TON.ABBREVIATED} or not (digits.isascii() and digits.isdecimal()):
        return Address(Scheme.SENDER_ID, source)
    if len(digits) < _SHORTEST_NUMBER:
        return Address(Scheme.SENDER_ID, source)
    return Address(Scheme.TEL, f"+{digits}" if ton == TON.INTERNATIONAL else source.strip())


def _digest(arrival: Arrival) -> str:
    """Tell a message by all that is the same when it is delivered again. Vendors' own TLVs may say when that was."""
    own = arrival.tlvs.get(USER_MESSAGE_REFERENCE, b"")
    ends = [arrival.source_ton, arrival.source, arrival.destination, arrival.data_coding, own.hex(), arrival.data.hex()]
    return hashlib.sha256(json.dumps(ends).encode()).hexdigest()[:40]


def _is_binary(arrival: Arrival) -> bool:
    if arrival.data_coding != _BINARY or not arrival.data:
        return False
    controls = sum(byte < 0x20 and byte not in b"\t\n\r\x0c" for byte in arrival.data)  # noqa: PLR2004 - ASCII's
    return controls > _CONTROLS * len(arrival.data)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
