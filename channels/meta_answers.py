"""How a city answers on Facebook and Instagram: to a direct message, in private to a comment, in public below it.

Each way has its rule. A direct message may be answered for 24 hours. A comment may be answered in private once, within
seven days. What stands below a post is read by everybody: whoever wrote the words has seen to it that they name nobody.

Meta has no idempotency key. From the second try on, the conversation or the list of comments is read before anything
is sent; `_private` and `_beside` say what is done where nothing can be read.

Sources: "Private Replies" and "Messenger Platform policy" (24 hours, seven days), the Comment, IG Comment and IG User
mentions references of the Graph API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from channels.base import Busy, OutcomeUnknown, Refused, Unreadable
from channels.graph import Graph
from channels.message import Reply, Scheme, Sent
from channels.meta_payload import Table, moment, table, tables, words

_WINDOW = timedelta(hours=24)
_PRIVATE_WINDOW = timedelta(days=7)
_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and Meta's
_LOOKED_AT = 50  # newest messages or comments that are looked through for an earlier try
_USED = frozenset({"10900", "10/2534025", "100/2534025"})  # refusals that say: a private answer was given before


@dataclass(frozen=True, slots=True)
class Manner:
    """What differs between Facebook and Instagram."""

    own: str  # us in an address: an id, or `me`
    account: str  # our id, as an author
    scheme: Scheme
    inbox: str
    answered_at: str  # the list below a comment where public answers go
    text: str  # the field that holds a comment's words
    characters: int  # that a message may have
    octets: int  # that it may have in UTF-8
    public: bool  # whether the city wishes to answer in public


class Answers:
    """Sends replies in the name of one Page or account."""

    def __init__(self, graph: Graph, manner: Manner) -> None:
        self._graph, self._manner = graph, manner

    async def send(self, reply: Reply) -> Sent:
        """Send a reply the way its address says. Raises Refused, Barred, Busy or OutcomeUnknown."""
        scheme = reply.to.scheme
        if not reply.to.value or not reply.text.strip():
            raise Refused("nothing", "there is nobody to answer, or nothing to say")
        if scheme == self._manner.scheme:
            return await self._direct(reply)
        if scheme == Scheme.COMMENT:
            return await self._private(reply)
        if scheme == Scheme.PUBLIC and self._manner.public:
            return await (self._beside(reply) if reply.thread else self._below(reply))
        raise Refused("no-address", "nobody can be answered this way", elsewhere=True)

    async def _direct(self, reply: Reply) -> Sent:
        _within(reply, _WINDOW)
        said = await self._said(reply) if reply.first_tried_at else {}
        last = ""
        for part in _parts(reply.text, self._manner):
            last = said.get(part) or await self._message({"id": reply.to.value}, part, messaging_type="RESPONSE")
        return Sent(last)

    async def _private(self, reply: Reply) -> Sent:
        """Answer a comment in private, which Meta lets nobody do twice.

        It does not show what was answered. So a second try simply tries: when Meta says that the answer was given, it
        was ours that came through, and only if a person of the city was quicker in between is that wrong.
        """
        _within(reply, _PRIVATE_WINDOW)
        parts = list(_parts(reply.text, self._manner))
        if len(parts) > 1:
            raise Refused("too-long", "a private answer to a comment is one message", alarm=True)
        item = reply.to.value
        # A post on our Page is called after it; a comment is called after its post.
        kind = "post_id" if item.startswith(f"{reply.account or self._manner.account}_") else "comment_id"
        try:
            return Sent(await self._message({kind: item}, parts[0]))
        except Refused as error:
            if reply.first_tried_at is not None and error.code in _USED:
                return Sent(f"private:{item}")
            raise

    async def _below(self, reply: Reply) -> Sent:
        edge = self._manner.answered_at
        if reply.first_tried_at is not None:
            fields = f"id,from,{self._manner.text},{'timestamp' if edge == 'replies' else 'created_time'}"
            query = {"fields": fields, "limit": str(_LOOKED_AT)}
            if edge == "comments":
                query["order"] = "reverse_chronological"
            page = await self._graph.get(reply.to.value, edge, **query)
            with _legible():
                for comment in tables(page, "data"):
                    if self._is_ours(comment, reply, words(comment, self._manner.text)):
                        return Sent(words(comment, "id"))
        made = await self._graph.post(reply.to.value, edge, document={"message": reply.text})
        return Sent(_id(made, "id"))

    async def _beside(self, reply: Reply) -> Sent:
        """Answer a mention below somebody else's photo, which `thread` names.

        Instagram does not list what was said there, so nothing is said twice: a second try is refused.
        """
        if reply.first_tried_at is not None:
            raise Refused("unseen", "whether the first try came through cannot be seen, and nothing is said twice")
        document = {"media_id": reply.thread, "message": reply.text}
        if reply.to.value != reply.thread:
            document["comment_id"] = reply.to.value
        return Sent(_id(await self._graph.post(self._manner.account, "mentions", document=document), "id"))

    async def _message(self, recipient: Table, text: str, **more: str) -> str:
        document = {"recipient": recipient, "message": {"text": text}, **more}
        return _id(await self._graph.post(self._manner.own, "messages", document=document), "message_id")

    async def _said(self, reply: Reply) -> Mapping[str, str]:
        """Find what we said in this conversation since the first try: the ids of messages, by their words."""
        fields = f"messages.limit({_LOOKED_AT}){{id,message,from,created_time}}"
        query = {"platform": self._manner.inbox, "user_id": reply.to.value, "fields": fields}
        conversations = await self._graph.get(self._manner.own, "conversations", **query)
        with _legible():
            return {
                words(message, "message").strip(): words(message, "id")
                for conversation in tables(conversations, "data")
                for message in tables(table(conversation, "messages"), "data")
                if self._is_ours(message, reply)
            }

    def _is_ours(self, item: Table, reply: Reply, text: str | None = None) -> bool:
        """Tell whether something was said by us, in this try or one before; by whom it does not say is by us."""
        author, at = words(table(item, "from"), "id"), moment(item, "created_time", "timestamp")
        if author == reply.to.value or (text is not None and author not in {"", self._manner.account}):
            return False
        if text is not None and text.strip() != reply.text.strip():
            return False
        return at is None or reply.first_tried_at is None or at >= reply.first_tried_at - _CLOCK_SKEW


@contextmanager
def _legible() -> Iterator[None]:
    """While it cannot be read what was said before, nothing is said."""
    try:
        yield
    except Unreadable as error:
        raise Busy("unreadable", "what Meta lists cannot be read") from error


def _within(reply: Reply, window: timedelta) -> None:
    if reply.heard_at is not None and datetime.now(UTC) - reply.heard_at > window:
        raise Refused("window", "the window to answer in has closed", elsewhere=True)


def _id(made: Table, key: str) -> str:
    found = made.get(key)
    if not isinstance(found, str) or not found:
        raise OutcomeUnknown("Meta took it and gave no id")
    return found


def _parts(text: str, manner: Manner) -> Iterator[str]:
    """Cut a text into messages that Meta takes, between words where it can be."""
    rest = text.encode("utf-8", "replace").decode("utf-8").strip()
    while rest:
        head = rest[: manner.characters].encode("utf-8")[: manner.octets].decode("utf-8", "ignore")
        if head != rest:
            cut = max(head.rfind("\n"), head.rfind(" "))
            head = head[:cut] if cut > 0 else head
        yield head.strip()
        rest = rest[len(head) :].strip()
