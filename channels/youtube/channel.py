"""YouTube: what people write under the city's videos, and on its channel's page.

YouTube calls nobody when a comment comes, so the newest threads are asked for every few minutes. A new answer does not
move its thread to the top: two pages of threads are read each time, which shows new answers below the 200 newest. It
does not tell of a comment that was removed: those that were heard are asked for again. There is no private message; the
only answer is one that everybody reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from channels.base import ApiUrl, Poller, Reception, Refused, Unreadable
from channels.message import Address, Inbound, Purpose, Reply, Scheme, Sent, raw_body
from channels.payload import encode, items, part, parts, text
from channels.removal import removed
from channels.youtube.api import DEFAULT_URL, Allowance, Gone, OAuth, YoutubeApi
from channels.youtube.comment import Comment, comment_of, inbounds_of, newest
from channels.youtube.ledger import Ledger, sum_of
from channels.youtube.standing import Standing

PAGES = 2
"""Pages of threads that are read at every fetch, new or not. 100 threads stand on each."""

_LEDGER = "threads"
_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and YouTube's
_PAGE = {"maxResults": "100", "textFormat": "plainText"}  # otherwise HTML


class YoutubeSettings(BaseModel):
    """The city's channel, and the key that reads its comments."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr = Field(min_length=1, description="A key of a Google Cloud project with the Data API v3.")
    channel_id: str = Field(pattern=r"^UC[A-Za-z0-9_-]{22}$", description="The channel's id, UC….")
    client_id: str = Field("", description="The OAuth client that may answer in the channel's name.")
    client_secret: SecretStr = Field(SecretStr(""), description="The client's secret.")
    refresh_token: SecretStr = Field(SecretStr(""), description="What the channel's owner granted to that client.")
    replies: int = Field(100, ge=0, le=180, description="Answers a day: each costs 50 of 10,000 units.")
    interval: float = Field(180.0, ge=30, description="Seconds between two fetches: each costs two units or more.")
    api_url: ApiUrl = Field(DEFAULT_URL, description="Replaces the API's scheme and host, and nothing else.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [
            bool(self.client_id),
            *(bool(one.get_secret_value()) for one in (self.client_secret, self.refresh_token)),
        ]
        if any(given) and not all(given):
            raise ValueError("client_id, client_secret and refresh_token belong together")
        return self


