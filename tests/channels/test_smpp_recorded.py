"""What a carrier's SMSC sends, octet for octet as SMPP 3.4 lays it out, over a socket to the channel.

Each file of `fixtures/smpp` is one PDU in hexadecimal with words about it; its folder is the name of the request or
the answer that it is. A name that begins with `ignored_` promises that it is kept and filed nowhere, `unreadable_` that
a person sees it, `receipt_` that it tells of a reply. The parts of a long message arrive together.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from channels.base import Barred, Busy, Refused
from channels.message import Address, Delivery, DeliveryState, Purpose, Reply, Scheme, Sent
from channels.smpp import Smpp
from channels.smpp.pdu import HEADER, RESPONSE, header_of
from tests.channels.harness import FIXTURES, example_settings
from tests.channels.smsc import CITIZEN, CODE, House, take_in

HERE = FIXTURES / "smpp"
BIND_TRANSCEIVER, BIND_TRANSMITTER, SUBMIT_SM = 0x09, 0x02, 0x04
WATER = "الماء مقطوع من يومين بحي الجامعة"
LONG = f"{WATER} والشارع مظلم والقمامة لم ترفع منذ أسبوع"
SAID = {  # the others say that there is no water
    "english": "no water @ home [street 9] 5 €",
    "long": LONG,
    "segments": LONG,
    "payload": LONG,
    "name_as_sender": "your parcel is here",
    "short_code": "hello",
}
SENDERS = {
    "name_as_sender": Address(Scheme.SENDER_ID, "PARCELS"),
    "short_code": Address(Scheme.SENDER_ID, "19123"),
    "withheld": Address(Scheme.UNKNOWN, ""),
}
RECEIPTS = {
    "receipt_delivered": Delivery("7B", DeliveryState.DELIVERED),
    "receipt_expired": Delivery("7C", DeliveryState.UNDELIVERED, "01b", transient=True),
    "receipt_rejected": Delivery("7D", DeliveryState.FAILED, "069"),
    "receipt_in_fields": Delivery("7E", DeliveryState.DELIVERED),
}


def message(file: Path) -> str:
    """Return the name of the message that a file is, or is a part of, below the request that delivers it."""
    return f"{file.parent.name}/{re.sub(r'_[0-9]_of_[0-9]$', '', file.stem)}"


def octets(file: Path) -> bytes:
    """Read a PDU, without the words about it."""
    lines = file.read_text("utf-8").splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


DELIVERED = [
    pytest.param(list(parts), id=name)
    for name, parts in groupby([*sorted(HERE.glob("deliver_sm/*")), *sorted(HERE.glob("data_sm/*"))], message)
]


@dataclass
class Centre:
    """An SMSC that says what was recorded, and remembers what it heard."""

    deliveries: Sequence[bytes] = ()
    answers: dict[int, bytes] = field(default_factory=dict)  # to a bind, to a message of ours
    port: int = 0
    heard: dict[int, int] = field(default_factory=dict)  # the status of our answer to each delivery
    all_answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client until it hangs up."""
        try:
            while True:
                header = header_of(await reader.readexactly(HEADER))
                await reader.readexactly(header.length - HEADER)
                if header.command & RESPONSE:
                    self.heard[header.sequence] = header.status
                    if len(self.heard) == len(self.deliveries):
                        self.all_answered.set()
                    continue
                plain = struct.pack("!IIII", HEADER, header.command | RESPONSE, 0, 0)
                answer = self.answers.get(header.command, plain)
                writer.write(answer[:12] + struct.pack("!I", header.sequence) + answer[HEADER:])
                if header.command == BIND_TRANSCEIVER:
                    writer.writelines(self.deliveries)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


