"""Reconcile: account for every message from the journal to the departments' queues, and print the gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.broker.bus import Bus
from gateway.broker.topology import DEAD, ROUTER, ROUTER_DISTRESS, UPDATES, department_queue
from gateway.damage import standing
from gateway.recount import Recount, Tallied
from gateway.sealer import witnessed
from gateway.settings import Settings
from gateway.store import accounts, outbox, quarantine, seals, wal
from gateway.store.accounts import ChannelAccount, DepartmentAccount, Gap, OnTheWay, Passage
from gateway.store.engine import Connection, Store

GRACE = timedelta(seconds=30)  # what is younger may still be on its way
RECOUNTED = timedelta(days=1)  # how far back the providers' logs are read when nobody says since when
CONNECTING = 5.0  # seconds to wait for the broker


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is accounted for, and everything that is not."""

    channels: Sequence[ChannelAccount]
    departments: Sequence[DepartmentAccount]
    depths: dict[str, int | None] | None  # None while the broker is out of reach
    quarantined: int
    spooled: int
    on_the_way: OnTheWay
    embedded: bool  # the broker, which then holds nothing
    passages: Sequence[Passage] = field(default_factory=tuple)
    tallied: Sequence[Tallied] = field(default_factory=tuple)
    gaps: Sequence[Gap] = field(default_factory=tuple)
    faults: Sequence[str] = field(default_factory=tuple)

    @property
    def balanced(self) -> bool:
        """Whether every message is where it should be."""
        return not self.gaps and not self.faults

    def lines(self) -> Iterator[str]:
        """Write the books for a person."""
        head = ("channel", "accepted", "complaints", "amendments", "other", "nothing", "waiting", "quarantined")
        yield _row(head)
        for one in self.channels:
            yield _row(
                (
                    one.channel,
                    one.accepted,
                    one.complaints,
                    one.amendments,
                    one.others,
                    one.nothing,
                    one.waiting,
                    one.quarantined,
                )
            )
        yield ""
        yield from self._passages()
        total = sum(one.accepted for one in self.channels)
        yield f"journal: {total} accepted; spool: {self.spooled}; quarantine: {self.quarantined} open"
        young = self.on_the_way
        yield (
            f"on their way: {young.messages} not understood yet, {young.events} events not confirmed, "
            f"{young.complaints} complaints not routed (each for less than {GRACE.seconds} s)"
        )
        yield ""
        yield _row(("department", "complaints", "published", "unpublished", "in queue"))
        for department in self.departments:
            depth = (self.depths or {}).get(department_queue(department.department))
            yield _row(
                (
                    department.department,
                    department.complaints,
                    department.published,
                    department.unpublished,
                    "-" if depth is None else depth,
                )
            )
        yield f"broker: {self._broker()}"
        yield ""
        for gap in self.gaps:
            named = ", ".join(gap.references[:5]) + (", …" if gap.count > 5 else "")  # noqa: PLR2004 - enough to begin with
            yield f"MISSING {gap.count}: {gap.what} ({named})"
        for fault in self.faults:
            yield f"FAULT {fault}"
        unasked = sum(bool(one.problem) for one in self.tallied)
        providers = "1 provider" if unasked == 1 else f"{unasked} providers"
        but = f", except what {providers} could not be asked about" if unasked else ""
        yield f"balanced: every message is accounted for{but}" if self.balanced else "NOT balanced"

    def _passages(self) -> Iterator[str]:
        """Write, channel by channel, what its provider lists and how far it has come here."""
        yield _row(("channel", "provider", "taken in", "journal", "complaints", "in broker", "department"))
        tallied = {one.channel: one for one in self.tallied}
        accepted = {one.channel: one.accepted for one in self.channels}
        passages = {one.channel: one for one in self.passages}
        for channel in sorted(tallied.keys() | accepted.keys()):
            tally, passage = tallied.get(channel), passages.get(channel, Passage(channel, 0, 0, 0))
            whole = tally is not None and (tally.listed or not tally.problem)  # what no provider lists is not zero
            listed = (tally.listed, tally.missing) if tally and whole else ("-", "-")
            passed = (passage.filed, passage.confirmed, passage.offered)
            yield _row((channel, *listed, accepted.get(channel, 0), *passed))
        for tally in self.tallied:
            if tally.problem:
                yield f"{tally.channel}: its provider's log cannot be read: {tally.problem}"

    def _broker(self) -> str:
        if self.embedded:
            return "embedded: nothing to count"
        if self.depths is None:
            return "out of reach"
        depths = [(name, self.depths.get(name)) for name in (ROUTER_DISTRESS, ROUTER, UPDATES, DEAD)]
        return ", ".join(f"{name} {'missing' if depth is None else depth}" for name, depth in depths)


