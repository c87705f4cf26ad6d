"""How the API says no when nobody's report is at fault."""

import asyncio

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway import observe
from gateway.api import body, complaints, problem
from gateway.api.problem import answer_problems
from normalizer.reference import make as make_reference
from tests.gateway.api.caller import BOSS, DESK, JPEG, OUTAGE, READER, Door, form

REFERENCE = make_reference(b"key", "nobody's")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/api", 404, "not-found"),
        ("GET", "/api/v1", 404, "not-found"),
        ("GET", "/api/v2/complaints", 404, "not-found"),
        ("POST", "/api/v1/complaints/", 404, "not-found"),
        ("GET", "/api/v1/complaints", 405, "method-not-allowed"),
        ("DELETE", "/api/v1/complaints/4821093756", 405, "method-not-allowed"),
        ("POST", "/schemas/complaint.v1.json", 405, "method-not-allowed"),
        ("GET", "/schemas/other.json", 404, "not-found"),
    ],
)
async def test_an_address_that_is_not_there(idle: Door, method: str, path: str, status: int, kind: str) -> None:
    """Also what no handler has seen is answered with problem details, and kept by no cache."""
    async with idle.client.request(method, path, headers=BOSS) as response:
        said = await response.json(content_type="application/problem+json")
        assert (status, f"/problems/{kind}", status) == (response.status, said["type"], said["status"])
        assert ("no-store", "nosniff") == (
            response.headers["Cache-Control"],
            response.headers["X-Content-Type-Options"],
        )
        assert (status == 405) == ("Allow" in response.headers)


async def test_the_rest_of_the_site_keeps_its_own_words(idle: Door) -> None:
    """Problem details are for programs: a citizen's page that is not there is not answered in JSON."""
    async with idle.client.get("/nowhere") as response:
        assert (404, "text/plain") == (response.status, response.content_type)


async def test_a_store_that_is_away_asks_to_try_again(idle: Door) -> None:
    """Nothing is promised that is not on disk: 503, with the seconds after which to try again."""
    idle.house.store.engine.dispose()
    path = idle.house.settings.data_dir / "balagh.db"
    for part in path.parent.glob("balagh.db*"):
        part.unlink()
    path.mkdir()

    for request in (
        idle.client.post("/api/v1/complaints", json=OUTAGE, headers=DESK),
        idle.client.get(f"/api/v1/complaints/{REFERENCE}", headers=READER),
    ):
        async with request as response:
            said = await response.json(content_type="application/problem+json")
            assert (503, "/problems/unavailable", "5") == (
                response.status,
                said["type"],
                response.headers["Retry-After"],
            )


async def test_a_disk_that_takes_no_file_asks_to_try_again(idle: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that cannot be kept is not thanked for."""

    async def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(idle.house.files), "write", full)
    status, said = await idle.post(**form(("text", "x", None, None), ("p", JPEG, "p.jpg", None)))

    assert (503, "/problems/unavailable") == (status, said["type"])


async def test_a_fault_of_ours_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug is answered as one, without a word of what it met, and no word of it is in the log either."""
    app = web.Application(middlewares=[answer_problems])

    async def broken(request: web.Request) -> web.Response:
        raise RuntimeError(request.query["said"])

    app.router.add_get("/api/broken", broken)
    observe.configure("json")
    try:
        async with TestClient(TestServer(app)) as client, client.get("/api/broken?said=hush") as response:
            text = await response.text()
    finally:
        structlog.reset_defaults()
    assert (500, "application/problem+json") == (response.status, response.content_type)
    logged = capsys.readouterr().out
    assert "a request failed" in logged
    assert "hush" not in text + logged


async def test_too_many_uploads_wait_and_are_then_sent_away(idle: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen forms are read at once; the next waits for a place and, when none comes free, is told to try again."""
    monkeypatch.setattr(complaints, "TURN", 0.05)
    release = asyncio.Event()

    async def slow() -> object:
        yield b'--edge\r\nContent-Disposition: form-data; name="text"\r\n\r\nx'
        await release.wait()
        yield b"\r\n--edge--\r\n"

    headers = {**DESK, "Content-Type": "multipart/form-data; boundary=edge"}
    held = [
        asyncio.create_task(idle.client.post("/api/v1/complaints", data=slow(), headers=headers))
        for _ in range(complaints.UPLOADS)
    ]
    async with asyncio.timeout(60):
        while (answer := await idle.post(**form(("text", "x", None, None))))[0] != 503:
            pass
    documents = await idle.post(OUTAGE)
    release.set()
    answers = [(await task).status for task in held]

    assert "/problems/busy" == answer[1]["type"]
    assert 201 == documents[0]
    assert [201] * complaints.UPLOADS == answers


async def test_a_request_that_never_ends_is_ended(idle: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that stops half-way does not hold a place for ever."""
    monkeypatch.setattr(body, "PATIENCE", 0.1)

    async def stuck() -> object:
        yield b'{"text": '
        await asyncio.sleep(5)
        yield b'"x"}'

    headers = {**DESK, "Content-Type": "application/json"}
    async with idle.client.post("/api/v1/complaints", data=stuck(), headers=headers) as response:
        said = await response.json(content_type=None)
    assert (408, "/problems/too-slow") == (response.status, said["type"])


async def test_a_request_that_announces_too_much_is_not_read(idle: Door) -> None:
    """What says that it is larger than any request may be is refused before its first byte."""
    reader, writer = await asyncio.open_connection(idle.client.host, idle.client.port)
    writer.write(
        b"POST /api/v1/complaints HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer desk-key-1\r\n"
        b"Content-Type: multipart/form-data; boundary=edge\r\n"
        b"Content-Length: %d\r\n\r\n" % (body.LARGEST_REQUEST + 1)
    )
    async with asyncio.timeout(60):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


def test_every_kind_has_a_name_of_its_own() -> None:
    """`type` tells two kinds apart, also where they share a status."""
    assert len(problem.KINDS) == len({kind.slug for kind in problem.KINDS})
