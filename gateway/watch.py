"""The watch: measure what waits before each room and how old it is, so that silence is not mistaken for peace."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from datetime import UTC, datetime

from gateway import observe
from gateway.house import House
from gateway.store import attachments, journal, outbox, quarantine, replies
from gateway.store.engine import Connection, DatabaseError, StoreUnavailable

PERIOD = 2.0  # seconds


async def watch(house: House) -> None:
    """Measure for ever."""
    while True:
        observe.BROKER_UP.set(1 if house.bus.connected else 0)
        observe.BROKER_BLOCKED.set(1 if house.bus.blocked else 0)
        observe.BROKER_PROBLEMS.set(len(await house.bus.check()))
        try:
            await house.store.read(_measure)
            observe.STORE_UP.set(1)
        except (StoreUnavailable, DatabaseError):  # away, or its tables are not made yet
            observe.STORE_UP.set(0)
        if house.spool is not None:
            observe.SPOOL.set(house.spool.depth)
            observe.SPOILED.set(house.spool.spoiled)
        await asyncio.sleep(PERIOD)

        if house.intake.refusing:
            await house.intake.probe()
        with contextlib.suppress(OSError):  # the folder is gone: intake says so, loudly
            free = await asyncio.to_thread(shutil.disk_usage, house.settings.data_dir)
            observe.FREE.set(free.free)


def _measure(connection: Connection) -> None:
    now = datetime.now(UTC)
    waiting, since = journal.backlog(connection)
    _set("interpret", waiting, since, now)
    unpublished, parked, since = outbox.backlog(connection)
    _set("relay", unpublished, since, now)
    observe.PARKED.set(parked)
    observe.QUARANTINED.set(quarantine.count(connection))
    observe.BACKLOG.labels("replies").set(replies.waiting(connection))
    observe.BACKLOG.labels("media").set(attachments.waiting(connection))


def _set(room: str, waiting: int, since: datetime | None, now: datetime) -> None:
    observe.BACKLOG.labels(room).set(waiting)
    observe.OLDEST.labels(room).set(max(0.0, (now - since).total_seconds()) if since else 0)
