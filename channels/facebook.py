"""A Facebook Page: comments, visitors' posts and mentions in public, and Messenger in private.

Facebook delivers what people write below and on the Page as `feed`, where the Page is named elsewhere as `mention`, and
what they write to it as direct messages. Its own posts, comments and messages are delivered too, and are nobody's
complaint. Who wrote may be left out; then nobody is known, but a comment can be answered in private all the same.

Sources: "Webhooks for Pages", the Page, Post, Comment and Conversation references of the Graph API, "Private Replies".
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from datetime import datetime

from channels.base import Barred, Busy, Refused, Unreadable
from channels.message import Address, Inbound, Media, Purpose, Scheme
from channels.meta_answers import Answers, Manner
from channels.meta_direct import MESSAGE_FIELDS, listed
from channels.meta_listed import newer, written_at
from channels.meta_payload import Table, elements, identity, link, moment, table, tables, words
from channels.meta_social import DEEPEST, GONE, PAGE, MetaSocial, SocialSettings, Walk

_HEARD = ("feed", "mention")
_GESTURES = frozenset({"reaction", "like"})
_EDITED = frozenset({"edited", "edit", "update"})
_REMOVED = frozenset({"remove", "removed", "delete"})
_ATTACHED = "attachments{type,media,url,subattachments}"
_POST_FIELDS = f"id,message,created_time,from,permalink_url,{_ATTACHED}"
_COMMENT_FIELDS = "id,message,created_time,from,permalink_url,attachment"
# Newest first, and replies to comments beside the comments.
_COMMENTS = {"filter": "stream", "order": "reverse_chronological"}


class Facebook(MetaSocial):
    """The city's Page."""

    name = "facebook"
    Settings = SocialSettings
    subject = "page"
    scheme = Scheme.MESSENGER
    inbox = "messenger"

    def __init__(self, settings: SocialSettings) -> None:
        super().__init__(settings)
        manner = Manner(
            own=settings.page_id,
            account=settings.page_id,
            scheme=self.scheme,
            inbox=self.inbox,
            answered_at="comments",
            text="message",
            characters=2000,
            octets=8000,
            public=settings.public_answers,
        )
        self.answers = Answers(self.graph, manner)

    @property
    def own(self) -> str:
        """Name us by the Page's id."""
        return str(self.settings.page_id)

    @property
    def shown(self) -> tuple[str, str]:
        """Name the Page's feed."""
        return self.own, "feed"

    # Hearing:

    def change(self, account: str, field: str, value: Table, told: datetime | None) -> Iterator[Inbound]:
        """Read one change of the feed, or one mention. Raises Unreadable."""
        item, verb = words(value, "item"), words(value, "verb")
        if field not in _HEARD or item in _GESTURES or value.get("published") == 0:
            return
        author = table(value, "from")
        person = identity(author, "id") or identity(value, "sender_id")
        if person in {account, self.settings.page_id}:
            return  # what the Page says itself: to answer that would never end
        # A comment names its post too: under that name it would pass for the post, or for the comment before it.
        names = ("comment_id",) if item == "comment" else ("post_id", "comment_id", "photo_id", "video_id")
        external_id = identity(value, *names)
        if not external_id:
            raise Unreadable(f"no {names[0]}")
        heard = self._heard(account, external_id, person, mentioned=field == "mention").but(
            sender_name=words(author, "name") or words(value, "sender_name"),
            text=words(value, "message"),
            media=tuple(_media(value, item)),
            url=link(value, "permalink_url") or link(table(value, "post"), "permalink_url"),
        )
        if verb in _REMOVED:
            yield heard.but(
                external_id=f"{external_id}:remove", purpose=Purpose.DELETION, revises=external_id, sent_at=told
            )
        elif verb in _EDITED:
            at = moment(value, "edited_time") or told
            if heard.text and at is not None:
                edition = f"{external_id}:edit:{int(at.timestamp())}"
                yield heard.but(external_id=edition, purpose=Purpose.EDIT, revises=external_id, sent_at=at)
        elif verb in {"add", ""}:
            heard = heard.but(sent_at=moment(value, "created_time") or told)
            if heard.text or heard.media:
                yield heard
            elif item == "comment" or field == "mention":
                # Facebook keeps the words back from some apps, and tells of a sticker in the same way.
                answers = {"node": external_id, "item": item, "mentioned": field == "mention"}
                yield heard.but(external_id=f"{field}:{external_id}", purpose=Purpose.POINTER, answers=answers)

    def _heard(self, account: str, external_id: str, person: str, *, mentioned: bool) -> Inbound:
        # What is on somebody else's wall cannot be answered in private.
        private = None if mentioned else Address(Scheme.COMMENT, external_id)
        return Inbound(
            channel=self.name,
            account=account,
            external_id=external_id,
            sender=Address(self.scheme, person) if person else Address(Scheme.UNKNOWN, ""),
            provider=self.provider,
            public=True,
            reply_to=private,
            comment_to=self.comment_to(external_id),
        )

    # Fetching:

    def walks(self) -> Mapping[str, Walk]:
        """Look at the Page's posts with what is below them, at what names the Page, and into Messenger."""
        return {"feed": self._feed, "tagged": self._tagged, "messages": self.messages}

    async def follow(self, pointer: Inbound) -> AsyncIterator[Inbound]:
        """Yield what was delivered without its words. Raises Refused, Busy, Barred."""
        message = identity(pointer.answers, "mid")
        fields = _COMMENT_FIELDS if pointer.answers.get("item") == "comment" else _POST_FIELDS
        mentioned = pointer.answers.get("mentioned") is True
        try:
            found = await self.graph.get(
                message or identity(pointer.answers, "node"), fields=MESSAGE_FIELDS if message else fields
            )
        except Refused as error:
            if error.code in GONE:
                return
            raise

        def read(item: Table) -> Inbound | None:
            if message:
                return listed(item, self.place(pointer.account))
            return self._listed(item, pointer.account, mentioned=mentioned)

        inbound = self.readable(found, read)
        if inbound:
            yield inbound

    async def probe(self) -> str:
        """Return the Page's name and what is delivered to us. Raises Refused, Busy, Barred."""
        page = await self.graph.get(self.own, fields="id,name")
        try:
            apps = [app async for app in self.graph.each(self.own, "subscribed_apps")]
        except (Refused, Barred, Busy):
            return f"{page.get('name', self.own)}; its subscriptions cannot be seen"
        fields = sorted({str(field) for app in apps for field in elements(app, "subscribed_fields")})
        if not {"feed", "messages"} & set(fields):
            raise Refused("unsubscribed", "the Page is not subscribed: nothing is delivered", alarm=True)
        return f"{page.get('name', self.own)}; delivers {', '.join(fields)}"

    async def _feed(self, since: datetime) -> AsyncGenerator[Inbound, None]:
        comments = f"comments.filter(stream).order(reverse_chronological).limit({PAGE}).summary(true)"
        fields = f"{_POST_FIELDS},{comments}{{{_COMMENT_FIELDS}}}"
        seen, account = 0, self.settings.page_id
        async for post in self.graph.each(self.own, "feed", fields=fields, limit=str(PAGE)):
            # A post without an author may be the Page's own: of visitors' posts, only those that say so are fetched.
            if "from" in post and written_at(post) >= since:
                inbound = self.readable(post, lambda item: self._listed(item, account, mentioned=False))
                if inbound:
                    yield inbound
            async for comment in self.below(post, "comments", since, fields=_COMMENT_FIELDS, **_COMMENTS):
                inbound = self.readable(comment, lambda item: self._listed(item, account, mentioned=False))
                if inbound and written_at(comment) >= since:
                    yield inbound
            seen += 1
            if seen >= DEEPEST:
                return

    async def _tagged(self, since: datetime) -> AsyncGenerator[Inbound, None]:
        account = self.settings.page_id
        posts = self.graph.each(self.own, "tagged", fields=_POST_FIELDS, limit=str(PAGE))
        async for post in newer(posts, since):
            inbound = self.readable(post, lambda item: self._listed(item, account, mentioned=True))
            if inbound:
                yield inbound

    def _listed(self, item: Table, account: str, *, mentioned: bool) -> Inbound | None:
        """Read a post or comment as the Graph API lists it; None of our own, and of what says nothing."""
        author, external_id = table(item, "from"), identity(item, "id")
        if not external_id:
            raise Unreadable("a post or comment without an id")
        person = identity(author, "id")
        text, media = words(item, "message"), tuple(_attached(item))
        if person == account or not (text or media):
            return None
        on_our_page = external_id.startswith(f"{account}_")  # visitors' posts are tagged as well
        return self._heard(account, external_id, person, mentioned=mentioned and not on_our_page).but(
            sender_name=words(author, "name"),
            text=text,
            media=media,
            sent_at=moment(item, "created_time"),
            url=link(item, "permalink_url"),
            raw=item,
        )


