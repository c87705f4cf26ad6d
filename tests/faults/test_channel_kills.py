"""Killed where each way of hearing is most tender: between what the provider was told and what is on disk.

Whatever a citizen said is in one complaint, once, and was offered to its department once, however often the gateway
died and however often the provider said it again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from tests.channels.bot_api import TOKEN, BotApi
from tests.end_to_end.gateway_process import GatewayProcess
from tests.faults.books import dies, each_once, starts

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

Make = Callable[..., GatewayProcess]
Size = Callable[[int, int], int]

WORDS = "الماء مقطوع عن حي الجامعة في البيت رقم"
TO_DISK = ("before commit of insert journal", "after commit of insert journal")
CURSOR = ("before insert memory", "after commit of insert memory")


@pytest.fixture
async def bot() -> AsyncIterator[tuple[BotApi, str]]:
    """Telegram, and where it is."""
    api = BotApi()
    async with TestServer(api.app()) as server:
        yield api, str(server.make_url("")).rstrip("/")


async def test_telegram_killed_between_what_it_told_and_what_is_noted(
    gateway: Make, bot: tuple[BotApi, str], size: Size
) -> None:
    """Killed after getUpdates and before the commit, and after the commit and before the offset: nothing lost or twice.

    Telegram forgets every update below the offset that it is asked for, so an offset that ran ahead would lose one.
    """
    telegram, url = bot
    settings = {"TOKEN": TOKEN, "SECRET": "s" * 16, "MODE": "polling", "API_URL": url}
    balagh = gateway(**{f"BALAGH_TELEGRAM__{name}": value for name, value in settings.items()})
    words: list[str] = []
    for round_ in range(size(1, 6)):
        for number, point in enumerate((*TO_DISK, *CURSOR)):
            for turn in (1, 2):
                words.append(f"{WORDS} {round_}{number}{turn}،")
                telegram.updates.append(update(1000 + len(words), 5_520_000_000 + len(words), words[-1]))
            await starts(balagh, dies_at=f"{point}#{1 + round_ % 2}")
            await dies(balagh)
    await starts(balagh, roles="all")

    await each_once(balagh, words, complaints=len(words))
    assert [] == telegram.updates, "what was taken in is not passed"


def update(number: int, chat: int, words: str) -> dict[str, Any]:
    """Make an update as Telegram does: somebody writes to the bot."""
    person = {"id": chat, "first_name": "أم زينب", "language_code": "ar"}
    message = {
        "message_id": number,
        "from": {**person, "is_bot": False},
        "chat": {**person, "type": "private"},
        "date": 1_790_000_000 + number,
        "text": words,
    }
    return {"update_id": number, "message": message}
