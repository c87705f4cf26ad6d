"""What the hotline's tests stand on: a house with the hotline on, and what became of its calls."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from channels.voice import Voice
from tests.channels.caller import Caller
from tests.gateway.walk import ACCOUNT, NUMBER, TOKEN, Walk

CITIZEN = "+9647701234567"
AGENT, PIN = "+9647700000001", "246813"

Dial = Callable[..., Awaitable[Caller]]


def voice_environ(**more: str) -> dict[str, str]:
    given = {
        "ACCOUNT_SID": ACCOUNT,
        "AUTH_TOKEN": TOKEN,
        "NUMBER": NUMBER,
        "API_URL": "http://127.0.0.1:9",
        "AGENTS": AGENT,
        "AGENT_PIN": PIN,
        **more,
    }
    return {f"BALAGH_VOICE__{key}": value for key, value in given.items()}


def voice_of(walk: Walk) -> Voice:
    """The channel of a house."""
    channel = walk.house.channels["voice"]
    assert isinstance(channel, Voice)
    return channel


async def tasks_of(walk: Walk, kind: str) -> list[dict[str, Any]]:
    await walk.understand()
    rows = await walk.rows(
        "SELECT t.*, p.body FROM tasks t JOIN task_payload p ON p.id = t.id WHERE t.kind = :kind ORDER BY t.created_at",
        kind=kind,
    )
    return [{**row._mapping, "body": json.loads(row.body)} for row in rows]


async def complaints_of(walk: Walk) -> list[Any]:
    await walk.understand()
    return await walk.rows("SELECT * FROM complaints ORDER BY received_at, reference")


async def complaint(walk: Walk, reference: str) -> dict[str, Any]:
    rows = await walk.rows(
        "SELECT p.body FROM personal p JOIN complaints c ON c.id = p.complaint_id AND c.version = p.version "
        "WHERE c.reference = :reference",
        reference=reference,
    )
    found: dict[str, Any] = json.loads(rows[0].body)
    return found
