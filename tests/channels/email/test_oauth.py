"""Logging in with a token: where it comes from, when it is renewed, and what the mail server is shown."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Barred, Busy
from tests.channels.email.office import Office, email, hear, mail, once, serving


class Authority:
    """A server that gives tokens, each but once."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status, self.lifetime = 200, 3600
        self.refusal: Any = {"error": "invalid_client", "error_description": "s3cret"}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if self.status != 200:
            return web.json_response(self.refusal, status=self.status, headers={"Location": "/token"})
        token = {"access_token": f"token-{len(self.asked)}", "expires_in": self.lifetime, "refresh_token": "newer"}
        return web.json_response(token)


class Imap:
    """As much of an IMAP server as a login with a token and one mail need."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []
        self.takes = {b"token-1", b"token-2", b"token-3"}
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
        while line := await reader.readline():
            tag, _, command = line.strip().partition(b" ")
            word, _, rest = command.partition(b" ")
            if word.upper() == b"AUTHENTICATE":
                writer.write(tag + (await self._let_in(reader, writer)))
            else:
                writer.write(self._answer(word.upper(), rest) + tag + b" OK done\r\n")

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"+ \r\n")
        self.shown.append(base64.b64decode(await reader.readline()))
        if any(b"Bearer " + token + b"\x01" in self.shown[-1] for token in self.takes):
            return b" OK done\r\n"
        writer.write(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")  # the error, which wants an answer
        await reader.readline()
        return b" NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"

    def _answer(self, word: bytes, rest: bytes) -> bytes:
        one = mail(1)
        match word:
            case b"CAPABILITY":
                return b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n"
            case b"SELECT":
                return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n"
            case b"UID" if rest.startswith(b"SEARCH"):
                return b"* SEARCH 1\r\n"
            case b"UID" if b"RFC822.SIZE" in rest:
                return b'* 1 FETCH (UID 1 RFC822.SIZE %d INTERNALDATE "22-Nov-2026 03:00:00 +0000")\r\n' % len(one)
            case b"UID" if b"BODY.PEEK[]" in rest:
                return b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n" % (len(one), one)
        return b""


@pytest.fixture
async def authority() -> AsyncIterator[tuple[Authority, str]]:
    """A server that gives tokens, and its address."""
    mind = Authority()
    app = web.Application()
    app.router.add_post("/token", mind.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield mind, str(server.make_url("/token"))


@pytest.fixture
async def imap() -> AsyncIterator[tuple[Imap, int]]:
    """A mail server that takes tokens, and its port."""
    mind = Imap()
    async with serving(mind.serve) as port:
        yield mind, port


def entry(url: str, port: int, **oauth: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "tls": False,
        "user": "shared@city.example",
        "oauth": {"token_url": url, "client_id": "app", "client_secret": "s3cret", **oauth},
    }


async def test_application_of_its_own(authority: tuple[Authority, str], imap: tuple[Imap, int]) -> None:
    """Microsoft 365: the application's token opens the mailbox, and serves while it lives."""
    office = Office()
    channel = email(entry(authority[1], imap[1], scope="https://outlook.office365.com/.default"))
    await hear(channel, office, lambda: bool(office.accepted))
    channel._clerk(channel.lines()[0]).leave()
    office.remembered.clear()
    await hear(channel, office, lambda: len(office.accepted) == 2)
    await channel.close()
    form = {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s3cret",
        "scope": "https://outlook.office365.com/.default",
    }

    assert [form] == authority[0].asked
    assert [b"user=shared@city.example\x01auth=Bearer token-1\x01\x01"] * 2 == imap[0].shown


async def test_refresh_token(authority: tuple[Authority, str], imap: tuple[Imap, int]) -> None:
    """Gmail: a token that is about to end is renewed at the next connection, with the newest refresh token."""
    authority[0].lifetime = 60
    office = Office()
    channel = email(entry(authority[1], imap[1], refresh_token="first"))
    await hear(channel, office, lambda: bool(office.accepted))
    channel._clerk(channel.lines()[0]).leave()
    office.remembered.clear()
    await hear(channel, office, lambda: len(office.accepted) == 2)
    await channel.close()

    assert ["first", "newer"] == [form["refresh_token"] for form in authority[0].asked]
    assert b"token-2" in imap[0].shown[1]


