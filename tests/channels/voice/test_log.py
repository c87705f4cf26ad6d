"""Twilio's own log: calls without an end, what an outage swallowed, deletions, and how the number is set up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from channels.base import Barred, Busy, Fetches, Forgets, Probes, Recounts, Refused
from channels.voice import Voice
from gateway.calls import Sweeper
from tests.channels.hotline_house import AGENT, CITIZEN, Dial, complaint, complaints_of, tasks_of
from tests.gateway.walk import ACCOUNT, TOKEN, Walk


class Twilio:
    """Twilio's log of calls and recordings, as far as a recount and a sweep ask it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.recordings: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.number: dict[str, Any] | None = {}
        self.status = 0
        self.page = ""  # said instead of every answer
        self.asked: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.guard])
        root = f"/2010-04-01/Accounts/{ACCOUNT}"
        app.router.add_get(f"{root}.json", self.account)
        app.router.add_get(f"{root}/IncomingPhoneNumbers.json", self.numbers)
        app.router.add_get(f"{root}/Calls.json", self.list_calls)
        app.router.add_get(f"{root}/Calls/{{sid}}.json", self.call)
        app.router.add_get(f"{root}/Recordings.json", self.list_recordings)
        app.router.add_delete(f"{root}/Recordings/{{sid}}.json", self.delete)
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.status:
            return web.Response(status=self.status)
        if self.page:
            return web.Response(text=self.page)
        return await handler(request) if request.headers.get("Authorization") == auth() else web.Response(status=401)

    async def account(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "active"})

    async def numbers(self, _request: web.Request) -> web.Response:
        return web.json_response({"incoming_phone_numbers": [self.number] if self.number is not None else []})

    async def list_calls(self, request: web.Request) -> web.Response:
        page = int(request.query.get("Page", "0"))
        following = f"{request.path}?Page={page + 1}&PageToken=x" if page + 1 < len(self.calls) else None
        return web.json_response({"calls": self.calls[page : page + 1], "next_page_uri": following})

    async def call(self, request: web.Request) -> web.Response:
        found = [call for call in self.calls if call["sid"] == request.match_info["sid"]]
        return web.json_response(found[0]) if found else web.Response(status=404)

    async def list_recordings(self, _request: web.Request) -> web.Response:
        return web.json_response({"recordings": self.recordings, "next_page_uri": None})

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.path)
        return web.Response(status=204)


def auth() -> str:
    return encode_basic_auth(ACCOUNT, TOKEN)


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[Twilio, str]]:
    double = Twilio()
    server = TestServer(double.app())
    await server.start_server()
    yield double, f"http://{server.host}:{server.port}"
    await server.close()


def at_twilio(walk: Walk, address: str) -> Voice:
    """The house's own settings, with the API elsewhere."""
    known = walk.house.channels["voice"].settings
    return Voice(known.model_copy(update={"api_url": address}))


async def test_the_sweeper_asks_how_a_call_ended(walk: Walk, dial: Dial, twilio: tuple[Twilio, str]) -> None:
    """An hour after a call began whose end nobody told, Twilio is asked, and the caller is called back."""
    double, address = twilio
    caller = await (await dial()).press("1", "1")
    await walk.understand()
    channel = at_twilio(walk, address)
    sweeper = Sweeper(walk.house.store, channel, walk.house.intake.accept, clock=walk.clock)
    assert 0 == await sweeper.sweep(), "it may still last"
    walk.clock.pass_by(minutes=61)
    double.calls = [{"sid": caller.call, "status": "in-progress", "from": CITIZEN}]
    assert 0 == await sweeper.sweep()
    double.calls[0]["status"] = "completed"
    assert 1 == await sweeper.sweep()

    assert [CITIZEN] == [task["body"]["phone"] for task in await tasks_of(walk, "call_back")]
    assert 0 == await sweeper.sweep()
    await channel.close()


async def test_the_sweeper_gives_a_call_up_when_twilio_is_away(
    walk: Walk, dial: Dial, twilio: tuple[Twilio, str]
) -> None:
    """With the provider away the call-back waits some hours, and is opened all the same."""
    double, address = twilio
    double.status = 500
    await (await dial()).press("1", "1")
    await walk.understand()
    channel = at_twilio(walk, address)
    sweeper = Sweeper(walk.house.store, channel, walk.house.intake.accept, clock=walk.clock)
    walk.clock.pass_by(hours=2)
    assert 0 == await sweeper.sweep()
    walk.clock.pass_by(hours=5)
    assert 1 == await sweeper.sweep()

    assert 1 == len(await tasks_of(walk, "call_back"))
    await channel.close()


