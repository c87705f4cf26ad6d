"""What one comment on YouTube says: pure functions of its JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from channels.base import Unreadable
from channels.message import Address, Inbound, Purpose, Scheme
from channels.payload import identifier, part, text

_PROFILE = frozenset({"authorProfileImageUrl", "authorChannelUrl"})  # more of a person than a complaint takes

Blank = Callable[..., Inbound]
"""Makes an Inbound of this channel, account and provider from the rest of its fields."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. `parent` is the one at the top of its thread, itself if it is that; `author` may be empty."""

    id: str
    parent: str
    author: str
    words: str
    published: datetime
    updated: datetime
    document: Mapping[str, Any]

    @property
    def edited(self) -> bool:
        """Whether these are not its first words."""
        return self.updated > self.published


def comment_of(document: Any) -> Comment:
    """Read a comment resource. Raises Unreadable."""
    if not isinstance(document, dict):
        raise Unreadable("not a comment")
    snippet = part(document, "snippet")
    id_ = identifier(document, "id")
    published = _moment(snippet, "publishedAt")
    return Comment(
        id=id_,
        # The API names the parent where it lists answers; an answer's id begins with its parent's in any case.
        parent=text(snippet, "parentId") or id_.partition(".")[0],
        author=text(part(snippet, "authorChannelId"), "value"),
        words=text(snippet, "textOriginal") or text(snippet, "textDisplay"),
        published=published,
        updated=_moment(snippet, "updatedAt") if text(snippet, "updatedAt") else published,
        document=document,
    )


def inbounds_of(comment: Comment, blank: Blank, *, video: str, page: str, answerable: bool) -> Iterator[Inbound]:
    """Say what a comment is: a public message, and if its words are not the first ones, a newer version of it.

    YouTube shows the newest words alone. Both are yielded, for whether the first ones were ever heard is not for the
    channel to know; what was heard is recognised by its identity. `page` is where a comment is seen that has no video.
    """
    snippet = {name: value for name, value in part(comment.document, "snippet").items() if name not in _PROFILE}
    at = quote(comment.id)
    message = blank(
        external_id=comment.id,
        sender=Address(Scheme.YOUTUBE, comment.author) if comment.author else Address(Scheme.UNKNOWN, ""),
        sender_name=text(snippet, "authorDisplayName"),
        text=comment.words,
        sent_at=comment.published,
        public=True,
        comment_to=Address(Scheme.PUBLIC, comment.parent) if answerable else None,
        url=f"https://www.youtube.com/watch?v={quote(video)}&lc={at}" if video else f"{page}?lc={at}",
        raw={**comment.document, "snippet": snippet},
    )
    yield message
    if comment.edited:
        yield newest(comment, message)


def newest(comment: Comment, message: Inbound) -> Inbound:
    """Say what an edited comment says now; `message` is what it said, or how it was heard."""
    when = comment.updated
    version = f"{comment.id}:edit:{when.isoformat()}"
    return message.but(external_id=version, purpose=Purpose.EDIT, revises=comment.id, sent_at=when, text=comment.words)


def _moment(snippet: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text(snippet, name))
    except ValueError as error:
        raise Unreadable(f"no {name} that could be one") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
