"""What the house does for every channel that the provider calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from channels.base import ApiUrl, BaseUrl, Forged, Unreadable, Webhook, public_url, webhook
from channels.message import Address, Inbound, Purpose, Scheme
from tests.channels.harness import Sink, house


class Village(Webhook):
    """A channel in which the body says what shall happen."""

    name = "village"
    provider = "drum"
    max_body = 100
    paths = ("", "/far")

    def verify(self, request: web.Request, body: bytes) -> None:
        """Trust nobody who does not knock."""
        if request.headers.get("Knock") != self.settings:
            raise Forged("no knock")

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Yield one message for each word, until a word that breaks it."""
        for word in body.decode().split():
            if word == "riddle":
                raise Unreadable("it is a riddle")
            if word == "bug":
                raise ZeroDivisionError("word of a citizen")
            yield Inbound(self.name, request.path, word, Address(Scheme.UNKNOWN, ""))

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Knock."""
        return {"Knock": str(self.settings)}


@pytest.fixture
async def client(aiohttp_client: Any, sink: Sink) -> Any:
    """Open the village's door."""
    return await aiohttp_client(house(Village("thrice"), sink))


async def test_batch_is_accepted_one_by_one(client: Any, sink: Sink) -> None:
    """Each message of a batch is stored by itself, at the path where it came in; nothing at all is fine too."""
    for path, body in [
        ("/channels/village", b"one two"),
        ("/channels/village/far", b"three"),
        ("/channels/village", b""),
    ]:
        response = await client.post(path, data=body, headers={"Knock": "thrice"})
        assert (200, "") == (response.status, await response.text())

    assert {"/channels/village", "/channels/village/far"} == {inbound.account for inbound in sink.accepted}
    assert ["one", "two", "three"] == [inbound.external_id for inbound in sink.accepted]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b"one riddle", "it is a riddle"),
        (b"one bug", "ZeroDivisionError while reading it"),
        (b"\xff", "UnicodeDecodeError while reading it"),
    ],
)
async def test_what_cannot_be_read_is_kept(body: bytes, note: str, client: Any, sink: Sink) -> None:
    """What is genuine and cannot be read is kept whole for a person, even when the fault is ours; no word is quoted."""
    response = await client.post("/channels/village", data=body, headers={"Knock": "thrice"})
    [kept] = sink.accepted

    assert 200 == response.status
    assert (Purpose.UNREADABLE, note, "drum") == (kept.purpose, kept.note, kept.provider)
    assert f"raw:{hashlib.sha256(body).hexdigest()}" == kept.external_id
    assert body == base64.b64decode(kept.raw["base64"])


async def test_forged_is_not_even_read(client: Any, sink: Sink) -> None:
    """Without the knock nothing is read or kept, and nothing is said."""
    response = await client.post("/channels/village", data=b"bug")

    assert (403, "", []) == (response.status, await response.text(), sink.accepted)


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_size_is_the_channels_own(size: int, status: int, client: Any) -> None:
    """A body may be as large as the channel says, and not a byte larger, announced or not."""

    async def trickle() -> Any:
        yield b"x" * (size - 1)
        yield b"x"

    for body in (b"x" * size, trickle()):
        response = await client.post("/channels/village", data=body, headers={"Knock": "thrice"})
        assert status == response.status


async def test_a_body_that_never_ends_is_ended(client: Any, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stops half-way does not hold a connection for ever, and a provider that did so may send it again."""
    monkeypatch.setattr(webhook, "PATIENCE", 0.05)
    answered = asyncio.Event()

    async def stuck() -> Any:
        yield b"one"
        await answered.wait()

    async with asyncio.timeout(60):
        response = await client.post("/channels/village", data=stuck(), headers={"Knock": "thrice"})
    answered.set()

    assert (408, "", []) == (response.status, await response.text(), sink.accepted)


async def test_host_header_is_not_believed(aiohttp_client: Any) -> None:
    """The address that a signature counts is ours, whatever host the caller names; escapes stay as they came."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(public_url("https://balagh.example/", request))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", handler)
    caller = await aiohttp_client(app)
    await caller.post("/a%2Fb?c=%D8%A8+d", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

    assert ["https://balagh.example/a%2Fb?c=%D8%A8+d"] == seen


def test_verify_has_no_default() -> None:
    """A channel that forgets to verify cannot even be built."""

    class Careless(Webhook):
        name = "careless"
        Settings = BaseModel

        def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
            return ()

        def sign(self, url: str, body: bytes) -> Mapping[str, str]:
            return {}

    with pytest.raises(TypeError, match="verify"):
        Careless(None)  # type: ignore[abstract]


@pytest.mark.parametrize("url", ["ftp://x", "https://", "https://x/y", "https://x?y", "https://x#y", "x", "", "/y"])
def test_an_address_that_is_none(url: str) -> None:
    """A slip in the address of an API is said at the start."""
    with pytest.raises(ValidationError, match="must be http"):
        TypeAdapter(ApiUrl).validate_python(url)
    assert "https://x" == TypeAdapter(ApiUrl).validate_python(" https://x/ ")


@pytest.mark.parametrize("url", ["ftp://x", "https://", "https://x/y?z", "https://x/y#z", "x", "", "/y"])
def test_an_address_with_a_path_that_is_none(url: str) -> None:
    """What stands before a provider may be below a path, and nothing may follow that."""
    with pytest.raises(ValidationError, match="must be http"):
        TypeAdapter(BaseUrl).validate_python(url)
    assert "http://x:8/y" == TypeAdapter(BaseUrl).validate_python(" http://x:8/y/ ")
