"""How a call to Meta's Graph API can end, and what it must never give away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from pydantic import SecretStr

from channels.base import Barred, Busy, OutcomeUnknown, Refused
from channels.graph import End, Fault, Graph

TOKEN = "a-token-of-the-page"


@dataclass
class Meta:
    """Answers what it is told to, in order, and remembers what it was asked."""

    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)
    hang_up: bool = False

    def app(self) -> web.Application:
        """Serve every address."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer the next."""
        self.asked.append(request)
        if self.hang_up:
            assert request.transport
            request.transport.close()
        status, document, headers = self.answers.pop(0)
        if isinstance(document, str):
            return web.Response(text=document, status=status, headers=headers)
        return web.json_response(document, status=status, headers=headers)


@pytest.fixture
def meta() -> Meta:
    """Give the stand-in."""
    return Meta()


@pytest.fixture
async def graph(meta: Meta) -> AsyncIterator[Graph]:
    """Give a client that speaks to it."""
    own = {"100/77": Fault("ours", elsewhere=True), "4711": Fault("later", End.BUSY, wait=7)}
    async with TestServer(meta.app()) as server:
        client = Graph(SecretStr(TOKEN), str(server.make_url("")).rstrip("/"), "v23.0", own)
        yield client
        await client.close()


def error(code: Any, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"about +9647701234567, {TOKEN}", **more}}


async def test_the_token_stays_in_a_header(graph: Graph, meta: Meta) -> None:
    """An address may stand in a log, so no token is in it."""
    meta.answers = [(200, {"id": "1"}, {})] * 3
    await graph.get("1", "comments", fields="id,message{x}", since="1795300000")
    await graph.post("me", "messages", document={"text": "x"})
    await graph.delete("1_2")

    paths = [("GET", "/v23.0/1/comments"), ("POST", "/v23.0/me/messages"), ("DELETE", "/v23.0/1_2")]
    assert paths == [(request.method, request.path) for request in meta.asked]
    assert {"fields": "id,message{x}", "since": "1795300000"} == dict(meta.asked[0].query)
    assert [f"Bearer {TOKEN}"] * 3 == [request.headers["Authorization"] for request in meta.asked]
    assert not any(TOKEN in str(request.url) for request in meta.asked)


@pytest.mark.parametrize("part", ["", ".", ".."])
async def test_no_id_is_no_address(graph: Graph, meta: Meta, part: str) -> None:
    """An id that would lead elsewhere is refused before anything leaves."""
    with pytest.raises(Refused):
        await graph.get(part, "comments")
    assert [] == meta.asked


async def test_an_id_cannot_leave_its_place(graph: Graph, meta: Meta) -> None:
    """Whatever stands in an id, it stays one part of the address."""
    meta.answers = [(200, {"id": "1"}, {})]
    await graph.get("1/../me?access_token=x#y", "comments")

    assert "/v23.0/1%2F..%2Fme%3Faccess_token=x%23y/comments" == meta.asked[0].raw_path.replace("%3D", "=")


async def test_lists_are_read_to_their_end(graph: Graph, meta: Meta) -> None:
    """Page after page is asked for with what the last one named, but only at the API and without its token."""
    following = "https://evil.example/v1/1/comments?access_token=stolen&limit=2&after="
    meta.answers = [
        (200, {"data": [{"id": "1"}, 7, {"id": "2"}], "paging": {"next": f"{following}A"}}, {}),
        (200, {"data": [{"id": "3"}], "paging": {"next": f"{following}B"}}, {}),
        (200, {"data": [], "paging": {"cursors": {"after": "C"}}}, {}),
    ]

    assert ["1", "2", "3"] == [item["id"] async for item in graph.each("1", "comments", limit="2")]
    assert [{"limit": "2"}, {"limit": "2", "after": "A"}, {"limit": "2", "after": "B"}] == [
        dict(request.query) for request in meta.asked
    ]


async def test_a_list_that_leads_to_itself_ends(graph: Graph, meta: Meta) -> None:
    """A page that names itself as the next is the last."""
    page = {"data": [{"id": "1"}], "paging": {"next": "https://graph.facebook.com/x?limit=2&after=A"}}
    meta.answers = [(200, page, {}), (200, page, {})]

    assert 2 == len([item async for item in graph.each("1", "comments", limit="2")])


