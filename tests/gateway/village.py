"""A small provider and the channel that fetches from it, for the tests of what goes out to fetch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, SecretStr

from channels.base import Poller, Reception, Source
from channels.message import Address, Inbound, Purpose, Scheme


@dataclass
class Post:
    """What lies at the provider: letters in order, and how it behaves."""

    letters: list[str] = field(default_factory=list)
    fault: Exception | None = None
    fetched: list[int] = field(default_factory=list)  # which letter each yield was
    forgotten: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)  # what pointers point at
    counted: list[datetime] = field(default_factory=list)  # since when each recount looked


class VillageSettings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    token: SecretStr = SecretStr("x")


class Village(Poller):
    """Letters that lie in a box until somebody asks for them; the place of the next is remembered."""

    name = "village"
    provider = "post"
    Settings = VillageSettings
    interval = 0.01

    def __init__(self, post: Post) -> None:
        super().__init__(VillageSettings())
        self.post = post
        self.before_yield: Callable[[], None] = lambda: None

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield the letters that were not fetched yet, and remember each once it is on disk."""
        if self.post.fault is not None:
            raise self.post.fault
        begin = int(await reception.recall("next") or 0)
        for number in range(begin, len(self.post.letters)):
            self.post.fetched.append(number)
            self.before_yield()
            yield self.letter(number)
            await reception.remember("next", str(number + 1))
        await asyncio.sleep(0)

    async def follow(self, pointer: Inbound) -> AsyncIterator[Inbound]:
        """Yield the words of a pointer; nothing when they are gone."""
        if self.post.fault is not None:
            raise self.post.fault
        if found := self.post.words.get(str(pointer.answers["at"])):
            yield self.letter(0).but(external_id=str(pointer.answers["at"]), text=found)

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield everything that ever lay there."""
        del reception
        self.post.counted.append(since)
        if self.post.fault is not None:
            raise self.post.fault
        for number in range(len(self.post.letters)):
            yield self.letter(number)

    async def source(self, url: str) -> Source:
        """Say where a photo lies."""
        return Source(url, {}, frozenset({"127.0.0.1"}), private=url.split("/")[2])

    async def forget(self, url: str) -> None:
        """Delete a photo there."""
        if self.post.fault is not None:
            raise self.post.fault
        self.post.forgotten.append(url)

    def letter(self, number: int) -> Inbound:
        """Read one letter."""
        sender = Address(Scheme.MAILTO, f"villager{number}@example.org")
        return Inbound(self.name, "box", f"L{number}", sender, self.post.letters[number] if self.post.letters else "")

    @staticmethod
    def pointer(at: str) -> Inbound:
        """Say that something was said."""
        sender = Address(Scheme.UNKNOWN, "")
        return Inbound("village", "box", f"P{at}", sender, purpose=Purpose.POINTER, answers={"at": at})
