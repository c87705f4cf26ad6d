"""What the hotline asks of Twilio, tried on a server made of Twilio's own description of its API."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from channels.base import Busy
from channels.voice import Voice
from channels.voice.log import CallLog
from tests.channels.harness import example_settings
from tests.servers.node import prism
from tests.servers.processes import free_port
from tests.servers.waiting import until

DOCUMENTS = sorted((Path(__file__).parents[4] / "shared" / "data" / "openapi").glob("twilio_api_v2010.json"))

_ROOT = "/2010-04-01/Accounts"
ASKED = {
    f"{_ROOT}/{{Sid}}.json",
    *(f"{_ROOT}/{{AccountSid}}/{name}.json" for name in ("Calls", "Calls/{Sid}", "Recordings", "Recordings/{Sid}")),
    f"{_ROOT}/{{AccountSid}}/IncomingPhoneNumbers.json",
}
"""Of a document of two megabytes, what is asked: the server would take half a minute to read the rest."""


def some_of(document: str) -> str:
    """Return the document with what is asked alone."""
    described = json.loads(document)
    described["paths"] = {path: what for path, what in described["paths"].items() if path in ASKED}
    return json.dumps(described)


async def first(rows: AsyncIterator[Any]) -> None:
    """Ask for the first of many."""
    async for _ in rows:
        break


@pytest.mark.parametrize("document", [path.read_text("utf-8") for path in DOCUMENTS], ids=lambda _: "twilio")
async def test_twilio_describes_what_we_ask(document: str, tmp_path: Path) -> None:
    """Every question and deletion of ours is one that the description knows, with parameters of the right shape."""
    port, own, log = free_port(), tmp_path / "twilio.json", tmp_path / "prism.log"
    own.write_text(some_of(document), "utf-8")
    settings = example_settings(Voice, api_url=f"http://127.0.0.1:{port}", auth_token=SecretStr("a-token"))
    asked = CallLog(settings.account)
    since = datetime(2026, 11, 22, 7, tzinfo=UTC)
    questions = (
        asked.account(),
        asked.number("+15005550007"),
        asked.call("CA" + "1" * 32),
        first(asked.calls("+15005550007", since)),
        first(asked.recordings(since)),
        asked.delete(f"/2010-04-01/Accounts/{settings.account_sid}/Recordings/RE{'1' * 32}.json"),
    )
    with prism(own, port, log):
        await until(lambda: "Prism is listening" in sound(log), 60)
        for question in questions:
            with contextlib.suppress(Busy):  # the examples in the answers do not all fit the description themselves
                await question
        await asked.close()
    said = sound(log)

    assert len(questions) == said.count("The request passed the validation rules"), said[-3000:]


def sound(log: Path) -> str:
    """Return what the server has said so far."""
    return log.read_text("utf-8") if log.exists() else ""
