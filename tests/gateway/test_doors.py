"""The doors that every site has: what a provider, a probe and a prober are told when parts of the house are away."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from gateway.app import admin_site, public_site
from gateway.city.city import City
from tests.gateway.walk import ACCOUNT, CITIZEN, NUMBER, PUBLIC_URL, TOKEN, Walk, logged, metric
from tests.servers.postgres import PostgresServer

FORM = {
    "MessageSid": "SM" + "7" * 32,
    "AccountSid": ACCOUNT,
    "From": CITIZEN,
    "To": NUMBER,
    "Body": "الماء مقطوع 0770 123 4567",
    "NumMedia": "0",
}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
KEY = {"Authorization": "Bearer a-key-for-tests"}
EXAMPLE = Path(__file__).parents[2] / ".env.example"


def signed() -> dict[str, str]:
    return {
        **FORM_TYPE,
        "X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}/channels/sms", FORM),
    }


async def asked(client: TestClient[Any, Any], path: str, **more: Any) -> tuple[int, Any]:
    async with client.get(path, **more) as response:
        text = await response.text()
        return response.status, json.loads(text) if response.content_type == "application/json" else text


async def test_health_says_what_is_up(walk: Walk) -> None:
    """Ready with everything up; without a broker it still accepts, so it stays ready and says so."""
    async with TestClient(TestServer(walk.site())) as client:
        assert (200, {"status": "ok"}) == await asked(client, "/health/live")
        assert (200, {"status": "ok", "broker": "up", "store": "up"}) == await asked(client, "/health/ready")
        await walk.house.bus.stop()
        assert (200, {"status": "ok", "broker": "down", "store": "up"}) == await asked(client, "/health/ready")


async def test_without_its_one_store_nothing_is_accepted(walk: Walk) -> None:
    """On SQLite a broken store means 503 with Retry-After for the provider, and not ready; the process still lives."""
    await walk.change("ALTER TABLE journal RENAME TO elsewhere")
    walk.house.store.close()
    async with TestClient(TestServer(walk.site())) as client:
        async with client.post("/channels/sms", data=urlencode(FORM), headers=signed()) as response:
            assert (503, "5") == (response.status, response.headers["Retry-After"])
        assert 200 == (await asked(client, "/health/live"))[0]


@pytest.mark.servers
async def test_without_postgres_the_spool_takes_over(
    tmp_path: Path, city: City, postgres_node: Callable[[], PostgresServer]
) -> None:
    """Ready all the same, with the store down and the depth of the spool; the message is answered 200."""
    server = postgres_node()
    server.start()
    walk = Walk(tmp_path, city, BALAGH_STORE_URL=server.url())
    async with TestClient(TestServer(walk.site())) as client:
        server.stop()
        async with client.post("/channels/sms", data=urlencode(FORM), headers=signed()) as response:
            assert 200 == response.status
        status, parts = await asked(client, "/health/ready")
        assert (200, "down", 1) == (status, parts["store"], parts["spool"])
    await walk.close()


async def test_a_forgery_is_counted_and_leaves_no_trace(walk: Walk) -> None:
    """403, one count under its channel, nothing in the journal, no line that quotes it."""
    before = metric("balagh_refused_total", channel="sms", status="403")
    with logged() as log:
        async with TestClient(TestServer(walk.site())) as client:
            forged = {**FORM_TYPE, "X-Twilio-Signature": "Zm9yZ2Vk"}
            async with client.post("/channels/sms", data=urlencode(FORM), headers=forged) as response:
                assert (403, "") == (response.status, await response.text())
    assert before + 1 == metric("balagh_refused_total", channel="sms", status="403")
    assert [] == await walk.rows("SELECT 1 FROM journal")
    assert CITIZEN not in log.getvalue()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({}, "no X-Twilio-Signature"), ({"X-Twilio-Signature": "Zm9yZ2Vk"}, "the signature does not match")],
)
async def test_an_operator_learns_why_a_webhook_was_refused(walk: Walk, headers: dict[str, str], reason: str) -> None:
    """One line with the channel and the reason; the caller reads neither."""
    with logged() as log:
        async with (
            TestClient(TestServer(public_site(walk.house, admin=False))) as client,
            client.post("/channels/sms", data=urlencode(FORM), headers={**FORM_TYPE, **headers}) as response,
        ):
            said = await response.text()
    [line] = [json.loads(line) for line in log.getvalue().splitlines() if "webhook refused" in line]
    assert ("sms", reason) == (line["channel"], line["reason"])
    assert 403 == response.status
    assert "ignature" not in said
    assert "770123" not in log.getvalue()


@pytest.mark.parametrize("admin", [True, False], ids=["one address", "the API elsewhere"])
@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "/channels/sms", 403, "http"),
        ("GET", "/channels/sms", 405, "method-not-allowed"),
        ("POST", "/channels/sms/nowhere", 404, "not-found"),
        ("POST", "/channels/pigeon", 404, "not-found"),
        ("POST", "/health/live", 405, "method-not-allowed"),
        ("GET", "/health", 404, "not-found"),
        ("GET", "/metrics/all", 404, "not-found"),
        ("GET", "/open311/v2/services.json", 404, "not-found"),
    ],
)
async def test_programs_are_refused_with_problem_details(
    walk: Walk, admin: bool, method: str, path: str, status: int, kind: str
) -> None:
    """Whatever is no page for people says no as RFC 9457 has it, wherever the API is."""
    async with (
        TestClient(TestServer(public_site(walk.house, admin=admin))) as client,
        client.request(method, path) as response,
    ):
        said = await response.json(content_type="application/problem+json")
        assert (status, f"/problems/{kind}", status) == (response.status, said["type"], said["status"])
        assert (status == 405) == ("Allow" in response.headers)
        if status == 403:
            assert {"type": "/problems/http", "title": "Forbidden", "status": 403} == said


async def test_a_channel_too_large_or_away_answers_with_problem_details(walk: Walk) -> None:
    """413 counts under its channel alone, and 503 says when to try again."""
    before = metric("balagh_refused_total", channel="sms", status="413")
    api = metric("balagh_refused_total", channel="api", status="413")
    async with TestClient(TestServer(public_site(walk.house, admin=True))) as client:
        async with client.post("/channels/sms", data=io.BytesIO(bytes(2 * 1024 * 1024))) as response:
            assert (413, "application/problem+json") == (response.status, response.content_type)
        await walk.change("ALTER TABLE journal RENAME TO elsewhere")
        walk.house.store.close()
        async with client.post("/channels/sms", data=urlencode(FORM), headers=signed()) as response:
            assert (503, "application/problem+json", "5") == (
                response.status,
                response.content_type,
                response.headers["Retry-After"],
            )
    assert before + 1 == metric("balagh_refused_total", channel="sms", status="413")
    assert api == metric("balagh_refused_total", channel="api", status="413")


async def test_a_bug_is_answered_500_and_quotes_nobody(walk: Walk) -> None:
    """The provider tries again, a person is alarmed, and the traceback shows where, not what."""
    before = metric("balagh_alarms_total", kind="bug")
    app = walk.site()

    async def broken(_request: Any) -> Any:
        raise ValueError(f"{CITIZEN} {FORM['Body']}")

    app.router.add_get("/broken", broken)
    with logged() as log:
        async with TestClient(TestServer(app)) as client:
            assert (500, "") == await asked(client, "/broken")
    assert before + 1 == metric("balagh_alarms_total", kind="bug")
    assert "in broken" in log.getvalue()
    assert "770123" not in log.getvalue().replace(" ", "")


async def test_a_channel_that_is_off_is_not_there(walk: Walk) -> None:
    """404 for what is not configured, and for what nobody ever heard of."""
    del walk.house.channels["whatsapp"]
    async with TestClient(TestServer(walk.site())) as client:
        for name in ("whatsapp", "pigeon"):
            async with client.post(f"/channels/{name}", data=b"") as response:
                assert 404 == response.status


async def test_staff_doors_move_away_when_they_have_an_address(walk: Walk) -> None:
    """With BALAGH_ADMIN_LISTEN the desk, /api and /metrics answer there alone, as its example says; health at both."""
    before, _, _ = EXAMPLE.read_text(encoding="utf-8").partition("#BALAGH_ADMIN_LISTEN=")
    assert all(f"/{door}" in before.splitlines()[-1] for door in ("desk", "api", "metrics"))
    public, admin = public_site(walk.house, admin=False), admin_site(walk.house)
    async with TestClient(TestServer(public)) as outside, TestClient(TestServer(admin)) as inside:
        for path in ("/metrics", "/desk", "/api/v1/complaints/4821093756"):
            assert 404 == (await asked(outside, path, headers=KEY))[0]
        assert 200 == (await asked(inside, "/metrics"))[0]
        assert 200 == (await asked(inside, "/desk"))[0]
        status, problem = await asked(inside, "/api/v1/complaints/4821093756", headers=KEY)
        assert (404, 401) == (status, (await asked(inside, "/api/v1/complaints/4821093756"))[0]), problem
        for client in (outside, inside):
            assert 200 == (await asked(client, "/health/ready"))[0]
        async with inside.post("/channels/sms", data=urlencode(FORM), headers=signed()) as response:
            assert 404 == response.status


async def test_one_address_serves_everything(walk: Walk) -> None:
    """Without BALAGH_ADMIN_LISTEN all doors are at the one address."""
    async with TestClient(TestServer(public_site(walk.house, admin=True))) as client:
        assert 200 == (await asked(client, "/metrics"))[0]
        assert 401 == (await asked(client, "/api/v1/complaints/4821093756"))[0]
        assert 200 == (await asked(client, "/"))[0]