def _media(value: Table, item: str) -> Iterator[Media]:
    """Find the bytes that came with a post or comment. The `link` of anything but a photo or film is a web page."""
    seen = set()
    film = link(value, "video") or (link(value, "link") if item == "video" else "")
    pictures = [link({"": url}, "") for url in elements(value, "photos")]
    pictures += [link(value, "photo") or (link(value, "link") if item == "photo" else "")]
    for url, content_type in [*((picture, "image/jpeg") for picture in pictures), (film, "video/mp4")]:
        if url and url not in seen:
            seen.add(url)
            yield Media(content_type=content_type, url=url)


def _attached(item: Table) -> Iterator[Media]:
    """Find the same in a listed post or comment."""
    parts = [
        *tables(table(item, "attachments"), "data"),
        *([table(item, "attachment")] if "attachment" in item else []),
    ]
    for part in parts:
        for piece in list(tables(table(part, "subattachments"), "data")) or [part]:
            media, kind = table(piece, "media"), words(piece, "type")
            film, picture = link(media, "source"), link(table(media, "image"), "src")
            if kind.startswith("video") and film:
                yield Media(content_type="video/mp4", url=film)
            elif kind.startswith(("photo", "video", "sticker", "animated")) and picture and "sticker" not in kind:
                yield Media(content_type="image/jpeg", url=picture)
