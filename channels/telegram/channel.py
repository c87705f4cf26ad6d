"""Telegram: citizens write to the city's bot in a private chat, by webhook or by long polling.

Telegram signs nothing: whoever knows the secret of the webhook is Telegram. It repeats an update until it hears 2xx,
for up to a day, and at several connections in any order. The number of an update is no measure of what is new: after
a quiet week Telegram begins at a random one. A message is known by its chat and its own number, which an edit keeps.

An answer to a webhook may hold one call of the API; Telegram does not say what came of it. The bot's small talk
leaves that way, and no reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from channels.base import BaseUrl, Forged, Poller, Reception, Refused, Source, SpeakError, Unreadable, Webhook
from channels.message import Inbound, Reply, Scheme, Sent
from channels.payload import decode
from channels.telegram.api import TelegramApi
from channels.telegram.split import pieces
from channels.telegram.update import KINDS, MEDIA, Courtesy, Heard, Me, read

HEADER = "X-Telegram-Bot-Api-Secret-Token"
DEFAULT_URL = "https://api.telegram.org"

_COURTESY = web.RequestKey("telegram_courtesy", Courtesy)
_CURSOR = "offset"
_FRESH = timedelta(days=1)  # Telegram keeps an update no longer; an older cursor could point past a random new number
_PORTS = {"http": 80, "https": 443}
_CHATS = 4096  # of which the last word is remembered
_A_MINUTE, _A_SECOND = 60.0, 1.0


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", value.get_secret_value()):
        raise ValueError("must be as BotFather shows it: digits, a colon, letters and digits")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()):
        raise ValueError("must be 16 to 256 of A-Z a-z 0-9 _ -")
    return value


class TelegramSettings(BaseModel):
    """The city's bot."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, AfterValidator(_token)] = Field(description="The bot's token, from BotFather.")
    secret: Annotated[SecretStr, AfterValidator(_secret)] = Field(description="Words that Telegram repeats to us.")
    mode: Literal["webhook", "polling"] = Field("webhook", description="Whether Telegram calls us, or we ask it.")
    username: str = Field("", pattern=r"^[A-Za-z0-9_]{4,32}$|^$", description="The bot's public name, without the @.")
    api_url: BaseUrl = Field(DEFAULT_URL, description="Replaces the API's scheme and host, and nothing else.")
    public_url: BaseUrl = Field(description="Where Telegram reaches us: BALAGH_PUBLIC_URL.")
    rate: float = Field(25.0, gt=0, le=30, description="Replies a second.")