async def test_token_that_is_not_taken(authority: tuple[Authority, str], imap: tuple[Imap, int]) -> None:
    """A token that the mail server refuses is for a person, is in no error's words, and is not tried again."""
    imap[0].takes = {b"token-2"}
    office = Office()
    channel = email(entry(authority[1], imap[1]))
    with pytest.raises(Barred) as raised:
        await once(channel, channel.lines()[0], office)
    assert "token-1" not in str(raised.value)
    await hear(channel, office, lambda: bool(office.accepted))
    await channel.close()


@pytest.mark.parametrize(("status", "end"), [(500, Busy), (429, Busy), (400, Barred), (401, Barred), (307, Barred)])
async def test_server_that_gives_no_token(
    status: int, end: type[Exception], authority: tuple[Authority, str], imap: tuple[Imap, int]
) -> None:
    """A server that is not well is asked again; one that refuses us, or sends the secret elsewhere, calls a person."""
    authority[0].status = status
    channel = email(entry(authority[1], imap[1]))
    with pytest.raises(end) as raised:
        await once(channel, channel.lines()[0], Office())
    await channel.close()

    assert "s3cret" not in str(raised.value)
    assert 0 == imap[0].connections


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ({"error": "invalid_grant", "error_description": "AADSTS700082: ended, s3cret"}, "consent must be given anew"),
        ({"error": "invalid_client"}, "client_id and client_secret"),
        ({"error": ["s3cret"]}, "refuses us: 400"),
        (["s3cret"], "refuses us: 400"),
    ],
)
async def test_what_must_be_mended(refusal: Any, words: str, authority: tuple[Authority, str]) -> None:
    """A refresh token that ended is told apart from a secret that ended; what else the server says is not repeated."""
    authority[0].status, authority[0].refusal = 400, refusal
    channel = email(entry(authority[1], 1, refresh_token="first"))
    with pytest.raises(Barred) as raised:
        await once(channel, channel.lines()[0], Office())
    await channel.close()

    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value)


async def test_sending_with_a_token(authority: tuple[Authority, str]) -> None:
    """Where the user of an inbox sends without a password, its token is shown to the server that takes our mail."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            heard.append(line.strip())
            if line.startswith(b"EHLO"):
                writer.write(b"250-mx\r\n250 AUTH XOAUTH2\r\n")
            elif line.startswith(b"AUTH XOAUTH2"):
                writer.write(b"235 2.7.0 Accepted\r\n")
            else:
                writer.write(b"221 bye\r\n")

    async with serving(serve) as port:
        channel = email(entry(authority[1], 1), smtp_url=f"smtp://shared%40city.example@127.0.0.1:{port}")
        await channel._server.probe()
        await channel.close()
    shown = base64.b64decode(heard[1].split()[2])

    assert [b"EHLO city.example", b"QUIT"] == [heard[0], heard[-1]]
    assert b"user=shared@city.example\x01auth=Bearer token-1\x01\x01" == shown


async def test_sending_with_a_token_that_is_not_taken(authority: tuple[Authority, str]) -> None:
    """A server that says why it refuses a token hears an empty line, refuses, and is shown a new one the next time."""
    shown: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-mx\r\n250 AUTH XOAUTH2\r\n")
            elif line.startswith(b"AUTH XOAUTH2"):
                shown.append(base64.b64decode(line.split()[2]))
                taken = b"Bearer token-2" in shown[-1]
                writer.write(b"235 2.7.0 Accepted\r\n" if taken else b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n")
            elif line == b"\r\n":
                writer.write(b"535 5.7.8 Username and Password not accepted\r\n")
            else:
                writer.write(b"221 bye\r\n")

    async with serving(serve) as port:
        channel = email(entry(authority[1], 1), smtp_url=f"smtp://shared%40city.example@127.0.0.1:{port}")
        with pytest.raises(Barred) as raised:
            await channel._server.probe()
        await channel._server.probe()
        await channel.close()

    assert [b"token-1", b"token-2"] == [token.split(b"Bearer ")[1].rstrip(b"\x01") for token in shown]
    assert "token-1" not in str(raised.value)
