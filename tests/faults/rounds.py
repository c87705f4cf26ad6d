"""What an operator does on a round: look at the metrics, run check, run reconcile."""

from __future__ import annotations

import asyncio
import time

from tests.end_to_end.gateway_process import GatewayProcess
from tests.servers.waiting import until

STEADY = 1.5  # seconds: three measurements of a watchful gateway


def watchful(balagh: GatewayProcess) -> GatewayProcess:
    """Let a gateway look at what an operator sees twice a second."""
    balagh.program = "tests.faults.impatient"
    return balagh


async def metric(balagh: GatewayProcess, name: str) -> float:
    """One number of /metrics, named with its labels."""
    return await asyncio.to_thread(balagh.metric, name)


async def reaches(balagh: GatewayProcess, name: str, least: float, *, seconds: float = 60) -> None:
    """Wait until a number of /metrics is at least so high. Raises TimeoutError."""

    async def high() -> bool:
        return await metric(balagh, name) >= least

    await until(high, seconds)


async def drains(balagh: GatewayProcess, *, seconds: float = 60) -> None:
    """Wait until the broker is up, and nothing waits for it, is parked or undecided any more. Raises TimeoutError."""
    since = 0.0  # when it was first seen so; what is measured twice a second may be older than the question

    async def steadily() -> bool:
        nonlocal since
        if not await _drained(balagh):
            since = 0.0
            return False
        since = since or time.monotonic()
        return time.monotonic() - since > STEADY

    await until(steadily, seconds)


async def _drained(balagh: GatewayProcess) -> bool:
    waiting = [await metric(balagh, f'balagh_backlog{{room="{room}"}}') for room in ("interpret", "relay", "dispatch")]
    parked = await metric(balagh, "balagh_relay_parked")
    return [0, 0, 0] == waiting and 0 == parked and 1 == await metric(balagh, "balagh_broker_up")


async def wrongs(balagh: GatewayProcess) -> list[str]:
    """Run check, and return what it finds wrong, one line each; its exit code says the same."""
    result = await asyncio.to_thread(balagh.command, "check")
    found = [line.removeprefix("WRONG ") for line in result.stdout.splitlines() if line.startswith("WRONG ")]
    assert (1 if found else 0) == result.returncode, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return found


async def balances(balagh: GatewayProcess) -> None:
    """Assert that reconcile misses nothing."""
    books = await asyncio.to_thread(balagh.command, "reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    assert "balanced: every message is accounted for" in books.stdout
