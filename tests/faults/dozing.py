"""The gateway on a machine that stops for a while (a paused virtual machine, a debugger) at the worst moment.

Started as `python -m tests.faults.dozing run --roles …`. Once the file that DOZE names is there, it goes, and the
program stops (SIGSTOP) when it next has events in hand to publish. DOZE_LEASE is the number of seconds that a lease
runs, so that nobody waits long for a sleeper's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway import app
from gateway.__main__ import main
from gateway.broker.bus import Outcome, Parcel
from gateway.broker.rabbitmq import RabbitMQ
from gateway.lease import Lease

WORTH = 3  # parcels in hand for which it is worth while to stop


class DozingRabbitMQ(RabbitMQ):
    """The bus, with a moment before it publishes."""

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Publish; but first stop, with all of it in hand, when the time has come."""
        if len(parcels) >= WORTH and _taken(Path(os.environ["DOZE"])):
            os.kill(os.getpid(), signal.SIGSTOP)
        return await super().publish(parcels)


class ShortLease(Lease):
    """A lease of the term that the test can wait for."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of, term=timedelta(seconds=float(os.environ["DOZE_LEASE"])))


def _taken(flag: Path) -> bool:
    try:
        flag.unlink()
    except FileNotFoundError:
        return False
    return True


if __name__ == "__main__":
    import gateway.broker.rabbitmq

    gateway.broker.rabbitmq.RabbitMQ = DozingRabbitMQ  # type: ignore[misc]
    app.Lease = ShortLease  # type: ignore[misc]
    main()
