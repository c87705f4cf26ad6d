"""A citizen's browser without a screen, and the house behind the pages."""

import asyncio
import html
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient

from channels.message import Inbound
from gateway.app import ROLES, build, public_site
from gateway.city.city import City
from gateway.house import House
from gateway.settings import load as load_settings
from gateway.store import complaints, journal

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40
PIPE = "انكسر أنبوب الماء أمام مدرسة النور والماء يغمر الشارع"


def make_house(folder: Path, city: City, **environ: str) -> House:
    settings = load_settings({"BALAGH_DATA_DIR": str(folder), "BALAGH_PUBLIC_URL": "https://city.example", **environ})
    house = build(settings, city, frozenset(ROLES))
    house.store.migrate()
    return house


def site(house: House) -> web.Application:
    """What citizens and providers reach."""
    return public_site(house, admin=False)


@dataclass
class Page:
    """What the browser shows."""

    status: int
    text: str
    response: ClientResponse

    @property
    def words(self) -> str:
        """The page's text without its tags."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", self.text)).split())

    def value(self, name: str) -> str:
        """What a field holds."""
        found = re.search(rf'<input[^>]*\bname="{name}"[^>]*\bvalue="([^"]*)"', self.text)
        assert found, f"no field {name}"
        return html.unescape(found[1])

    @property
    def typed(self) -> str:
        """What the large text field holds."""
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", self.text, re.DOTALL)
        assert found, "no form on the page"
        return html.unescape(found[1])

    @property
    def kept(self) -> list[str]:
        """The tokens of the files that the form says it has."""
        return re.findall(r'name="kept" value="([^"]*)"', self.text)

    @property
    def receipt(self) -> tuple[str, str]:
        """The reference and the PIN, as they stand on a receipt."""
        found = re.search(r'id="reference">([^<]*)<.*?id="pin">([^<]*)<', self.text, re.DOTALL)
        assert found, self.words
        return found[1], found[2]


class Visitor:
    """A browser that keeps its cookies and follows redirects."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client

    async def get(self, path: str, **more: Any) -> Page:
        """Open an address."""
        async with self.client.get(path, **more) as response:
            return Page(response.status, await response.text(), response)

    async def post(self, path: str, data: Any, **more: Any) -> Page:
        """Send a form."""
        async with self.client.post(path, data=data, **more) as response:
            return Page(response.status, await response.text(), response)

    async def send(self, *files: tuple[str, bytes], page: Page | None = None, **fields: str | list[str]) -> Page:
        """Fill in the form (the one on `page`, or a new one) and press the button."""
        page = page or await self.get("/")
        return await self.post("/", form(*files, **{"nonce": page.value("nonce"), **fields}))

    async def inbound(self, reference: str) -> Inbound:
        """What lies in the journal under a reference."""
        row = await self.house.store.read(lambda connection: journal.find(connection, reference.replace(" ", "")))
        assert row is not None
        return Inbound.from_json(row.body)

    async def filed(self) -> int:
        """How many messages were ever kept."""
        return (await self.house.store.read(journal.backlog))[0]

    async def offered(self, reference: str) -> complaints.Case:
        """Wait until a report has reached a department."""
        plain = reference.replace(" ", "")
        async with asyncio.timeout(60):
            while True:
                case = await self.house.store.read(lambda connection: complaints.load(connection, plain))
                if case is not None and case.department:
                    return case
                await asyncio.sleep(0.02)


def form(*files: tuple[str, bytes], **fields: str | list[str]) -> FormData:
    """Write a form as browsers do: always multipart, with an empty part when no file was chosen."""
    data = FormData(default_to_multipart=True, quote_fields=False)
    for name, value in fields.items():
        for one in [value] if isinstance(value, str) else value:
            data.add_field(name, one)
    for name, content in files or [("", b"")]:
        data.add_field("files", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return data