class Listener:
    """A reception that a recount does not need."""


async def test_a_recount_takes_in_what_never_came(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """A call and its recording that fell into an outage are complaints under the identities they would have had."""
    double, address = twilio
    began = "Sat, 21 Nov 2026 10:00:00 +0000"
    double.calls = [
        {"sid": "CA1", "from": CITIZEN, "status": "completed", "start_time": began, "end_time": began},
        {"sid": "CA2", "from": AGENT, "status": "completed", "start_time": began},
        {"sid": "CA3", "from": "anonymous", "status": "in-progress", "start_time": began},
        {"sid": "CA4", "from": CITIZEN, "status": "completed", "start_time": "Fri, 20 Nov 2026 10:00:00 +0000"},
    ]
    double.recordings = [
        {"sid": "RE1", "call_sid": "CA1", "status": "completed"},
        {"sid": "RE2", "call_sid": "CA9", "status": "completed"},
        {"sid": "RE3", "call_sid": "CA1", "status": "absent"},
    ]
    channel = at_twilio(walk, address)
    assert isinstance(channel, Recounts)
    since = walk.clock.now.replace(hour=9)
    listed = [inbound async for inbound in channel.recount(since, Listener())]  # type: ignore[arg-type]
    for inbound in listed:
        await walk.house.intake.accept(inbound)

    assert ["CA1:begun", "CA1:ended", "CA3:begun", "CA1:recording:RE1"] == [inbound.external_id for inbound in listed]
    [filed] = await complaints_of(walk)
    assert CITIZEN == (await complaint(walk, filed.reference))["contact"]["phone"]
    assert all("To=%2B9647800000124" in asked or "Recordings" in asked or "Page=" in asked for asked in double.asked)
    await channel.close()


# Recordings and the number


async def test_a_recording_is_fetched_with_credentials_and_deleted(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """The bytes come from the API with the account's own key; once safe, they are deleted, also when gone already."""
    double, address = twilio
    channel = at_twilio(walk, address)
    assert isinstance(channel, Fetches)
    assert isinstance(channel, Forgets)
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE1"
    source = await channel.source(f"https://api.twilio.com{path}.wav")
    assert (f"{address}{path}.wav", auth()) == (source.url, source.headers["Authorization"])
    await channel.forget(f"https://api.twilio.com{path}.wav")
    assert [f"{path}.json"] == double.deleted
    double.status = 404
    await channel.forget(f"https://api.twilio.com{path}.wav")
    await channel.forget("https://elsewhere.example/x.wav")
    for status, outcome in ((401, Barred), (429, Busy), (503, Busy), (400, Refused)):
        double.status = status
        with pytest.raises(outcome):
            await channel.forget(f"https://api.twilio.com{path}.wav")
    await channel.close()


async def test_a_check_names_what_would_lose_calls(walk: Walk, twilio: tuple[Twilio, str]) -> None:
    """A number without a status callback or a fallback, or one that calls somebody else, is said in words."""
    double, address = twilio
    channel = at_twilio(walk, address)
    assert isinstance(channel, Probes)
    base = "https://balagh.example/channels/voice"
    double.number = {
        "voice_url": f"{base}#rc=2&rp=all",
        "status_callback": f"{base}/status",
        "voice_fallback_url": "https://handler.twilio.com/twiml/EH1",
    }
    assert "account active, the number is set up" == await channel.probe()
    double.number = {"voice_url": "https://demo.twilio.com/welcome"}
    assert (
        "account active, the number: its calls do not come here, its status callback does not come here, "
        "it has no fallback"
    ) == await channel.probe()
    double.number = None
    assert "account active, but the number is not of this account" == await channel.probe()
    double.status = 401
    with pytest.raises(Barred):
        await channel.probe()
    await channel.close()


@pytest.mark.parametrize("page", ["<html>Please log in</html>", "[]", '{"calls": ' + "[" * 100_000], ids=len)
async def test_an_answer_that_is_none_is_asked_for_again(walk: Walk, twilio: tuple[Twilio, str], page: str) -> None:
    """Something in between answers with a page of its own, or with what nobody can read: that is no finding."""
    double, address = twilio
    double.page = page
    channel = at_twilio(walk, address)
    assert isinstance(channel, Probes)
    with pytest.raises(Busy):
        await channel.probe()
    await channel.close()
