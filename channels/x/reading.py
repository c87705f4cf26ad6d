"""Reading posts and direct messages: as the Activity API delivers them, and as lists of the API hold them.

A post that mentions us and answers us comes twice, under two types of event; it is one message, for its id is one. What
is read is taken from the post alone, so that both say the same.

Sources: "Event payloads" of the X Activity API and the data dictionary of version 2, in X's documentation. Its texts
have `&`, `<` and `>` escaped as in HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.base import Unreadable
from channels.message import Address, Inbound, Media, Pin, Purpose, Scheme
from channels.payload import decode, degrees, encode, identifier, items, moment, part, parts, text

POST_FIELDS = {
    "tweet.fields": "author_id,attachments,conversation_id,created_at,display_text_range,edit_history_tweet_ids,"
    "entities,geo,in_reply_to_user_id,note_tweet,referenced_tweets",
    "expansions": "author_id,attachments.media_keys,geo.place_id",
    "user.fields": "name,username",
    "media.fields": "type,url,variants",
    "place.fields": "full_name",
}
"""What to ask for, so that a post in a list holds what a delivered one does."""

MESSAGE_FIELDS = {
    "dm_event.fields": "id,text,event_type,created_at,sender_id,attachments",
    "event_types": "MessageCreate",
    "expansions": "sender_id,attachments.media_keys",
    "user.fields": "name,username",
    "media.fields": "type,url,variants",
}

_USER = re.compile(r"[0-9]{1,19}")
_ESCAPES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))  # in this order: what was typed as &lt; comes as &amp;lt;
_POINT = 2  # longitude and latitude


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one account, `us`. `answers` says that we may write in private, `public` that we may below a post."""

    channel: str
    provider: str
    us: str
    answers: bool
    public: bool
    unreadable: Callable[[bytes, str], Inbound]

    def read(self, body: bytes) -> Iterator[Inbound]:
        """Read one delivery. Raises Unreadable when it is none of X's."""
        event = part(decode(body), "data")
        kind, payload = text(event, "event_type"), part(event, "payload")
        if not kind:
            raise Unreadable("no event of X's")
        read = {
            "post.delete": self._deletion,
            "dm.received": self._messages,
            "chat.received": self._chat,
            "oauth.revoke": self._revoked,
        }.get(kind)
        if read is not None:
            yield from read(payload)
        elif kind in {"post.mention.create", "post.reply.create", "post.quote.create", "post.create"}:
            yield from self.post(payload, part(event, "includes"))
        # Likes, follows, reposts, read receipts, profiles: nobody's words to us.

    def post(self, post: Mapping[str, Any], includes: Mapping[str, Any]) -> Iterator[Inbound]:
        """Read a post: nothing when it is ours, or when it only repeats another's. Raises Unreadable."""
        post_id, author = identifier(post, "id"), text(post, "author_id")
        referenced = {text(reference, "type") for reference in parts(post, "referenced_tweets")}
        if author == self.us or "retweeted" in referenced:
            return
        history = [one for one in items(post, "edit_history_tweet_ids") if isinstance(one, str)]
        edited = bool(history) and history[0] != post_id
        user = _named(parts(includes, "users"), author)
        yield Inbound(
            channel=self.channel,
            account=self.us,
            external_id=post_id,
            sender=Address(Scheme.X, author) if author else Address(Scheme.UNKNOWN, ""),
            sender_name=text(user, "name") or text(user, "username"),
            text=_plain(text(part(post, "note_tweet"), "text") or text(post, "text")),
            purpose=Purpose.EDIT if edited else Purpose.MESSAGE,
            media=tuple(_media(post, includes)),
            place=_place(post, includes),
            sent_at=instant(post),
            provider=self.provider,
            public=True,
            revises=history[0] if edited else "",
            reply_to=Address(Scheme.X, author) if self.answers and _USER.fullmatch(author) else None,
            comment_to=Address(Scheme.PUBLIC, post_id) if self.public and self._summoned(post) else None,
            url=f"https://x.com/i/status/{post_id}",
            raw={"post": post, "author": user},
        )

    def message(self, message: Mapping[str, Any], includes: Mapping[str, Any]) -> Iterator[Inbound]:
        """Read a direct message of a list: nothing when it is ours. Raises Unreadable."""
        sender, user = text(message, "sender_id"), _named(parts(includes, "users"), text(message, "sender_id"))
        if sender != self.us:
            media = tuple(_media(message, includes))
            yield self._private(message, sender, user, text(message, "text"), media, instant(message))

    def _messages(self, payload: Mapping[str, Any]) -> Iterator[Inbound]:
        """Read direct messages as they are delivered, which is as version 1.1 of the API wrote them."""
        users = part(payload, "users")
        for message in items(payload, "direct_message_events"):
            try:
                if not isinstance(message, dict):
                    raise Unreadable("it is not an object")
                created = part(message, "message_create")
                data, sender = part(created, "message_data"), text(created, "sender_id")
                if sender != self.us:
                    user = part(part(users, sender), "data")
                    media = tuple(_attached(part(part(data, "attachment"), "media")))
                    sent_at = moment(message, "created_timestamp", milliseconds=True)
                    yield self._private(message, sender, user, text(data, "text"), media, sent_at)
            except Unreadable as error:
                yield self.unreadable(encode(message), f"in a direct message: {error}")

    def _private(
        self,
        message: Mapping[str, Any],
        sender: str,
        user: Mapping[str, Any],
        words: str,
        media: tuple[Media, ...],
        sent_at: datetime | None,
    ) -> Inbound:
        return Inbound(
            channel=self.channel,
            account=self.us,
            external_id=identifier(message, "id"),
            sender=Address(Scheme.X, sender) if sender else Address(Scheme.UNKNOWN, ""),
            sender_name=text(user, "name") or text(user, "username"),
            text=_plain(words),
            media=media,
            sent_at=sent_at,
            provider=self.provider,
            # Not the whole of it: a message that is delivered and one that is listed look unlike, and are the same.
            raw={"message": {"id": text(message, "id"), "text": words, "sender_id": sender}},
        )

    def _chat(self, payload: Mapping[str, Any]) -> Iterator[Inbound]:
        """Read what is encrypted for the telephones of both: that somebody wrote, and not what."""
        sender = text(payload, "sender_id")
        if sender != self.us:
            yield Inbound(
                channel=self.channel,
                account=self.us,
                external_id=identifier(payload, "id"),
                sender=Address(Scheme.X, sender) if sender else Address(Scheme.UNKNOWN, ""),
                sent_at=moment(payload, "created_at_msec", milliseconds=True),
                provider=self.provider,
                raw={"chat": {"id": text(payload, "id"), "sender_id": sender}},
            )

    def _deletion(self, payload: Mapping[str, Any]) -> Iterator[Inbound]:
        post_id, author = identifier(payload, "id"), text(payload, "author_id")
        if author != self.us:
            yield self.removed(post_id, Address(Scheme.X, author) if author else Address(Scheme.UNKNOWN, ""))

    def removed(self, post_id: str, author: Address) -> Inbound:
        """Say that a post is not there any more, alike whether X told of it or was asked."""
        return Inbound(
            channel=self.channel,
            account=self.us,
            external_id=f"{post_id}:deleted",
            sender=author,
            purpose=Purpose.DELETION,
            provider=self.provider,
            public=True,
            revises=post_id,
            raw={"post": {"id": post_id, "author_id": author.value}},
        )

    def _revoked(self, payload: Mapping[str, Any]) -> Iterator[Inbound]:
        if text(payload, "user_id") == self.us:
            yield self.unreadable(
                encode(payload), "the city's account took back the app's access: nothing comes any more"
            )

    def _summoned(self, post: Mapping[str, Any]) -> bool:
        """Tell whether the author called us in words: X lets nobody else be answered below their post.

        Whoever answers a post of ours names us without a word of theirs, before the text that is shown begins.
        """
        shown = items(post, "display_text_range")
        begin = shown[0] if shown and isinstance(shown[0], int) else 0
        for mention in parts(part(post, "entities"), "mentions"):
            start = mention.get("start")
            if text(mention, "id") == self.us and isinstance(start, int) and start >= begin:
                return True
        return False


