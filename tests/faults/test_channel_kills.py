"""Killed where each way of hearing is most tender: between what the provider was told and what is on disk.

Whatever a citizen said is in one complaint, once, and was offered to its department once, however often the gateway
died and however often the provider said it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from channels.voice import Voice
from channels.voice.channel import VoiceSettings
from tests.channels.bot_api import TOKEN, BotApi
from tests.channels.caller import Caller
from tests.channels.email.office import inbox, mail
from tests.channels.hotline_house import voice_environ
from tests.channels.smsc import CODE, Smsc, body, smsc
from tests.end_to_end.gateway_process import ACCOUNT, NUMBER, GatewayProcess
from tests.end_to_end.gateway_process import TOKEN as AUTH_TOKEN
from tests.faults.books import answers, dies, each_once, holds, rows, starts
from tests.servers.dovecot import DovecotServer
from tests.servers.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

Make = Callable[..., GatewayProcess]
Size = Callable[[int, int], int]

WORDS = "الماء مقطوع عن حي الجامعة في البيت رقم"
TO_DISK = ("before commit of insert journal", "after commit of insert journal")
CURSOR = ("before insert memory", "after commit of insert memory")
LONG = "و".join(["الشارع مظلم والقمامة لم ترفع منذ أسبوع ونريد منكم حلا "] * 3).strip()
PAGE, PHONE = "104200000000001", "106540352242922"


@pytest.fixture
async def bot() -> AsyncIterator[tuple[BotApi, str]]:
    """Telegram, and where it is."""
    api = BotApi()
    async with TestServer(api.app()) as server:
        yield api, str(server.make_url("")).rstrip("/")


@pytest.fixture
def mail_server() -> Iterator[DovecotServer]:
    """A mail server of the test's own, for it is killed."""
    server = DovecotServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


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
    await until(lambda: len(telegram.sent()) >= len(words))
    assert [] == telegram.updates, "what was taken in is not passed"
    assert len(words) == len({sent["chat_id"] for sent in telegram.sent()}) == len(telegram.sent()), "thanked once each"


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


async def test_mail_is_taken_once_whoever_is_killed(gateway: Make, mail_server: DovecotServer, size: Size) -> None:
    """The gateway killed in the middle of fetching, and the mail server while it is listened to: each mail once."""
    user = "complaints@city.example"
    balagh = gateway(
        BALAGH_EMAIL__INBOXES=json.dumps([inbox(mail_server, user)]),
        BALAGH_EMAIL__SMTP_URL="smtp://127.0.0.1:9",
        BALAGH_EMAIL__FROM=user,
    )
    words: list[str] = []

    def post() -> None:
        words.append(f"{WORDS} {len(words)}،")
        letter = mail(len(words), words[-1], From=f"s{len(words)}@example.org")
        mail_server.deliver(letter.replace("شكوى".encode(), b"Water"), user)

    for _ in range(size(1, 6)):
        for point in (*TO_DISK, *CURSOR[1:]):
            for _ in range(3):
                post()
            await starts(balagh, dies_at=f"{point}#2")
            await dies(balagh)
    await starts(balagh)
    await each_once(balagh, words, complaints=len(words))

    for _ in range(size(1, 6)):
        post()
        await until(holds(balagh, words))  # it listens to the mail server again by now
        mail_server.kill9()
        mail_server.start()
        post()
    await each_once(balagh, words, complaints=len(words))


