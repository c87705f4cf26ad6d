"""A city that writes its own menus: a menu below a menu, a category by a key, a machine that listens first."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.city.city import load
from gateway.hotline import open_lines
from tests.channels.caller import Caller
from tests.channels.hotline_house import CITIZEN, complaint, complaints_of, tasks_of, voice_environ, voice_of
from tests.gateway.walk import Walk

BAGHDAD = Path(__file__).parents[3] / "config" / "cities" / "baghdad"
WATER = """
[[menu]]
id = "water"
says = { ar = "لانقطاع الماء اضغطوا واحد.", en = "For an outage, press one." }
key = [{ key = "1", does = "report", category = "water.outage" }]

[hours]
"""
HEARD = "الماء مقطوع بحي الجامعة"


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Walk]:
    """A house in such a city."""
    folder = Path(shutil.copytree(BAGHDAD, tmp_path / "town"))
    path = folder / "hotline.toml"
    text = path.read_text("utf-8").replace("speech = false", "speech = true ", 1).replace("\n[hours]\n", WATER, 1)
    text = text.replace('{ key = "2", does = "follow" }', '{ key = "2", does = "menu", menu = "water" }', 1)
    path.write_text(text, "utf-8")
    made = Walk(tmp_path, load(str(folder)), **voice_environ())
    open_lines(made.house, clock=made.clock)
    await made.open()
    yield made
    await made.close()


async def test_a_menu_below_a_menu_states_the_category(other: Walk, aiohttp_client: Any) -> None:
    """The key says what it is about, and the proposal of the machine waits beside the recording for a person."""
    caller = await Caller(await aiohttp_client(other.site()), voice_of(other), CITIZEN).dial()
    await caller.press("1", "2")
    assert "لانقطاع الماء اضغطوا واحد" in caller.words()
    await caller.press("1")
    assert "قولوا بكلمات قليلة" in caller.words()
    assert caller.at is not None
    assert ("dtmf speech", "ar-IQ", "false") == tuple(
        caller.at.get(name) for name in ("input", "language", "profanityFilter")
    )
    await caller.say(HEARD)
    recording = await caller.speak(action=False, ends="hangup")
    await caller.recorded(recording)
    [filed] = await complaints_of(other)
    [task] = await tasks_of(other, "transcribe")

    assert "water.outage" == filed.category
    assert HEARD == task["body"]["proposed"]
    assert HEARD not in str((await complaint(other, filed.reference)).get("text"))


async def test_whoever_says_nothing_to_the_machine_gets_the_tone(other: Walk, aiohttp_client: Any) -> None:
    """Speech is never required; a hang-up after it is called back, with what the machine understood."""
    client = await aiohttp_client(other.site())
    silent = await Caller(client, voice_of(other), CITIZEN).dial()
    await silent.press("1", "1")
    await silent.silent()
    await silent.to_the_tone()
    spoken = await Caller(client, voice_of(other), CITIZEN).dial()
    await (await spoken.press("1", "1")).say(HEARD)
    await spoken.hang_up()
    [task] = await tasks_of(other, "call_back")

    assert HEARD == task["body"]["proposed"]
