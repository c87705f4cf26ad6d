"""A program at the city's door, and the house behind it, for the tests of the API."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from gateway.api.routes import add_api
from gateway.app import ROLES, build
from gateway.city.city import City
from gateway.doors import add_channels, add_health, add_metrics, answer_faults
from gateway.house import HOUSE, House
from gateway.settings import load as load_settings

KEYS = (
    "desk:desk-key-1:intake,other:other-key-1:intake,reader:reader-key:read,boss:admin-key-1:admin,"
    "waterworks:water-key-1:department.water,power:power-key-1:department.electricity"
)
DESK, OTHER, READER, BOSS, WATER, POWER = (
    {"Authorization": f"Bearer {entry.split(':')[1]}"} for entry in KEYS.split(",")
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40
OUTAGE = {"text": "الماء مقطوع في محلتنا منذ ثلاثة أيام", "category": "water.outage"}


class Door:
    """A program at the city's door."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client

    async def post(self, body: Any = None, headers: dict[str, str] = DESK, **more: Any) -> tuple[int, Any]:
        """File a report and return the status and the answer."""
        sent = {"json": body} if body is not None else {}
        if isinstance(more.get("data"), bytes):
            more["data"] = io.BytesIO(more["data"])
        async with self.client.post("/api/v1/complaints", headers=headers, **sent, **more) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, reference: str, headers: dict[str, str] = BOSS) -> tuple[int, Any]:
        """Follow a complaint."""
        async with self.client.get(f"/api/v1/complaints/{reference}", headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def settled(self, reference: str, *, status: str = "offered") -> dict[str, Any]:
        """Wait until a complaint has come as far as `status` and return what its supervisor sees."""
        async with asyncio.timeout(60):
            while True:
                _, shown = await self.get(reference)
                if shown["status"] == status:
                    return dict(shown)
                await asyncio.sleep(0.02)

    async def filed(self, **said: Any) -> dict[str, Any]:
        """File a report, see it reach its department, and return what its supervisor sees."""
        status, receipt = await self.post({**OUTAGE, **said})
        assert 201 == status, receipt
        return await self.settled(receipt["reference"])


def make_house(folder: Path, city: City, **environ: str) -> House:
    settings = load_settings(
        {
            "BALAGH_DATA_DIR": str(folder),
            "BALAGH_API_KEYS": KEYS,
            "BALAGH_PUBLIC_URL": "https://city.example",
            **environ,
        }
    )
    house = build(settings, city, frozenset(ROLES))
    house.store.migrate()
    return house


def site(house: House) -> web.Application:
    """The API, the channels, health and metrics, as the city serves them."""
    app = web.Application(middlewares=[answer_faults])
    app[HOUSE] = house
    add_channels(app, house)
    add_api(app, house)
    add_metrics(app, house)
    add_health(app, house)
    return app


def form(*parts: tuple[str, bytes | str, str | None, str | None]) -> dict[str, Any]:
    """A multipart request of (name, content, filename, content type)."""
    body = b""
    for name, content, filename, content_type in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        kind = f"\r\nContent-Type: {content_type}" if content_type else ""
        raw = content.encode() if isinstance(content, str) else content
        body += f"--edge\r\nContent-Disposition: {disposition}{kind}\r\n\r\n".encode() + raw + b"\r\n"
    return raw_form(body + b"--edge--\r\n")


def raw_form(body: bytes) -> dict[str, Any]:
    """A multipart request of exactly these bytes."""
    return {"data": body, "headers": {**DESK, "Content-Type": "multipart/form-data; boundary=edge"}}


def fields(problem: Any) -> list[str]:
    """The names of the fields that a problem says are wrong."""
    return sorted(error["field"] for error in problem.get("errors", []))


def document(**said: Any) -> str:
    return json.dumps({**OUTAGE, **said})
