"""Answers on their way: a mail server that takes them, and one that fails at every step."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError
from channels.email.channel import Email
from channels.message import Address, DeliveryState, Reply, Scheme
from tests.channels.email.office import email, inbox, serving
from tests.servers.dovecot import DovecotServer
from tests.servers.processes import free_port

REPLY = Reply(
    id="6a1de0a4-6a0c-5c55-8a4a-0f7b9e1a2b3c",
    account="",
    to=Address(Scheme.MAILTO, "zaynab@example.org"),
    text="استلمنا بلاغك",
    purpose="received",
    reference="4821093756",
    thread='{"message_id": "<1@example.org>", "subject": "شكوى"}',
)


class Sink:
    """A mail server's mind: keeps what it is given, or answers as it is told to."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.at_mail = self.at_rcpt = self.at_data = ""

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.at_mail or "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.at_rcpt or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        self.envelopes.append(envelope)
        if self.at_data == "hang up":
            server.transport.abort()
        return self.at_data or "250 OK"


def let_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == b"p@ss:word"
    return AuthResult(success=right, handled=False)


@pytest.fixture
def sink() -> Sink:
    """What the mail server thinks."""
    return Sink()


@pytest.fixture
def served(sink: Sink) -> Iterator[Callable[..., str]]:
    """Start mail servers; give what stands behind smtp://."""
    running: list[Controller] = []

    def serve(**how: Any) -> str:
        running.append(Controller(sink, hostname="127.0.0.1", port=free_port(), **how))
        running[-1].start()
        return f"127.0.0.1:{running[-1].port}"

    yield serve
    for controller in running:
        controller.stop()


@pytest.fixture
async def speaking() -> AsyncIterator[Callable[[str], Email]]:
    """Build channels that speak through a mail server."""
    channels: list[Email] = []

    def build(url: str, **changes: Any) -> Email:
        channels.append(email(smtp_url=url, **changes))
        return channels[-1]

    yield build
    for channel in channels:
        await channel.close()


async def test_address_in_arabic(sink: Sink, served: Any, speaking: Any) -> None:
    """Whoever has an address in Arabic letters is answered where the servers can write it, and else another way."""
    reply = dataclasses.replace(REPLY, to=Address(Scheme.MAILTO, "زينب@example.org"))
    await speaking(f"smtp://{served()}").send(reply)
    [envelope] = sink.envelopes
    content = envelope.content
    assert isinstance(content, bytes)

    assert ["زينب@example.org"] == envelope.rcpt_tos
    assert "\r\nTo: زينب@example.org\r\n".encode() in content
    with pytest.raises(Refused) as raised:
        await speaking(f"smtp://{served(enable_SMTPUTF8=False)}").send(reply)
    assert raised.value.elsewhere
    assert 1 == len(sink.envelopes)


async def test_answer_arrives(sink: Sink, served: Any, speaking: Any) -> None:
    """A reply arrives whole, at one recipient, and bounces to the reply's own address."""
    sent = await speaking(f"smtp://{served()}", verp=True).send(REPLY)
    [envelope] = sink.envelopes
    message = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]

    assert ["zaynab@example.org"] == envelope.rcpt_tos
    assert str(envelope.mail_from).startswith("complaints+b.")
    assert f"<{sent.provider_id}>" == message["Message-ID"]
    assert DeliveryState.SENT == sent.status
    assert "Re: شكوى [4821 093 756]" == message["Subject"]
    assert "استلمنا بلاغك" in message.get_body(("plain",)).get_content()  # type: ignore[attr-defined]


async def test_a_second_try_is_the_same_mail(sink: Sink, served: Any, speaking: Any) -> None:
    """When the line goes dead after the mail left, nobody knows; the next try carries the same id."""
    channel = speaking(f"smtp://{served()}")
    sink.at_data = "hang up"
    with pytest.raises(OutcomeUnknown):
        await channel.send(REPLY)
    sink.at_data = ""
    sent = await channel.send(REPLY)
    ids = {message_from_bytes(envelope.content or b"")["Message-ID"] for envelope in sink.envelopes}  # type: ignore[arg-type]

    assert {f"<{sent.provider_id}>"} == ids