class Telegram(Webhook, Poller):
    """Private chats with the city's bot."""

    name = "telegram"
    provider = "telegram"
    signs_body: ClassVar[bool] = False
    interval = 0.2  # Telegram itself waits for what is new; what stands in for it may not, and is not to be pestered
    Settings: ClassVar[type[BaseModel]] = TelegramSettings

    def __init__(self, settings: TelegramSettings) -> None:
        super().__init__(settings)
        token = settings.token.get_secret_value()
        self.rate = settings.rate
        self._me = Me(token.partition(":")[0], settings.username)
        self._secret = settings.secret.get_secret_value().encode()
        self._api = TelegramApi(token, settings.api_url)
        self._blank = partial(Inbound, channel=self.name, account=self._me.id, provider=self.provider)
        self._said: dict[str, float] = {}  # what the bot last said on its own, and when
        self._spoken: dict[str, float] = {}  # when a chat may hear us again
        self._left: dict[str, list[str]] = {}  # the rest of a reply that broke off

    def verify(self, request: web.Request, body: bytes) -> None:
        """Compare the secret, as bytes: a hostile header may hold what is no text."""
        del body  # Telegram does not sign it
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            raise Forged(f"{HEADER} does not match")

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read one update."""
        heard = read(decode(body), self._me, self._blank)
        if heard.courtesy is not None:
            request[_COURTESY] = heard.courtesy
        return heard.inbounds

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that Telegram would send."""
        del url, body
        return {"Content-Type": "application/json", HEADER: self._secret.decode("ascii")}

    def extend(self, app: web.Application) -> None:
        """Let an answer carry the bot's small talk, once everything in the request is on disk."""
        app.middlewares.append(self._courteous)

    def lines(self) -> Sequence[str]:
        """Ask Telegram for updates only where it does not call us: it refuses to do both."""
        return ("",) if self.settings.mode == "polling" else ()

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Wait for updates. The cursor passes one only when it is on disk; Telegram forgets what is before it.

        Raises Busy, or Barred when a webhook is set or somebody else asks with the same token.
        """
        del line
        for update in await self._api.updates(_offset(await reception.recall(_CURSOR)), KINDS):
            heard = self._heard(update)
            for inbound in heard.inbounds:
                yield inbound
            if isinstance(update, dict) and type(update.get("update_id")) is int:
                await reception.remember(_CURSOR, _cursor(update["update_id"] + 1))
            if heard.courtesy is not None and self._is_news(heard.courtesy):
                with contextlib.suppress(SpeakError):
                    await self._api.ask(heard.courtesy.method, heard.courtesy.parameters)

    async def send(self, reply: Reply) -> Sent:
        """Send a reply as plain text, in as many messages as it takes, one a second.

        Telegram has neither an idempotency key nor a way to look whether an earlier try went through. Raises Refused,
        Barred, Busy or OutcomeUnknown; the next try, in this process, goes on behind the messages that went through.
        """
        if reply.to.scheme != Scheme.TELEGRAM:
            raise Refused("no-address", "only a chat with the bot can be answered")
        chat, number = reply.to.value, ""
        left = self._left.pop(reply.id, None) or pieces(reply.text)
        quoted = {}
        if reply.thread.isascii() and reply.thread.isdigit():
            quoted = {"reply_parameters": {"message_id": int(reply.thread), "allow_sending_without_reply": True}}
        while left:
            await self._pace(chat)
            try:
                number = await self._api.say(chat, left[0], **quoted)
            except SpeakError:
                _remember(self._left, reply.id, left)
                raise
            left, quoted = left[1:], {}
        return Sent(number)

    async def source(self, url: str) -> Source:
        """Ask Telegram where the bytes of a file are, for an hour. Raises Busy, Barred or Refused."""
        if not url.startswith(MEDIA):
            raise Refused("no-file", "not a file of Telegram's")
        place = await self._api.file(url.removeprefix(MEDIA))
        parts = urlsplit(self.settings.api_url)
        private = (
            "" if self.settings.api_url == DEFAULT_URL else f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
        )
        return Source(place, {}, frozenset({parts.hostname or ""}), private)

    async def probe(self) -> str:
        """Say which bot we are, and how Telegram delivers. Raises Refused, Busy, Barred."""
        name = await self._api.username()
        other = f", but its username is set to {self._me.username}" if self._me.username not in {"", name} else ""
        return f"@{name}{other}, {_delivery(await self._api.ask('getWebhookInfo'), self.settings)}"

    async def close(self) -> None:
        """Close the session with the API."""
        await self._api.close()

    def _heard(self, update: Any) -> Heard:
        try:
            return read(update, self._me, self._blank)
        except Unreadable as error:
            return Heard((self.unreadable(json.dumps(update).encode(), str(error)),))

    @web.middleware
    async def _courteous(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        courtesy = request.get(_COURTESY)
        if courtesy is None or not self._is_news(courtesy):
            return response
        return web.json_response({"method": courtesy.method, **courtesy.parameters})

    def _is_news(self, courtesy: Courtesy) -> bool:
        """Tell whether the bot has not said the same in this chat within a minute."""
        chat, now = courtesy.parameters.get("chat_id", ""), time.monotonic()
        key = f"{chat}:{hash(courtesy.parameters.get('text', ''))}"
        if chat and now - self._said.get(key, -_A_MINUTE) < _A_MINUTE:
            return False
        _remember(self._said, key, now)
        return True

    async def _pace(self, chat: str) -> None:
        """Wait until this chat may hear from us again: Telegram takes one message a second."""
        now = time.monotonic()
        free = max(self._spoken.get(chat, 0.0), now)
        _remember(self._spoken, chat, free + _A_SECOND)
        await asyncio.sleep(free - now)


def _remember(memory: dict[str, Any], key: str, value: Any) -> None:
    """Keep a value as the newest of a memory that forgets its oldest."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > _CHATS:
        del memory[next(iter(memory))]


def _cursor(offset: int) -> str:
    return json.dumps({"offset": offset, "at": datetime.now(UTC).isoformat()}, separators=(",", ":"))


def _offset(cursor: str) -> int | None:
    """Return from which update on to ask; None for all that Telegram still has, which it does not have twice."""
    if not cursor:
        return None
    known = json.loads(cursor)
    age = datetime.now(UTC) - datetime.fromisoformat(known["at"])
    return int(known["offset"]) if age < _FRESH else None


def _delivery(info: Any, settings: TelegramSettings) -> str:
    """Say in words what getWebhookInfo tells, without an address in it."""
    info = info if isinstance(info, dict) else {}
    url, waiting = info.get("url") or "", info.get("pending_update_count", 0)
    if settings.mode == "polling":
        return "but a webhook is set: delete it" if url else f"long polling, {waiting} waiting"
    if not url:
        return "but no webhook is set"
    if url != f"{settings.public_url}/channels/{Telegram.name}":
        return "but the webhook is set to another address"
    failed = info.get("last_error_date")
    trouble = (
        f", last failed at {datetime.fromtimestamp(failed, UTC):%Y-%m-%d %H:%M} UTC" if isinstance(failed, int) else ""
    )
    return f"webhook set, {waiting} waiting{trouble}"