@asynccontextmanager
async def centre(*deliveries: bytes, bound: str = "bound", answer: str = "taken") -> AsyncIterator[Centre]:
    """Run an SMSC that delivers these, and answers so."""
    bind, submit = octets(HERE / f"bind_transceiver_resp/{bound}.pdu"), octets(HERE / f"submit_sm_resp/{answer}.pdu")
    made = Centre(deliveries, {BIND_TRANSCEIVER: bind, BIND_TRANSMITTER: bind, SUBMIT_SM: submit})
    server = await asyncio.start_server(made.serve, "127.0.0.1")
    async with server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def channel(carrier: Centre) -> Smpp:
    return Smpp(example_settings(Smpp, host="127.0.0.1", port=carrier.port, number=CODE, id_tlv=0, receipt_ids="same"))


@pytest.mark.parametrize("files", DELIVERED)
async def test_what_is_delivered(files: list[Path]) -> None:
    """Each becomes what its name promises, once, from whom it says; and the carrier hears that we have it."""
    house, name = House(), message(files[0]).rpartition("/")[2]
    async with centre(*(octets(file) for file in files)) as carrier:
        one = channel(carrier)
        fetching = asyncio.create_task(take_in(one, house))
        async with asyncio.timeout(60):
            await carrier.all_answered.wait()
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
        await one.close()
    [inbound] = house.journal.values()
    kind = name.partition("_")[0]
    promised = {"ignored": Purpose.IGNORED, "unreadable": Purpose.UNREADABLE, "receipt": Purpose.DELIVERY}

    assert {header_of(octets(file)[:HEADER]).sequence: 0 for file in files} == carrier.heard
    assert promised.get(kind, Purpose.MESSAGE) == inbound.purpose
    assert (kind in {"ignored", "unreadable"}) == bool(inbound.note)
    assert RECEIPTS.get(name) == inbound.delivery
    if inbound.purpose is Purpose.MESSAGE:
        assert SAID.get(name, WATER) == inbound.text
        assert SENDERS.get(name, Address(Scheme.TEL, f"+{CITIZEN}")) == inbound.sender


@pytest.mark.parametrize("file", sorted(HERE.rglob("*.pdu")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_recorded_whole(file: Path) -> None:
    """A PDU is as long as its header says, and is the request or the answer that its folder names."""
    commands = {"deliver_sm": 5, "data_sm": 0x103, "bind_transceiver_resp": 0x80000009, "submit_sm_resp": 0x80000004}
    pdu = octets(file)
    header = header_of(pdu[:HEADER])

    assert (len(pdu), commands[file.parent.name]) == (header.length, header.command)
    assert file.stem.startswith("refused_") == (header.status != 0)


@pytest.mark.parametrize(
    ("bound", "end", "code"), [("refused_password", Barred, "0xE"), ("refused_system_error", Busy, "0x8")]
)
async def test_binds_that_are_refused(bound: str, end: type[Barred | Busy], code: str) -> None:
    """A password that is not taken waits for a person, trouble at the centre passes by itself."""
    async with centre(bound=bound) as carrier:
        with pytest.raises(end) as ended:
            await take_in(channel(carrier), House())

    assert code == ended.value.code


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ("taken", Sent("7B", DeliveryState.SENT)),
        ("refused_throttled", (Busy, "0x58", None)),
        ("refused_queue_full", (Busy, "0x14", None)),
        ("refused_destination", (Refused, "0xB", False)),
        ("refused_of_its_own", (Refused, "0x400", True)),
    ],
)
async def test_answers_to_a_reply(answer: str, end: Any) -> None:
    """What the centre says of a reply: taken under an id, later, or never, and whether a person must look."""
    async with centre(answer=answer) as carrier:
        one = channel(carrier)
        ended: Any
        try:
            ended = await one.send(Reply("r1", "", Address(Scheme.TEL, f"+{CITIZEN}"), "وصل بلاغكم"))
        except (Busy, Refused) as refusal:
            ended = type(refusal), refusal.code, getattr(refusal, "alarm", None)
        await one.close()

    assert end == ended
