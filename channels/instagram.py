"""An Instagram professional account: comments, mentions and story mentions in public, direct messages in private.

A mention is delivered as two numbers, without a word of what was said, and Instagram keeps no copy of the delivery: so
it is kept as a pointer at once, and followed until its words are here. Whoever mentions is known by a username alone,
and can be answered in public only.

An edit of a comment does not exist. A comment that was removed is not told of, but can be asked for.

Sources: "Webhooks" and "Mentions" of the Instagram Platform, "Private Replies", the IG User, IG Media and IG Comment
references of the Graph API, "Self Messaging" for what is our own.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from datetime import datetime
from functools import partial

from channels.base import Refused, Unreadable
from channels.message import Address, Inbound, Media, Purpose, Scheme
from channels.meta_answers import Answers, Manner
from channels.meta_direct import MESSAGE_FIELDS, listed
from channels.meta_listed import newer, written_at
from channels.meta_payload import Table, identity, link, moment, table, tables, words
from channels.meta_social import DEEPEST, GONE, PAGE, MetaSocial, SocialSettings, Walk

_COMMENT_FIELDS = "id,text,timestamp,username,from"
_MEDIA_FIELDS = "id,caption,media_type,media_url,timestamp,username"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")  # one that can stand among the fields of a question
_TYPES = {"IMAGE": "image/jpeg", "CAROUSEL_ALBUM": "image/jpeg", "VIDEO": "video/mp4"}


class Instagram(MetaSocial):
    """The city's account."""

    name = "instagram"
    Settings = SocialSettings
    subject = "instagram"
    scheme = Scheme.INSTAGRAM
    inbox = "instagram"

    def __init__(self, settings: SocialSettings) -> None:
        super().__init__(settings)
        self._username = ""
        manner = Manner(
            own=self.own,
            account=settings.page_id,
            scheme=self.scheme,
            inbox=self.inbox,
            answered_at="replies",
            text="text",
            characters=1000,
            octets=1000,
            public=settings.public_answers,
        )
        self.answers = Answers(self.graph, manner)

    @property
    def own(self) -> str:
        """Name us by the token: messages go to the Page with one kind of login, to the account with the other."""
        return "me"

    @property
    def shown(self) -> tuple[str, str]:
        """Name the account's posts."""
        return self.settings.page_id, "media"

    # Hearing:

    def change(self, account: str, field: str, value: Table, told: datetime | None) -> Iterator[Inbound]:
        """Read one comment or mention. Raises Unreadable."""
        if field == "mentions":
            yield self._pointer(account, value, told)
        elif field in {"comments", "live_comments"}:
            author = table(value, "from")
            # Instagram marks what we said ourselves with the id by which it knows us as a person.
            if identity(author, "id") in {account, self.settings.page_id} or author.get("self_ig_scoped_id"):
                return
            comment = identity(value, "id", "comment_id")
            if not comment:
                raise Unreadable("a comment without an id")
            yield self._comment(account, comment, author).but(text=words(value, "text"), sent_at=told)

    def _pointer(self, account: str, value: Table, told: datetime | None) -> Inbound:
        ids = {key: identity(value, key) for key in ("media_id", "comment_id")}
        ids = {key: found for key, found in ids.items() if found}
        if "media_id" not in ids or not all(map(_PLAIN_ID.fullmatch, ids.values())):
            raise Unreadable("a mention that does not say where")
        return self._mention(account, f"mention:{ids.get('comment_id') or ids['media_id']}", "").but(
            purpose=Purpose.POINTER, answers=ids, sent_at=told, comment_to=None
        )

    def _comment(self, account: str, comment: str, author: Table) -> Inbound:
        person = identity(author, "id")
        return Inbound(
            channel=self.name,
            account=account,
            external_id=comment,
            sender=Address(self.scheme, person) if person else Address(Scheme.UNKNOWN, ""),
            sender_name=words(author, "username"),
            provider=self.provider,
            public=True,
            reply_to=Address(Scheme.COMMENT, comment),
            comment_to=self.comment_to(comment),
        )

    def _mention(self, account: str, item: str, username: str) -> Inbound:
        return Inbound(
            channel=self.name,
            account=account,
            external_id=item,
            sender=Address(Scheme.UNKNOWN, username),
            sender_name=username,
            provider=self.provider,
            public=True,
            comment_to=self.comment_to(item),
        )

    # Fetching:

    def walks(self) -> Mapping[str, Walk]:
        """Look below the account's posts, at what it is tagged in, and into its conversations."""
        return {"comments": self._comments, "tags": self._tags, "messages": self.messages}

    async def follow(self, pointer: Inbound) -> AsyncIterator[Inbound]:
        """Yield the words of a mention, or of a message. Raises Refused, Busy, Barred."""
        try:
            inbound = await self._followed(pointer)
        except Refused as error:
            if error.code not in GONE:
                raise
        else:
            if inbound:
                yield inbound

    def lasting(self, post: Inbound) -> bool:
        """Tell whether we may see a comment for as long as it stands: below a live film, only while that lasts."""
        changes = (change for entry in tables(post.raw, "entry") for change in tables(entry, "changes"))
        return super().lasting(post) and all(change.get("field") != "live_comments" for change in changes)

    async def probe(self) -> str:
        """Return the account's name. Raises Refused, Busy, Barred."""
        return f"@{await self._own_name()}"

    async def _followed(self, pointer: Inbound) -> Inbound | None:
        message = identity(pointer.answers, "mid")
        if message:
            found = await self.graph.get(message, fields=MESSAGE_FIELDS)
            return self.readable(found, lambda item: listed(item, self.place(pointer.account)))
        media, comment = identity(pointer.answers, "media_id"), identity(pointer.answers, "comment_id")
        edge = "mentioned_comment" if comment else "mentioned_media"
        asked = (
            f"{edge}.comment_id({comment}){{id,text,timestamp,username}}"
            if comment
            else f"{edge}.media_id({media}){{{_MEDIA_FIELDS}}}"
        )
        own_name = await self._own_name()
        answer = await self.graph.get(pointer.account, fields=asked)

        def read(item: Table) -> Inbound | None:
            found = table(item, edge)
            inbound = self._mentioned(found, pointer.account, comment or media)
            return None if inbound.sender_name == own_name else inbound.but(thread=media)

        return self.readable(answer, read)

    async def _own_name(self) -> str:
        if not self._username:
            account = await self.graph.get(self.settings.page_id, fields="id,username")
            self._username = str(account.get("username") or "")
        return self._username

    async def _comments(self, since: datetime) -> AsyncGenerator[Inbound, None]:
        own_name, seen = await self._own_name(), 0
        below = f"{_COMMENT_FIELDS},replies.limit({PAGE}){{{_COMMENT_FIELDS}}}"
        fields = f"id,timestamp,permalink,comments_count,comments.limit({PAGE}){{{below}}}"
        async for post in self.graph.each(self.settings.page_id, "media", fields=fields, limit=str(PAGE)):
            read = partial(self._listed, own_name=own_name, url=link(post, "permalink"))
            async for comment in self._below(post, since, below):
                inbound = self.readable(comment, read)
                if inbound and written_at(comment) >= since:
                    yield inbound
            seen += 1
            if seen >= DEEPEST:
                return

    async def _below(self, post: Table, since: datetime, fields: str) -> AsyncIterator[Table]:
        """Yield the comments below a post, each with the replies to it: a new one may stand below an old comment."""
        if "comments" not in post and post.get("comments_count") == 0:
            return
        async for comment in self.below(post, "comments", since, fields=fields):
            yield comment
            if "replies" in comment:
                async for answer in self.below(comment, "replies", since, fields=_COMMENT_FIELDS):
                    yield answer

    async def _tags(self, since: datetime) -> AsyncGenerator[Inbound, None]:
        account = self.settings.page_id
        fields = f"{_MEDIA_FIELDS},permalink"
        async for post in newer(self.graph.each(account, "tags", fields=fields, limit=str(PAGE)), since):
            inbound = self.readable(post, lambda item: self._mentioned(item, account, identity(item, "id")))
            if inbound:
                yield inbound.but(thread=inbound.external_id)

    def _listed(self, item: Table, *, own_name: str, url: str) -> Inbound | None:
        """Read a comment as the Graph API lists it; None of our own."""
        author, comment = table(item, "from"), identity(item, "id")
        name = words(author, "username") or words(item, "username")
        if not comment:
            raise Unreadable("a comment without an id")
        if identity(author, "id") == self.settings.page_id or (name and name == own_name):
            return None
        return self._comment(self.settings.page_id, comment, author).but(
            text=words(item, "text"),
            sender_name=name,
            sent_at=moment(item, "timestamp"),
            url=url,
            raw=item,
        )

    def _mentioned(self, item: Table, account: str, external_id: str) -> Inbound:
        """Read a mention as the Graph API shows it."""
        if not external_id or not item:
            raise Unreadable("a mention that does not say what was said")
        return self._mention(account, external_id, words(item, "username")).but(
            text=words(item, "text", "caption"),
            media=tuple(_media(item)),
            sent_at=moment(item, "timestamp"),
            url=link(item, "permalink"),
            raw=item,
        )


def _media(item: Table) -> Iterator[Media]:
    url = link(item, "media_url")
    if url:
        yield Media(content_type=_TYPES.get(words(item, "media_type"), ""), url=url)
