"""A clerk changes a rule while the gateway runs: the next complaint goes by it, and a mistake changes nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.gateway_process import API_KEY, ROOT, GatewayProcess
from tests.servers.waiting import until


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A copy of the sample city."""
    return Path(shutil.copytree(ROOT / "config" / "cities" / "baghdad", tmp_path / "town"))


@pytest.fixture
def balagh(tmp_path: Path, town: Path) -> Iterator[GatewayProcess]:
    """A running gateway of that city."""
    made = GatewayProcess(tmp_path, BALAGH_CITY=str(town))
    made.start()
    yield made
    made.close()


async def routed(balagh: GatewayProcess) -> dict[str, Any]:
    """Report a burst pipe and return where it went."""
    header = {"Authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(balagh.url, headers=header) as session:
        async with session.post("/api/v1/complaints", json={"text": "كسر", "category": "water.leak"}) as answer:
            reference = (await answer.json())["reference"]
        found: dict[str, Any] = {}

        async def there() -> bool:
            async with session.get(f"/api/v1/complaints/{reference}") as answer:
                found.update((await answer.json()).get("route") or {})
            return bool(found)

        await until(there)
    return found


def check(balagh: GatewayProcess) -> str:
    """What balagh check says beside the running gateway."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check"],
        cwd=ROOT, env=balagh.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


async def test_a_rule_goes_live_and_a_mistake_does_not(balagh: GatewayProcess, town: Path) -> None:
    """Another department, under another version; then a mistake, which the log, the metric and balagh check tell of."""
    rules = town / "rules.toml"
    first = await routed(balagh)
    exception = '[[rule]]\nid = "pipes"\ncategory = "water.leak"\ndepartment = "roads"\n\n'
    rules.write_text(
        rules.read_text("utf-8").replace('[[rule]]\nid = "water"', f'{exception}[[rule]]\nid = "water"'), "utf-8"
    )
    await until(lambda: asyncio.to_thread(_is, balagh, 'balagh_city_total{outcome="taken"}'))
    second = await routed(balagh)

    assert ("water", "roads", "pipes") == (first["department"], second["department"], second["rule"])
    assert first["version"] != second["version"]

    rules.write_text(rules.read_text("utf-8").replace('department = "roads"', 'department = "rods"', 1), "utf-8")
    await until(lambda: asyncio.to_thread(_is, balagh, "balagh_city_problems"))
    third = await routed(balagh)
    said = await asyncio.to_thread(check, balagh)

    assert second["version"] == third["version"]
    assert "rule[pipes].department: 'rods' is not known (did you mean 'roads'?)" in said
    logged = [json.loads(line) for line in balagh.log().splitlines() if '"city refused"' in line]
    assert ["rule[pipes].department"] == [line["problem"].split(": ")[1] for line in logged]


def _is(balagh: GatewayProcess, name: str) -> bool:
    return balagh.metric(name) > 0
