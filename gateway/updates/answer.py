"""The one door by which departments' answers come in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from gateway.acknowledge import Acknowledger
from gateway.city.city import City
from gateway.signals import Signal
from gateway.store.engine import Store
from gateway.updates.update import Outcome, Update


class Updates:
    """Hears what departments answer: the queue's consumer and the HTTP door both call it.

    `wake` is who is nudged when something happened: the relay and the replies.
    """

    def __init__(
        self,
        store: Store,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.city, self.acknowledger, self.wake, self.clock = store, city, acknowledger, wake, clock

    async def answer(self, update: Update, *, tell: bool = False) -> Outcome:
        """Let a complaint become what its department says, once for each id of theirs.

        With `tell`, a refusal is owed to the department's queue as well. Raises StoreUnavailable.
        """
        raise NotImplementedError