async def test_sms_delivered_again_after_a_kill_is_one(gateway: Make, tmp_path: Path, size: Size) -> None:
    """Killed between a carrier's deliver_sm and our answer, in short and in long messages: heard whole, and once."""
    async with smsc(tmp_path / "smsc.log") as carrier:
        given = {"HOST": "127.0.0.1", "PORT": str(carrier.port), "SYSTEM_ID": "balagh", "PASSWORD": "secret"}
        balagh = gateway(**{f"BALAGH_SMPP__{name}": value for name, value in given.items()}, BALAGH_SMPP__NUMBER=CODE)
        words: list[str] = []
        for round_ in range(size(1, 6)):
            for number, point in enumerate((*TO_DISK, *CURSOR[1:])):
                source = f"96477012{round_:02d}{number:03d}"
                short = f"{WORDS} {round_}{number}،"
                words += [short, f"{round_}-{number} {LONG}"]
                pieces = [
                    body(short.encode("utf-16-be"), 8, source=source),
                    *_pieces(words[-1], 1 + len(words), source),
                ]
                await starts(balagh, dies_at=f"{point}#{2 if number % 2 else 1}")
                await answers(balagh)
                await carrier.when(lambda: carrier.seen("bound"))
                answered = await _deliver(carrier, pieces, dies(balagh))
                carrier.events.clear()
                await starts(balagh)
                await carrier.when(lambda: carrier.seen("bound"))
                # The carrier heard of these and says the others again, some of them twice.
                left = [piece for at, piece in enumerate(pieces) if at not in answered]
                assert left, "it was to die with a delivery in its hands"
                for at, piece in enumerate([*left, left[0]]):
                    await carrier.tell("raw_deliver", tag=f"again{at}", hex=piece.hex())
                    assert 0 == await carrier.answered(f"again{at}")
                balagh.kill9()
                carrier.events.clear()
        await starts(balagh)
        await each_once(balagh, words, complaints=len(words) // 2)


async def _deliver(carrier: Smsc, pieces: list[bytes], death: Awaitable[None]) -> set[int]:
    """Deliver until the gateway is dead, each when the one before was answered; return which were answered."""
    answered: set[int] = set()

    async def deliver() -> None:
        for at, piece in enumerate(pieces):
            await carrier.tell("raw_deliver", tag=f"{at}", hex=piece.hex())
            assert 0 == await carrier.answered(f"{at}")
            answered.add(at)

    delivering = asyncio.create_task(deliver())
    await death
    await carrier.when(lambda: carrier.seen("closed"))  # by then it has heard whatever was still on the wire
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    return answered | {int(event["tag"]) for event in carrier.seen("delivered") if event["status"] == 0}


def _pieces(text: str, reference: int, source: str) -> list[bytes]:
    """Cut a long message as a telephone does."""
    data = text.encode("utf-16-be")
    cut = [data[at : at + 134] for at in range(0, len(data), 134)]
    headers = (bytes((5, 0, 3, reference % 256, len(cut), number)) for number in range(1, len(cut) + 1))
    return [body(header + one, 8, source=source, esm=0x40) for header, one in zip(headers, cut, strict=True)]


class Persistent(Caller):
    """A caller whose provider asks again when nobody answers, as `#rc=` and `#rp=` in our addresses say."""

    async def repeat(self, address: str, body: bytes) -> tuple[int, str]:
        """Send a request until it is answered."""
        async with asyncio.timeout(60):
            while True:
                try:
                    return await super().repeat(address, body)
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)


async def test_a_call_is_one_report_whatever_step_we_are_killed_in(gateway: Make, size: Size) -> None:
    """Killed after the call began, in the step after the tone, in the recording's callback, whichever comes first."""
    balagh = gateway()
    balagh.environment |= voice_environ()
    settings = {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "number": NUMBER, "public_url": balagh.url}
    voice = Voice(VoiceSettings.model_validate(settings))
    before, after = (f"{point}#1" for point in TO_DISK)
    stored = "before answer#1"  # what comes second is known, and nothing is written
    moments = [("action", 1, before), ("callback", 1, after), ("action", 2, stored), ("callback", 2, stored)]
    moments += [("callback", 1, before), ("action", 1, after), ("callback", 1, stored), ("action", 1, stored)]
    recordings: list[str] = []
    await starts(balagh)
    async with aiohttp.ClientSession(balagh.url, connector=aiohttp.TCPConnector(force_close=True)) as session:
        for number, (first, step, point) in enumerate(moments[: size(3, 8)]):
            caller = Persistent(cast("Any", session), voice, f"+96477055{number:05d}")
            await (await caller.dial()).press("1", "1")
            await caller.to_the_tone()
            assert caller.at is not None
            address = caller.at.get("action", "")
            recordings.append(await caller.speak(ends="hangup", action=False))
            told = {
                "action": partial(caller.post, address, spoken(caller, recordings[-1])),
                "callback": partial(caller.recorded, recordings[-1]),
            }
            for turn, tell in enumerate([told.pop(first), *told.values()], 1):
                if turn != step:
                    await tell()
                    continue
                balagh.kill9()  # in the middle of the call
                await starts(balagh, dies_at=point)
                await answers(balagh)
                telling = asyncio.create_task(tell())
                await dies(balagh)
                await starts(balagh)
                await telling
            await caller.hang_up()
    await each_once(balagh, [], complaints=len(recordings))

    assert [(one, "complaint") for one in sorted(recordings)] == sorted(
        (external_id.rpartition(":")[2], outcome)
        for external_id, outcome in rows(balagh, "SELECT external_id, outcome FROM journal WHERE purpose = 'message'")
    )
    assert len(recordings) == len(rows(balagh, "SELECT id FROM attachments"))
    assert [] == rows(balagh, "SELECT id FROM tasks WHERE kind = 'call_back' AND state = 'open'")


