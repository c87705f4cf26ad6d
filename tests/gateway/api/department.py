"""A department's own program at the city's door, for the tests of the doors that departments have."""

from typing import Any
from uuid import uuid4

from tests.gateway.api.caller import WATER, Door


class Program:
    """Fetches a department's offers, and answers them."""

    def __init__(self, door: Door, department: str = "water", headers: dict[str, str] = WATER) -> None:
        self.door, self.department, self.headers = door, department, headers
        self.cursor = ""

    async def fetch(self, headers: dict[str, str] | None = None, **query: Any) -> tuple[int, Any]:
        """Ask the feed, from the beginning unless a cursor is given."""
        path = f"/api/v1/departments/{self.department}/offers"
        async with self.door.client.get(path, params=query, headers=headers or self.headers) as response:
            return response.status, await response.json()

    async def news(self, **query: Any) -> list[Any]:
        """Read on from where it was left."""
        given = {"cursor": self.cursor} if self.cursor else {}
        status, page = await self.fetch(**{"wait": 0, **given, **query})
        assert 200 == status, page
        self.cursor = page["next"]
        return list(page["events"])

    async def offers(self) -> list[Any]:
        """Every offer that it was ever made."""
        _, page = await self.fetch()
        return [event for event in page["events"] if event["type"] == "balagh.complaint.offered.v1"]

    async def send(self, document: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Post whatever it is."""
        async with self.door.client.post("/api/v1/updates", json=document, headers=headers or self.headers) as response:
            return response.status, await response.json()

    async def answer(
        self, offer: Any, verb: str, /, headers: dict[str, str] | None = None, **data: Any
    ) -> tuple[int, Any]:
        """Answer an offer."""
        return await self.send(answering(offer, verb, **data), headers)


def answering(offer: Any, verb: str, /, **data: Any) -> dict[str, Any]:
    """The envelope of an answer to an offered event."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/water/works",
        "type": f"balagh.update.{verb}.v1",
        "subject": offer["subject"],
        "time": "2026-11-21T10:15:30.123456Z",
        "datacontenttype": "application/json",
        "data": {"offer": offer["id"], **data},
    }
