"""Mail servers that Dovecot is not: without IDLE, silent in it, unwell, of two minds about keywords, or gone."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from imapclient import SocketTimeout

from channels.base import Barred, Busy
from channels.email import channel as email_channel
from channels.email import mailbox
from channels.email.channel import Email
from tests.channels.email.office import Office, hear, mail, once, serving

Build = Callable[..., Email]


@dataclass
class Server:
    """A mail server with one folder, which never says by itself that mail came."""

    idles: bool = True
    keywords: bool = True
    mails: dict[int, bytes] = field(default_factory=dict)
    late: dict[int, bytes] = field(default_factory=dict)  # what comes at the moment in which we begin to listen
    answers: dict[bytes, bytes] = field(default_factory=dict)  # what it says to a command instead of OK
    silent: bool = False
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        if self.silent:
            await reader.read()  # until the other side has had enough
            return
        writer.write(b"* OK ready\r\n")
        while line := await reader.readline():
            tag, _, command = line.strip().partition(b" ")
            word = b" ".join(command.upper().split(b" ")[: 2 if command.upper().startswith(b"UID") else 1])
            self.heard.append(word)
            if word == b"IDLE":
                self.mails |= self.late
                writer.write(b"+ idling\r\n")
                await reader.readline()  # DONE
            writer.write(self._said(word, command) + tag + b" " + self.answers.get(word, b"OK done") + b"\r\n")

    def _said(self, word: bytes, command: bytes) -> bytes:
        match word:
            case b"CAPABILITY":
                return b"* CAPABILITY IMAP4rev1" + b" IDLE" * self.idles + b"\r\n"
            case b"SELECT":
                flags = b"\\Seen" + b" \\*" * self.keywords
                return b"* OK [UIDVALIDITY 5] x\r\n* OK [PERMANENTFLAGS (%b)] x\r\n" % flags
            case b"LIST":
                return b'* LIST () "/" INBOX\r\n'
            case b"UID SEARCH":
                return b"* SEARCH " + b" ".join(b"%d" % uid for uid in self.mails) + b"\r\n"
            case b"UID FETCH":
                return self._fetched(command)
        return b""

    def _fetched(self, command: bytes) -> bytes:
        found = re.search(rb"FETCH (\d+)", command)
        assert found is not None
        one = self.mails[int(found[1])]
        if b"RFC822.SIZE" in command:
            return b'* 1 FETCH (UID %b RFC822.SIZE %d INTERNALDATE "22-Nov-2026 03:00:00 +0000")\r\n' % (
                found[1],
                len(one),
            )
        return b"* 1 FETCH (UID %b BODY[] {%d}\r\n%b)\r\n" % (found[1], len(one), one)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, dict[str, object]]]:
    """A mail server, and the inbox at it."""
    mind = Server()
    async with serving(mind.serve) as port:
        yield mind, {"host": "127.0.0.1", "port": port, "tls": False, "user": "u@city.example", "password": "pw"}


async def test_server_without_idle(
    server: tuple[Server, dict[str, object]], opened: Build, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot announce mail is asked again and again."""
    monkeypatch.setattr(mailbox, "_WITHOUT_IDLE", 0.05)
    mind, inbox = server
    mind.idles = False
    channel = opened(inbox)
    channel.idle = 600.0
    async with asyncio.timeout(15):
        for _ in range(3):
            await once(channel, channel.lines()[0], office)
    mind.mails[1] = mail(1)
    await hear(channel, office, lambda: bool(office.accepted))

    assert b"IDLE" not in mind.heard
    assert 3 <= mind.heard.count(b"NOOP")