def spoken(caller: Caller, recording: str) -> dict[str, str]:
    """What Twilio says in the step after the tone."""
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}"
    call = {"CallSid": caller.call, "From": caller.number, "To": NUMBER, "CallStatus": "in-progress"}
    return {**call, "RecordingSid": recording, "RecordingUrl": url, "RecordingDuration": "14", "Digits": "hangup"}


BATCH = ("after commit of insert journal#1", "before answer#1", "before commit of insert journal#1")


@pytest.mark.parametrize(("channel", "points"), [("facebook", BATCH), ("whatsapp-cloud", BATCH[::-1])])
async def test_a_batch_of_metas_is_heard_whole_and_once(
    channel: str, points: Sequence[str], gateway: Make, size: Size
) -> None:
    """Killed in the middle of a webhook's batch, and before its answer: Meta delivers all of it again; each is once."""
    settings = {"APP_SECRET": "a-secret", "VERIFY_TOKEN": "words", "API_URL": "http://127.0.0.1:9"}
    more = {
        "facebook": {"PAGE_TOKEN": "token", "PAGE_ID": PAGE},
        "whatsapp-cloud": {"ACCESS_TOKEN": "token", "PHONE_NUMBER_ID": PHONE},
    }
    prefix = f"BALAGH_{channel.upper().replace('-', '_')}"
    balagh = gateway(**{f"{prefix}__{name}": value for name, value in (settings | more[channel]).items()})
    words: list[str] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for _ in range(size(1, 6)):
            for point in points[: size(2, 3)]:
                said = [f"{WORDS} {len(words) + turn}،" for turn in range(4)]
                data = batch(channel, said, first=len(words))
                words += said
                signature = "sha256=" + hmac.new(b"a-secret", data, hashlib.sha256).hexdigest()
                headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
                await starts(balagh, dies_at=point)
                await answers(balagh)
                assert 0 == await balagh.post(session, channel, data, headers)
                await dies(balagh)
                await starts(balagh)
                assert [200, 200] == [await balagh.post(session, channel, data, headers) for _ in range(2)]
                balagh.kill9()
    await starts(balagh)
    await each_once(balagh, words, complaints=len(words))


def batch(channel: str, words: list[str], *, first: int) -> bytes:
    """Write what several people said as one delivery of Meta's."""
    said = list(enumerate(words, first))
    if channel == "facebook":
        messaging = [
            {
                "sender": {"id": f"66600011{number:05d}"},
                "recipient": {"id": PAGE},
                "timestamp": 1_763_632_800_123 + number,
                "message": {"mid": f"m_kill-{number}", "text": text},
            }
            for number, text in said
        ]
        document = {"object": "page", "entry": [{"id": PAGE, "time": 1_763_632_800, "messaging": messaging}]}
        return json.dumps(document).encode()
    messages = [
        {
            "from": f"96477066{number:05d}",
            "id": f"wamid.kill{number}",
            "timestamp": f"{1_795_300_000 + number}",
            "type": "text",
            "text": {"body": text},
        }
        for number, text in said
    ]
    metadata = {"display_phone_number": "96418001234", "phone_number_id": PHONE}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": [], "messages": messages}
    entry = {"id": "419561257915477", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