class Youtube(Poller):
    """Comments on the city's channel."""

    name = "youtube"
    provider = "youtube"
    Settings: ClassVar[type[BaseModel]] = YoutubeSettings
    rate = 0.5  # answers a second, as quickly as somebody who types would not

    def __init__(self, settings: YoutubeSettings) -> None:
        super().__init__(settings)
        self.interval = settings.interval
        oauth = None
        if settings.client_id:
            oauth = OAuth(settings.client_id, settings.client_secret, settings.refresh_token)
        self._api = YoutubeApi(settings.api_key, settings.api_url, oauth)
        self._blank = partial(Inbound, channel=self.name, account=settings.channel_id, provider=self.provider)
        self._standing, self._answers_left = Standing(self._api), Allowance(settings.replies, "budget")

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what is new since the last walk that came to its end. Raises Busy, Barred."""
        del line
        ledger = Ledger.of(await reception.recall(_LEDGER), datetime.now(UTC))
        seen: dict[str, str] = {}
        newest = ledger.whole
        async for number, page in self._pages():
            for thread in page:
                id_, total, found, broken = _thread(thread)
                mark = sum_of(found, total) if not broken else ""
                if not mark or ledger.threads.get(id_) != mark:
                    async for inbound in self._inbounds(thread, ledger.since, ledger.since):
                        yield inbound
                if id_ and mark:
                    seen[id_] = ledger.threads[id_] = mark
                    newest = max(newest, found[0].published)
            await reception.remember(_LEDGER, ledger.to_json())
            if number >= PAGES and _oldest(page, ledger.whole) < ledger.whole:
                break
        await reception.remember(_LEDGER, Ledger(ledger.since, newest, seen).to_json())

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what was said since then, and the answers below the threads that are read for it. Raises as `fetch`."""
        first = Ledger.of(await reception.recall(_LEDGER), datetime.now(UTC)).since
        async for number, page in self._pages():
            for thread in page:
                async for inbound in self._inbounds(thread, first, since):
                    yield inbound
            if number >= PAGES and _oldest(page, since) < since:
                break

    async def revisit(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield which comments were edited, and which are not there any more; a unit for 50, or a few more.

        Raises Refused, once the others were asked for, when YouTube will not speak of some; and as `fetch`.
        """
        async for post, document in self._standing.look(posts):
            comment = _readable(document)
            if document is None:
                yield removed(post)
            elif comment is not None and comment.edited:
                yield newest(comment, post)

    async def send(self, reply: Reply) -> Sent:
        """Answer below a comment, where everybody reads it. From the second try on, look first whether it is there.

        Raises Refused, Barred, Busy or OutcomeUnknown.
        """
        if reply.to.scheme != Scheme.PUBLIC or self._api.oauth is None:
            raise Refused("no-address", "only a comment can be answered, and only in the channel owner's name")
        if reply.first_tried_at is not None:
            since = reply.first_tried_at - _CLOCK_SKEW
            async for document in self._answers(reply.to.value):
                known = _readable(document)
                if (
                    known
                    and self._is_ours(known)
                    and known.published >= since
                    and known.words.strip() == reply.text.strip()
                ):
                    return Sent(known.id)
        self._answers_left.take(datetime.now(UTC))  # the rest of the quota is for reading
        return Sent(await self._api.reply(reply.to.value, reply.text))

    async def probe(self) -> str:
        """Say which channel it is, and whether we may answer there. Raises Refused, Busy, Barred."""
        found = parts(await self._api.ask("channels", {"part": "snippet", "id": self.settings.channel_id}), "items")
        if not found:
            raise Refused("channelNotFound", "there is no such channel", alarm=True)
        title = text(part(found[0], "snippet"), "title")
        return f"{title}, comments are read" + (" and answered" if self._api.oauth else " and not answered")

    async def close(self) -> None:
        """Close the session with the API."""
        await self._api.close()

    async def _pages(self) -> AsyncIterator[tuple[int, list[Any]]]:
        """Read pages of threads, newest first; none when comments are switched off."""
        query = {"part": "snippet,replies", "allThreadsRelatedToChannelId": self.settings.channel_id, "order": "time"}
        token, number = "", 0
        while token or not number:
            try:
                page = await self._api.ask("commentThreads", query | _PAGE | ({"pageToken": token} if token else {}))
            except Gone as gone:
                if gone.code == "commentsDisabled":
                    return
                raise
            number, token = number + 1, text(page, "nextPageToken")
            yield number, items(page, "items")

    async def _answers(self, parent: str) -> AsyncIterator[Any]:
        """Read every answer below a comment; none when it is gone."""
        query, token, first = {"part": "snippet", "parentId": parent}, "", True
        while token or first:
            first = False
            try:
                page = await self._api.ask("comments", query | _PAGE | ({"pageToken": token} if token else {}))
            except Gone:
                return
            for document in items(page, "items"):
                yield document
            token = text(page, "nextPageToken")

    async def _inbounds(self, thread: Any, first: datetime, since: datetime) -> AsyncIterator[Inbound]:
        """Yield what a thread says: the comment at its top, then its answers, also those that the list leaves out.

        Left out is what was made before `first`, and what was neither made nor edited after `since`.
        """
        if not isinstance(thread, dict):
            yield self._unreadable(thread, "not a thread")
            return
        snippet = part(thread, "snippet")
        embedded = items(part(thread, "replies"), "comments")
        say = partial(
            self._say,
            first=first,
            since=since,
            video=text(snippet, "videoId"),
            answerable=self._api.oauth is not None and snippet.get("canReply") is not False,
        )
        for inbound in say(snippet.get("topLevelComment")):
            yield inbound
        if _count(snippet) > len(embedded):
            async for document in self._answers(text(thread, "id")):
                for inbound in say(document):
                    yield inbound
        else:
            for document in embedded:
                for inbound in say(document):
                    yield inbound

    def _say(self, document: Any, *, first: datetime, since: datetime, video: str, answerable: bool) -> list[Inbound]:
        try:
            comment = comment_of(document)
        except Unreadable as error:
            return [self._unreadable(document, str(error))]
        if self._is_ours(comment) or comment.published < first or comment.updated < since:
            return []
        page = f"https://www.youtube.com/channel/{self.settings.channel_id}/discussion"
        return list(inbounds_of(comment, self._blank, video=video, page=page, answerable=answerable))

    def _is_ours(self, comment: Comment) -> bool:
        return bool(comment.author == self.settings.channel_id)

    def _unreadable(self, document: Any, why: str) -> Inbound:
        """Keep one comment of many for a person, so that the others pass."""
        body = encode(document)
        name = text(document, "id") if isinstance(document, dict) else ""
        return self._blank(
            external_id=f"raw:{name or hashlib.sha256(body).hexdigest()}",
            sender=Address(Scheme.UNKNOWN, ""),
            purpose=Purpose.UNREADABLE,
            note=why,
            raw=raw_body(body),
        )


def _count(snippet: Mapping[str, Any]) -> int:
    total = snippet.get("totalReplyCount")
    return total if isinstance(total, int) else 0


def _readable(document: Any) -> Comment | None:
    try:
        return comment_of(document)
    except Unreadable:
        return None


def _thread(thread: Any) -> tuple[str, int, list[Comment], bool]:
    """Return a thread's id, how many answers it has, the comments that the list shows, and whether any is broken."""
    if not isinstance(thread, dict):
        return "", 0, [], True
    snippet = part(thread, "snippet")
    shown = [snippet.get("topLevelComment"), *items(part(thread, "replies"), "comments")]
    found = [comment for comment in map(_readable, shown) if comment is not None]
    return text(thread, "id"), _count(snippet), found, len(found) < len(shown)


def _oldest(page: list[Any], otherwise: datetime) -> datetime:
    """Return when the oldest thread of a page began; a page that says nothing is no reason to stop."""
    began = [found[0].published for found in (_thread(thread)[2] for thread in page) if found]
    return min(began, default=otherwise)