@dataclass(frozen=True, slots=True)
class _Store:
    """What the store says, read at one moment."""

    channels: Sequence[ChannelAccount]
    passages: Sequence[Passage]
    departments: Sequence[DepartmentAccount]
    gaps: Sequence[Gap]
    faults: Sequence[str]
    quarantined: int
    copied: int
    on_the_way: OnTheWay


async def reconcile(
    settings: Settings, store: Store, bus: Bus, *, since: datetime | None = None, recount: Recount | None = None
) -> Books:
    """Draw up the books. `since` leaves out what arrived earlier. Raises StoreUnavailable.

    With `recount`, the providers' logs are read first, and what they delivered in vain is taken in.
    """
    tallied = await recount.all(since or datetime.now(UTC) - RECOUNTED) if recount else []
    before = datetime.now(UTC) - GRACE
    outside = list(witnessed(settings.data_dir / "seals.log"))  # before the store, which may be sealed meanwhile

    def read(connection: Connection) -> _Store:
        faults = [f"{number} events: parked {reason}" for number, reason in _reasons(outbox.parked(connection))]
        faults += seals.verify(connection, settings.secret_key, outside)
        faults += seals.altered(connection)
        faults += wal.broken(connection)
        return _Store(
            accounts.by_channel(connection, since),
            accounts.passages(connection, since),
            accounts.by_department(connection, since),
            list(accounts.gaps(connection, since, before)),
            faults,
            quarantine.count(connection),
            accounts.copied(connection),
            accounts.on_the_way(connection, since, before),
        )

    depths: dict[str, int | None] | None = None
    problems: list[str] = []
    if settings.broker_url:  # before the store is read: a copy made meanwhile is then no stranger in balagh.dead
        problems, depths = await _broker(bus)
    found = await store.read(read)
    if depths is not None:  # a department that left the city may have left messages
        names = (department_queue(one.department) for one in found.departments)
        depths |= await bus.depths([name for name in names if name not in depths])
    dead = (depths or {}).get(DEAD) or 0
    if dead > found.copied:
        problems.append(
            f"{DEAD} holds {dead - found.copied} messages that are no copies of the quarantine: RabbitMQ or another "
            "program put them there; balagh quarantine republish REFERENCE brings a complaint back on its way"
        )
    spool = settings.data_dir / "spool"
    spooled, waiting = _spooled(spool, before)
    return Books(
        found.channels,
        found.departments,
        depths,
        found.quarantined,
        spooled,
        found.on_the_way,
        not settings.broker_url,
        found.passages,
        tallied,
        tuple(found.gaps),
        (*found.faults, *waiting, *problems, *standing(settings)),
    )


async def _broker(bus: Bus) -> tuple[list[str], dict[str, int | None] | None]:
    await bus.start(declare=False)  # a look: it must not put back what it should find missing
    try:
        async with asyncio.timeout(CONNECTING):
            while not bus.connected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        return [*(await bus.check() or ["the broker cannot be reached"])], None
    return await bus.check(), await bus.depths([queue.name for queue in bus.topology.queues])


def _reasons(parked: Sequence[tuple[str, int, str]]) -> list[tuple[int, str]]:
    count: dict[str, int] = {}
    for _, _, reason in parked:
        count[reason] = count.get(reason, 0) + 1
    return [(number, reason) for reason, number in count.items()]


def _spooled(folder: Path, before: datetime) -> tuple[int, list[str]]:
    """Count the messages in the spool, and say which should not be there any more."""
    files, spoiled = list(folder.glob("*.json")), sum(1 for _ in (folder / "bad").glob("*.json"))
    times = [_since(path) for path in files]
    old = [time for time in times if time is not None and time < before]
    faults = []
    if old:
        faults.append(f"{len(old)} messages wait in the spool since {min(old):%Y-%m-%d %H:%M:%S} UTC")
    if nameless := times.count(None):
        faults.append(f"{nameless} spool files have names that say no time: see {folder}")
    if spoiled:
        faults.append(f"{spoiled} spool files could not be read: see {folder / 'bad'}")
    return len(files), faults


def _since(path: Path) -> datetime | None:
    """When a spool file was written, as its name says in nanoseconds since 1970."""
    digits = path.stem.partition("-")[0]
    try:
        return datetime.fromtimestamp(int(digits) / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _row(cells: Sequence[object]) -> str:
    return "".join(str(cell).ljust(15) if index == 0 else str(cell).rjust(12) for index, cell in enumerate(cells))
