"""What the SMSC's refusal of a reply means for it (SMPP 3.4, section 5.1.3)."""

from __future__ import annotations

from channels.base import Busy, Refused, SpeakError

THROTTLED = frozenset({0x14, 0x58})
"""Refusals that mean everything we send: until we have rested a while, the next will hear the same."""

_BUSY = {
    0x04: "the session may not send yet",
    0x08: "the SMSC has a fault",
    0x14: "the SMSC's queue is full",
    0x45: "the SMSC could not submit it",
    0x58: "we send too fast",
    0x64: "the receiver cannot take it for now",
    0xFE: "the SMSC could not deliver it",
    0xFF: "the SMSC gives no reason",
}
_REFUSED = {
    0x0B: "the number is not valid",
    0x65: "the receiver does not take it",
    0x66: "the receiver refuses it",
}
_OURS = {
    0x01: "the message is too long for the SMSC",
    0x0A: "our number may not send there",
    0x48: "the type of our number is not right: BALAGH_SMPP__SOURCE_TON",
    0x49: "the plan of our number is not right: BALAGH_SMPP__SOURCE_NPI",
}


def fault(status: int, rest: float | None = None) -> SpeakError:
    """Say how a request ended that the SMSC answered with an error. The words are ours and name nobody.

    `rest` is for how many seconds nothing is sent now, where that is so.
    """
    code = f"0x{status:X}"
    if status in _BUSY:
        return Busy(code, _BUSY[status], retry_after=rest)
    if status in _REFUSED:
        return Refused(code, _REFUSED[status])
    # What nobody foresaw, a vendor's own codes among it, is worth a look.
    return Refused(code, _OURS.get(status, "the SMSC refused it"), alarm=True)
