"""`make bench`: the hot path beside a baseline, in one run, on a RabbitMQ and a PostgreSQL of its own.

Every figure is the median of three rounds with its spread, and beside it the CPU that one complaint cost us (and the
broker). The load's own process runs on the same machine, so ratios mean more than rates: docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench import channels, mail
from tests.bench.load import drive, requests, well
from tests.bench.measure import cpu, drained, journeys, pids, quantiles
from tests.bench.provider import provider
from tests.bench.reading import reading
from tests.bench.stored import fill
from tests.end_to_end.gateway_process import ROOT, GatewayProcess
from tests.servers.dovecot import DovecotServer
from tests.servers.postgres import PostgresServer
from tests.servers.processes import free_port
from tests.servers.rabbitmq import RabbitNode

ROUNDS = 3
WARM = 300  # messages before the first round
HALF_YEAR = 11_000
MAILS = 12  # of 20 MB: more than are fetched in a round
NO_POLLERS = "intake,interpret,relay,router,replies,clock"  # nothing to fetch: the providers are not there
APART = ("intake", "interpret,clock", "relay", "router,replies")
TEXTS = [
    json.loads(line)["text"][:120] for line in (ROOT / "tests/data/complaints.jsonl").read_text("utf-8").splitlines()
]


@dataclass
class Bench:
    """What all rows share: the broker, the provider that takes replies, and the unit."""

    node: RabbitNode
    provider: str
    count: int
    unit: float = 0.0
    first: dict[str, float] = field(default_factory=dict)  # rates by row, for the row that compares itself with another
    sent: int = 0

    def make(self, url: str, count: int) -> list[bytes]:
        """Prepare requests that were never sent before, so that none is a redelivery."""
        prepared = list(requests(url, TEXTS, first=self.sent + 1, count=count))
        self.sent += count
        return prepared

    def gateway(self, folder: Path, vhost: str, **settings: str) -> GatewayProcess:
        """Prepare a gateway with everything on."""
        ours = {"BALAGH_BROKER_URL": vhost, "BALAGH_SMS__API_URL": self.provider}
        one = GatewayProcess(folder, **{**ours, **settings})
        one.environment["BALAGH_SMS__RATE"] = "100"  # a short code's
        return one

    async def rounds(
        self,
        row: str,
        url: str,
        measured: Sequence[int],
        settle: Callable[[], Awaitable[object]] | None,
        *,
        than: str = "a",
    ) -> None:
        """Measure and print one row; `settle` waits until what was accepted has arrived."""
        well(await drive(url, self.make(url, WARM)))
        await _maybe(settle)
        rates, ours, broker = [], [], []
        for _ in range(ROUNDS):
            prepared = self.make(url, self.count)
            spent, theirs, begun = cpu(measured), cpu([self.node.pid]), time.perf_counter()
            result = well(await drive(url, prepared))
            await _maybe(settle)
            seconds = time.perf_counter() - begun if settle else result.seconds
            rates.append(self.count / seconds)
            ours.append((cpu(measured) - spent) / self.count)
            broker.append((cpu([self.node.pid]) - theirs) / self.count)
        middle = statistics.median(rates)
        self.first[row] = middle
        self.unit = self.unit or middle
        ratio = middle / (self.unit if than == "a" else self.first[than])
        print(
            f"{row:<46}{middle:>7.0f}/s ({min(rates):>5.0f}-{max(rates):<5.0f}) {ratio:5.2f} × {than[:1]}"
            f"  {statistics.median(ours) * 1e6:>5.0f} + {statistics.median(broker) * 1e6:<4.0f} µs CPU",
            flush=True,
        )


async def _maybe(settle: Callable[[], Awaitable[object]] | None) -> None:
    if settle is not None:
        await settle()


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
def running(
    bench: Bench, folder: Path, *, roles: Sequence[str] = ("all",), vhost: str = "", **settings: str
) -> Iterator[list[GatewayProcess]]:
    """Run a gateway, or one process for each of `roles`, on a vhost of its own unless it is to go on with one."""
    vhost = vhost or bench.node.new_vhost().url
    with ExitStack() as stack:
        made = []
        for number, some in enumerate(roles):
            place = folder / str(number)
            place.mkdir(exist_ok=True)
            one = bench.gateway(place, vhost, **settings)
            one.start(roles=some)
            stack.callback(one.stop)
            made.append(one)
        yield made


async def end_to_end(bench: Bench, row: str, gateways: Sequence[GatewayProcess], *, than: str = "a") -> None:
    """Measure until every complaint is in its department's queue."""
    await bench.rounds(row, _door(gateways), pids(gateways), lambda: drained(gateways), than=than)


def _door(gateways: Sequence[GatewayProcess]) -> str:
    return f"{gateways[0].url}/channels/sms"


async def paced(bench: Bench, gateways: Sequence[GatewayProcess]) -> None:
    """Measure latencies at 300 a second."""
    before = journeys(await drained(gateways))
    result = well(await drive(_door(gateways), bench.make(_door(gateways), 10 * 300), rate=300))
    journey = quantiles(before, journeys(await drained(gateways)))
    print(
        f"e  paced at 300/s: acceptance p50 {result.quantile(0.5):.1f} ms, p99 {result.quantile(0.99):.1f} ms; "
        f"webhook to department's queue p50 ≤ {journey[0]:.0f} ms, p99 ≤ {journey[1]:.0f} ms",
        flush=True,
    )


