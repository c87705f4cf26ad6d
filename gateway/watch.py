"""The watch: measure what waits before each room and how old it is, so that silence is not mistaken for peace."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

from gateway import damage, observe, silence
from gateway.house import House
from gateway.store import attachments, journal, moments, outbox, quarantine, replies, tasks
from gateway.store.engine import Connection, DatabaseError, StoreDamaged, StoreUnavailable
from gateway.store.glance import Glance
from gateway.store.tasks import TaskKind
from gateway.timepiece import Timepiece

PERIOD = 2.0  # seconds
RIGHTING = 60.0  # seconds between looks for moments that a clock set ahead has left
PATIENCE = 4.0  # seconds for the store to answer: as long as intake waits for it before it spools


log = observe.logger("watch")


async def watch(house: House) -> None:
    """Measure for ever."""
    glance = Glance(house.store, partial(_measure, off=house.settings.off), patience=PATIENCE)
    timepiece, due = Timepiece(), 0.0
    while True:
        if step := timepiece.stepped():
            observe.ALARM.labels("clock_stepped").inc()
            log.warning("the clock was set", seconds=round(step))
            due = 0.0
        observe.BROKER_UP.set(1 if house.bus.connected else 0)
        observe.BROKER_BLOCKED.set(1 if house.bus.blocked else 0)
        observe.BROKER_PROBLEMS.set(len(await house.bus.check()))
        try:
            await glance.look()
            observe.STORE_UP.set(1)
            if asyncio.get_running_loop().time() >= due:  # also at the start: it may have been set while nobody ran
                await house.store.write(lambda connection: moments.set_right(connection, datetime.now(UTC)))
                due = asyncio.get_running_loop().time() + RIGHTING
        except StoreDamaged:
            observe.STORE_UP.set(0)
            observe.ALARM.labels("store_damaged").inc()
        except (StoreUnavailable, DatabaseError, TimeoutError):  # away, without its tables yet, or stuck
            observe.STORE_UP.set(0)
        if house.spool is not None:
            observe.SPOOL.set(house.spool.depth)
            observe.SPOILED.set(house.spool.spoiled)
        observe.DAMAGED.set(len(damage.standing(house.settings)))
        if house.intake.refusing:
            await house.intake.probe()
        with contextlib.suppress(OSError):  # the folder is gone: intake says so, loudly
            free = await asyncio.to_thread(shutil.disk_usage, house.settings.data_dir)
            observe.FREE.set(free.free)
        await asyncio.sleep(PERIOD)


def _measure(connection: Connection, *, off: Collection[str] = ()) -> None:
    now = datetime.now(UTC)
    waiting, since = journal.backlog(connection)
    observe.waits("interpret", waiting, since, now)
    unpublished, parked, since = outbox.backlog(connection)
    observe.waits("relay", unpublished, since, now)
    observe.PARKED.set(parked)
    observe.QUARANTINED.set(quarantine.count(connection))
    open_tasks = tasks.waiting(connection)
    for kind in TaskKind:
        number, since = open_tasks.get(kind.value, (0, None))
        observe.TASKS.labels(kind.value).set(number)
        observe.OLDEST_TASK.labels(kind.value).set(observe.age(since, now))
    for one in silence.quiet(connection, now, off=off):
        observe.SILENT.labels(one.channel).set(one.ratio)
    observe.BACKLOG.labels("replies").set(replies.waiting(connection))
    observe.BACKLOG.labels("media").set(attachments.waiting(connection))
