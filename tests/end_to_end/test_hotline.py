"""The hotline of a running gateway, called by more people than there are lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from channels.voice import Voice
from channels.voice.channel import VoiceSettings
from tests.channels.caller import Caller
from tests.channels.hotline_house import voice_environ
from tests.end_to_end.gateway_process import ACCOUNT, NUMBER, ROOT, TOKEN, GatewayProcess
from tests.faults.books import rows
from tests.faults.rounds import balances
from tests.servers.waiting import until

LINES = 5
DAYS = ("saturday", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday")


@pytest.fixture
def open_city(tmp_path: Path) -> Path:
    """The sample city, whose agents are there day and night."""
    folder = Path(shutil.copytree(ROOT / "config/cities/baghdad", tmp_path / "city"))
    hotline = folder / "hotline.toml"
    hours = "".join(f'{day} = "00:00-24:00"\n' for day in DAYS)
    words = re.sub(r"(?ms)^\[hours\]\n.*?(?=^\[|\Z)", f"[hours]\n{hours}\n", hotline.read_text("utf-8"))
    hotline.write_text(re.sub(r"(?ms)^\[\[season\]\]\n.*?(?=^\[|\Z)", "", words), "utf-8")
    return folder


@pytest.fixture
def balagh(tmp_path: Path, open_city: Path) -> Iterator[GatewayProcess]:
    """A running gateway with a hotline."""
    (tmp_path / "house").mkdir()
    made = GatewayProcess(tmp_path / "house", BALAGH_CITY=str(open_city), **voice_environ())
    made.start()
    yield made
    made.close()


async def test_the_sixth_caller_is_offered_a_message_or_a_call_back(balagh: GatewayProcess) -> None:
    """Five wait for an agent. The sixth leaves a message, the seventh is called back, and a line that ends is free."""
    settings = {"account_sid": ACCOUNT, "auth_token": TOKEN, "number": NUMBER, "public_url": balagh.url}
    voice = Voice(VoiceSettings.model_validate(settings))
    async with aiohttp.ClientSession(balagh.url) as session:

        async def dial(number: str) -> Caller:
            caller = await Caller(cast("Any", session), voice, number).dial()
            return await caller.press("1", "0")

        waiting = [await dial(f"+96477044000{place}") for place in range(LINES)]
        assert ["Enqueue"] * LINES == [caller.waits_for for caller in waiting], waiting[-1].words()
        sixth, seventh = await dial("+964770440006"), await dial("+964770440007")
        for caller in (sixth, seventh):
            assert "Gather" == caller.waits_for
            assert "كل الخطوط مشغولة" in caller.words()
        await sixth.press("1")
        assert 200 == await sixth.recorded(await sixth.speak())
        await seventh.press("2")
        assert "سيتصل بكم" in seventh.words()
        for caller in (sixth, seventh, waiting[0]):
            await caller.hang_up()
        assert "Enqueue" == (await dial("+964770440008")).waits_for

    await until(lambda: not rows(balagh, "SELECT seq FROM journal WHERE state = 'pending'"))
    await until(lambda: bool(rows(balagh, "SELECT id FROM events WHERE type = 'offered'")))
    query = "SELECT p.body FROM tasks t JOIN task_payload p ON p.id = t.id WHERE t.kind = 'call_back'"
    assert ["+964770440000", "+964770440007"] == sorted(json.loads(body)["phone"] for (body,) in rows(balagh, query))
    assert 1 == len(rows(balagh, "SELECT id FROM complaints"))
    await balances(balagh)
