"""What became of comments that were heard: fifty are asked for at once, and fewer where YouTube refuses them together.

It refuses all for the sake of one: below a film whose comments were switched off, say. Then each half is asked for, and
the half of a half, down to the comment that it does not speak of; the others get their answer. A film's comments are
asked for side by side, so that those of a film without comments cost a few units and not one each.

Only `commentNotFound` says that a comment is gone. Of a film that is not there YouTube speaks where threads are listed,
and nowhere says what that means for a comment that is asked for by its id.

Sources: the tables of errors on Google's pages on comments.list (commentNotFound: "one or more"; forbidden,
operationNotSupported) and commentThreads.list (commentsDisabled and videoNotFound, both of one film).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.base import Refused
from channels.message import Inbound
from channels.youtube.api import Allowance, YoutubeApi

AT_ONCE = 50
"""Comments that one question can name."""

AGAIN = 1000
"""Units of a day's quota that may go into asking again for what was refused together."""

_MISSING = "commentNotFound"
_OF_A_FILM = frozenset({"commentsDisabled", "videoNotFound"})
_OF_SOME = _OF_A_FILM | {_MISSING, "commentThreadNotFound", "forbidden", "operationNotSupported"}


class Standing:
    """Asks for comments by their ids, within the day's allowance."""

    def __init__(self, api: YoutubeApi) -> None:
        self._api, self._again = api, Allowance(AGAIN, "halving")

    async def look(self, posts: Sequence[Inbound]) -> AsyncIterator[tuple[Inbound, Mapping[str, Any] | None]]:
        """Yield each comment of which YouTube speaks as it is now, None when it is gone.

        Raises Refused, once the others were asked for, when it will not speak of some; and Barred, Busy.
        """
        found = sorted(posts, key=_film)
        waiting = [found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)]
        unsaid: Refused | None = None
        while waiting:
            asked = waiting.pop()
            try:
                known = await self._api.comments([post.external_id for post in asked])
            except Refused as refusal:
                if refusal.code not in _OF_SOME:  # an address that is not there, a proxy's page
                    raise
                if refusal.code == _MISSING and len(asked) == 1:
                    yield asked[0], None
                elif len(asked) == 1 or (refusal.code in _OF_A_FILM and _film(asked[0]) == _film(asked[-1]) != ""):
                    unsaid = refusal
                else:
                    self._again.take(datetime.now(UTC), 2)
                    half = len(asked) // 2
                    waiting += asked[half:], asked[:half]
                continue
            for post in asked:
                yield post, known.get(post.external_id)
        if unsaid is not None:
            raise unsaid


def _film(post: Inbound) -> str:
    """Name the film below which a comment stands; empty of one on the channel's own page."""
    return next(iter(parse_qs(urlsplit(post.url).query).get("v", ())), "")
