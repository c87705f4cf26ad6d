"""SMPP 3.4 on the wire: what arrives is read here, forgivingly; what leaves is written by aiosmpplib's PDU classes.

The library's own reader is not used: it refuses a data_coding, an error code or an address that is not in its tables,
and hands over decoded text instead of the bytes (docs/decisions/0006-smpp.md).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiosmpplib import protocol
from aiosmpplib.state import (
    MESSAGE_PAYLOAD,
    NPI,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    TON,
    PhoneNumber,
    SmppCommand,
    SmppCommandStatus,
)

HEADER = 16  # octets
_LONGEST_TEXT = 64  # octets; SMPP's own limits are lower, and what is longer is no address
LARGEST = 128 * 1024  # octets of one PDU: message_payload holds 64 KiB; more is no SMPP

DELIVER_SM = int(SmppCommand.DELIVER_SM)
DATA_SM = 0x103  # another way of SMPP 3.4 to deliver; the library has no name for it
UNBIND = int(SmppCommand.UNBIND)
ENQUIRE_LINK = int(SmppCommand.ENQUIRE_LINK)
ALERT = 0x102  # "the telephone is back": has no answer
RESPONSE = 0x80000000
GENERIC_NACK = int(SmppCommand.GENERIC_NACK)

OK = int(SmppCommandStatus.ESME_ROK)
UNKNOWN_COMMAND = int(SmppCommandStatus.ESME_RINVCMDID)
QUEUE_FULL = int(SmppCommandStatus.ESME_RMSGQFUL)
NOT_NOW = 0x64  # ESME_RX_T_APPN: the receiver could not take it for now, so deliver it again

_UDHI = 0x40  # esm_class: the user data begins with a header of its own
_KIND = 0x3C  # esm_class: what kind of message it is
_RECEIPTS = {0x04, 0x20}  # a delivery receipt, and word of one on the way
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08  # 3GPP TS 23.040, section 9.2.3.24
_PORTS = {0x04, 0x05}  # addressed to a program on a telephone
_PARTS_8, _PARTS_16 = 3, 4  # octets of those elements


class Header(NamedTuple):
    """The sixteen octets that every PDU begins with."""

    length: int
    command: int
    status: int
    sequence: int


class Piece(NamedTuple):
    """Which part of a long message this is: the reference that its parts share, how many there are, and which."""

    reference: str  # where it stood and its number: an 8-bit 5 and a 16-bit 5 are two messages
    total: int
    number: int


class Cut(Exception):
    """The body ends before it says that it does."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A deliver_sm or data_sm, read but not decoded. `data` is the user data without its header."""

    sequence: int
    command: int
    source_ton: int
    source: str = field(repr=False)
    destination: str
    esm_class: int
    data_coding: int
    data: bytes = field(repr=False)
    body: bytes = field(repr=False)
    tlvs: Mapping[int, bytes] = field(repr=False)
    piece: Piece | None = None
    to_program: bool = False  # it is addressed to a port: settings, a logo, never a citizen's words

    @property
    def receipt(self) -> bool:
        """Whether the network says that this is a delivery receipt."""
        return self.esm_class & _KIND in _RECEIPTS


def header_of(data: bytes) -> Header:
    """Read a header of sixteen octets."""
    return Header(*struct.unpack("!IIII", data))


def read(sequence: int, command: int, body: bytes) -> Arrival:
    """Read the body of a deliver_sm or data_sm. Raises Cut when it ends too early."""
    reader = _Reader(body)
    reader.text()  # service_type
    source_ton, _, source = reader.octet(), reader.octet(), reader.text()
    reader.take(2)
    destination, esm_class = reader.text(), reader.octet()
    short = b""
    if command == DATA_SM:
        reader.octet()  # registered_delivery
        data_coding = reader.octet()
    else:
        reader.take(2)  # protocol_id, priority_flag
        reader.text()  # schedule_delivery_time
        reader.text()  # validity_period
        reader.take(2)  # registered_delivery, replace_if_present_flag
        data_coding = reader.octet()
        reader.octet()  # sm_default_msg_id
        short = reader.take(reader.octet())
    tlvs = reader.tlvs()
    data = short or tlvs.get(MESSAGE_PAYLOAD, b"")
    elements, data = _user_data(data) if esm_class & _UDHI else ({}, data)
    return Arrival(
        sequence,
        command,
        source_ton,
        source,
        destination,
        esm_class,
        data_coding,
        data,
        body,
        tlvs,
        _piece(elements, tlvs),
        not _PORTS.isdisjoint(elements),
    )


