"""What callers hear of the city's services, and of their transactions in its own system."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.city.city import load
from gateway.hotline import open_lines
from gateway.hotline.transactions import PATIENCE, Transactions
from tests.channels.caller import Caller
from tests.channels.hotline_house import CITIZEN, Dial, voice_environ, voice_of
from tests.gateway.walk import Walk

DETAILS = "المطلوب لإجازة البناء"
BAGHDAD = Path(__file__).parents[3] / "config" / "cities" / "baghdad"


async def test_services_are_read_from_the_citys_file(dial: Dial) -> None:
    """Each service with its key; its papers and hours, then back."""
    caller = await (await dial()).press("1", "3")
    assert "إجازة البناء اضغطوا 1" in caller.words()
    await caller.press("1")
    assert DETAILS in caller.words()
    await caller.press("*")
    assert "لتقديم بلاغ" in caller.words()


@pytest.fixture
async def tracked(tmp_path: Path, aiohttp_client: Any) -> AsyncIterator[tuple[Dial, list[web.Request]]]:
    """A city whose own system knows the building permits, and calls to its hotline."""
    asked: list[web.Request] = []

    async def permits(request: web.Request) -> web.Response:
        asked.append(request)
        match request.match_info["number"]:
            case "4711":
                return web.json_response({"state": "ready"})
            case "4712":
                return web.json_response({"state": "<Hangup/>"})
            case "4713":
                return web.Response(text="not json")
            case "4714":
                return web.Response(status=500)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/permits/{number}", permits)
    server = TestServer(app)
    await server.start_server()
    folder = Path(shutil.copytree(BAGHDAD, tmp_path / "town"))
    path = folder / "services.toml"
    address = f"http://{server.host}:{server.port}/permits/{{number}}"
    path.write_text(
        path.read_text("utf-8").replace('key = "1"\n', f'key = "1"\ntransactions = "{address}"\n', 1), "utf-8"
    )
    made = Walk(tmp_path, load(str(folder)), **voice_environ(TRANSACTIONS_TOKEN="city-token"))
    open_lines(made.house, clock=made.clock)
    await made.open()
    client = await aiohttp_client(made.site())
    channel = voice_of(made)

    async def call(number: str = CITIZEN) -> Caller:
        return await Caller(client, channel, number).dial()

    yield call, asked
    await made.close()
    await server.close()


async def test_the_state_of_a_transaction_comes_from_the_citys_system(tracked: Any) -> None:
    """Its word is looked up in services.toml and read out; the token goes along."""
    call, asked = tracked
    caller = await (await call()).press("1", "3", "1")
    assert DETAILS in caller.words()
    await caller.press("4711#")

    assert "معاملتكم جاهزة للاستلام" in caller.words()
    assert "Bearer city-token" == asked[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("number", "said"),
    [("9999", "لم نجد معاملة"), ("4712", "لا يمكننا"), ("4713", "لا يمكننا"), ("4714", "لا يمكننا"), ("*", "لم نجد")],
)
async def test_a_transaction_that_is_not_told(number: str, said: str, tracked: Any) -> None:
    """Unknown numbers, words, answers and errors are said as such; nothing from over the wire is ever spoken."""
    call, _ = tracked
    caller = await (await call()).press("1", "3", "1")
    await caller.press(f"{number}#")

    assert said in caller.words()
    assert "Hangup" not in caller.words()


async def test_a_system_that_does_not_answer_costs_four_seconds_at_most() -> None:
    """The caller hears an apology instead of silence."""
    assert PATIENCE == 4
    never = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/{number}", hang)
    server = TestServer(app)
    await server.start_server()
    quick = Transactions(patience=0.05)
    with pytest.raises(TimeoutError):
        await quick.state(f"http://{server.host}:{server.port}/{{number}}", "1")
    never.set()
    await quick.close()
    await server.close()


@pytest.mark.parametrize(
    ("pieces", "state"),
    [
        ([b'{"st', b'ate": "re', b'ady"}'], "ready"),
        ([b"[" * 60_000], None),
        ([b'{"state": "ready", "more": "', b"x" * 70_000, b'"}'], None),
    ],
)
async def test_an_answer_in_pieces(pieces: list[bytes], state: str | None) -> None:
    """An answer that arrives in pieces is read whole; one without end, or nested without end, is none."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # we hang up on what is too long
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(0.01)
        return response

    app = web.Application()
    app.router.add_get("/{number}", answer)
    async with TestServer(app) as server:
        system = Transactions()
        address = f"http://{server.host}:{server.port}/{{number}}"
        if state is None:
            with pytest.raises(TimeoutError):
                await system.state(address, "1")
        else:
            assert state == await system.state(address, "1")
        await system.close()
