"""Fetching what X lists: mentions of the account, and direct messages to it.

Lists begin with the newest. They are read to where we stopped and yielded oldest first, so that the place where we
stopped moves on with each message that is on disk, and whatever happens in between is fetched again.

Limits: a list of mentions holds the newest 800, one of messages those of 30 days and 15 questions in 15 minutes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.base import Barred, Reception, Refused, Unreadable
from channels.message import Inbound
from channels.payload import encode, items, part, parts, text
from channels.x.api import XApi
from channels.x.credentials import Credentials
from channels.x.reading import MESSAGE_FIELDS, POST_FIELDS, Reader, instant

MENTIONS = "mentions"
MESSAGES = "messages"

FIRST_LOOK = timedelta(days=1)
"""How far back the very first look goes: what was said before the city listened is nobody's open complaint."""

_PAGE = "100"  # entries: the most that X gives
_PAGES = 10

Read = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Inbound]]


@dataclass(frozen=True, slots=True)
class Lists:
    """What X lists for one account, `us`."""

    api: XApi
    reader: Reader
    app: Credentials
    user: Credentials | None
    us: str

    async def new(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what came since the last time. Raises Barred or Busy."""
        known = await reception.recall(line)
        since = None if known else datetime.now(UTC) - FIRST_LOOK
        for entry_id, inbounds in reversed(await self._entries(line, known, since)):
            for inbound in inbounds:
                yield inbound
            if entry_id:
                await reception.remember(line, entry_id)

    async def since(self, line: str, since: datetime) -> list[Inbound]:
        """Return what came since a moment, oldest first. Raises Barred or Busy."""
        entries = await self._entries(line, "", since)
        return [inbound for _, inbounds in reversed(entries) for inbound in inbounds]

    async def removed(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield which posts their authors took away: those of which X says that they are not there.

        One that only protected accounts may see, say, is there. Raises Refused, Barred or Busy.
        """
        for first in range(0, len(posts), int(_PAGE)):
            asked = {post.external_id: post for post in posts[first : first + int(_PAGE)]}
            answer = await self.api.get("tweets", {"ids": ",".join(asked), "tweet.fields": "id"}, self.app)
            for error in parts(answer, "errors"):
                post = asked.get(text(error, "resource_id"))
                if post is not None and text(error, "type").endswith("/resource-not-found"):
                    yield self.reader.removed(post.external_id, post.sender)

    async def _entries(self, line: str, known: str, since: datetime | None) -> list[tuple[str, list[Inbound]]]:
        """Read a list back to an entry that is known, or to a moment; newest first."""
        found: list[tuple[str, list[Inbound]]] = []
        query: dict[str, str] = {}
        for _ in range(_PAGES):
            try:
                page = await self._page(line, known, since, query)
            except Refused as error:  # a list concerns nobody but us: a person must look why we do not get it
                raise Barred(error.code, "X does not give us the list") from error
            for entry in items(page, "data"):
                entry_id = text(entry, "id") if isinstance(entry, dict) else ""
                if entry_id == known and known:
                    return found
                if line == MESSAGES and since and isinstance(entry, dict) and (instant(entry) or since) < since:
                    return found
                found.append((entry_id, self._read(line, entry, part(page, "includes"))))
            following = text(part(page, "meta"), "next_token")
            if not following:
                return found
            query = {"pagination_token": following}
        return found

    async def _page(self, line: str, known: str, since: datetime | None, query: Mapping[str, str]) -> Mapping[str, Any]:
        if line == MESSAGES and self.user is not None:
            return await self.api.get("dm_events", {**MESSAGE_FIELDS, "max_results": _PAGE, **query}, self.user)
        start = {"since_id": known} if known else {}
        if since and not known:
            start = {"start_time": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        asked = {**POST_FIELDS, "max_results": _PAGE, **start, **query}
        return await self.api.get(f"users/{self.us}/mentions", asked, self.app)

    def _read(self, line: str, entry: Any, includes: Mapping[str, Any]) -> list[Inbound]:
        read: Read = self.reader.message if line == MESSAGES else self.reader.post
        try:
            if not isinstance(entry, dict):
                raise Unreadable("it is not an object")
            return list(read(entry, includes))
        except Unreadable as error:
            return [self.reader.unreadable(encode(entry), f"in a list: {error}")]