async def test_mail_that_nobody_announces(
    server: tuple[Server, dict[str, object]], opened: Build, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail that comes right behind another, before we listen, is taken although the server says nothing of it."""
    monkeypatch.setattr(email_channel, "_COMPANY", 0.05)
    mind, inbox = server
    mind.mails[1], mind.late[2] = mail(1), mail(2)
    channel = opened(inbox)
    channel.idle = 600.0
    await hear(channel, office, lambda: len(office.accepted) == 2)

    ended = mind.heard.index(b"IDLE")
    assert [b"NOOP", b"UID SEARCH"] == mind.heard[ended + 1 : ended + 3]  # whatever it said, or did not


async def test_line_that_is_let_go(server: tuple[Server, dict[str, object]], opened: Build, office: Office) -> None:
    """Whoever stops listening leaves the connection at once: the next look does not wait for the end of the last."""
    mind, inbox = server
    channel = opened(inbox)
    channel.idle = 600.0
    channel._calm.add(channel.lines()[0])
    listening = asyncio.create_task(once(channel, channel.lines()[0], office))
    while b"IDLE" not in mind.heard:
        await asyncio.sleep(0.01)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    mind.mails[1] = mail(1)

    await hear(channel, office, lambda: bool(office.accepted))


async def test_attachment_of_a_machine(server: tuple[Server, dict[str, object]], opened: Build, office: Office) -> None:
    """What an absence note or a bounce brings along is not kept: it belongs to no complaint."""
    mind, inbox = server
    photo = (
        "--b\r\nContent-Type: text/plain\r\n\r\nback on Sunday\r\n"
        "--b\r\nContent-Type: image/jpeg; name=logo.jpg\r\n\r\nlogo\r\n--b--"
    )
    kind = {"Content_Type": "multipart/mixed; boundary=b", "Content_Transfer_Encoding": ""}
    machine = mail(1, photo.replace("\nlogo", "\nbanner"), Auto_Submitted="auto-replied", **kind)
    mind.mails |= {1: machine, 2: mail(2, photo, **kind)}
    await hear(opened(inbox), office, lambda: len(office.accepted) == 2)

    assert [0, 1] == [len(inbound.media) for inbound in office.accepted]
    assert [b"logo"] == [data.strip() for data in office.kept.values()]


async def test_keyword_that_is_refused(server: tuple[Server, dict[str, object]], opened: Build, office: Office) -> None:
    """A server that promises keywords and then refuses them costs no mail, and is not asked for each."""
    mind, inbox = server
    mind.mails |= {1: mail(1), 2: mail(2)}
    mind.answers[b"UID STORE"] = b"NO no keywords here"
    await hear(opened(inbox), office, lambda: len(office.accepted) == 2)

    assert 1 == mind.heard.count(b"UID STORE")


async def test_folder_without_keywords(server: tuple[Server, dict[str, object]], opened: Build, office: Office) -> None:
    """Where the server keeps no keywords, none is asked for; and a connection that dies while quiet is noticed."""
    mind, inbox = server
    mind.keywords, mind.mails[1] = False, mail(1)
    channel = opened(inbox)
    await hear(channel, office, lambda: bool(office.accepted))
    connection = channel._clerk(channel.lines()[0]).box._client.socket()

    assert b"UID STORE" not in mind.heard
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize(
    ("command", "answer", "end"),
    [
        (b"LOGIN", b"NO [UNAVAILABLE] Temporary authentication failure", Busy),
        (b"LOGIN", b"NO Too many simultaneous connections", Busy),
        (b"LOGIN", b"NO [AUTHENTICATIONFAILED] Invalid credentials", Barred),
        (b"SELECT", b"NO [SERVERBUG] Internal error", Busy),
    ],
)
async def test_server_that_is_not_well(
    command: bytes,
    answer: bytes,
    end: type[Exception],
    server: tuple[Server, dict[str, object]],
    opened: Build,
    office: Office,
) -> None:
    """A server that cannot let us in, or open the folder, just now is tried again; one that will not calls a person."""
    mind, inbox = server
    mind.answers[command] = answer
    channel = opened(inbox)
    with pytest.raises(end):
        await once(channel, channel.lines()[0], office)


async def test_server_that_says_nothing(
    server: tuple[Server, dict[str, object]], opened: Build, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and never speaks is not waited for for ever."""
    monkeypatch.setattr(mailbox, "_TIMEOUT", SocketTimeout(connect=0.5, read=0.5))
    mind, inbox = server
    mind.silent = True
    channel = opened(inbox)
    with pytest.raises(Busy):
        await asyncio.wait_for(once(channel, channel.lines()[0], office), 30)
