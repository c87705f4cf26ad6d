"""A gateway that dies where a test says and comes back, and its store read as an auditor would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from typing import Any

from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.rounds import balances
from tests.servers.waiting import until

HEARING = "intake,interpret,relay,router,clock,pollers"
"""Every role but the one that answers citizens: what was answered is looked at when the last kill is over."""


async def starts(balagh: GatewayProcess, *, dies_at: str = "", roles: str = HEARING) -> None:
    """Start it, to be killed where it is told: at one of the points of tests.faults.crashing."""
    balagh.program = "tests.faults.crashing"
    balagh.environment["FAULT_AT"] = dies_at
    if dies_at:
        balagh.launch(roles=roles)
    else:
        await asyncio.to_thread(balagh.start, roles=roles)


async def dies(balagh: GatewayProcess, *, seconds: float = 60) -> None:
    """Wait until it was killed where it was told. Raises TimeoutError."""
    process = balagh.process
    assert process is not None
    await until(lambda: process.poll() is not None, seconds)
    assert -signal.SIGKILL == process.returncode, balagh.log()[-3000:]


async def answers(balagh: GatewayProcess) -> None:
    """Wait until a gateway that is about to die is there. Raises TimeoutError."""
    await until(balagh.answers)


def rows(balagh: GatewayProcess, query: str) -> list[Any]:
    """Read the store, which is one file; nothing while it is not there yet."""
    path = balagh.folder / "data" / "balagh.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as store:
        try:
            return list(store.execute(query))
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def said(balagh: GatewayProcess) -> dict[str, str]:
    """What each complaint says in its last version, by reference."""
    found = rows(
        balagh,
        "SELECT c.reference, p.body FROM complaints c"
        " JOIN personal p ON p.complaint_id = c.id AND p.version = c.version",
    )
    return {reference: json.loads(body)["text"] for reference, body in found}


def holds(balagh: GatewayProcess, words: Collection[str]) -> Callable[[], bool]:
    """Ask whether each of these words is in a complaint, and each complaint was offered."""

    def question() -> bool:
        texts = "\n".join(said(balagh).values())
        if rows(balagh, "SELECT seq FROM journal WHERE state = 'pending'"):
            return False
        offered = {reference for (reference,) in rows(balagh, "SELECT reference FROM events WHERE type = 'offered'")}
        return all(one in texts for one in words) and set(said(balagh)) <= offered

    return question


async def each_once(balagh: GatewayProcess, words: Sequence[str], *, complaints: int, seconds: float = 60) -> None:
    """Assert that each of these words is in one complaint, once, and each complaint offered once; the books balance."""
    with contextlib.suppress(TimeoutError):  # what is missing is said below
        await until(holds(balagh, words), seconds)
    found = "\n".join(said(balagh).values())
    assert dict.fromkeys(words, 1) == {one: found.count(one) for one in words}, balagh.log()[-2000:]
    assert complaints == len(said(balagh))
    offers = Counter(reference for (reference,) in rows(balagh, "SELECT reference FROM events WHERE type = 'offered'"))
    assert dict.fromkeys(said(balagh), 1) == dict(offers)
    await balances(balagh)
