"""Telegram through the whole house: from an update to the department, the photo on disk and the answer in the chat."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from channels.telegram.channel import Telegram
from gateway.city.city import City
from gateway.pollers import Pollers
from tests.channels.bot_api import TOKEN, BotApi, failed
from tests.channels.harness import FIXTURES
from tests.gateway.walk import Walk

SECRET = "a-secret-that-only-telegram-knows"


@pytest.fixture
def bot() -> BotApi:
    """Give Telegram."""
    return BotApi()


@pytest.fixture
async def walk(tmp_path: Path, city: City, bot: BotApi) -> AsyncIterator[Walk]:
    """A house that asks Telegram for updates, and hears its webhook as well."""
    async with TestServer(bot.app()) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = {"TOKEN": TOKEN, "SECRET": SECRET, "MODE": "polling", "API_URL": url}
        made = Walk(tmp_path, city, **{f"BALAGH_TELEGRAM__{name}": value for name, value in settings.items()})
        await made.open()
        yield made
        await made.close()


def update(condition: str, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"telegram/{condition}.json").read_bytes())
    return found | {"update_id": number}


async def poll(walk: Walk) -> None:
    channel = walk.house.channels["telegram"]
    assert isinstance(channel, Telegram)
    await Pollers(walk.house, clock=walk.clock).fetch(channel, "")
    await walk.understand()


async def outcomes(walk: Walk) -> list[tuple[str, str]]:
    rows = await walk.rows("SELECT external_id, outcome FROM journal ORDER BY seq")
    return [(row.external_id, row.outcome) for row in rows]


async def test_album_is_one_complaint_with_its_photos(walk: Walk, bot: BotApi) -> None:
    """Two photos of one album become one complaint, both are fetched, and its sender is thanked once, below it."""
    bot.updates = [update("album_first", 1), update("album_second", 2)]
    await poll(walk)
    while await walk.media.step():
        pass
    await walk.replies.step()
    complaints = await walk.rows("SELECT reference FROM complaints")
    kept = await walk.rows("SELECT size, content_type FROM attachments")

    assert [("5520011223:48", "complaint"), ("5520011223:49", "amendment")] == await outcomes(walk)
    assert [(267, "image/jpeg")] * 2 == [(row.size, row.content_type) for row in kept]
    assert [("5520011223", 48)] == [(one["chat_id"], one["reply_parameters"]["message_id"]) for one in bot.sent()]
    assert 1 == len(complaints)


async def test_both_ways_at_once_hear_once(walk: Walk, bot: BotApi) -> None:
    """An update that came by webhook and is fetched as well is one message."""
    bot.updates = [update("hello_arabic", 1)]
    channel = walk.house.channels["telegram"]
    assert isinstance(channel, Telegram)
    body = json.dumps(update("hello_arabic", 1)).encode()
    async with TestClient(TestServer(walk.site())) as client:
        await client.post("/channels/telegram", data=body, headers=channel.sign("", body))
    await poll(walk)

    assert [("5520011223:42", "complaint")] == await outcomes(walk)


async def test_edit_is_a_version(walk: Walk, bot: BotApi) -> None:
    """A message that was edited is the same complaint in newer words."""
    bot.updates = [update("before_edit", 1), update("edited", 2)]
    await poll(walk)

    assert [("5520011223:64", "complaint"), ("5520011223:64:edit:1790003901", "edit")] == await outcomes(walk)


async def test_who_blocks_the_bot_is_let_be(walk: Walk, bot: BotApi) -> None:
    """An answer to somebody who blocked the bot is given up, and the next one is not even tried."""
    bot.updates = [update("hello_arabic", 1)]
    await poll(walk)
    bot.answers = [lambda: failed(403, "Forbidden: bot was blocked by the user")]
    await walk.replies.step()
    walk.clock.pass_by(hours=5)
    bot.updates = [update("english", 2)]
    await poll(walk)
    await walk.replies.step()

    assert 1 == len(bot.sent())


async def test_killed_between_the_disk_and_the_cursor(walk: Walk, bot: BotApi) -> None:
    """When the program ends after a message was stored and before that was noted, the message is still one."""
    bot.updates = [update("hello_arabic", 1), update("photo", 2)]
    channel = walk.house.channels["telegram"]
    assert isinstance(channel, Telegram)
    async with aclosing(channel.fetch("", Pollers(walk.house).reception("telegram"))) as fetched:
        async for inbound in fetched:
            await walk.house.intake.accept(inbound)
            break
    await poll(walk)

    assert [("5520011223:42", "complaint"), ("5520011223:47", "amendment")] == await outcomes(walk)
