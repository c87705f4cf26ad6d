"""A house with a stand-in for Twilio at the other end: what it answers, and what Twilio then reports, signed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from channels.message import Receipt
from gateway.city.city import City
from gateway.store import replies as store_of_replies
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from tests.gateway.twilio_house import TwilioHouse
from tests.gateway.walk import ACCOUNT, TOKEN, Clock, Walk

CARRIER_NUMBER = "4477"
_PROFILE = Path(__file__).parents[2] / "channels/carrier/example.toml"

Take = Callable[[web.Request], Awaitable[web.Response]]


@dataclass
class Line:
    """A house with Twilio at the other end."""

    walk: Walk
    twilio: TwilioHouse
    door: TestClient[Any, Any]

    async def states(self) -> dict[str, int]:
        """Count the replies by state."""
        return await self.walk.house.store.read(store_of_replies.states)

    async def reports(self, *statuses: str, message: int = -1, code: str = "") -> None:
        """Let Twilio say, signed, what became of a message."""
        sent = self.twilio.messages[message]
        for status in statuses:
            fields = {
                "MessageSid": sent["sid"],
                "AccountSid": ACCOUNT,
                "From": sent["from"],
                "To": sent["to"],
                "MessageStatus": status,
                "ApiVersion": "2010-04-01",
                **({"ErrorCode": code} if code else {}),
            }
            signature = RequestValidator(TOKEN).compute_signature(sent["callback"], fields)
            path = sent["callback"].removeprefix("https://balagh.example")
            headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
            response = await self.door.post(path, data=urlencode(fields), headers=headers)
            assert 200 == response.status
        await self.walk.understand()


@contextlib.asynccontextmanager
async def connected(folder: Path, city: City, **environ: str) -> AsyncIterator[Line]:
    """Put a house and a stand-in together; the settings given replace the usual ones."""
    clock = Clock()
    twilio = TwilioHouse(clock)
    async with TestServer(twilio.app()) as server:
        api = str(server.make_url("")).rstrip("/")
        urls = {
            "BALAGH_SMS__API_URL": api,
            "BALAGH_WHATSAPP__API_URL": api,
            "BALAGH_SMS__RATE": "100",
            "BALAGH_WHATSAPP__RATE": "100",
        }
        walk = Walk(folder, city, clock, **{**urls, **environ})
        async with TestClient(TestServer(walk.site())) as door:
            yield Line(walk, twilio, door)
        await walk.close()


async def news_of(walk: Walk, receipt: Receipt, purpose: str) -> None:
    """Owe the citizen what became of their complaint, and let nothing else be owed."""
    complaint = (await walk.case(receipt.reference)).complaint

    def job(connection: Connection) -> None:
        with Ledger(connection, walk.clock()) as ledger:
            walk.house.acknowledger.news(ledger, complaint, purpose)

    await walk.replies.step()
    await walk.house.store.write(job)


@contextlib.asynccontextmanager
async def connected_beside(
    folder: Path, city: City, channel: str, path: str, take: Take, **keys: str
) -> AsyncIterator[Line]:
    """Do as `connected` does, with one more channel: its provider's `take` is given each message at a path."""
    app = web.Application()
    app.router.add_post(path, take)
    async with TestServer(app) as server:
        keys |= {"API_URL": str(server.make_url("")).rstrip("/"), "RATE": "100"}
        settings = {f"BALAGH_{channel.upper()}__{name}": value for name, value in keys.items()}
        async with connected(folder, city, **settings) as line:
            yield line


def connected_to_carrier(folder: Path, city: City, take: Take) -> contextlib.AbstractAsyncContextManager[Line]:
    """Put a carrier with an HTTP interface beside Twilio: by it goes the first try of every SMS."""
    keys = {"PROFILE": str(_PROFILE), "SECRET": "s:w", "TOKEN": "t", "NUMBER": CARRIER_NUMBER}
    return connected_beside(folder, city, "carrier", "/v1/messages", take, **keys)
