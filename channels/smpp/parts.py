"""Parts of long messages: each is on disk before it is acknowledged, and they are joined in whatever order they come.

A part that never comes holds up the others for two minutes; then what there is goes on, with a mark where it breaks
off, and a part that comes after all makes a newer version of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby

from channels.base import Reception
from channels.smpp.pdu import Arrival
from channels.sms_alphabet import Alphabet, decode

PATIENCE = 120  # seconds from the first part until what there is goes on without the others
SETTLING = 20  # seconds after a bind in which the SMSC may still hand over what it kept while we were away
REMEMBERED = 3600  # seconds for which a late part still finds the message that went on without it
FINISHED = 24 * 3600  # seconds for which a part that is delivered again is known as one of a finished message
MISSING = "[…جزء ناقص / part missing…]"
_SHARDS = 32


@dataclass
class Long:
    """A message in parts. Times are Unix seconds; `parts` are data_coding and user data in base64, by number."""

    source_ton: int
    source: str = field(repr=False)
    destination: str
    total: int
    since: float
    identity: str
    parts: dict[str, tuple[int, str]] = field(default_factory=dict, repr=False)
    released: bool = False  # it was given out incomplete: first meant to, and then done
    settled: bool = False
    heard: dict[str, str] = field(default_factory=dict)  # of a finished one: the digest of each part by its number

    @property
    def whole(self) -> bool:
        """Whether every part is there."""
        return len(self.parts) == self.total

    @property
    def finished(self) -> bool:
        """Whether it went out whole: then only its parts' digests are left."""
        return bool(self.heard)

    def text(self, default: Alphabet) -> str:
        """Join the parts. Neighbours are joined before they are decoded: an emoji may lie in two of them."""
        numbers = range(1, self.total + 1)
        pieces: list[str] = []
        for coding, run in groupby(numbers, lambda n: self.parts[str(n)][0] if str(n) in self.parts else None):
            if coding is None:
                pieces.append(MISSING)
            else:
                pieces.append(decode(b"".join(self.data(number) for number in run), coding, default))
        return "".join(pieces)

    def data(self, number: int) -> bytes:
        """Return the user data of one part."""
        return base64.b64decode(self.parts[str(number)][1])


class Parts:
    """Every long message that is not finished, kept on disk by the house."""

    def __init__(self, reception: Reception, clock: Callable[[], float]) -> None:
        self._reception, self._clock = reception, clock
        self._shards: dict[str, dict[str, Long]] = {}
        self._loaded = 0.0

    async def load(self) -> None:
        """Read what an earlier bind left behind."""
        self._loaded = self._clock()
        for number in range(_SHARDS):
            kept = json.loads(await self._reception.recall(f"parts:{number}") or "{}")
            self._shards[f"parts:{number}"] = {
                key: Long(**{**long, "parts": {n: (c, d) for n, (c, d) in long["parts"].items()}})
                for key, long in kept.items()
            }

    def find(self, arrival: Arrival) -> tuple[str, Long | None]:
        """Return the key of the message that a part belongs to, and what there is of it."""
        key = _key(arrival)
        return key, self._shards[_name(key)].get(key)

    def add(self, key: str, arrival: Arrival) -> Long:
        """Add a part to its message, or begin one. Only `save` puts it on disk."""
        assert arrival.piece is not None
        shard, now = self._shards[_name(key)], self._clock()
        long = shard.get(key)
        encoded = base64.b64encode(arrival.data).decode("ascii")
        if long is None or long.finished:
            identity = f"{key}:{int(now)}:{_digest(arrival.data_coding, encoded)}"
            ends = arrival.source_ton, arrival.source, arrival.destination
            long = shard[key] = Long(*ends, arrival.piece.total, now, identity)
        long.parts[str(arrival.piece.number)] = arrival.data_coding, encoded
        return long

    def drop(self, key: str) -> None:
        """Forget a message whose reference is used again. Only `save` puts that on disk."""
        del self._shards[_name(key)][key]

    def overdue(self) -> Iterable[tuple[str, Long]]:
        """Return those that waited long enough, and those whose release a crash cut short."""
        now = self._clock()
        found = [(key, long) for shard in self._shards.values() for key, long in shard.items()]
        return [
            (key, long)
            for key, long in found
            if not long.finished and not long.settled and (long.released or self._due(long, now) <= 0)
        ]

    def pause(self) -> float:
        """Return the seconds until the next one is overdue; infinity when none waits."""
        now = self._clock()
        waiting = (
            self._due(long, now)
            for shard in self._shards.values()
            for long in shard.values()
            if not long.finished and not long.settled
        )
        return max(0.0, min(waiting, default=float("inf")))

    def _due(self, long: Long, now: float) -> float:
        """Return the seconds that a message still waits. A clock that was set back does not make it wait for ever."""
        return max(PATIENCE - abs(now - long.since), SETTLING - abs(now - self._loaded))

    def settle(self, key: str) -> None:
        """Note that an incomplete message is stored. `save` puts that on disk."""
        long = self._shards[_name(key)][key]
        long.settled, long.since = True, self._clock()

    def finish(self, key: str) -> None:
        """Keep of a whole message only what tells its parts when they are delivered again. `save` puts that on disk."""
        long = self._shards[_name(key)][key]
        long.heard = {number: _digest(coding, data) for number, (coding, data) in long.parts.items()}
        long.parts, long.source, long.since = {}, "", self._clock()

    async def save(self, key: str) -> None:
        """Put the state of a message on disk, and forget what nobody will ask for any more."""
        name, now = _name(key), self._clock()
        shard = self._shards[name] = {
            other: long
            for other, long in self._shards[name].items()
            if not (long.finished or long.settled)
            or abs(now - long.since) <= (FINISHED if long.finished else REMEMBERED)
        }
        kept = {other: asdict(long) for other, long in shard.items()}
        await self._reception.remember(name, json.dumps(kept, separators=(",", ":")) if kept else "")


def holds(long: Long, arrival: Arrival) -> bool | None:
    """Say whether a message has this very part: False when it has another in its place, None when it has none."""
    assert arrival.piece is not None
    number = str(arrival.piece.number)
    given = arrival.data_coding, base64.b64encode(arrival.data).decode("ascii")
    if long.finished:
        return long.heard.get(number) == _digest(*given)
    mine: Mapping[str, tuple[int, str]] = long.parts
    return mine[number] == given if number in mine else None


def _key(arrival: Arrival) -> str:
    """Name a message by both its ends, which are not told, and by what its parts share."""
    assert arrival.piece is not None
    ends = [arrival.source_ton, arrival.source, arrival.destination, arrival.piece.reference, arrival.piece.total]
    return hashlib.sha256(json.dumps(ends).encode()).hexdigest()[:32]


def _digest(coding: int, data: str) -> str:
    return hashlib.sha256(f"{coding}:{data}".encode()).hexdigest()[:16]


def _name(key: str) -> str:
    return f"parts:{int(key[:8], 16) % _SHARDS}"