@pytest.mark.parametrize(
    ("status", "document", "kind", "code"),
    [
        (400, error(190), Barred, "190"),
        (400, error(190, error_subcode=463), Barred, "190"),
        (400, error(102), Barred, "102"),
        (400, error(368), Barred, "368"),
        (401, error(987), Barred, "987"),
        (400, error(4), Busy, "4"),
        (403, error(80001), Busy, "80001"),
        (500, error(2), Busy, "2"),
        (429, error(987), Busy, "987"),
        (400, error(987, is_transient=True), Busy, "987"),
        (400, error(4711), Busy, "4711"),
        (400, error(100), Refused, "100"),
        (400, error(100, error_subcode=33), Refused, "100/33"),
        (400, error(100, error_subcode=77), Refused, "100/77"),
        (400, error(987), Refused, "987"),
        (400, error("x" * 500), Refused, "x" * 32),
        (400, error(None), Refused, "None"),
        (404, "<html>", Barred, "http-404"),
        (302, "", Barred, "http-302"),
        (429, "slow down", Busy, "http-429"),
    ],
)
async def test_how_a_call_can_end(
    graph: Graph, meta: Meta, status: int, document: Any, kind: type[Any], code: str
) -> None:
    """Meta's code decides how a call ends, and no text of it names a citizen or the token."""
    meta.answers = [(status, document, {})] * 2
    for call in (graph.get("1"), graph.post("1", document={})):
        with pytest.raises(kind) as caught:
            await call
        assert (kind, code) == (type(caught.value), caught.value.code)
        assert "9647701234567" not in str(caught.value)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "document"),
    [(500, error(1)), (500, error(987)), (503, "<html>"), (200, "half an ans"), (200, "[]"), (204, "")],
    ids=str,
)
async def test_what_meta_does_not_know_itself(graph: Graph, meta: Meta, status: int, document: Any) -> None:
    """A question without a clear answer is asked again; what may have been made is of unknown outcome."""
    meta.answers = [(status, document, {})] * 3
    asking: list[tuple[Callable[[], Awaitable[Any]], type[Exception]]] = [
        (lambda: graph.get("1"), Busy),
        (lambda: graph.delete("1"), Busy),
        (lambda: graph.post("1", document={}), OutcomeUnknown),
    ]
    for ask, kind in asking:
        with pytest.raises(kind):
            await ask()


async def test_a_call_that_is_cut_off(graph: Graph, meta: Meta) -> None:
    """When the line breaks after the request left, nobody knows whether a message was sent."""
    meta.hang_up = True
    meta.answers = [(200, {}, {})] * 4
    with pytest.raises(OutcomeUnknown):
        await graph.post("1", document={})
    with pytest.raises(Busy):
        await graph.get("1")


async def test_nobody_answers() -> None:
    """With Meta out of reach nothing was sent for certain."""
    graph = Graph(SecretStr(TOKEN), f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(Busy) as busy:
        await graph.post("1", document={})
    await graph.close()

    assert "connect" == busy.value.code


async def test_how_much_is_used_up(graph: Graph, meta: Meta) -> None:
    """Meta says in headers how much of the hour's calls is used, and for how many minutes it keeps us out."""
    uses = '{"1": [{"type": "pages", "call_count": 97, "total_time": 3, "estimated_time_to_regain_access": 19}]}'
    meta.answers = [
        (200, {"id": "1"}, {"X-App-Usage": '{"call_count": 28, "total_time": 30, "total_cputime": 25}'}),
        (400, error(80001), {"X-Business-Use-Case-Usage": uses}),
        (400, error(4), {}),
        (
            200,
            {"id": "1"},
            {"X-App-Usage": '["x"', "X-Business-Use-Case-Usage": '{"1": 7, "2": [8], "3": [{"call_count": "x"}]}'},
        ),
    ]
    await graph.get("1")
    assert 30 == graph.usage
    with pytest.raises(Busy) as told:
        await graph.get("1")
    assert (97, 19 * 60) == (graph.usage, told.value.retry_after)
    with pytest.raises(Busy) as untold:
        await graph.get("1")
    assert 300 == untold.value.retry_after
    await graph.get("1")
    assert 0 == graph.usage