async def half_year(bench: Bench, gateways: Sequence[GatewayProcess]) -> None:
    """Replay the complaints of a half year at once."""
    prepared = bench.make(_door(gateways), HALF_YEAR)
    begun = time.perf_counter()
    well(await drive(_door(gateways), prepared))
    posted = time.perf_counter() - begun
    await drained(gateways)
    print(
        f"g  {HALF_YEAR:,} at once: accepted in {posted:.1f} s, in their departments in "
        f"{time.perf_counter() - begun:.1f} s",
        flush=True,
    )


async def stored(bench: Bench, folder: Path, complaints: int) -> None:
    """Measure acceptance and the whole walk again in a store that already holds very many."""
    vhost = bench.node.new_vhost().url  # one for all: on an empty broker the gateway would offer again what it held
    with running(bench, folder, vhost=vhost) as gateways:  # a sample to multiply
        well(await drive(_door(gateways), bench.make(_door(gateways), 1_000)))
        await drained(gateways)
    begun = time.perf_counter()
    held = fill(folder / "0" / "data" / "balagh.db", complaints)
    print(f"   (a store of {held:,} complaints was made in {time.perf_counter() - begun:.0f} s)", flush=True)
    with running(bench, folder, roles=("intake",), vhost=vhost) as [one]:
        await bench.rounds(f"d  b with {held:,} stored", _door([one]), pids([one]), None, than=ROW_B)
    with running(bench, folder, vhost=vhost) as gateways:
        await end_to_end(bench, f"d  c with {held:,} stored", gateways, than=ROW_C)


async def each_channel(bench: Bench) -> None:
    """Measure acceptance at 300 a second on every channel that a provider calls, all of them on."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(bench, Path(folder), roles=(NO_POLLERS,), **channels.settings(bench.provider)) as gateways,
    ):
        await channels.each_paced(gateways, bench.count // 2)


async def beside_mail(bench: Bench) -> None:
    """Measure acceptance at 300 a second while large mails are fetched."""
    server = DovecotServer()
    try:
        server.start()
        mail.stock(server, MAILS)
        with (
            tempfile.TemporaryDirectory() as folder,
            running(bench, Path(folder), **mail.settings(server)) as gateways,
        ):
            url = _door(gateways)
            well(await drive(url, bench.make(url, WARM)))
            await drained(gateways)
            await mail.beside_mail(gateways, server, [bench.make(url, bench.count) for _ in range(2)])
    finally:
        server.close()


ROW_B = "b  acceptance alone (SQLite)"
ROW_C = "c  end to end (SQLite)"


async def on_postgresql(bench: Bench) -> None:
    """Measure c on PostgreSQL, in one process and in four."""
    for row, roles in (("f  end to end (PostgreSQL, one process)", ("all",)), ("f  the same in four processes", APART)):
        server = PostgresServer()
        server.start()
        try:
            with (
                tempfile.TemporaryDirectory() as folder,
                running(bench, Path(folder), roles=roles, BALAGH_STORE_URL=server.url()) as gateways,
            ):
                await end_to_end(bench, row, gateways)
        finally:
            server.close()


async def main(count: int, complaints: int, rows: str) -> None:
    """Measure and print a row for each."""
    if "j" in rows:
        reading()
    if rows == "j":
        return
    node = RabbitNode()
    node.start()
    try:
        async with provider() as address:
            bench = Bench(node, address, count)
            print(f"64 connections, {ROUNDS} rounds of {count} signed webhooks of 1.5 KB; CPU: ours + the broker's\n")
            with baseline(node) as (url, pid):
                await bench.rounds("a  bare handler, publish, confirm, 200", url, [pid], None)
            if "b" in rows:
                with tempfile.TemporaryDirectory() as folder, running(bench, Path(folder), roles=("intake",)) as [one]:
                    await bench.rounds(ROW_B, _door([one]), pids([one]), None)
            if set("ceg") & set(rows):
                with tempfile.TemporaryDirectory() as folder, running(bench, Path(folder)) as gateways:
                    await end_to_end(bench, ROW_C, gateways)
                    await paced(bench, gateways)
                    await half_year(bench, gateways)
            if "d" in rows and {"b", "c"} <= set(rows):
                with tempfile.TemporaryDirectory() as folder:
                    await stored(bench, Path(folder), complaints)
            if "f" in rows:
                await on_postgresql(bench)
            if "h" in rows:
                await each_channel(bench)
            if "i" in rows:
                await beside_mail(bench)
    finally:
        node.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="webhooks in a round")
    parser.add_argument("--stored", type=int, default=1_000_000, help="complaints in the full store of row d")
    parser.add_argument(
        "--rows", default="bcdefghij", help="which rows; a is measured with any but j alone, d needs b and c"
    )
    given = parser.parse_args()
    uvloop.run(main(given.count, given.stored, given.rows))