def _named(users: Iterable[Mapping[str, Any]], user_id: str) -> Mapping[str, str]:
    """Return the two names of a user, and nothing else of their profile."""
    for user in users:
        if user_id and text(user, "id") == user_id:
            return {"name": text(user, "name"), "username": text(user, "username")}
    return {}


def _plain(words: str) -> str:
    for escaped, letter in _ESCAPES:
        words = words.replace(escaped, letter)
    return words


def instant(holder: Mapping[str, Any]) -> datetime | None:
    """Return when a post or a message was made; None when it does not say."""
    try:
        made = datetime.fromisoformat(text(holder, "created_at"))
    except ValueError:
        return None
    return made if made.tzinfo else None


def _media(holder: Mapping[str, Any], includes: Mapping[str, Any]) -> Iterator[Media]:
    keys = items(part(holder, "attachments"), "media_keys")
    for media in parts(includes, "media"):
        if text(media, "media_key") in keys:
            yield from _file(text(media, "type"), text(media, "url"), parts(media, "variants"))


def _attached(media: Mapping[str, Any]) -> Iterator[Media]:
    """Read what is attached to a direct message in the words of version 1.1."""
    variants = parts(part(media, "video_info"), "variants")
    yield from _file(text(media, "type"), text(media, "media_url_https"), variants)


def _file(kind: str, url: str, variants: list[Mapping[str, Any]]) -> Iterator[Media]:
    if kind == "photo" and url:
        yield Media("image/png" if url.endswith(".png") else "image/jpeg", url)
        return
    films = [one for one in variants if text(one, "content_type") == "video/mp4" and text(one, "url")]
    if films:  # the smallest that shows anything: what is seen matters, not how sharp
        yield Media("video/mp4", text(min(films, key=_rate), "url"))


def _rate(variant: Mapping[str, Any]) -> float:
    rate = variant.get("bit_rate", variant.get("bitrate"))
    return float(rate) if isinstance(rate, int) and rate > 0 else float("inf")


def _place(post: Mapping[str, Any], includes: Mapping[str, Any]) -> Pin | None:
    geo = part(post, "geo")
    names = [
        text(place, "full_name") for place in parts(includes, "places") if text(place, "id") == text(geo, "place_id")
    ]
    name = next(iter(names), "")
    point = items(part(geo, "coordinates"), "coordinates")
    found = dict(zip(("longitude", "latitude"), point, strict=True)) if len(point) == _POINT else {}
    latitude, longitude = degrees(found, "latitude", 90), degrees(found, "longitude", 180)
    if latitude is None or longitude is None:
        return Pin(name) if name else None
    return Pin(name, latitude, longitude)
