"""A house with a stand-in for Twilio at the other end: what it answers, and what Twilio then reports, signed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from channels.message import Receipt
from gateway.city.city import City
from gateway.store import replies as store_of_replies
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from tests.gateway.twilio_house import TwilioHouse
from tests.gateway.walk import ACCOUNT, TOKEN, Clock, Walk


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
