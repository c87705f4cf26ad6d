"""What a round costs: CPU of a process, numbers of /metrics, and when everything has reached its department."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.end_to_end.gateway_process import GatewayProcess

_LOOK = 2.5  # seconds; the gateway counts what waits every two


def cpu(pids: Iterable[int]) -> float:
    """CPU seconds that some processes have spent."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / 100


def pids(gateways: Sequence[GatewayProcess]) -> list[int]:
    """The processes of some gateways."""
    return [one.process.pid for one in gateways if one.process is not None]


def metrics(gateways: Sequence[GatewayProcess]) -> dict[str, float]:
    """Every number of /metrics, summed over some gateways, each of which plays a part."""
    found: dict[str, float] = {}
    for one in gateways:
        with urllib.request.urlopen(f"{one.url}/metrics", timeout=10) as response:
            for line in response.read().decode().splitlines():
                if not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    found[name] = found.get(name, 0.0) + float(value)
    return found


async def drained(gateways: Sequence[GatewayProcess]) -> dict[str, float]:
    """Wait until everything accepted is in a department's queue or was nothing to file; returns /metrics."""
    others = ("nothing", "opt_out", "opt_in", "amendment", "quarantined")
    while True:
        found = await asyncio.to_thread(metrics, gateways)
        accepted = found.get('balagh_inbound_total{channel="sms",outcome="accepted"}', 0)
        arrived = found.get('balagh_room_seconds_count{room="journey"}', 0)
        other = sum(found.get(f'balagh_room_total{{outcome="{name}",room="interpret"}}', 0) for name in others)
        if arrived + other >= accepted:
            return found
        await asyncio.sleep(0.02)


async def understood(gateways: Sequence[GatewayProcess]) -> None:
    """Wait until nothing waits in the journal, as /metrics says every two seconds."""
    await asyncio.sleep(_LOOK)  # what it says now may be older than what was just accepted
    while (await asyncio.to_thread(metrics, gateways)).get('balagh_backlog{room="interpret"}', 0):
        await asyncio.sleep(_LOOK / 10)


def journeys(found: dict[str, float]) -> dict[float, float]:
    """The buckets of the time from webhook to department's queue: upper bound in seconds -> how many stayed below."""
    start = 'balagh_room_seconds_bucket{le="'
    return {
        float(name.removeprefix(start).partition('"')[0]): count
        for name, count in found.items()
        if name.startswith(start) and name.endswith('room="journey"}')
    }


def quantiles(before: dict[float, float], after: dict[float, float]) -> tuple[float, float]:
    """Upper bounds in milliseconds of the buckets that hold the median and the p99."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in after}
    total = counts[float("inf")]
    found = [next(bound for bound in sorted(counts) if counts[bound] >= total * share) for share in (0.5, 0.99)]
    return found[0] * 1000, found[1] * 1000
