"""`make bench`: the hot path beside a baseline, in one run, on a RabbitMQ (and PostgreSQL) of its own.

Every figure is the median of three rounds with its spread, and the CPU that the measured process spent on one complaint
beside it. The machine is shared and the load's own process runs on it too, so ratios mean more than rates.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from tests.bench.load import Result, drive, requests
from tests.end_to_end.gateway_process import ROOT, GatewayProcess
from tests.servers.postgres import PostgresServer
from tests.servers.processes import free_port
from tests.servers.rabbitmq import RabbitNode

ROUNDS = 3
TEXTS = [
    json.loads(line)["text"][:120] for line in (ROOT / "tests/data/complaints.jsonl").read_text("utf-8").splitlines()
]


class Counter:
    """Numbers messages across rounds, so that none is a redelivery."""

    def __init__(self) -> None:
        self.next = 1

    def make(self, url: str, count: int) -> list[bytes]:
        """Prepare `count` requests that were never sent before."""
        prepared = list(requests(url, TEXTS, first=self.next, count=count))
        self.next += count
        return prepared


def cpu(pid: int) -> float:
    """CPU seconds that a process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def metric(url: str, name: str) -> float:
    """One number of /metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        for line in response.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rsplit(" ", 1)[1])
    return 0.0


def show(name: str, rates: Sequence[float], cpus: Sequence[float], unit: float | None = None) -> float:
    """Print one row and return its median."""
    middle = statistics.median(rates)
    ratio = f"{middle / unit:5.2f} × a" if unit else "         "
    spread = f"{min(rates):.0f}-{max(rates):.0f}"
    print(f"{name:<42}{middle:>8.0f}/s  ({spread:>11})  {ratio}   {statistics.median(cpus) * 1e6:>6.0f} µs CPU")
    return middle


@contextmanager
def baseline(node: RabbitNode) -> Iterator[tuple[str, int]]:
    """Run the bare handler."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.baseline", str(port), node.url()], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/health/live", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"{url}/channels/sms", process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def gateway(node: RabbitNode, *, roles: str = "all", **settings: str) -> Iterator[GatewayProcess]:
    """Run the gateway on a vhost of its own."""
    with tempfile.TemporaryDirectory() as folder:
        one = GatewayProcess(Path(folder), BALAGH_BROKER_URL=node.new_vhost().url, **settings)
        one.environment["BALAGH_SMS__RATE"] = "1000"
        one.start(roles=roles)
        try:
            yield one
        finally:
            one.stop()


async def rounds(url: str, pid: int, counter: Counter, count: int) -> tuple[list[float], list[float]]:
    """Measure ROUNDS rounds after a short one that warms up."""
    await drive(url, counter.make(url, 300))
    rates, cpus = [], []
    for _ in range(ROUNDS):
        prepared = counter.make(url, count)
        before = cpu(pid)
        result = await drive(url, prepared)
        _well(result)
        rates.append(result.rate)
        cpus.append((cpu(pid) - before) / count)
    return rates, cpus


async def through(one: GatewayProcess, pid: int, counter: Counter, count: int) -> tuple[list[float], list[float]]:
    """Measure rounds that end when every complaint is in its department's queue."""
    url = f"{one.url}/channels/sms"
    await drive(url, counter.make(url, 300))
    await drained(one)
    rates, cpus = [], []
    for _ in range(ROUNDS):
        prepared = counter.make(url, count)
        before, begun = cpu(pid), time.perf_counter()
        _well(await drive(url, prepared))
        await drained(one)
        rates.append(count / (time.perf_counter() - begun))
        cpus.append((cpu(pid) - before) / count)
    return rates, cpus


async def drained(one: GatewayProcess) -> None:
    """Wait until nothing waits before any room: `journey` counts what its department's queue has confirmed."""
    while True:
        accepted = metric(one.url, 'balagh_inbound_total{channel="sms",outcome="accepted"}')
        arrived = metric(one.url, 'balagh_room_seconds_count{room="journey"}')
        other = sum(
            metric(one.url, f'balagh_room_total{{outcome="{outcome}",room="interpret"}}')
            for outcome in ("nothing", "opt_out", "opt_in", "amendment", "quarantined")
        )
        if arrived + other >= accepted:
            return
        await asyncio.sleep(0.02)


def _well(result: Result) -> None:
    if set(result.statuses) != {200}:
        raise SystemExit(f"not everything was accepted: {result.statuses}")


async def main(count: int) -> None:
    """Measure and print a row for each."""
    counter = Counter()
    node = RabbitNode()
    node.start()
    try:
        print(f"64 connections, {ROUNDS} rounds of {count} signed webhooks of 1.5 KB\n")
        with baseline(node) as (url, pid):
            unit = show("a  bare handler, publish, confirm, 200", *await rounds(url, pid, counter, count))
        with gateway(node, roles="intake") as one:
            assert one.process
            found = await rounds(f"{one.url}/channels/sms", one.process.pid, counter, count)
            show("b  acceptance alone (SQLite)", *found, unit)
        with gateway(node) as one:
            assert one.process
            show("c  end to end (SQLite)", *await through(one, one.process.pid, counter, count), unit)
            await paced(one, counter)
            await half_year(one, counter)
        await on_postgresql(node, counter, count, unit)
    finally:
        node.close()


async def paced(one: GatewayProcess, counter: Counter) -> None:
    """Measure latencies at 300 a second."""
    url = f"{one.url}/channels/sms"
    before = _journeys(one)
    result = await drive(url, counter.make(url, 3000), rate=300)
    await drained(one)
    journey = _quantiles(before, _journeys(one))
    print(
        f"e  paced at 300/s: acceptance p50 {result.quantile(0.5):.1f} ms, p99 {result.quantile(0.99):.1f} ms; "
        f"webhook to department's queue p50 ≤ {journey[0]:.0f} ms, p99 ≤ {journey[1]:.0f} ms"
    )


def _journeys(one: GatewayProcess) -> dict[float, float]:
    with urllib.request.urlopen(f"{one.url}/metrics", timeout=5) as response:
        lines = [line for line in response.read().decode().splitlines() if 'room="journey"' in line]
    return {
        float(line.split('le="')[1].split('"')[0]): float(line.rsplit(" ", 1)[1]) for line in lines if 'le="' in line
    }


def _quantiles(before: dict[float, float], after: dict[float, float]) -> tuple[float, float]:
    """Upper bounds in milliseconds of the buckets that hold the median and the p99."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in after}
    total = counts[float("inf")]
    found = [next(bound for bound in sorted(counts) if counts[bound] >= total * share) for share in (0.5, 0.99)]
    return found[0] * 1000, found[1] * 1000


async def half_year(one: GatewayProcess, counter: Counter) -> None:
    """Replay the 11,000 complaints of a half year at once."""
    url = f"{one.url}/channels/sms"
    prepared = counter.make(url, 11_000)
    begun = time.perf_counter()
    _well(await drive(url, prepared))
    posted = time.perf_counter() - begun
    await drained(one)
    print(f"g  11,000 at once: accepted in {posted:.1f} s, in their departments in {time.perf_counter() - begun:.1f} s")


async def on_postgresql(node: RabbitNode, counter: Counter, count: int, unit: float) -> None:
    """Measure c on PostgreSQL, in one process."""
    server = PostgresServer()
    server.start()
    try:
        with gateway(node, BALAGH_STORE_URL=server.url()) as one:
            assert one.process
            show("f  end to end (PostgreSQL, one process)", *await through(one, one.process.pid, counter, count), unit)
    finally:
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="webhooks in a round")
    uvloop.run(main(parser.parse_args().count))
