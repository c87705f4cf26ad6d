"""The ear: with thousands waiting to be understood, hear who speaks of danger, and let them go first.

Understanding comes after the receipt, so after an outage or in a flood a cry for help would stand behind everything
that came before it. Listening for words of danger costs a third of understanding, and is done ahead of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

from channels.message import Inbound
from gateway.city.city import City
from gateway.store import waiting
from gateway.store.engine import Store
from gateway.store.journal import Row
from gateway.store.waiting import Ahead
from normalizer.reader import Reader
from normalizer.stated import read_stated

AHEAD = 600  # Inbounds that are listened to beside a batch
CALLERS = 8  # senders that go first in one batch, so that false alarms leave room for the others
EACH = 4  # Inbounds of one of them: what they said before goes before


class Ear:
    """Remembers up to where it has listened, and who is calling."""

    def __init__(self, store: Store, city: Callable[[], City]) -> None:
        self.store, self.city = store, city
        self._heard = 0
        self._calling: dict[str, int] = {}  # sender -> number of the Inbound that speaks of danger

    async def first(self, rows: Sequence[Row]) -> list[Row]:
        """Return the batch with those in danger before it, each sender's in order. Raises StoreUnavailable."""
        found = await self.store.read(partial(waiting.ahead, after=self._heard, limit=AHEAD))
        if found:
            reader = self.city().reader
            self._calling |= await asyncio.to_thread(_calls, found, reader)
            self._heard = found[-1].seq
        if not self._calling:
            return list(rows)
        callers = list(islice(self._calling, CALLERS))
        theirs = await self.store.read(partial(waiting.of, senders=callers, each=EACH))
        front = [row for row in theirs if row.seq <= self._calling[row.sender]]
        for sender in set(callers) - {row.sender for row in front}:
            del self._calling[sender]  # understood
        taken = {row.seq for row in front}
        return (front + [row for row in rows if row.seq not in taken])[: max(len(rows), len(front))]


def _calls(found: Sequence[Ahead], reader: Reader) -> dict[str, int]:
    return {one.sender: one.seq for one in found if _speaks_of_danger(one.body, reader)}


def _speaks_of_danger(body: str, reader: Reader) -> bool:
    """Whether an Inbound would become distress. What cannot be read is no call: it goes its way in its turn."""
    try:
        inbound = Inbound.from_json(body)
        return reader.danger(inbound.text) is not None or read_stated(inbound.answers, reader.vocabulary).danger
    except Exception:  # noqa: BLE001 - understanding it will say what is wrong
        return False
