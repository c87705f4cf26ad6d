"""Speaking to Telegram and fetching from it: against a strict stand-in, and against `telegram-test-api` from npm."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from channels.base import Barred, Busy, Fetches, OutcomeUnknown, Poller, Probes, Refused, Speaker, SpeakError
from channels.message import Address, Inbound, Media, Purpose, Receipt, Reply, Scheme, Sent
from channels.telegram import api as telegram_api
from channels.telegram import channel as telegram_channel
from channels.telegram.channel import Telegram
from tests.channels.bot_api import PARAMETERS, TOKEN, BotApi, done, failed
from tests.channels.harness import FIXTURES, ROOT, StoreAway, example_settings
from tests.servers import node
from tests.servers.processes import free_port
from tests.servers.waiting import until

CHAT = "5520011223"
DOCUMENTS = list((ROOT / "../shared/data/openapi").resolve().glob("telegram_openapi_generated.json"))


@dataclass
class Memory:
    """What the house does for a poller, in memory."""

    kept: dict[str, str] = field(default_factory=dict)

    async def accept(self, inbound: Inbound) -> Receipt:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def recall(self, key: str) -> str:
        """Return what was remembered."""
        return self.kept.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        """Keep it."""
        self.kept[key] = value


@pytest.fixture
def bot() -> BotApi:
    """Give the stand-in."""
    return BotApi()


@pytest.fixture
async def url(bot: BotApi) -> AsyncIterator[str]:
    """Give the stand-in's address."""
    async with TestServer(bot.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def telegram(url: str) -> AsyncIterator[Telegram]:
    """Give the channel, speaking to the stand-in."""
    channel = Telegram(example_settings(Telegram, api_url=url))
    yield channel
    await channel.close()


@pytest.fixture
async def polling(url: str) -> AsyncIterator[Telegram]:
    """Give the channel that asks for updates."""
    channel = Telegram(example_settings(Telegram, api_url=url, mode="polling"))
    yield channel
    await channel.close()


def reply(**changes: Any) -> Reply:
    parts = {"id": "r/1", "account": "110201543", "text": "وصل بلاغكم 4821 093 756", **changes}
    return Reply(to=Address(Scheme.TELEGRAM, CHAT), **parts)


def recorded(condition: str, number: int = 0) -> dict[str, Any]:
    update: dict[str, Any] = json.loads((FIXTURES / f"telegram/{condition}.json").read_bytes())
    return update | ({"update_id": number} if number else {})


# Speaking


async def test_reply_is_sent(telegram: Telegram, bot: BotApi) -> None:
    """A reply leaves once, as plain words without a preview, under the message that it answers."""
    assert Sent(f"{CHAT}:101") == await telegram.send(reply(thread="42"))
    assert [
        {
            "chat_id": CHAT,
            "text": "وصل بلاغكم 4821 093 756",
            "link_preview_options": {"is_disabled": True},
            "reply_parameters": {"message_id": 42, "allow_sending_without_reply": True},
        }
    ] == bot.sent()
    assert isinstance(telegram, Speaker)
    assert isinstance(telegram, Fetches)
    assert isinstance(telegram, Probes)
    assert isinstance(telegram, Poller)
    assert 25 == telegram.rate


async def test_markup_in_words_is_words(telegram: Telegram, bot: BotApi) -> None:
    """Underscores, stars and angle brackets arrive as they are."""
    await telegram.send(reply(text="ملف_رقم *1* <b> & [x](y)"))

    assert "ملف_رقم *1* <b> & [x](y)" == bot.sent()[0]["text"]
    assert "parse_mode" not in bot.sent()[0]


@pytest.mark.parametrize("scheme", [Scheme.TEL, Scheme.UNKNOWN, Scheme.WEB])
async def test_nobody_to_answer(scheme: Scheme, telegram: Telegram, bot: BotApi) -> None:
    """Only a chat is written to."""
    with pytest.raises(Refused) as refusal:
        await telegram.send(Reply(id="r", account="", to=Address(scheme, CHAT), text="x"))

    assert "no-address" == refusal.value.code
    assert [] == bot.calls


async def test_long_reply_comes_in_parts(telegram: Telegram, bot: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A department's long answer arrives whole, in order, no faster than a chat may hear, quoted once."""
    monkeypatch.setattr(telegram_channel, "_A_SECOND", 0.1)
    started = time.monotonic()
    sent = await telegram.send(reply(text="\n\n".join(letter * 3000 for letter in "ابت"), thread="42"))

    assert ["ا" * 3000, "ب" * 3000, "ت" * 3000] == [one["text"] for one in bot.sent()]
    assert [True, False, False] == ["reply_parameters" in one for one in bot.sent()]
    assert f"{CHAT}:103" == sent.provider_id
    assert time.monotonic() - started >= 0.2


async def test_next_try_goes_on_where_it_broke(
    telegram: Telegram, bot: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second part did not leave, the first is not heard twice."""
    monkeypatch.setattr(telegram_channel, "_A_SECOND", 0.0)
    long = reply(text="ا" * 4000 + "\n\n" + "ب" * 4000)
    bot.answers = [lambda: done({"message_id": 1}), lambda: failed(500, "Internal Server Error")]
    with pytest.raises(OutcomeUnknown):
        await telegram.send(long)
    await telegram.send(long)

    assert ["ا", "ب", "ب"] == [one["text"][0] for one in bot.sent()]


@pytest.mark.parametrize(
    ("status", "words", "opted_out", "elsewhere", "alarm"),
    [
        (403, "Forbidden: bot was blocked by the user", True, True, False),
        (403, "Forbidden: user is deactivated", True, True, False),
        (400, "Bad Request: chat not found", False, True, False),
        (400, "Bad Request: PEER_ID_INVALID", False, True, False),
        (400, "Bad Request: message text is empty", False, False, True),
    ],
)
async def test_refused(
    *, status: int, words: str, opted_out: bool, elsewhere: bool, alarm: bool, telegram: Telegram, bot: BotApi
) -> None:
    """What will never arrive is not tried again; who cannot be reached here may be reached by SMS."""
    bot.answers = [lambda: failed(status, words)]
    with pytest.raises(Refused) as refusal:
        await telegram.send(reply())

    refused = refusal.value
    assert (opted_out, elsewhere, alarm) == (refused.opted_out, refused.elsewhere, refused.alarm)
    assert words.partition(": ")[2] not in str(refused)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: failed(401, "Unauthorized"), "401"),
        (lambda: failed(404, "Not Found"), "401"),
        (lambda: failed(409, "Conflict: terminated by other getUpdates request"), "409"),
        (lambda: web.Response(status=403, text="<html>Blocked by the ministry's proxy</html>"), "strange"),
        (lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}), "strange"),
    ],
)
async def test_barred(answer: Any, code: str, telegram: Telegram, bot: BotApi) -> None:
    """With a dead token, or something in between that is not Telegram, nothing goes until a person has looked."""
    bot.answers = [answer]
    with pytest.raises(Barred) as barred:
        await telegram.send(reply())

    assert code == barred.value.code


async def test_too_many_silences_the_whole_bot(telegram: Telegram, bot: BotApi) -> None:
    """For as long as Telegram asks, nothing is sent to anybody; not even a question."""
    bot.answers = [lambda: failed(429, "Too Many Requests: retry after 3", retry_after=3)]
    with pytest.raises(Busy) as first:
        await telegram.send(reply())
    with pytest.raises(Busy) as second:
        await telegram.probe()

    assert ("429", 3.0) == (first.value.code, first.value.retry_after)
    assert 0 < (second.value.retry_after or 0) <= 3
    assert 1 == len(bot.calls)
    await asyncio.sleep(second.value.retry_after or 0)
    await telegram.send(reply())
    assert 2 == len(bot.calls)


async def test_too_many_without_a_number(telegram: Telegram, bot: BotApi) -> None:
    """When Telegram does not say how long, the pace is the outbox's."""
    bot.answers = [lambda: failed(429, "Too Many Requests")]
    with pytest.raises(Busy) as busy:
        await telegram.send(reply())

    assert busy.value.retry_after is None


async def test_unreachable_is_busy() -> None:
    """When Telegram cannot be reached at all, nothing left: it can simply be tried again."""
    channel = Telegram(example_settings(Telegram, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy) as busy:
        await channel.send(reply())
    await channel.close()

    assert "connect" == busy.value.code


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=502, text="<html>Bad Gateway</html>"),
        lambda: failed(500, "Internal Server Error"),
        lambda: web.Response(text="no json"),
        lambda: web.Response(text="[" * 100_000),
        lambda: web.json_response([]),
        lambda: web.json_response({"ok": True}),
        lambda: done(None),
    ],
)
async def test_outcome_unknown(answer: Any, telegram: Telegram, bot: BotApi) -> None:
    """When Telegram fell over the message, or said nothing that names it, it may have been sent."""
    bot.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        await telegram.send(reply())


async def test_hung_up_is_unknown(telegram: Telegram, bot: BotApi) -> None:
    """A connection cut after the request left tells nothing about the message."""
    bot.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await telegram.send(reply())


async def test_no_answer_is_unknown(telegram: Telegram, bot: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is never answered ends, and tells nothing about the message."""
    monkeypatch.setattr(telegram_api, "_READ", 0.1)
    bot.silent = asyncio.Event()
    with pytest.raises(OutcomeUnknown):
        await telegram.send(reply())
    bot.silent.set()


async def test_group_that_moved_hears_under_its_new_id(telegram: Telegram, bot: BotApi) -> None:
    """A group that became a supergroup is written to where it is now."""
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    bot.answers = [lambda: failed(400, words, migrate_to_chat_id=-1001)]

    assert "-1001:102" == (await telegram.send(reply())).provider_id
    assert [CHAT, "-1001"] == [one["chat_id"] for one in bot.sent()]


@pytest.mark.parametrize(
    "answer",
    [
        lambda: failed(401, f"Unauthorized {TOKEN}"),
        lambda: failed(403, f"Forbidden {TOKEN}"),
        lambda: failed(400, f"Bad Request: {TOKEN}"),
        lambda: failed(429, f"Too Many Requests {TOKEN}", retry_after=1),
        lambda: web.Response(status=502, text=f"cannot reach /bot{TOKEN}/sendMessage"),
        lambda: web.Response(text=f"cannot read /bot{TOKEN}/sendMessage"),
        lambda: done({"message_id": 1}),
    ],
)
async def test_token_is_never_shown(
    answer: Any, telegram: Telegram, bot: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a log at its most talkative nor a traceback shows the token, although every URL holds it."""
    caplog.set_level(logging.DEBUG)
    bot.answers = [answer]
    shown = repr(telegram) + repr(Telegram(example_settings(Telegram)))
    try:
        await telegram.send(reply())
    except SpeakError as error:
        shown += "".join(traceback.format_exception(error))

    assert "replace-with-the-token" not in shown
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # the stand-in's own
    assert [] == [line for line in ours if "replace-with-the-token" in line]


async def test_session_closes_with_the_channel(url: str) -> None:
    """When the channel closes, so does its connection to Telegram."""
    channel = Telegram(example_settings(Telegram, api_url=url))
    await channel.send(reply())
    session = channel._api._wire._session
    assert session
    await channel.close()

    assert session.closed


# Files


async def test_photo_has_an_address_for_an_hour(telegram: Telegram, url: str) -> None:
    """A photo is fetched from the stand-in, which alone may be private, and its address shows nowhere."""
    source = await telegram.source("telegram:AgACAgQAAxkBAAIl")

    assert f"{url}/file/bot{TOKEN}/photos/file_7.jpg" == source.url
    assert (url.removeprefix("http://"), {"127.0.0.1"}, {}) == (source.private, set(source.hosts), source.headers)
    assert TOKEN not in repr(source)


async def test_photo_at_telegram_is_public(bot: BotApi, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the real Telegram nothing private may be reached."""
    channel = Telegram(example_settings(Telegram))

    async def found(file_id: str) -> str:
        return f"https://api.telegram.org/file/bot{TOKEN}/{file_id}"

    monkeypatch.setattr(channel._api, "file", found)
    source = await channel.source("telegram:x")

    assert ("", {"api.telegram.org"}) == (source.private, set(source.hosts))


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (lambda: failed(400, "Bad Request: file is too big"), Refused),
        (lambda: failed(400, "Bad Request: wrong file_id or the file is temporarily unavailable"), Busy),
        (lambda: failed(400, "Bad Request: invalid file_id"), Refused),
        (lambda: failed(401, "Unauthorized"), Barred),
        (lambda: failed(500, "Internal Server Error"), Busy),
        (lambda: done({"file_id": "x"}), Refused),
        (lambda: done({"file_path": "/var/lib/bot/photo.jpg"}), Refused),
        (lambda: done({"file_path": "../../etc/passwd"}), Refused),
        (lambda: done({"file_path": "https://evil.example/"}), Refused),
    ],
)
async def test_file_that_cannot_be_had(answer: Any, end: type[SpeakError], telegram: Telegram, bot: BotApi) -> None:
    """A file that is too large never comes, one that is away comes later, and no other place is asked for it."""
    bot.answers = [answer]
    with pytest.raises(end):
        await telegram.source("telegram:x")


async def test_only_telegrams_files(telegram: Telegram, bot: BotApi) -> None:
    """A link is not followed."""
    with pytest.raises(Refused):
        await telegram.source("https://evil.example/")

    assert [] == bot.calls


# Asking who we are


@pytest.mark.parametrize(
    ("mode", "webhook", "words"),
    [
        ("webhook", {"url": "", "pending_update_count": 0}, "@BaghdadReportsBot, but no webhook is set"),
        (
            "webhook",
            {"url": "https://balagh.example/channels/telegram", "pending_update_count": 3},
            "@BaghdadReportsBot, webhook set, 3 waiting",
        ),
        (
            "webhook",
            {
                "url": "https://balagh.example/channels/telegram",
                "pending_update_count": 3,
                "last_error_date": 1790000000,
            },
            "@BaghdadReportsBot, webhook set, 3 waiting, last failed at 2026-09-21 14:13 UTC",
        ),
        (
            "webhook",
            {"url": "https://elsewhere.example/s3cret", "pending_update_count": 0},
            "@BaghdadReportsBot, but the webhook is set to another address",
        ),
        ("polling", {"url": "", "pending_update_count": 2}, "@BaghdadReportsBot, long polling, 2 waiting"),
        (
            "polling",
            {"url": "https://elsewhere.example/s3cret", "pending_update_count": 0},
            "@BaghdadReportsBot, but a webhook is set: delete it",
        ),
    ],
)
async def test_probe(mode: str, webhook: dict[str, Any], words: str, bot: BotApi, url: str) -> None:
    """An operator reads which bot it is, and whether Telegram delivers where we listen."""
    bot.webhook = webhook
    channel = Telegram(example_settings(Telegram, api_url=url, mode=mode))

    assert words == await channel.probe()
    await channel.close()


async def test_probe_finds_another_name(bot: BotApi, url: str) -> None:
    """An operator who mistyped the bot's name hears of it, before the links lead to somebody else's bot."""
    channel = Telegram(example_settings(Telegram, api_url=url, username="BagdadBot"))

    assert (await channel.probe()).startswith("@BaghdadReportsBot, but its username is set to BagdadBot")
    await channel.close()


# Fetching


async def test_fetches_what_is_new(polling: Telegram, bot: BotApi) -> None:
    """Every update is heard once, and Telegram is then told to forget it."""
    bot.updates = [recorded("hello_arabic", 7), recorded("ignored_start", 8), recorded("photo", 9)]
    memory = Memory()
    first = [inbound async for inbound in polling.fetch("", memory)]
    second = [inbound async for inbound in polling.fetch("", memory)]

    assert ["الماء مقطوع من يومين بحي الجامعة، شارع الربيع", "حفرة بنص الشارع"] == [one.text for one in first]
    assert [] == second
    assert [] == bot.updates
    asked = [parameters for method, parameters in bot.calls if method == "getUpdates"]
    assert [None, 10] == [one.get("offset") for one in asked]
    assert [25, 25] == [one["timeout"] for one in asked]
    assert ["message", "edited_message", "callback_query", "my_chat_member"] == asked[0]["allowed_updates"]
    assert ["أهلاً"] == [one["text"][:5] for one in bot.sent()]


async def test_what_was_not_stored_comes_again(polling: Telegram, bot: BotApi) -> None:
    """When the store breaks in the middle, the cursor stays before what it did not take."""
    bot.updates = [recorded("hello_arabic", 7), recorded("photo", 8), recorded("english", 9)]
    memory, heard = Memory(), []
    with pytest.raises(StoreAway):
        async with aclosing(polling.fetch("", memory)) as inbounds:
            async for inbound in inbounds:
                if len(heard) == 1:
                    raise StoreAway
                heard.append(inbound)
    heard += [inbound async for inbound in polling.fetch("", memory)]

    assert ["5520011223:42", "5520011223:47", "5520011223:43"] == [one.external_id for one in heard]
    assert [None, 8] == [parameters.get("offset") for _, parameters in bot.calls]


async def test_after_a_quiet_day_the_numbers_may_begin_anew(polling: Telegram, bot: BotApi) -> None:
    """An old cursor is not used: after a quiet week Telegram numbers from anywhere, and would skip what is lower."""
    memory = Memory()
    bot.updates = [recorded("hello_arabic", 900_000)]
    assert 1 == len([inbound async for inbound in polling.fetch("", memory)])
    cursor = json.loads(memory.kept["offset"])
    memory.kept["offset"] = json.dumps(cursor | {"at": (datetime.now(UTC) - timedelta(days=8)).isoformat()})
    bot.updates = [recorded("photo", 12)]

    assert ["حفرة بنص الشارع"] == [one.text async for one in polling.fetch("", memory)]
    assert 13 == json.loads(memory.kept["offset"])["offset"]


async def test_one_broken_update_stops_no_other(polling: Telegram, bot: BotApi) -> None:
    """What cannot be read is kept for a person, and what came with it is heard."""
    bot.updates = [recorded("hello_arabic", 1), recorded("unreadable_no_date", 2), recorded("photo", 3)]
    found = [inbound async for inbound in polling.fetch("", Memory())]

    assert [Purpose.MESSAGE, Purpose.UNREADABLE, Purpose.MESSAGE] == [one.purpose for one in found]


async def test_small_talk_that_fails_stops_nothing(polling: Telegram, bot: BotApi) -> None:
    """A greeting that Telegram does not take costs no message."""
    bot.updates = [recorded("ignored_start", 1), recorded("ignored_callback", 2), recorded("hello_arabic", 3)]
    updates = list(bot.updates)
    bot.answers = [lambda: done(updates), lambda: failed(403, "Forbidden"), lambda: failed(400, "query is too old")]

    assert 1 == len([inbound async for inbound in polling.fetch("", Memory())])
    assert ["getUpdates", "sendMessage", "answerCallbackQuery"] == [method for method, _ in bot.calls]


async def test_webhook_and_polling_exclude_each_other(polling: Telegram, bot: BotApi) -> None:
    """While a webhook is set, asking is barred, and a person is told."""
    bot.webhook["url"] = "https://elsewhere.example/"
    with pytest.raises(Barred) as barred:
        [inbound async for inbound in polling.fetch("", Memory())]

    assert "409" == barred.value.code


async def test_telegram_away_is_busy(polling: Telegram, bot: BotApi) -> None:
    """While Telegram does not answer, it is asked again later."""
    bot.hang_up = True
    with pytest.raises(Busy):
        [inbound async for inbound in polling.fetch("", Memory())]


def test_asks_only_where_nobody_calls(telegram: Telegram, polling: Telegram) -> None:
    """With a webhook there is nothing to fetch."""
    assert ((), ("",)) == (telegram.lines(), polling.lines())
    assert 0.2 == polling.interval


# Other people's Telegrams


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.stem)
async def test_calls_are_as_the_bot_api_describes_them(
    document: Path, telegram: Telegram, polling: Telegram, bot: BotApi
) -> None:
    """Every call that we make is one that the description of the Bot API allows."""
    bot.updates = [recorded(name, 1 + at) for at, name in enumerate(("ignored_start", "ignored_callback", "photo"))]
    await telegram.send(reply(thread="42"))
    await telegram.source("telegram:x")
    await telegram.probe()
    [inbound async for inbound in polling.fetch("", Memory())]
    bot.updates = [recorded("ignored_group_command", 9)]
    [inbound async for inbound in polling.fetch("", Memory())]
    described = json.loads(await asyncio.to_thread(document.read_bytes))

    assert set(PARAMETERS) == {method for method, _ in bot.calls}
    for method, parameters in bot.calls:
        body = described["paths"]["/bot{token}/" + method]["post"].get("requestBody")
        schema = body["content"]["application/json"]["schema"] if body else {"maxProperties": 0}
        assert set() == parameters.keys() - schema.get("properties", {}).keys()
        jsonschema.validate(parameters, schema | {"components": described["components"]})


@pytest.fixture(scope="module")
def test_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of `telegram-test-api`, which serves any token."""
    port, log = free_port(), tmp_path_factory.mktemp("telegram") / "log"
    with node.running("telegram.js", str(port), log=log):
        yield f"http://127.0.0.1:{port}"


async def test_with_the_npm_stand_in(test_api: str) -> None:
    """A citizen and the gateway write to each other through a server that others wrote."""
    channel = Telegram(example_settings(Telegram, api_url=test_api, mode="polling"))
    message = {
        "botToken": TOKEN,
        "from": {"id": 1, "first_name": "علي", "is_bot": False},
        "chat": {"id": 1, "first_name": "علي", "type": "private"},
        "date": 1790000000,
        "text": "الماء مقطوع",
    }
    memory = Memory()
    async with ClientSession() as citizen:

        async def up() -> bool:
            try:
                async with citizen.post(f"{test_api}/sendMessage", json=message) as response:
                    return response.status == 200
            except OSError:
                return False

        await until(up)
        [inbound] = [inbound async for inbound in channel.fetch("", memory)]
        await channel.send(Reply(id="r", account="", to=inbound.sender, text="وصل بلاغكم", thread=inbound.thread))
        async with citizen.post(f"{test_api}/getUpdates", json={"token": TOKEN, "chatId": "1"}) as response:
            history = (await response.json())["result"]
    nothing = [inbound async for inbound in channel.fetch("", memory)]
    await channel.close()

    assert ("الماء مقطوع", "علي", Address(Scheme.TELEGRAM, "1")) == (inbound.text, inbound.sender_name, inbound.sender)
    assert ["وصل بلاغكم"] == [one["message"]["text"] for one in history]
    assert [] == nothing
