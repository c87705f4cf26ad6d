"""Reconcile: account for every message from the journal to the departments' queues, and print the gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.broker.bus import Bus
from gateway.broker.topology import DEAD, ROUTER, ROUTER_DISTRESS, department_queue
from gateway.sealer import witnessed
from gateway.settings import Settings
from gateway.store import accounts, outbox, quarantine, seals
from gateway.store.accounts import ChannelAccount, DepartmentAccount, Gap
from gateway.store.engine import Connection, Store

GRACE = timedelta(seconds=30)  # what is younger may still be on its way
CONNECTING = 5.0  # seconds to wait for the broker


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is accounted for, and everything that is not."""

    channels: Sequence[ChannelAccount]
    departments: Sequence[DepartmentAccount]
    depths: dict[str, int | None]
    quarantined: int
    spooled: int
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
        total = sum(one.accepted for one in self.channels)
        yield f"journal: {total} accepted; spool: {self.spooled}; quarantine: {self.quarantined} open"
        yield ""
        yield _row(("department", "complaints", "published", "unpublished", "in queue"))
        for department in self.departments:
            depth = self.depths.get(department_queue(department.department))
            yield _row(
                (
                    department.department,
                    department.complaints,
                    department.published,
                    department.unpublished,
                    "-" if depth is None else depth,
                )
            )
        waiting = ", ".join(
            f"{name} {'?' if self.depths.get(name) is None else self.depths[name]}"
            for name in (ROUTER_DISTRESS, ROUTER, DEAD)
        )
        yield f"broker: {waiting}"
        yield ""
        for gap in self.gaps:
            named = ", ".join(gap.references[:5]) + (", …" if gap.count > 5 else "")  # noqa: PLR2004 - enough to begin with
            yield f"MISSING {gap.count}: {gap.what} ({named})"
        for fault in self.faults:
            yield f"FAULT {fault}"
        yield "balanced: every message is accounted for" if self.balanced else "NOT balanced"


async def reconcile(settings: Settings, store: Store, bus: Bus, *, since: datetime | None = None) -> Books:
    """Draw up the books. `since` leaves out what arrived earlier. Raises StoreUnavailable."""
    before = datetime.now(UTC) - GRACE

    def read(connection: Connection) -> tuple[list[ChannelAccount], list[DepartmentAccount], list[Gap], list[str], int]:
        faults = [f"{number} events: parked {reason}" for number, reason in _reasons(outbox.parked(connection))]
        faults += seals.verify(connection, settings.secret_key, witnessed(settings.data_dir / "seals.log"))
        return (
            accounts.by_channel(connection, since),
            accounts.by_department(connection, since),
            list(accounts.gaps(connection, since, before)),
            faults,
            quarantine.count(connection),
        )

    channels, departments, gaps, faults, quarantined = await store.read(read)
    spool = settings.data_dir / "spool"
    spooled, spoiled = _files(spool), _files(spool / "bad")
    if spoiled:
        faults.append(f"{spoiled} spool files could not be read: see {spool / 'bad'}")
    depths: dict[str, int | None] = {}
    if settings.broker_url:
        problems, depths = await _broker(bus, [one.department for one in departments])
        faults += problems
    return Books(channels, departments, depths, quarantined, spooled, tuple(gaps), tuple(faults))


async def _broker(bus: Bus, departments: Sequence[str]) -> tuple[list[str], dict[str, int | None]]:
    await bus.start()
    try:
        async with asyncio.timeout(CONNECTING):
            while not bus.connected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        return [*(await bus.check() or ["the broker cannot be reached"])], {}
    queues = [ROUTER_DISTRESS, ROUTER, DEAD, *(department_queue(name) for name in departments)]
    return await bus.check(), await bus.depths(queues)


def _reasons(parked: Sequence[tuple[str, int, str]]) -> list[tuple[int, str]]:
    count: dict[str, int] = {}
    for _, _, reason in parked:
        count[reason] = count.get(reason, 0) + 1
    return [(number, reason) for reason, number in count.items()]


def _files(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.json")) if folder.is_dir() else 0


def _row(cells: Sequence[object]) -> str:
    return "".join(str(cell).ljust(14) if index == 0 else str(cell).rjust(12) for index, cell in enumerate(cells))
