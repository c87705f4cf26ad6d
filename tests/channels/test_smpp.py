"""SMS at a carrier's SMSC: a real one from npm on the other end of the wire, and crashes at every step on this one."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Barred, Busy, OutcomeUnknown, Poller, Probes, Refused, Speaker
from channels.message import Address, Delivery, DeliveryState, Inbound, Purpose, Reply, Scheme, Sent
from channels.smpp import Smpp, hearing, pdu
from channels.smpp import channel as smpp_channel
from channels.smpp.channel import Session
from channels.smpp.hearing import Hearing
from channels.smpp.parts import FINISHED, MISSING, PATIENCE, REMEMBERED, SETTLING
from channels.smpp.pdu import DATA_SM, DELIVER_SM, NOT_NOW, OK, Header
from channels.smpp.recent import AGAIN, UNANSWERED, Recent
from channels.smpp.session import Delivered, Lost
from channels.sms_alphabet import decode, encode
from tests.channels.harness import ROOT, example_settings
from tests.channels.smpp_process import FileHouse
from tests.channels.smsc import CITIZEN, CODE, House, HouseDown, Smsc, body, part, smsc, take_in, tlv
from tests.servers.processes import free_port, kill_server, require, run_server
from tests.servers.waiting import until

WATER = "الماء مقطوع من يومين بحي الجامعة"
LONG = "الماء مقطوع بحي الجامعة منذ يومين 😀 والشارع مظلم والقمامة لم ترفع منذ أسبوع " * 3


def channel(carrier: Smsc | None = None, **changes: Any) -> Smpp:
    port = carrier.port if carrier else 2775
    values = {"host": "127.0.0.1", "port": port, "password": "secret", "response_timeout": 2, **changes}
    return Smpp(example_settings(Smpp, **values))


def reply(text: str = "وصل بلاغكم 4821 093 756", to: str = f"+{CITIZEN}", **changes: Any) -> Reply:
    return Reply(**{"id": "r1", "account": "", "to": Address(Scheme.TEL, to), "text": text, **changes})


@pytest.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[Smsc]:
    """Give a carrier's SMSC."""
    async with smsc(tmp_path / "smsc.log") as server:
        yield server


@pytest.fixture
def house() -> House:
    """Give a house whose disk survives what happens to the channel."""
    return House()


@contextlib.asynccontextmanager
async def fetching(one: Smpp, house: House, carrier: Smsc, binds: int = 1) -> AsyncIterator[asyncio.Task[None]]:
    """Fetch in the background, from the moment that it is bound."""
    task = asyncio.create_task(take_in(one, house))
    try:
        await carrier.bound(binds)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await one.close()


# On the wire


async def test_a_message_is_heard_then_answered(carrier: Smsc, house: House) -> None:
    """A citizen's words arrive as they were typed, and the carrier hears that we have them."""
    async with fetching(channel(carrier), house, carrier):
        await carrier.deliver("one", short_message=WATER)
        status = await carrier.answered("one")
    [inbound] = house.journal.values()

    assert (OK, WATER) == (status, inbound.text)
    assert ("smpp", CODE, "sms") == (inbound.channel, inbound.account, inbound.way)
    assert Address(Scheme.TEL, f"+{CITIZEN}") == inbound.sender
    assert Purpose.MESSAGE == inbound.purpose
    assert 8 == inbound.raw["data_coding"]
    assert [{"event": "bound", "kind": "transceiver", "system_type": "VMA"}] == carrier.seen("bound")


async def test_what_could_not_be_stored_is_refused_for_now(carrier: Smsc, house: House) -> None:
    """While the store is away the carrier is told to keep the message, and delivers it again when we are back."""
    one = channel(carrier)
    house.falls_at = 1  # the identity is remembered, and then the message cannot be accepted
    async with fetching(one, house, carrier) as task:
        await carrier.deliver("one", short_message=WATER)
        assert NOT_NOW == await carrier.answered("one")
        with pytest.raises(HouseDown):
            await task
    assert {} == house.journal
    house.down = False
    async with fetching(one, house, carrier, binds=2):
        await carrier.deliver("again", short_message=WATER)
        assert OK == await carrier.answered("again")

    assert [WATER] == house.texts


async def test_delivered_again_is_the_same(carrier: Smsc, house: House) -> None:
    """A carrier that did not hear our answer delivers again, on the next bind too: it is one complaint."""
    one = channel(carrier)
    for binds in (1, 2):
        async with fetching(one, house, carrier, binds):
            for tag in ("a", "b"):
                await carrier.deliver(tag, short_message=WATER)
                assert OK == await carrier.answered(tag)
            await carrier.deliver("other", short_message=WATER, source_addr="9647700000001")
            assert OK == await carrier.answered("other")

    assert [WATER, WATER] == house.texts
    assert {f"+{CITIZEN}", "+9647700000001"} == {inbound.sender.value for inbound in house.journal.values()}


