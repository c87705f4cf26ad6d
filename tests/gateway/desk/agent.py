"""Somebody who works at the desk: a browser without a screen, and the house behind it."""

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from channels.message import Address, Inbound, Media, Receipt, Scheme
from gateway.house import House
from gateway.people import People
from gateway.store import complaints, journal, tasks
from gateway.store.tasks import Draft, Task, TaskKind

PASSWORD = "نخلة على ضفة دجلة"
VAGUE = "أرجو النظر في الموضوع الذي تكلمنا عنه مع الشكر"


@dataclass
class Page:
    """What the browser shows."""

    status: int
    text: str
    response: ClientResponse

    @property
    def words(self) -> str:
        """The page's text without its tags."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    @property
    def path(self) -> str:
        """Where the browser is, after redirects."""
        return self.response.url.path

    def value(self, name: str) -> str:
        """What a field holds."""
        found = re.search(rf'<input[^>]*\bname="{name}"[^>]*\bvalue="([^"]*)"', self.text)
        assert found, f"no field {name}: {self.words}"
        return html.unescape(found[1])

    @property
    def typed(self) -> str:
        """What the large text field holds."""
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", self.text, re.DOTALL)
        assert found, self.words
        return html.unescape(found[1])


class Agent:
    """A browser that keeps its cookies, follows redirects and says where its forms were."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client
        self.people = People(house.store)
        self.origin = str(client.make_url("")).rstrip("/")

    async def get(self, path: str, **more: Any) -> Page:
        async with self.client.get(path, **more) as response:
            return Page(response.status, await response.text(), response)

    async def post(self, path: str, data: Any, *, origin: str | None = "own", **more: Any) -> Page:
        """Send a form, from one of our pages unless `origin` says otherwise."""
        headers = {} if origin is None else {"Origin": self.origin if origin == "own" else origin}
        async with self.client.post(
            path, data=data, headers={**headers, **more.pop("headers", {})}, **more
        ) as response:
            return Page(response.status, await response.text(errors="replace"), response)

    async def hire(self, name: str = "sara", *rights: str) -> None:
        """Add somebody to the people of the desk."""
        await self.people.add(name, display="سارة كريم", rights=frozenset(rights or {"agent"}), password=PASSWORD)

    async def sign_in(self, name: str = "sara", password: str = PASSWORD) -> Page:
        """Fill in name and password."""
        token = (await self.get("/desk/sign-in")).value("csrf")
        return await self.post("/desk/sign-in", {"csrf": token, "name": name, "password": password})

    async def begin(self, *rights: str, name: str = "sara") -> Page:
        """Be hired and sign in."""
        await self.hire(name, *rights)
        return await self.sign_in(name)

    async def press(self, page: Page, path: str, **fields: str) -> Page:
        """Press a button of a page."""
        return await self.post(path, {"csrf": page.value("csrf"), **fields})

    async def enter(self, *files: tuple[str, bytes], page: Page | None = None, **fields: str) -> Page:
        """Fill in the entry form and send it."""
        page = page or await self.get("/desk/entry")
        data = FormData(default_to_multipart=True, quote_fields=False)
        sent = {"csrf": page.value("csrf"), "nonce": page.value("nonce"), "way": "walk_in", **fields}
        for name, value in sent.items():
            data.add_field(name, value)
        for name, content in files or [("", b"")]:
            data.add_field("files", content, filename=name, content_type="application/octet-stream")
        return await self.post("/desk/entry", data)

    def reference(self, page: Page) -> str:
        """The reference on a receipt, without its blanks."""
        found = re.search(r'id="reference">([^<]*)<', page.text)
        assert found, page.words
        return found[1].replace(" ", "")

    async def inbound(self, reference: str) -> Inbound:
        """What lies in the journal under a reference."""
        row = await self.house.store.read(lambda connection: journal.find(connection, reference))
        assert row is not None
        return Inbound.from_json(row.body)

    async def tasks(self, *kinds: TaskKind) -> list[Task]:
        """What is open."""
        now = datetime.now(UTC)
        return list(
            await self.house.store.read(
                lambda found: tasks.listing(found, kinds=kinds or tuple(TaskKind), now=now, limit=99)
            )
        )

    async def case(self, reference: str) -> complaints.Case:
        """A complaint as it stands."""
        case = await self.house.store.read(lambda connection: complaints.load(connection, reference))
        assert case is not None
        return case


async def hear(house: House, text: str, *media: Media, number: str = "+9647701234567", **more: Any) -> Receipt:
    """Let a citizen's message come in."""
    inbound = Inbound(
        **{
            "channel": "whatsapp",
            "account": "+9647800000124",
            "external_id": f"m-{hash((text, number)) & 0xFFFFFFFF:08x}",
            "sender": Address(Scheme.WHATSAPP, number),
            "text": text,
            "media": media,
            "provider": "twilio",
            **more,
        }
    )
    return await house.intake.accept(inbound)


async def keep(house: House, content: bytes, filename: str = "") -> Media:
    """Put a file on the house's disk, as a channel's fetcher does."""

    async def chunks() -> Any:
        yield content

    stored = await house.files.write(chunks(), limit=1 << 24)
    return Media(content_type=stored.content_type, filename=filename, sha256=stored.sha256, size=stored.size)


async def ask(house: House, draft: Draft) -> str:
    """Open a task."""
    await house.store.write(lambda connection: tasks.open_task(connection, draft, datetime.now(UTC)))
    return draft.id
