"""What Facebook Pages and Instagram accounts share: opening deliveries, fetching what was not delivered, answering.

A delivery holds any number of entries, each with `changes` (comments, posts, mentions), `messaging` (direct messages)
or `standby` (direct messages while people answer in Meta's own inbox). One element that cannot be read is kept for a
person and holds up none of the others.

Meta gives up on a webhook after some hours, so what it holds is fetched as well, under the same ids. Each search begins
a little before the last complete one: a comment may show later than it was written.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, Field, SecretStr

from channels.base import Barred, BaseUrl, Busy, Poller, Reception, Refused, Source, Unreadable
from channels.graph import DEFAULT_URL, VERSION, End, Fault, Graph
from channels.message import Address, Inbound, Reply, Scheme, Sent
from channels.meta import MetaSettings, MetaWebhook
from channels.meta_answers import Answers
from channels.meta_direct import MESSAGE_FIELDS, Place, delivered, listed
from channels.meta_listed import newer, since_of, written_at
from channels.meta_payload import Table, elements, identity, moment, table, tables
from channels.payload import decode, encode
from channels.removal import removed

OVERLAP = timedelta(minutes=30)  # searched again each time: Meta holds back some comments for a while
PAGE = 25  # objects in one answer; Meta refuses questions that would cost it too much
DEEPEST = 100  # posts below which new comments are looked for
SPARED = 80.0  # percent of the quota; what is above it is for answers
PAUSE = 900.0  # seconds; the quota is counted by the hour

Walk = Callable[[datetime], AsyncGenerator[Inbound, None]]
"""Yield what citizens said since a moment, in one of the places where they can."""

GONE = frozenset({"100/33", "803", "100/2018292"})  # refusals that say: it is not there, or no longer for us to see

FAULTS: Mapping[str, Fault] = {
    "10/2018065": Fault("the window to answer in has closed", elsewhere=True),
    "10/2534022": Fault("the window to answer in has closed", elsewhere=True),  # Instagram's
    "10/2534025": Fault("it was answered in private before", elsewhere=True),  # Instagram's
    "100/2534025": Fault("it was answered in private before", elsewhere=True),
    "100/2018292": Fault("the comment is gone", elsewhere=True),
    "100/2534014": Fault("there is nobody of that id", elsewhere=True),  # Instagram's
    "10900": Fault("it was answered in private before", elsewhere=True),
    "10901": Fault("it is too old to be answered in private", elsewhere=True),
    "10902": Fault("it cannot be answered in private", elsewhere=True),
    "10903": Fault("its author cannot be answered in private", elsewhere=True),
    "1404078": Fault("the account is blocked for a while", End.BARRED),
}

_MEDIA_HOSTS = frozenset({"*.fbcdn.net", "*.fbsbx.com", "*.cdninstagram.com", "lookaside.instagram.com"})
_PORTS = {"http": 80, "https": 443}


class SocialSettings(MetaSettings):
    """The app at Meta, and the city's Page or account that it speaks for."""

    page_token: SecretStr = Field(min_length=1, description="Opens the Graph API to us, in the name of the Page.")
    page_id: str = Field(pattern=r"^[A-Za-z0-9_]+$", description="The Page, or the Instagram professional account.")
    api_url: BaseUrl = Field(DEFAULT_URL, description="Replaces the Graph API's scheme and host, and nothing else.")
    version: str = Field(VERSION, pattern=r"^v[0-9]+\.[0-9]+$", description="The version of the Graph API.")
    public_answers: bool = Field(
        False, description="Whether a line that names nobody is posted below a public complaint."
    )
    rate: float = Field(2.0, gt=0, description="Replies a second.")
    interval: float = Field(300.0, gt=0, description="Seconds between two searches for what was not delivered.")
    history: int = Field(1, ge=0, le=90, description="Days that the very first search looks back.")


