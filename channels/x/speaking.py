"""Speaking on X: a direct message to somebody, or one line below a post, where everybody reads it.

X has no key against sending twice, so after a try of unknown outcome what we said there is looked through. A line in
public holds no link: everybody would follow it, and X takes ten times the price for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.base import OutcomeUnknown, Refused
from channels.message import Reply, Sent
from channels.payload import part, parts, text
from channels.x.api import XApi
from channels.x.credentials import Credentials
from channels.x.reading import instant

LONGEST = 280
"""The weight of a post. Letters of Latin, Arabic and most other alphabets weigh 1; CJK and emoji weigh 2."""

MESSAGE_LONGEST = 10_000

_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # of X's own weights, version 3
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,19}")
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks in the name of one account, `us`."""

    api: XApi
    user: Credentials
    us: str

    async def tell(self, reply: Reply) -> Sent:
        """Send a direct message. Raises Refused, Barred, Busy or OutcomeUnknown."""
        person = _number(reply.to.value)
        words = reply.text[:MESSAGE_LONGEST]
        if reply.first_tried_at is not None:
            query = {
                "dm_event.fields": "id,text,created_at,sender_id",
                "event_types": "MessageCreate",
                "max_results": "100",
            }
            said = await self.api.get(f"dm_conversations/with/{person}/dm_events", query, self.user)
            for message in parts(said, "data"):
                ours = text(message, "sender_id") == self.us and text(message, "text").strip() == words.strip()
                if ours and _since(message, reply.first_tried_at):
                    return Sent(text(message, "id"))
        answer = await self.api.post(f"dm_conversations/with/{person}/messages", {"text": words}, self.user)
        return _sent(part(answer, "data"), "dm_event_id")

    async def post(self, reply: Reply) -> Sent:
        """Post a line below a post. Raises Refused, Barred, Busy or OutcomeUnknown."""
        post = _number(reply.to.value)
        if _LINK.search(reply.text):
            raise Refused("link", "a public answer holds no link", alarm=True)
        if reply.first_tried_at is not None:
            query = {"tweet.fields": "created_at,referenced_tweets", "max_results": "100"}
            said = await self.api.get(f"users/{self.us}/tweets", query, self.user)
            for mine in parts(said, "data"):
                below = [
                    text(one, "id") for one in parts(mine, "referenced_tweets") if text(one, "type") == "replied_to"
                ]
                if post in below and _since(mine, reply.first_tried_at):
                    return Sent(text(mine, "id"))
        document = {"text": shortened(reply.text), "reply": {"in_reply_to_tweet_id": post}}
        return _sent(part(await self.api.post("tweets", document, self.user), "data"), "id")


def shortened(words: str) -> str:
    """Cut words to what one post holds."""
    left = LONGEST
    for index, letter in enumerate(words):
        left -= _weight(letter)
        if left < 0:
            return _cut(words[:index])
    return words


def _cut(words: str) -> str:
    while sum(map(_weight, words)) > LONGEST - _weight("…"):
        words = words[:-1]
    return f"{words}…"


def _weight(letter: str) -> int:
    return 1 if any(first <= ord(letter) <= last for first, last in _LIGHT) else 2


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise Refused("no-address", "this is no number of X's")
    return value


def _since(said: Mapping[str, Any], since: datetime) -> bool:
    """Tell whether something was said since then; what does not say when counts, so that nobody hears us twice."""
    at = instant(said)
    return at is None or at >= since.astimezone(UTC) - _CLOCK_SKEW


def _sent(data: Mapping[str, Any], name: str) -> Sent:
    provider_id = text(data, name)
    if not provider_id:
        raise OutcomeUnknown("X took it and gave no id")
    return Sent(provider_id)