@pytest.mark.parametrize("how", ["udh", "sar", "payload"])
async def test_a_long_message_is_joined(how: str, carrier: Smsc, house: House) -> None:
    """A long message is one complaint, however the carrier cuts it, in whatever order and how often it delivers."""
    data = LONG.encode("utf-16-be")
    cut = [data[at : at + 134] for at in range(0, len(data), 134)]
    async with fetching(channel(carrier), house, carrier):
        for number in [4, 2, 2, 1, 3, 4] if how != "payload" else [0]:
            piece = cut[number - 1]
            if how == "udh":
                hexed = (bytes((6, 8, 4, 1, 7, len(cut), number)) + piece).hex()
                await carrier.deliver("x", data_coding=8, esm_class=0x40, short_message={"hex": hexed})
            elif how == "sar":
                sar = {"sar_msg_ref_num": 77, "sar_total_segments": len(cut), "sar_segment_seqnum": number}
                await carrier.deliver("x", data_coding=8, short_message={"hex": piece.hex()}, **sar)
            else:
                await carrier.deliver("x", data_coding=8, message_payload={"message": LONG})
            assert OK == await carrier.answered("x")

    assert 4 == len(cut)
    assert [LONG] == house.texts


async def test_data_sm_is_a_message_too(carrier: Smsc, house: House) -> None:
    """Some carriers deliver by data_sm: it is the same to us."""
    async with fetching(channel(carrier), house, carrier):
        await carrier.deliver("one", "data_sm", data_coding=8, message_payload={"message": WATER})
        assert OK == await carrier.answered("one")

    assert [WATER] == house.texts
    assert [0x80000103] == [DATA_SM | pdu.RESPONSE]


async def test_the_line_is_proved_both_ways(carrier: Smsc, house: House) -> None:
    """We ask whether the carrier is there, and answer when it asks."""
    async with fetching(channel(carrier, enquire_link=0.05), house, carrier):
        await carrier.tell("enquire")
        await carrier.when(lambda: carrier.seen("alive") and len(carrier.seen("enquired")) > 1)


async def test_a_dead_line_is_given_up(carrier: Smsc, house: House) -> None:
    """A carrier that no longer answers is bound to anew."""
    async with fetching(channel(carrier, enquire_link=0.05, response_timeout=0.5), house, carrier) as task:
        await carrier.tell("deaf")
        with pytest.raises(Busy, match="does not answer"):
            await task


@pytest.mark.parametrize(("what", "says"), [("drop", "hung up"), ("unbind", "ended the session")])
async def test_the_carrier_hangs_up(what: str, says: str, carrier: Smsc, house: House) -> None:
    """When the carrier ends the session the house is told to try again."""
    async with fetching(channel(carrier), house, carrier) as task:
        await carrier.tell(what)
        with pytest.raises(Busy, match=says):
            await task