class MetaSocial(MetaWebhook, Poller):
    """A Page or an account at Meta. A subclass says how its public posts read, and where they are listed."""

    Settings: ClassVar[type[BaseModel]] = SocialSettings
    subject: ClassVar[str]
    """What a delivery calls itself: `page`, `instagram`."""
    scheme: ClassVar[Scheme]
    """What the people who write to us are known by."""
    inbox: ClassVar[str]
    """Whose conversations the Graph API shall list."""

    answers: Answers

    def __init__(self, settings: SocialSettings) -> None:
        super().__init__(settings)
        self.rate, self.interval = settings.rate, settings.interval
        self.graph = Graph(settings.page_token, settings.api_url, settings.version, FAULTS)

    # To fill in:

    @abc.abstractmethod
    def change(self, account: str, field: str, value: Table, told: datetime | None) -> Iterator[Inbound]:
        """Read one element of `changes`, which Meta told us of at that moment. Raises Unreadable."""

    @abc.abstractmethod
    def walks(self) -> Mapping[str, Walk]:
        """Name the places where citizens' words can be looked for, and how. Each raises Refused, Busy, Barred."""

    @property
    @abc.abstractmethod
    def shown(self) -> tuple[str, str]:
        """Name the list of what we post ourselves, below which others comment."""

    @property
    @abc.abstractmethod
    def own(self) -> str:
        """Name us in an address of the Graph API: an id, or `me`."""

    # Hearing:

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read every element of a delivery, each by itself."""
        del request  # everything is in the body
        document = decode(body)
        if document.get("object") != self.subject:
            raise Unreadable(f"it does not speak of a {self.subject}: is another webhook's address set to this one?")
        for entry in elements(document, "entry"):
            try:
                found = list(_elements(entry))
            except Unreadable as error:
                yield self.unreadable(encode({"object": self.subject, "entry": [entry]}), str(error))
                continue
            for kind, element in found:
                yield from self._element(entry, kind, element)

    def _element(self, entry: Table, kind: str, element: object) -> Iterator[Inbound]:
        alone = {"object": self.subject, "entry": [{**_outside(entry), kind: [element]}]}
        try:
            if not isinstance(element, dict):
                raise Unreadable("it is not an object")
            account = identity(entry, "id") or self.settings.page_id
            if kind == "changes":
                told = moment(entry, "time")
                read = self.change(account, str(element.get("field")), table(element, "value"), told)
            else:
                read = delivered(element, self.place(account))
            inbounds = [inbound.but(raw=alone) for inbound in read]
        except Unreadable as error:
            inbounds = [self.unreadable(encode(alone), str(error))]
        except Exception as error:  # noqa: BLE001 - a bug met in one element must not cost the others
            inbounds = [self.unreadable(encode(alone), f"{type(error).__name__} while reading it")]
        yield from inbounds

    def place(self, account: str) -> Place:
        """Say where a direct message was heard."""
        return Place(self.name, self.provider, account, self.scheme)

    def comment_to(self, item: str) -> Address | None:
        """Say where the public can be answered below a post or comment; None when the city does not wish it."""
        return Address(Scheme.PUBLIC, item) if self.settings.public_answers else None

    # Fetching:

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what citizens said since the last complete search, wherever Meta lets us look. Raises Busy, Barred."""
        del line  # there is one
        began, refusals, walks = datetime.now(UTC), [], self.walks()
        first = began - timedelta(days=self.settings.history)
        searched = {name: since_of(await reception.recall(name), first) for name in walks}
        for name in sorted(walks, key=lambda name: searched[name]):  # a quota may end before the last of them
            try:
                async with aclosing(walks[name](searched[name] - OVERLAP)) as found:
                    async for inbound in found:
                        yield inbound
            except Refused as error:  # one permission that is missing must not close the other places
                refusals.append(error)
            except Unreadable as error:
                raise Busy("unreadable", "what Meta lists cannot be read") from error
            else:
                await reception.remember(name, began.isoformat())
                self._spare()
        if len(refusals) == len(walks):
            raise Barred(refusals[0].code, "the token lets us look nowhere")

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what Meta says citizens posted and wrote since then, as far back as it is listed.

        Raises Refused, Busy, Barred.
        """
        del reception
        refusals, walks = [], self.walks()
        for walk in walks.values():
            try:
                async with aclosing(walk(since)) as found:
                    async for inbound in found:
                        yield inbound
            except Refused as error:
                refusals.append(error)
            except Unreadable as error:
                raise Busy("unreadable", "what Meta lists cannot be read") from error
        if len(refusals) == len(walks):
            raise refusals[0]

    async def revisit(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield which posts and comments are not there any more. Raises Refused, Busy, Barred.

        Meta says the same of what is gone and of what we may not see, so it is believed only while we see others. Where
        it refuses to speak of one for another reason, that is raised once the others were asked for.
        """
        proven, unsaid = False, None
        for post in filter(self.lasting, posts):
            try:
                await self.graph.get(post.external_id, fields="id")
            except Refused as refusal:
                if not proven:
                    await self.graph.get(*self.shown, fields="id,comments.limit(1){id}", limit="1")
                proven = True
                if refusal.code in GONE:
                    yield removed(post)
                else:
                    unsaid = refusal
            self._spare()
        if unsaid is not None:
            raise unsaid

    def _spare(self) -> None:
        """Raise Busy once what is left of the quota is for answers."""
        if self.graph.usage >= SPARED:
            raise Busy("usage", "what is left of the quota is kept for answers", retry_after=PAUSE)

    def lasting(self, post: Inbound) -> bool:
        """Tell whether we may see a post for as long as it stands: what is on somebody else's page we may not."""
        return post.reply_to is not None and post.reply_to.scheme == Scheme.COMMENT

    async def messages(self, since: datetime) -> AsyncGenerator[Inbound, None]:
        """Yield direct messages since then."""
        account = self.settings.page_id
        nested = f"messages.limit({PAGE}){{{MESSAGE_FIELDS}}}"
        query = {"platform": self.inbox, "fields": f"id,updated_time,{nested}", "limit": str(PAGE)}
        conversations = self.graph.each(self.own, "conversations", **query)
        async for conversation in newer(conversations, since, "updated_time"):
            async for message in self.below(conversation, "messages", since, fields=MESSAGE_FIELDS):
                inbound = self.readable(message, lambda found: listed(found, self.place(account)))
                if inbound and written_at(message) >= since:
                    yield inbound

    async def below(self, holder: Table, edge: str, since: datetime, **query: str) -> AsyncIterator[Table]:
        """Yield what is below an object: all that came with it, or what is newer from the list if that was cut off."""
        nested = holder.get(edge)
        if isinstance(nested, dict) and "next" not in table(nested, "paging"):
            for item in tables(nested, "data"):
                yield item
            return
        async for item in newer(self.graph.each(identity(holder, "id"), edge, limit="100", **query), since):
            yield item

    def readable(self, item: Table, read: Callable[[Table], Inbound | None]) -> Inbound | None:
        """Read one listed object, or keep it for a person."""
        try:
            return read(item)
        except Unreadable as error:
            return self.unreadable(encode(item), str(error))

    # Speaking:

    async def send(self, reply: Reply) -> Sent:
        """Answer where the citizen spoke: in a conversation, in private to a comment, or in public below it.

        Raises Refused, Barred, Busy or OutcomeUnknown.
        """
        return await self.answers.send(reply)

    async def source(self, url: str) -> Source:
        """Say where a photo or recording may be fetched: Meta's storage, which asks for no token and gets none."""
        api = self.settings.api_url
        if api == DEFAULT_URL:
            return Source(url, {}, _MEDIA_HOSTS)
        parts = urlsplit(api)  # a stand-in for Meta may hold the media too
        host = parts.hostname or ""
        return Source(url, {}, _MEDIA_HOSTS | {host}, f"{host}:{parts.port or _PORTS[parts.scheme]}")

    async def close(self) -> None:
        """Close the session with the Graph API."""
        await self.graph.close()


def _elements(entry: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(entry, dict):
        raise Unreadable("an entry is not an object")
    for kind in ("changes", "messaging", "standby"):
        for element in elements(entry, kind):
            yield kind, element


def _outside(entry: Table) -> Table:
    return {key: entry[key] for key in ("id", "time") if key in entry}