@pytest.mark.parametrize(
    ("step", "answer", "end"),
    [
        ("at_mail", "451 4.3.0 later", Busy),
        ("at_mail", "550 5.7.60 not your address zaynab@example.org", Barred),
        ("at_rcpt", "450 4.2.0 greylisted zaynab@example.org", Busy),
        ("at_rcpt", "550 5.1.1 no such user zaynab@example.org", Refused),
        ("at_rcpt", "550 5.7.1 relaying denied", Refused),
        ("at_rcpt", "530 5.7.0 log in first", Barred),
        ("at_data", "452 4.3.1 disk full", Busy),
        ("at_data", "554 5.6.0 looks like spam", Refused),
    ],
)
async def test_refusals(step: str, answer: str, end: type[SpeakError], sink: Sink, served: Any, speaking: Any) -> None:
    """What passes is tried again; what is final for the citizen goes another way; what is about us stops everything."""
    setattr(sink, step, answer)
    with pytest.raises(end) as raised:
        await speaking(f"smtp://{served()}").send(REPLY)

    assert "zaynab" not in str(raised.value)
    if isinstance(raised.value, Refused):
        assert raised.value.elsewhere
        assert ("5.1.1" not in answer) == raised.value.alarm


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_login(sink: Sink, served: Any, speaking: Any) -> None:
    """User and password are read from the address, whatever letters they hold; wrong ones stop everything."""
    at = served(authenticator=let_in, auth_required=True, auth_require_tls=False)
    await speaking(f"smtp://complaints%40city.example:p%40ss%3Aword@{at}").send(REPLY)

    assert 1 == len(sink.envelopes)
    with pytest.raises(Barred) as raised:
        await speaking(f"smtp://complaints:guess-me-not@{at}").send(REPLY)
    assert "guess-me-not" not in str(raised.value)
    with pytest.raises(Barred):
        await speaking(f"smtp://{at}").send(REPLY)


async def test_server_away(speaking: Any) -> None:
    """A server that is away is tried again: nothing left."""
    with pytest.raises(Busy):
        await speaking(f"smtp://127.0.0.1:{free_port()}").send(REPLY)


async def test_server_that_hangs_up(speaking: Any) -> None:
    """A server that closes the door before the mail left has not got it."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()

    async with serving(close) as port:
        with pytest.raises(Busy):
            await speaking(f"smtp://127.0.0.1:{port}").send(REPLY)


@pytest.mark.servers
async def test_certificate_that_nobody_signed(
    sink: Sink, served: Any, speaking: Any, dovecot_server: DovecotServer
) -> None:
    """A mail server that cannot prove who it is gets neither our password nor a citizen's words."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(dovecot_server.certificate, dovecot_server.certificate.with_name("key.pem"))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")

    async with serving(greet, context) as port:
        with pytest.raises(Barred):
            await speaking(f"smtps://complaints:p@127.0.0.1:{port}").send(REPLY)


async def test_starttls_is_insisted_on(sink: Sink, speaking: Any, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off this machine a server that offers no encryption is not spoken to: somebody may have taken the offer away."""
    monkeypatch.setattr("channels.email.settings.on_loopback", lambda host: False)
    with pytest.raises(Barred):
        await speaking(f"smtp://{served()}").send(REPLY)

    assert [] == sink.envelopes


@pytest.mark.servers
async def test_probe(sink: Sink, served: Any, dovecot_server: DovecotServer) -> None:
    """The check logs in everywhere, says how many inboxes there are, and sends nothing."""
    channel = email(inbox(dovecot_server, "probe@city.example"), smtp_url=f"smtp://{served()}")

    assert "1 inbox, and mail leaves as complaints@city.example" == await channel.probe()
    assert [] == sink.envelopes
    await channel.close()
