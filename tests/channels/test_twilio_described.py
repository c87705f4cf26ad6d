"""What messages and the hotline ask of Twilio, tried on a server made of Twilio's own description of its API."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from channels.base import Adapter, Busy, OutcomeUnknown
from channels.message import Address, Reply, Scheme
from channels.sms import Sms
from channels.voice import Voice
from tests.channels.harness import example_settings
from tests.servers.node import prism
from tests.servers.processes import free_port
from tests.servers.waiting import until

DOCUMENTS = sorted((Path(__file__).parents[3] / "shared" / "data" / "openapi").glob("twilio_api_v2010.json"))

_ROOT = "/2010-04-01/Accounts"
ASKED = {
    f"{_ROOT}/{{Sid}}.json",
    *(f"{_ROOT}/{{AccountSid}}/{name}.json" for name in ("Calls", "Calls/{Sid}", "Recordings", "Recordings/{Sid}")),
    f"{_ROOT}/{{AccountSid}}/IncomingPhoneNumbers.json",
    f"{_ROOT}/{{AccountSid}}/Messages.json",
    *(f"{_ROOT}/{{AccountSid}}/Messages/{{MessageSid}}/Media{name}.json" for name in ("", "/{Sid}")),
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


def asked_by_the_hotline(url: str) -> tuple[Adapter, Sequence[Awaitable[Any]]]:
    """Return the hotline, and everything that it asks."""
    voice = Voice(example_settings(Voice, api_url=url))
    log, since = voice._log, datetime(2026, 11, 22, 7, tzinfo=UTC)
    return voice, (
        log.account(),
        log.number("+15005550007"),
        log.call("CA" + "1" * 32),
        first(log.calls("+15005550007", since)),
        first(log.recordings(since)),
        voice.forget(f"{url}{_ROOT}/{voice.settings.account_sid}/Recordings/RE{'1' * 32}.wav"),
    )


def asked_by_messages(url: str) -> tuple[Adapter, Sequence[Awaitable[Any]]]:
    """Return the channel for SMS, which shares its API with WhatsApp's, and everything that it asks."""
    sms = Sms(example_settings(Sms, api_url=url))
    since, message = datetime(2026, 11, 22, 7, tzinfo=UTC), "MM" + "1" * 32
    reply = Reply("r-1", "+15005550006", Address(Scheme.TEL, "+9647701234567"), "وصل بلاغكم")
    fields = {"To": reply.to.value, "From": reply.account, "Body": reply.text}
    return sms, (
        sms.probe(),
        sms.send(reply),
        sms._api.find(fields, since),
        first(sms._api.received("+15005550006", since)),
        sms._api.media(message),
        sms.forget(f"{url}{_ROOT}/{sms.settings.account_sid}/Messages/{message}/Media/ME{'1' * 32}"),
    )


@pytest.mark.parametrize("document", [path.read_text("utf-8") for path in DOCUMENTS], ids=lambda _: "twilio")
async def test_twilio_describes_what_we_ask(document: str, tmp_path: Path) -> None:
    """Every question, message and deletion of ours is one that the description knows, with parts of the right shape."""
    port, own, log = free_port(), tmp_path / "twilio.json", tmp_path / "prism.log"
    own.write_text(some_of(document), "utf-8")
    with prism(own, port, log):
        await until(lambda: "Prism is listening" in sound(log), 60)
        asked = 0
        for ask in (asked_by_the_hotline, asked_by_messages):
            channel, questions = ask(f"http://127.0.0.1:{port}")
            for question in questions:
                with contextlib.suppress(Busy, OutcomeUnknown):  # the examples in the answers do not all fit themselves
                    await question
            asked += len(questions)
            await channel.close()
    said = sound(log)

    assert asked == said.count("The request passed the validation rules"), said[-3000:]


def sound(log: Path) -> str:
    """Return what the server has said so far."""
    return log.read_text("utf-8") if log.exists() else ""
