"""A city for tests: a running gateway, its citizens' telephones, its providers, and people at its desk."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Webhook
from channels.voice import Voice
from tests.channels.caller import Caller
from tests.channels.harness import FIXTURES, example_settings, example_values
from tests.end_to_end.gateway_process import ACCOUNT, API_KEY, NUMBER, ROOT, TOKEN, GatewayProcess
from tests.servers.waiting import until

PASSWORD = "نخلة على ضفة دجلة"
_BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
_REFERENCE = re.compile(r"\b(\d{4}) ?(\d{3}) ?(\d{3})\b")


@dataclass
class TwilioDouble:
    """Twilio: takes messages and remembers them, gives a recording to whoever proves to be the account."""

    recording: bytes = b""
    messages: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> web.Application:
        """Serve as much of the API as is used."""
        app = web.Application()
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        app.router.add_post(f"{base}/Messages.json", self._take)
        app.router.add_get(f"{base}/Messages.json", self._list)
        app.router.add_get(f"{base}/Calls.json", self._list)
        app.router.add_get(f"{base}/Recordings/{{recording}}", self._give)
        return app

    def told(self, number: str) -> str:
        """Everything that one telephone was sent, SMS and WhatsApp."""
        return "\n".join(one["Body"] for one in self.messages if one["To"].endswith(number))

    async def _take(self, request: web.Request) -> web.Response:
        self._prove(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        assert form.keys() <= {"To", "From", "Body", "StatusCallback", "ValidityPeriod"}
        assert form["From"].endswith(NUMBER)
        self.messages.append(form)
        return web.json_response({"sid": f"SM{len(self.messages):032x}", "status": "queued"}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        self._prove(request)
        return web.json_response({"messages": [], "calls": [], "next_page_uri": None})

    async def _give(self, request: web.Request) -> web.Response:
        self._prove(request)
        return web.Response(body=self.recording, content_type="audio/x-wav")

    def _prove(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != _BASIC:
            raise web.HTTPUnauthorized


@dataclass
class City:
    """What a citizen, an agent and a department's clerk can do, each over the network."""

    gateway: GatewayProcess
    session: aiohttp.ClientSession
    twilio: TwilioDouble

    # Citizens

    async def text(self, number: str, words: str, channel: str = "sms") -> str:
        """Write an SMS or a WhatsApp message, and wait for the reference that comes back."""
        [(_, body, headers)] = self.gateway.forms(
            channel, {f"SM{abs(hash((number, words))):032x}"[:34]: (number, words)}
        )
        assert 200 == await self.gateway.post(self.session, channel, body, headers)
        return await self.reference(number)

    async def reference(self, number: str) -> str:
        """Wait for the reference that a telephone is sent."""
        await until(lambda: _REFERENCE.search(self.twilio.told(number)) is not None)
        return reference_in(self.twilio.told(number))

    async def post(self, kind: type[Webhook], fixture: str, **changes: str) -> None:
        """Deliver a recorded request with other words in it, signed as the provider signs."""
        body = (FIXTURES / kind.name / fixture).read_text("utf-8")
        for old, new in changes.items():
            assert old in body
            body = body.replace(old, new)
        url = f"{self.gateway.url}/channels/{kind.name}"
        headers = kind(example_settings(kind)).sign(url, body.encode())
        async with self.session.post(url, data=body.encode(), headers=dict(headers)) as response:
            assert 200 == response.status

    async def dial(self, number: str) -> Caller:
        """Call the hotline."""
        channel = Voice(example_settings(Voice, **_voice(), public_url=self.gateway.url))
        return await Caller(cast("Any", self.session), channel, number).dial()

    async def track(self, reference: str, pin: str) -> str:
        """Look a report up on the city's page, and return what the page says."""
        own = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with own, own.post(f"{self.gateway.url}/track", data={"reference": reference, "pin": pin}) as response:
            assert "/track/view" == response.url.path, await response.text()
            return words(await response.text())

    # Programs

    async def api(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Ask the API with the key of the tests."""
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with self.session.request(method, f"/api/v1{path}", headers=headers, **more) as response:
            return response.status, await response.json(content_type=None)

    async def complaint(self, reference: str, status: str = "offered") -> dict[str, Any]:
        """Wait until a complaint has come so far, and return it."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            code, shown = await self.api("GET", f"/complaints/{reference}")
            found.update(shown if code == 200 else {})
            return found.get("status") == status

        try:
            await until(there)
        except TimeoutError as error:
            raise AssertionError(f"{reference} is {found.get('status')}, not {status}: {found}") from error
        return found

    async def attachment(self, url: str) -> bytes:
        """Fetch what somebody sent."""
        async with self.session.get(url, headers={"Authorization": f"Bearer {API_KEY}"}) as response:
            assert 200 == response.status
            return await response.read()

    async def task(self, kind: str, about: str = "") -> dict[str, Any]:
        """Wait for a task, claim it and return it; `about` is the reference it belongs to, or words in it."""
        listed: list[dict[str, Any]] = []

        async def there() -> bool:
            _, page = await self.api("GET", "/tasks", params={"kind": kind})
            listed[:] = [one for one in page["tasks"] if about in json.dumps(one, ensure_ascii=False)]
            return bool(listed)

        await until(there)
        code, claimed = await self.api("POST", f"/tasks/{listed[0]['id']}/claim")
        assert 200 == code, claimed
        return cast("dict[str, Any]", claimed)

    async def done(self, task: dict[str, Any], **answer: Any) -> str:
        """Complete a task and return the reference of its complaint."""
        code, finished = await self.api("POST", f"/tasks/{task['id']}/complete", json=answer)
        assert 200 == code, finished
        assert "done" == finished["state"]
        return str(finished["reference"] or "")


class Desk:
    """Somebody at the desk, with a browser without a screen."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.session = aiohttp.ClientSession(
            base_url=city.gateway.url,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"Origin": city.gateway.url},
        )

    async def sign_in(self) -> None:
        """Be given a name by the operator, and sign in with it."""
        hired = await asyncio.to_thread(self._hire)
        assert 0 == hired.returncode, hired.stderr
        page = await self._page("GET", "/desk/sign-in")
        fields = {"csrf": value(page, "csrf"), "name": "sara", "password": PASSWORD}
        async with self.session.post("/desk/sign-in", data=fields) as response:
            assert "/desk/sign-in" != response.url.path, words(await response.text())

    async def enter(self, **fields: str) -> tuple[str, str]:
        """Fill in the entry form, and return the reference and the PIN of the receipt."""
        page = await self._page("GET", "/desk/entry")
        data = aiohttp.FormData(default_to_multipart=True, quote_fields=False)
        for name, given in {"csrf": value(page, "csrf"), "nonce": value(page, "nonce"), **fields}.items():
            data.add_field(name, given)
        data.add_field("files", b"", filename="", content_type="application/octet-stream")
        receipt = await self._page("POST", "/desk/entry", data=data)
        found = re.search(r'id="reference">([^<]*)<.*?id="pin">([^<]*)<', receipt, re.DOTALL)
        assert found, words(receipt)
        return found[1].replace(" ", ""), found[2].replace(" ", "")

    async def close(self) -> None:
        """Leave."""
        await self.session.close()

    async def _page(self, method: str, path: str, **more: Any) -> str:
        async with self.session.request(method, path, **more) as response:
            return await response.text()

    def _hire(self) -> subprocess.CompletedProcess[str]:
        command = ["user", "add", "sara", "--rights", "agent", "--display", "سارة كريم", "--password-stdin"]
        return subprocess.run(
            [sys.executable, "-m", "gateway", *command],
            cwd=ROOT,
            env=self.city.gateway.environment,
            input=PASSWORD + "\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@asynccontextmanager
async def open_city(
    folder: Path, doubles: dict[str, web.Application] | None = None, **more: str
) -> AsyncIterator[City]:
    """Run a gateway with the hotline, SMS and WhatsApp on, and those channels whose provider is among `doubles`."""
    twilio = TwilioDouble()
    async with AsyncExitStack() as stack:

        async def serve(app: web.Application) -> str:
            server = await stack.enter_async_context(TestServer(app))
            return str(server.make_url("")).rstrip("/")

        at = await serve(twilio.app())
        settings = {f"BALAGH_VOICE__{name.upper()}": given for name, given in _voice().items()}
        settings |= {f"BALAGH_{name}__API_URL": at for name in ("SMS", "WHATSAPP", "VOICE")}
        settings |= {f"BALAGH_{name}__RATE": "50" for name in ("SMS", "WHATSAPP")}
        for name, app in (doubles or {}).items():
            settings |= {key: given for key, given in example_values().items() if key.startswith(f"BALAGH_{name}__")}
            settings[f"BALAGH_{name}__API_URL"] = await serve(app)
        gateway = GatewayProcess(folder, **{**settings, **more})
        try:
            await asyncio.to_thread(gateway.start)
            session = await stack.enter_async_context(aiohttp.ClientSession(base_url=gateway.url))
            yield City(gateway, session, twilio)
        finally:
            gateway.close()


def reference_in(said: str) -> str:
    """Find the reference in what a citizen was told."""
    found = _REFERENCE.search(said)
    assert found, said
    return "".join(found.groups())


def pin_in(said: str) -> str:
    """Find the PIN, which is the only number of six digits there."""
    [pin] = set(re.findall(r"(?<!\d)\d{6}(?!\d)", said))
    return str(pin)


def value(page: str, name: str) -> str:
    """What a field of a form holds."""
    found = re.search(rf'<input[^>]*\bname="{name}"[^>]*\bvalue="([^"]*)"', page)
    assert found, f"no field {name}: {words(page)}"
    return html.unescape(found[1])


def words(page: str) -> str:
    """A page's text without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def _voice() -> dict[str, str]:
    return {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "number": NUMBER,
        "agents": "+9647700000001",
        "agent_pin": "246813",
    }
