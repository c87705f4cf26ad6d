"""Which messages came lately, so that one that is delivered again has the identity that it had the first time.

SMPP gives a citizen's message no id. A carrier that did not hear our answer delivers it again, byte for byte, and a
citizen who sends the same words next week does so too. What tells the two apart is time: the first comes back within
minutes of our answer, or, when we could not answer at all, whenever we are next reached.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from channels.base import Reception

AGAIN = (
    10 * 60
)  # seconds after an answer that arrived in which the same bytes from the same sender are the same message
UNANSWERED = 24 * 3600  # seconds in which they are, when our answer may not have arrived
_SHARDS = 64  # so that each message rewrites little, and all of it is bounded


class Recent:
    """What was heard lately, kept on disk by the house."""

    def __init__(self, reception: Reception, clock: Callable[[], float]) -> None:
        self._reception, self._clock = reception, clock
        self._shards: dict[str, dict[str, tuple[int, int]]] = {}  # digest: first heard, answered (0: not yet)
        self._answered: set[str] = set()

    async def identity(self, digest: str) -> str:
        """Return the identity of a message with this digest. A new one is on disk before this returns."""
        shard, now = await self._shard(digest), int(self._clock())
        known = shard.get(digest)
        if known is None or not _fresh(known, now):
            known = shard[digest] = (now, 0)
            await self._save(_name(digest))
        return f"{digest}:{known[0]}"

    def answered(self, digest: str) -> None:
        """Note that our answer leaves now. Until `confirm`, and after a crash, it counts as not answered."""
        self._answered.add(digest)

    @property
    def unconfirmed(self) -> bool:
        """Whether there are answers of which nobody knows yet whether they arrived."""
        return bool(self._answered)

    async def confirm(self) -> None:
        """Put on disk that every answer so far arrived."""
        answered, self._answered, now = self._answered, set(), int(self._clock())
        for digest in answered:
            shard = await self._shard(digest)
            if digest in shard:
                shard[digest] = (shard[digest][0], now)
        for name in {_name(digest) for digest in answered}:
            await self._save(name)

    async def _shard(self, digest: str) -> dict[str, tuple[int, int]]:
        name = _name(digest)
        if name not in self._shards:
            kept = json.loads(await self._reception.recall(name) or "{}")
            self._shards[name] = {key: (first, answered) for key, (first, answered) in kept.items()}
        return self._shards[name]

    async def _save(self, name: str) -> None:
        now = int(self._clock())
        shard = self._shards[name] = {key: seen for key, seen in self._shards[name].items() if _fresh(seen, now)}
        await self._reception.remember(name, json.dumps(shard, separators=(",", ":")) if shard else "")


def _name(digest: str) -> str:
    return f"recent:{int(digest[:8], 16) % _SHARDS}"


def _fresh(seen: tuple[int, int], now: int) -> bool:
    first, answered = seen
    # A clock that was set back makes `now` the smaller one: what is known then is lately known.
    return now - answered <= AGAIN if answered else now - first <= UNANSWERED