async def test_the_end_of_a_long_session(carrier: Smsc, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that lasted and ends is no failure: the line is opened again at once."""
    monkeypatch.setattr(smpp_channel, "_LIVED", 0.0)
    async with fetching(channel(carrier), house, carrier) as task:
        await carrier.tell("drop")
        await task


async def test_what_is_not_smpp_ends_the_session(carrier: Smsc, house: House) -> None:
    """Bytes without sense are not waited for until the memory is full."""
    async with fetching(channel(carrier), house, carrier) as task:
        await carrier.tell("raw", hex="ffffffff" + "00" * 12)
        with pytest.raises(Busy, match="not SMPP"):
            await task


async def test_a_command_nobody_knows_is_declined(carrier: Smsc, house: House) -> None:
    """A request that we do not know is declined by name, and the line goes on."""
    async with fetching(channel(carrier), house, carrier):
        await carrier.tell("raw", hex=struct.pack("!IIII", 16, 0x0111, 0, 9).hex())
        await carrier.deliver("one", short_message="hello")
        assert OK == await carrier.answered("one")


@pytest.mark.parametrize(
    ("changes", "code"), [({"password": "wrong"}, "0xE"), ({"system_id": "stranger"}, "0xF"), ({}, "0xD")]
)
async def test_a_bind_that_is_refused_is_barred(changes: dict[str, str], code: str, carrier: Smsc) -> None:
    """A wrong password stops the channel until a person has looked, and is in no error."""
    if not changes:
        await carrier.tell("bind", status=0x0D)
    one = channel(carrier, **changes)
    with pytest.raises(Barred) as barred:
        await one.probe()
    await one.close()

    assert code == barred.value.code
    assert "wrong" not in str(barred.value)


async def test_a_bind_refused_for_now_is_busy(carrier: Smsc, house: House) -> None:
    """A carrier that is full, or not there, is tried again."""
    await carrier.tell("bind", status=0x08)
    with pytest.raises(Busy) as busy:
        await take_in(channel(carrier), house)
    assert "0x8" == busy.value.code
    with pytest.raises(Busy) as away:
        await take_in(channel(port=free_port()), house)

    assert "connect" == away.value.code


def self_signed(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = [require("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=smsc"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return key, certificate


async def test_tls(tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With TLS the carrier's certificate is checked: one that nobody vouches for is not spoken to."""
    key, certificate = self_signed(tmp_path)
    async with smsc(tmp_path / "log", str(key), str(certificate)) as carrier:
        with pytest.raises(Busy):
            await take_in(channel(carrier, tls=True), house)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with fetching(channel(carrier, tls=True), house, carrier):
            await carrier.deliver("one", short_message=WATER)
            assert OK == await carrier.answered("one")

    assert [WATER] == house.texts


# Speaking


async def test_a_reply_in_arabic(carrier: Smsc) -> None:
    """A reply in Arabic leaves as UCS-2 from the short code, with a receipt asked for; nobody needs to fetch for it."""
    one = channel(carrier)
    sent = await one.send(reply())
    await one.close()
    [message] = carrier.submitted

    assert Sent("123", DeliveryState.SENT) == sent
    assert "وصل بلاغكم 4821 093 756" == message["short_message"]["message"]
    assert (8, 1, 0) == (message["data_coding"], message["registered_delivery"], message["esm_class"])
    assert (CODE, 0, 1) == (message["source_addr"], message["source_addr_ton"], message["source_addr_npi"])
    assert (CITIZEN, 1, 1) == (message["destination_addr"], message["dest_addr_ton"], message["dest_addr_npi"])
    assert ["transmitter"] == [event["kind"] for event in carrier.seen("bound")]
    await carrier.when(lambda: carrier.seen("unbound"))


async def test_a_reply_in_english(carrier: Smsc) -> None:
    """English, with the signs that take two septets, leaves in the GSM alphabet; a name speaks as a name."""
    one = channel(carrier, sender="BAGHDAD", source_ton=None, source_npi=None)
    await one.send(reply("Your report 4821 093 756 [water] costs 0 € @ home"))
    await one.close()
    [message] = carrier.submitted

    assert "Your report 4821 093 756 [water] costs 0 € @ home" == message["short_message"]["message"]
    assert 0 == message["data_coding"]
    assert ("BAGHDAD", 5, 0) == (message["source_addr"], message["source_addr_ton"], message["source_addr_npi"])


async def test_answers_from_the_number_written_to(carrier: Smsc) -> None:
    """A citizen who wrote to another number of the city hears from that one, where no sender is set."""
    one = channel(carrier, sender="")
    await one.send(reply(account="4488"))
    await one.close()

    assert ["4488"] == [message["source_addr"] for message in carrier.submitted]


async def test_a_long_reply_is_cut_and_joins_again(carrier: Smsc) -> None:
    """A long reply leaves in parts that fit, numbered alike, and none is cut inside a character."""
    one = channel(carrier)
    sent = await one.send(reply("😀" * 80))
    await one.close()
    headers = [message["short_message"]["udh"][0]["hex"] for message in carrier.submitted]

    assert ["😀" * 33, "😀" * 33, "😀" * 14] == [message["short_message"]["message"] for message in carrier.submitted]
    assert ["0301", "0302", "0303"] == [header[-4:] for header in headers]
    assert 1 == len({header[:-4] for header in headers})
    assert [0x40] * 3 == [message["esm_class"] for message in carrier.submitted]
    assert [0, 0, 1] == [message["registered_delivery"] for message in carrier.submitted]
    assert "125" == sent.provider_id


async def test_hearing_and_speaking_share_the_bind(carrier: Smsc, house: House) -> None:
    """One bind serves both ways, also when the first reply was sent before the fetching began."""
    one = channel(carrier)
    await one.send(reply())
    async with fetching(one, house, carrier, binds=2):
        await until(lambda: one._session is not None and not one._session.over)
        await one.send(reply(id="r2"))
        assert f"bound as balagh@127.0.0.1:{carrier.port}" == await one.probe()
        await carrier.deliver("one", short_message="hello")
        assert OK == await carrier.answered("one")
    with pytest.raises(Busy) as busy:
        await one.send(reply(id="r3"))

    assert "rebinding" == busy.value.code
    assert ["transmitter", "transceiver"] == [event["kind"] for event in carrier.seen("bound")]
    assert 2 == len(carrier.submitted)
    assert isinstance(one, Speaker)
    assert isinstance(one, Probes)
    assert isinstance(one, Poller)


@pytest.mark.parametrize(
    ("status", "kind", "alarm"),
    [
        (0x58, Busy, None),
        (0x14, Busy, None),
        (0x08, Busy, None),
        (0x0B, Refused, False),
        (0x0A, Refused, True),
        (0x0400, Refused, True),
    ],
)
async def test_what_a_refusal_means(status: int, kind: type[Exception], *, alarm: bool | None, carrier: Smsc) -> None:
    """Too fast is tried again, a wrong number is not; our own fault, or a vendor's riddle, a person looks at."""
    one = channel(carrier)
    await carrier.tell("next", answers=[status])
    with pytest.raises((Busy, Refused)) as ended:
        await one.send(reply())
    one._silent_until = 0.0  # it has rested
    again = await one.send(reply())
    await one.close()

    assert kind is type(ended.value)
    assert f"0x{status:X}" == ended.value.code
    assert alarm == getattr(ended.value, "alarm", None)
    assert CITIZEN not in str(ended.value)
    assert again.provider_id


@pytest.mark.parametrize("answer", ["silent", "hang_up"])
async def test_no_answer_is_unknown(answer: str, carrier: Smsc) -> None:
    """A reply that left and was not answered may have been sent."""
    one = channel(carrier, response_timeout=1)
    await carrier.tell("next", answers=[answer])
    with pytest.raises(OutcomeUnknown):
        await one.send(reply())
    await one.close()

    assert 1 == len(carrier.submitted)


@pytest.mark.parametrize("status", [0x14, 0x58])
async def test_who_sends_too_fast_rests(status: int, carrier: Smsc) -> None:
    """Told so, everything to that carrier is silent for a while, each time for twice as long; then it goes on."""
    one = channel(carrier)
    rests = []
    for _ in range(3):
        await carrier.tell("next", answers=[status])
        for _ in range(2):
            with pytest.raises(Busy) as ended:
                await one.send(reply())
            assert ended.value.retry_after
            rests.append(round(ended.value.retry_after))
        one._silent_until = 0.0  # it has rested
    await one.send(reply())
    await carrier.tell("next", answers=[status])
    with pytest.raises(Busy) as ended:
        await one.send(reply())
    await one.close()

    await carrier.when(lambda: len(carrier.submitted) >= 5)
    assert 5 == len(carrier.submitted)
    assert [1, 1, 2, 2, 4, 4] == rests
    assert ended.value.retry_after == pytest.approx(1, abs=0.5)


async def test_requests_that_are_refused_together_count_once(carrier: Smsc) -> None:
    """Ten messages that were on their way when the first was refused make nobody silent for minutes."""
    one = channel(carrier)
    await carrier.tell("next", answers=[0x14] * 6)
    ended = await asyncio.gather(*(one.send(reply()) for _ in range(6)), return_exceptions=True)
    await one.close()

    assert {Busy} == set(map(type, ended))
    assert max(refusal.retry_after or 0 for refusal in ended if isinstance(refusal, Busy)) <= 1


async def test_parts_that_left_are_not_sent_again(carrier: Smsc) -> None:
    """When the carrier stops us between two parts, the next try goes on where it stopped."""
    one = channel(carrier)
    await carrier.tell("next", answers=[0, 0x58])
    with pytest.raises(Busy):
        await one.send(reply("a" * 200))
    one._silent_until = 0.0  # it has rested
    await one.send(reply("a" * 200))
    await one.close()

    assert [153, 47, 47] == [len(message["short_message"]["message"]) for message in carrier.submitted]


@pytest.mark.parametrize("scheme", [Scheme.SENDER_ID, Scheme.UNKNOWN, Scheme.MAILTO, Scheme.WHATSAPP])
async def test_nobody_to_answer(scheme: Scheme) -> None:
    """A short code, a name and a withheld number are never sent to."""
    with pytest.raises(Refused) as refusal:
        await channel().send(Reply("r", "", Address(scheme, "19123"), "words"))

    assert "no-address" == refusal.value.code


async def test_an_address_that_smpp_cannot_carry() -> None:
    """An address in another script, or far too long, is refused before anything leaves."""
    for to in ("+٩٦٤٧٧٠١٢٣٤٥٦٧", "+" + "1" * 40):
        with pytest.raises(Refused) as refusal:
            await channel().send(reply(to=to))
        assert "address" == refusal.value.code


# What deliveries mean


class Clock:
    """Unix seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def delivered(data: bytes, command: int = DELIVER_SM) -> Delivered:
    return Delivered(Header(16 + len(data), command, 0, 1), data)


class Wire:
    """A session whose other end is a list: what is not answered with success is delivered again on the next one."""

    def __init__(self, waiting: Sequence[bytes], clock: Clock, pauses: Sequence[float]) -> None:
        self.waiting, self.clock, self.pauses = list(waiting), clock, list(pauses)
        self.statuses: list[int] = []
        self.over = self.deaf = False

    async def next(self, within: float) -> Delivered | None:
        """Deliver what waits; then let time pass, and at last hang up."""
        del within
        if self.waiting:
            return delivered(self.waiting[0])
        if self.pauses:
            self.clock.now += self.pauses.pop(0)
            return None
        raise Lost("nothing more")

    async def answer(self, taken: Delivered, status: int = OK) -> None:
        """Forget what was taken."""
        del taken
        self.statuses.append(status)
        if status == OK:
            self.waiting.pop(0)

    async def prove(self) -> None:
        """Say that all was heard."""
        if self.deaf:
            raise Lost("nobody there")

    async def close(self) -> None:
        """Be gone."""
        self.over = True


async def hear(
    house: House,
    bodies: Sequence[bytes],
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock | None = None,
    pauses: Sequence[float] = (),
    *,
    deaf: bool = False,
    **changes: Any,
) -> Wire:
    """Let one channel hear so many deliveries, over a wire that is a list."""
    clock = clock or Clock()
    wire = Wire(bodies, clock, pauses)
    wire.deaf = deaf

    async def open_wire(*_: Any, **__: Any) -> Any:
        return wire

    monkeypatch.setattr(Session, "open", open_wire)
    monkeypatch.setattr(hearing.time, "time", clock)
    monkeypatch.setattr(Hearing.__init__, "__defaults__", (clock,))
    with contextlib.suppress(Busy, HouseDown):
        await take_in(channel(**changes), house)
    return wire


ARABIC = WATER.encode("utf-16-be")


@pytest.mark.parametrize(
    ("data", "coding", "default", "text"),
    [
        (ARABIC, 8, "auto", WATER),
        (ARABIC, 0, "auto", WATER),
        (ARABIC, 0, "gsm7", WATER),
        (ARABIC, 0x18, "auto", WATER),
        (WATER.encode("utf-16-le"), 8, "auto", WATER),
        (b"\xfe\xff" + ARABIC, 8, "auto", WATER),
        (ARABIC + b"\x06", 8, "auto", WATER + "\ufffd"),
        ("😀 مساعدة".encode("utf-16-be"), 8, "auto", "😀 مساعدة"),
        ("中文短信".encode("utf-16-be"), 8, "auto", "中文短信"),
        (WATER.encode("iso-8859-6"), 0, "auto", WATER),
        (WATER.encode("windows-1256"), 0, "auto", WATER),
        (WATER.encode("iso-8859-6"), 6, "auto", WATER),
        (WATER.encode("windows-1256"), 7, "auto", WATER),
        (WATER.encode("windows-1256"), 3, "gsm7", WATER),
        (WATER.encode("iso-8859-6"), 0, "iso-8859-6", WATER),
        (WATER.encode("windows-1256"), 0, "windows-1256", WATER),
        (WATER.encode(), 0, "auto", WATER),
        (b"\x00 caf\x05 \x1b\x65 \x1b\x3cx\x1b\x3e", 0, "auto", "@ café € [x]"),
        (b"no @ here", 0, "latin1", "no @ here"),
        ("déjà à l'école".encode("latin1"), 3, "auto", "déjà à l'école"),
        ("Привет".encode("iso8859-5"), 6, "auto", "Привет"),
        (b"\x1b", 0, "gsm7", "\ufffd"),
        (b"", 0, "auto", ""),
        (b"", 8, "auto", ""),
    ],
)
def test_alphabets(data: bytes, coding: int, default: Any, text: str) -> None:
    """What the citizen typed is read, whatever the carrier calls it."""
    assert text == decode(data, coding, default)


RECORDED = ROOT / "tests/data/complaints.jsonl"
WORDS = [json.loads(line)["text"] for line in RECORDED.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", ["iso-8859-6", "windows-1256"])
@pytest.mark.parametrize("coding", [0, 3, 6])
def test_complaints_in_eight_bits(name: str, coding: int) -> None:
    """Complaints as people write them are told apart in the two Arabic sets."""
    assert WORDS
    for words in WORDS:
        data = words[:140].encode(name, "ignore")
        assert data.decode(name) == decode(data, coding)


@given(st.text(max_size=400), st.sampled_from(["auto", "gsm7", "latin1", "iso-8859-6", "windows-1256"]))
@settings(deadline=None, max_examples=150)
def test_what_is_written_can_be_read(text: str, default: Any) -> None:
    """Any reply fits its parts and says, put together again, what it said."""
    coding, parts = encode(text, default)
    limit = {0: (160, 153), 8: (140, 134)}[coding][len(parts) > 1]

    assert all(len(one) <= limit for one in parts)
    known = default if default != "auto" else "gsm7"
    if coding == 0 and known == "gsm7":
        assert text == decode(b"".join(parts), 0x10, "gsm7") or text.encode("utf-16-be").startswith(b"\x06")
    elif coding == 0:
        assert text == b"".join(parts).decode("ascii")
    else:
        assert text == b"".join(parts).decode("utf-16-be", "surrogatepass")


@pytest.mark.parametrize(
    ("ton", "source", "address"),
    [
        (1, "9647701234567", Address(Scheme.TEL, "+9647701234567")),
        (1, "+9647701234567", Address(Scheme.TEL, "+9647701234567")),
        (0, "+9647701234567", Address(Scheme.TEL, "+9647701234567")),
        (0, "9647701234567", Address(Scheme.TEL, "9647701234567")),
        (2, "07701234567", Address(Scheme.TEL, "07701234567")),
        (5, "BAGHDAD", Address(Scheme.SENDER_ID, "BAGHDAD")),
        (5, "91234567", Address(Scheme.SENDER_ID, "91234567")),
        (1, "OM.91234567", Address(Scheme.SENDER_ID, "OM.91234567")),
        (3, "19123", Address(Scheme.SENDER_ID, "19123")),
        (0, "", Address(Scheme.UNKNOWN, "")),
    ],
)
async def test_senders(ton: int, source: str, address: Address, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number has its plus only where the network says so; a name and a short code are nobody to answer."""
    await hear(house, [body(b"hello", ton=ton, source=source)], monkeypatch)
    [inbound] = house.journal.values()

    assert address == inbound.sender


RECEIPT = b"id:7B sub:001 dlvrd:001 submit date:2611221000 done date:2611221001 stat:DELIVRD err:000 text:..."


@pytest.mark.parametrize(
    ("data", "esm", "tlvs", "notation", "expected"),
    [
        (RECEIPT, 0x04, b"", "same", Delivery("7B", DeliveryState.DELIVERED)),
        (RECEIPT, 0x04, b"", "hex", Delivery("123", DeliveryState.DELIVERED)),
        (RECEIPT, 0x00, b"", "same", Delivery("7B", DeliveryState.DELIVERED)),
        (b"id:0123 stat:EXPIRED", 0x04, b"", "decimal", Delivery("123", DeliveryState.UNDELIVERED, transient=True)),
        (b"id:9 stat:UNDELIV err:01b", 0x04, b"", "same", Delivery("9", DeliveryState.UNDELIVERED, "01b")),
        (b"id:9 stat:REJECTD err:069", 0x04, b"", "same", Delivery("9", DeliveryState.FAILED, "069")),
        (b"id:9 stat:DELIVERED", 0x04, b"", "same", Delivery("9", DeliveryState.DELIVERED)),
        (b"ID: 9 STAT: ENROUTE", 0x20, b"", "same", Delivery("9", DeliveryState.SENT)),
        (b"id:9 stat:WHATEVER", 0x04, b"", "same", Delivery("9", DeliveryState.UNKNOWN)),
        (b"", 0x04, tlv(0x1E, b"abc\0") + tlv(0x427, b"\2"), "same", Delivery("abc", DeliveryState.DELIVERED)),
        (
            *(b"", 0x00, tlv(0x1E, b"abc\0") + tlv(0x427, b"\5") + tlv(0x423, b"\3\0\x1b"), "same"),
            Delivery("abc", DeliveryState.UNDELIVERED, "27"),
        ),
    ],
)
async def test_receipts(
    *,
    data: bytes,
    esm: int,
    tlvs: bytes,
    notation: str,
    expected: Delivery,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A receipt, however the carrier writes it, says what became of a reply, and is nobody's complaint."""
    await hear(house, [body(data, esm=esm, tlvs=tlvs)] * 2, monkeypatch, receipt_ids=notation)
    [inbound] = house.journal.values()

    assert (Purpose.DELIVERY, expected) == (inbound.purpose, inbound.delivery)


async def test_ids_are_found_again(carrier: Smsc, house: House) -> None:
    """Where answers are in decimal and receipts in hexadecimal, a reply and its receipt have one id."""
    one = channel(carrier, receipt_ids="hex")
    async with fetching(one, house, carrier):
        sent = await one.send(reply())
        await carrier.deliver("receipt", esm_class=4, short_message={"hex": RECEIPT.hex()})
        assert OK == await carrier.answered("receipt")
    [inbound] = house.journal.values()

    assert inbound.delivery
    assert sent.provider_id == inbound.delivery.provider_id == "123"


@pytest.mark.parametrize(
    ("data", "purpose"),
    [
        (body(b"no id here", esm=0x04), Purpose.IGNORED),
        (body(b"\x06\x05\x04\x15\x8a\x00\x00logo", 4, esm=0x40), Purpose.IGNORED),
        (body(bytes(range(32)), 4), Purpose.UNREADABLE),
        (body(b"cut off")[:-3], Purpose.UNREADABLE),
        (b"", Purpose.UNREADABLE),
        (body(b"hello", source="9" * 65), Purpose.UNREADABLE),
        (body(b"id:" + b"9" * 200 + b" stat:DELIVRD", esm=0x04), Purpose.IGNORED),
        (body(b"id:5 is the meter", 0), Purpose.MESSAGE),
        (body(b"\xff\x00nonsense", esm=0x40), Purpose.MESSAGE),
        (body(b"hello", 0xB7), Purpose.MESSAGE),
        (body(b"hello", tlvs=b"\x14\x00\x00\x09ab"), Purpose.MESSAGE),
    ],
)
async def test_odd_deliveries(data: bytes, purpose: Purpose, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no citizen's words is kept and not filed, what is beyond reading a person sees, and all are answered."""
    wire = await hear(house, [data], monkeypatch)
    [inbound] = house.journal.values()

    assert (purpose, [OK]) == (inbound.purpose, wire.statuses)
    assert inbound.raw
    assert bool(inbound.note) is (purpose is not Purpose.MESSAGE)


async def test_the_same_words_later_are_a_new_report(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within minutes the same words are a repeated delivery; after that, the water has failed again."""
    clock = Clock()
    await hear(house, [body(ARABIC, 8)] * 2, monkeypatch, clock)
    clock.now += AGAIN - 60
    await hear(house, [body(ARABIC, 8)], monkeypatch, clock)
    assert 1 == len(house.journal)
    clock.now += AGAIN + 1
    await hear(house, [body(ARABIC, 8)], monkeypatch, clock)
    assert 2 == len(house.journal)


@pytest.mark.parametrize("confirming", [0.0, 5.0])
async def test_an_answer_that_may_not_have_arrived(
    confirming: float, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the line breaks with our answer on it, the same words an hour later are the delivery that comes again."""
    clock = Clock()
    monkeypatch.setattr(smpp_channel, "_CONFIRMING", confirming)
    await hear(house, [body(ARABIC, 8)], monkeypatch, clock, deaf=True)
    clock.now += 3600
    await hear(house, [body(ARABIC, 8)], monkeypatch, clock, deaf=True)
    assert 1 == len(house.journal)
    clock.now += UNANSWERED
    await hear(house, [body(ARABIC, 8)], monkeypatch, clock)

    assert 2 == len(house.journal)


async def test_the_outage_of_a_long_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After hours without a line the carrier hands over the missing parts, and they still make one message."""
    clock, pieces = Clock(), parts_of(LONG)
    await hear(house, pieces[:2], monkeypatch, clock)
    clock.now += 5 * 3600
    await hear(house, pieces[1:], monkeypatch, clock, [SETTLING, SETTLING])

    assert [LONG] == house.texts


async def test_a_late_part_has_an_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that comes within the hour joins its message; after that it stands by itself."""
    clock, pieces = Clock(), parts_of("أ" * 100)
    await hear(house, pieces[:1], monkeypatch, clock, [PATIENCE + 1, 1])
    clock.now += REMEMBERED + 1
    await hear(house, [*parts_of("ب" * 100, 8), body(b"x", source="9647700000009")], monkeypatch, clock)
    await hear(house, pieces[1:], monkeypatch, clock, [PATIENCE + 1, 1])

    assert ["أ" * 67 + MISSING, "ب" * 100, "x"] == house.texts[:3]
    assert "أ" * 33 in house.texts[3]


async def test_what_came_lately_is_forgotten(house: House) -> None:
    """What is kept to know a message again is bounded: it goes when it can no longer be asked for."""
    clock = Clock()
    recent = Recent(house, clock)
    await recent.identity("0" * 40)
    clock.now += UNANSWERED + 1
    await recent.identity("0" * 39 + "1")

    assert ["0" * 39 + "1"] == [digest for value in house.memory.values() for digest in json.loads(value)]


async def test_an_id_of_the_carriers_settles_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the carrier names each message, the same words under another name are another message at once."""
    named = [body(ARABIC, 8, tlvs=tlv(0x1400, name)) for name in (b"A1\0", b"A2\0", b"A1\0", b"\xff\x00\x01")]
    await hear(house, named, monkeypatch, id_tlv="0x1400")

    assert ["id:A1", "id:A2", f"id:{hashlib.sha256(bytes((255, 0, 1))).hexdigest()}"] == [
        inbound.external_id for inbound in house.journal.values()
    ]


def parts_of(text: str, reference: int = 7) -> list[bytes]:
    data = text.encode("utf-16-be")
    cut = [data[at : at + 134] for at in range(0, len(data), 134)]
    return [part(reference, len(cut), number, piece) for number, piece in enumerate(cut, 1)]


async def test_a_missing_part_is_marked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two minutes what there is goes on, marked; a part that comes after all makes a newer version of it."""
    clock, pieces = Clock(), parts_of(LONG)
    wire = await hear(house, [pieces[0], *pieces[2:]], monkeypatch, clock, [PATIENCE - 1])
    assert [] == house.texts
    await hear(house, [], monkeypatch, clock, [2, SETTLING])  # another process, after a restart
    [incomplete] = house.journal.values()
    await hear(house, [pieces[1], pieces[1]], monkeypatch, clock)
    _, edit = house.journal.values()

    assert [OK] * 3 == wire.statuses
    assert LONG[:66] + MISSING in incomplete.text
    assert {"incomplete": True} == dict(incomplete.answers)
    assert (Purpose.EDIT, incomplete.external_id, LONG) == (edit.purpose, edit.revises, edit.text)
    assert {} == dict(edit.answers)


async def test_a_reference_is_used_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two long messages with one reference are two, whether the first was finished or not."""
    first, second = parts_of(LONG), parts_of(LONG.replace("الماء", "التيار").ljust(len(LONG))[: len(LONG)])
    await hear(house, [*first, *second], monkeypatch)
    assert 2 == len(house.journal)
    await hear(house, [*parts_of("أ" * 100, 9)[:1], *parts_of("ب" * 100, 9)], monkeypatch)

    assert ["أ" * 67 + MISSING, "ب" * 100] == house.texts[2:]


async def test_parts_leave_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept to join a message is gone a day later: a citizen's words lie in one place."""
    clock = Clock()
    await hear(house, parts_of(LONG), monkeypatch, clock)
    [finished] = [json.loads(value) for key, value in house.memory.items() if key.startswith("parts:")]
    assert [({}, "")] == [(long["parts"], long["source"]) for long in finished.values()]
    clock.now += FINISHED + 1
    await hear(house, parts_of(LONG, 7)[:1], monkeypatch, clock, [PATIENCE + 1])
    kept = [json.loads(value) for key, value in house.memory.items() if key.startswith("parts:")]

    assert 1 == sum(map(len, kept))
    assert CITIZEN not in "".join(house.memory)


# Killed at any moment


STORY: list[tuple[Callable[[], list[bytes]], list[float], list[str]]] = [
    (lambda: [body(ARABIC, 8), body(b"hello"), body(ARABIC, 8, source="9647700000001")], [6], [WATER, "hello", WATER]),
    (lambda: [*parts_of(LONG)[::-1], body(b"hello")], [6], [LONG, "hello"]),
    (
        lambda: [*parts_of("ب" * 150)[1:], body(b"hello")],
        [PATIENCE + 1, 1],
        ["hello", MISSING + "ب" * 83],
    ),
    (
        lambda: [parts_of("أ" * 100, 9)[0], *parts_of("ب" * 100, 9)],
        [6],
        ["أ" * 67 + MISSING, "ب" * 100],
    ),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", range(len(STORY)), ids=["single", "long", "incomplete", "reused"])
async def test_killed_at_every_write(story: int, *, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before or after any write, everything that citizens said is heard once."""
    bodies, pauses, texts = STORY[story]
    for moment in range(100):
        house, clock = House(falls_at=moment, after=after), Clock()
        wire = await hear(house, bodies(), monkeypatch, clock, pauses)
        fell, house.down, house.falls_at = house.down, False, -1
        await hear(house, wire.waiting, monkeypatch, clock, [*pauses, *pauses])
        assert sorted(texts) == sorted(house.texts), f"killed at write {moment}"
        if not fell:
            break
    else:
        pytest.fail("it never came through")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_while_it_goes_on_incomplete(*, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while an incomplete message goes out, and the missing part comes first of all: nothing of it is lost."""
    pieces = parts_of(LONG)
    for moment in range(100):
        house, clock = House(falls_at=moment, after=after), Clock()
        wire = await hear(house, pieces[1:], monkeypatch, clock, [PATIENCE + 1, 1])
        fell, house.down, house.falls_at = house.down, False, -1
        await hear(house, [*wire.waiting, pieces[0]], monkeypatch, clock, [PATIENCE + 1, 1])
        assert LONG in house.texts, f"killed at write {moment}"
        if not fell:
            break
    else:
        pytest.fail("it never came through")


async def test_killed_with_the_answer_on_its_way(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the answer is lost after everything was stored, each delivery comes again and changes nothing."""
    bodies = [body(b"hello"), *parts_of(LONG)]
    clock = Clock()
    await hear(house, bodies, monkeypatch, clock)
    wire = await hear(house, bodies, monkeypatch, clock, [PATIENCE + 1, 1])

    assert ["hello", LONG] == house.texts
    assert [OK] * len(bodies) == wire.statuses


async def test_killed_like_a_process(carrier: Smsc, tmp_path: Path) -> None:
    """A process is killed again and again with deliveries in its hands; each message is heard once, whole."""
    long = {f"{at}:{number}": one for at in (1, 2) for number, one in enumerate(parts_of(f"{at} {LONG}", at))}
    short = {f"short {at}": body(f"الماء مقطوع في الشارع {at}".encode("utf-16-be"), 8) for at in range(40)}
    waiting = [pair for pairs in zip([*long.items()] * 5, short.items(), strict=True) for pair in pairs]
    expected = [f"{at} {LONG}" for at in (1, 2)] + [f"الماء مقطوع في الشارع {at}" for at in range(40)]
    file, command = tmp_path / "house", [sys.executable, "-m", "tests.channels.smpp_process", str(carrier.port)]
    for kills, answers in enumerate([7, 1, 30, 1000], 1):
        process = run_server([*command, str(tmp_path / "house")], env=dict(os.environ), log=tmp_path / "log", cwd=ROOT)
        try:
            await carrier.bound(kills)
            unanswered = dict(waiting)
            for tag, one in unanswered.items():
                await carrier.tell("raw_deliver", tag=tag, hex=one.hex())
            taken = min(answers, len(unanswered))
            await carrier.when(lambda taken=taken: len(carrier.seen("delivered")) >= taken)
        finally:
            kill_server(process)
        done = {event["tag"] for event in carrier.seen("delivered") if event["status"] == OK}
        carrier.events = [event for event in carrier.events if event["event"] != "delivered"]
        waiting = [(tag, one) for tag, one in waiting if tag not in done]
    house = FileHouse().open(file)

    assert [] == waiting
    assert sorted(expected) == sorted(house.texts)


# A fuzzer


@given(st.binary(max_size=200) | st.builds(body, st.binary(max_size=140), st.integers(0, 255), esm=st.integers(0, 255)))
@settings(deadline=None, max_examples=300)
def test_any_bytes_become_something(data: bytes) -> None:
    """Whatever a carrier delivers is kept as something, and survives JSON."""

    async def read() -> list[Inbound]:
        one = Hearing("smpp", "smpp", example_settings(Smpp), house := House(), Clock())
        await one.load()
        heard = [inbound async for inbound in one.read(delivered(data))]
        await one.settle()
        return heard or [Inbound("smpp", "", key, Address(Scheme.UNKNOWN, "")) for key in house.memory]

    heard = asyncio.run(read())
    assert heard
    assert heard == [Inbound.from_json(inbound.to_json()) for inbound in heard]
