"""Delivery receipts: what became of a reply, as the network says it.

SMPP 3.4 leaves the text to the vendor and shows one in its appendix B, which nearly all write:
`id:… sub:… dlvrd:… submit date:… done date:… stat:DELIVRD err:000 text:…`. Some say it in TLVs instead, or as well.
"""

from __future__ import annotations

import re
from typing import Literal

from aiosmpplib.state import MESSAGE_STATE, NETWORK_ERROR_CODE, RECEIPTED_MESSAGE_ID

from channels.message import Delivery, DeliveryState
from channels.smpp.pdu import Arrival

Notation = Literal["same", "hex", "decimal"]
"""How a receipt writes the id that the answer to our request gave: the same way, or the one of them in hexadecimal."""

_ID = re.compile(r"\bid:\s*([!-~]+)", re.IGNORECASE)
_STATE = re.compile(r"\bstat:\s*([A-Za-z]{1,16})", re.IGNORECASE)
_ERROR = re.compile(r"\berr:\s*([0-9A-Za-z]{1,16})", re.IGNORECASE)
# Of a text that no esm_class calls a receipt, only the whole form counts: a citizen may write "id:" as well.
_WHOLE = re.compile(
    r"\s*id:\s*[!-~]+ +sub:\d+ +dlvrd:\d+ +submit date:\d+ +done date:\d+ +stat:[A-Z]+ +err:\w+", re.IGNORECASE
)

_WORDS = {  # by their first five letters: some carriers write the words out, DELIVERED for DELIVRD
    "ENROU": DeliveryState.SENT,
    "ACCEP": DeliveryState.SENT,
    "DELIV": DeliveryState.DELIVERED,
    "EXPIR": DeliveryState.UNDELIVERED,
    "DELET": DeliveryState.UNDELIVERED,
    "UNDEL": DeliveryState.UNDELIVERED,
    "REJEC": DeliveryState.FAILED,
}
_CODES = {  # message_state, SMPP 3.4 section 5.2.28
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_LONGEST_ID = 128  # characters; SMPP allows 64
_NETWORK_ERROR = 3  # octets: the kind of network, and its code


def is_receipt(arrival: Arrival) -> bool:
    """Tell a receipt from a message, also where the esm_class forgot to."""
    if arrival.receipt:
        return True
    if RECEIPTED_MESSAGE_ID in arrival.tlvs and MESSAGE_STATE in arrival.tlvs:
        return True
    return _WHOLE.match(_text(arrival)) is not None


def read(arrival: Arrival, notation: Notation) -> tuple[Delivery, str] | None:
    """Read a receipt, and the network's own word for the state. None when it does not say of which message."""
    text = _text(arrival)
    tlv = arrival.tlvs.get(RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0].decode("latin-1")
    named, stated, error = _ID.search(text), _STATE.search(text), _ERROR.search(text)
    identity = tlv or (named[1] if named else "")
    if not identity or len(identity) > _LONGEST_ID:
        return None
    code = arrival.tlvs.get(MESSAGE_STATE, b"")
    word = stated[1].upper() if stated else _CODES.get(code[0], "UNKNOWN") if code else "UNKNOWN"
    network = arrival.tlvs.get(NETWORK_ERROR_CODE, b"")
    number = str(int.from_bytes(network[1:], "big")) if len(network) == _NETWORK_ERROR else ""
    state = _WORDS.get(word[:5], DeliveryState.UNKNOWN)
    delivery = Delivery(
        canonical(identity, notation),
        state,
        (error[1] if error and error[1].strip("0") else number) if state.lost else "",
        transient=word.startswith("EXPIR"),  # the telephone was off for as long as the network tried
    )
    return delivery, word


def canonical(identity: str, written: Notation) -> str:
    """Return the one spelling of an id that is a number, written in hexadecimal or decimal; any other stays as it is.

    Its only use is to find the reply again: an id is never counted with.
    """
    if written == "same":
        return identity
    try:
        return str(int(identity, 16 if written == "hex" else 10))
    except ValueError:
        return identity


def of_answer(identity: str, notation: Notation) -> str:
    """Return the spelling of the id in an answer to our request, under which receipts will be looked for."""
    opposite: dict[Notation, Notation] = {"same": "same", "hex": "decimal", "decimal": "hex"}
    return canonical(identity, opposite[notation])


def _text(arrival: Arrival) -> str:
    return arrival.data.decode("latin-1")  # a receipt's own words are ASCII in every set