def bind(
    system_id: str, password: str, system_type: str, number: PhoneNumber, *, transceiver: bool
) -> protocol.SmppMessage:
    """Make the request that opens a session: to send and hear, or only to send."""
    kind = protocol.BindTransceiver if transceiver else protocol.BindTransmitter
    # address_range stays empty: what may be delivered to us is the carrier's to configure, and many refuse a wish.
    return kind(
        system_id=system_id, password=password, system_type=system_type, addr_ton=number.ton, addr_npi=number.npi
    )


def submit(
    source: PhoneNumber, destination: PhoneNumber, data: bytes, coding: int, *, joined: bool, receipt: bool
) -> protocol.SubmitSm:
    """Make the request that sends one SMS, or one part of it: `data` is the user data as it shall travel."""
    message = protocol.SubmitSm(
        short_message=" ",  # the library wants words of its own to encode; the bytes below take their place
        source=source,
        destination=destination,
        esm_class=_UDHI if joined else 0,
        registered_delivery=int(receipt),
        encoding="ucs2" if coding else None,
    )
    message.set_encoded_message(data)
    return message


def number(digits: str, ton: int | None = None, npi: int | None = None) -> PhoneNumber:
    """Say in SMPP's terms what an address is, by its shape where its type is not given. Raises ValueError."""
    plain = digits.removeprefix("+")
    if not plain.isascii():
        raise ValueError("an address that SMPP cannot carry")
    if not plain.isdecimal():
        kind, plan = TON.ALPHANUMERIC, NPI.UNKNOWN
    elif digits.startswith("+"):
        kind, plan = TON.INTERNATIONAL, NPI.ISDN
    else:
        kind, plan = TON.UNKNOWN, NPI.ISDN
    return PhoneNumber(plain, kind if ton is None else TON(ton), plan if npi is None else NPI(npi))


def answer(command: int, sequence: int, status: int = OK) -> bytes:
    """Write the answer to a request of theirs."""
    # An answer to a delivery carries an empty message id, also when it is a refusal; the others are a header alone.
    body = b"\0" if command in {DELIVER_SM, DATA_SM} else b""
    kind = GENERIC_NACK if status == UNKNOWN_COMMAND else command | RESPONSE
    return struct.pack("!IIII", HEADER + len(body), kind, status, sequence) + body


def message_id(body: bytes) -> str:
    """Read the id that a submit_sm_resp gives. It is opaque, and empty where there is none."""
    return body.partition(b"\0")[0].decode("latin-1")


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.body):
            raise Cut
        self.at += count
        return self.body[self.at - count : self.at]

    def octet(self) -> int:
        return self.take(1)[0]

    def text(self) -> str:
        end = self.body.find(b"\0", self.at)
        if end < 0 or end - self.at > _LONGEST_TEXT:
            raise Cut
        value, self.at = self.body[self.at : end], end + 1
        return value.decode("latin-1")

    def tlvs(self) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        while len(self.body) - self.at >= 4:  # noqa: PLR2004 - what is shorter is filling, which some carriers add
            tag, length = struct.unpack("!HH", self.take(4))
            found.setdefault(tag, self.body[self.at : self.at + length])
            self.at += length
        return found


def _user_data(data: bytes) -> tuple[Mapping[int, bytes], bytes]:
    """Part the user data's header, element by element, from what follows it. One that does not fit is no header."""
    if not data or data[0] >= len(data):
        return {}, data
    end, at, elements = data[0] + 1, 1, dict[int, bytes]()
    while at + 2 <= end:
        kind, length = data[at], data[at + 1]
        if at + 2 + length > end:
            return {}, data
        elements[kind] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return elements, data[end:]


def _piece(elements: Mapping[int, bytes], tlvs: Mapping[int, bytes]) -> Piece | None:
    eight, sixteen = elements.get(_CONCATENATED_8, b""), elements.get(_CONCATENATED_16, b"")
    if len(sixteen) == _PARTS_16:
        piece = Piece(f"16:{int.from_bytes(sixteen[:2], 'big')}", sixteen[2], sixteen[3])
    elif len(eight) == _PARTS_8:
        piece = Piece(f"8:{eight[0]}", eight[1], eight[2])
    elif all(tlvs.get(tag) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)):
        reference = int.from_bytes(tlvs[SAR_MSG_REF_NUM], "big")
        piece = Piece(f"sar:{reference}", tlvs[SAR_TOTAL_SEGMENTS][-1], tlvs[SAR_SEGMENT_SEQNUM][-1])
    else:
        return None
    # A number outside 1…total is to be ignored (3GPP TS 23.040): then it is a message by itself.
    return piece if piece.total > 1 and 1 <= piece.number <= piece.total else None
