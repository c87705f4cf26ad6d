"""Telegram's Bot API, as much of it as the channel needs, through python-telegram-bot.

Its client stays, its transport does not: that one writes every URL into the log, and a bot's token is part of every
URL; and it cannot tell "never left" from "no answer came". Answers are taken as they come and not as the library's
objects: a message that was sent is sent, also when a later Telegram describes it in a way the library does not know.

Sources: the Bot API's "Making requests" and "ResponseParameters"; limits of 30 messages a second for a bot and one a
second for a chat from its FAQ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, ConnectionTimeoutError
from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError, Unreadable
from channels.payload import answered, decode, part

# At DEBUG the library writes addresses with the token in them, and at ERROR whatever a proxy answered.
logging.getLogger("telegram").setLevel(logging.CRITICAL)

LONG_POLL = 25  # seconds that Telegram holds a question for updates open
_CONNECT, _READ = 5.0, 20.0  # seconds
_TOO_MANY = 429
_REDIRECT, _SERVER = 300, 500
_LONGEST_PAUSE = 7 * 24 * 3600  # seconds

# Telegram says in words alone which bad request it was.
_NOBODY = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
_UNFETCHABLE = ("file is too big",)
_PERHAPS_LATER = ("temporarily unavailable",)


class _Unsent(TelegramError):
    """There was no connection: nothing left."""


class _Strange(TelegramError):
    """A redirect, or a refusal that is not in Telegram's words: something stands between it and us."""


class _Flood(TelegramError):
    """Too many requests. The library's own error warns whenever it is made, because its number will change its type."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__("too many requests")
        self.seconds = seconds


_BARRED: tuple[tuple[type[TelegramError], str, str], ...] = (
    (InvalidToken, "401", "the bot's token is not accepted"),
    (Conflict, "409", "a webhook is set, or another program fetches with the same token"),
    (_Strange, "strange", "something that is not Telegram answers"),
)


class TelegramApi:
    """A bot's session with the Bot API, opened at the first use; `close` it at the end. `url` ends without a slash.

    After a 429 nothing is asked before the pause is over that Telegram demands: it counts the whole bot.
    """

    def __init__(self, token: str, url: str) -> None:
        self._wire = _Wire()
        self._bot = _Bot(token, f"{url}/bot", f"{url}/file/bot", self._wire, self._wire)
        self._files = f"{url}/file/bot{token}/"
        self._silent_until = 0.0

    async def ask(self, method: str, parameters: Mapping[str, Any] | None = None, *, wait: float = _READ) -> Any:
        """Ask what may be asked again. `wait` is in seconds. Raises Refused, Barred or Busy."""
        try:
            return await self._call(method, parameters or {}, wait)
        except OutcomeUnknown as error:
            raise Busy("unknown", "Telegram did not answer") from error

    async def say(self, chat: str, text: str, **parameters: Any) -> str:
        """Send one message and return its id. Raises Refused, Barred, Busy or OutcomeUnknown.

        A group that became a supergroup has another id since then, and hears under that one.
        """
        words = {"text": text, "link_preview_options": {"is_disabled": True}, **parameters}
        try:
            sent = await self._call("sendMessage", {"chat_id": chat, **words}, _READ)
        except _Moved as moved:
            chat = moved.chat
            sent = await self._call("sendMessage", {"chat_id": chat, **words}, _READ)
        number = sent.get("message_id") if isinstance(sent, dict) else None
        if number is None:
            raise OutcomeUnknown("Telegram took it and gave no id")
        return f"{chat}:{number}"

    async def updates(self, offset: int | None, kinds: tuple[str, ...]) -> list[Any]:
        """Wait up to LONG_POLL seconds for updates; Telegram forgets those before `offset`. Raises as `ask`."""
        parameters = {"offset": offset, "timeout": LONG_POLL, "allowed_updates": list(kinds)}
        found = await self.ask("getUpdates", parameters, wait=LONG_POLL + _READ)
        return found if isinstance(found, list) else []

    async def file(self, file_id: str) -> str:
        """Return where the bytes of a file can be had for an hour: a URL that holds the token. Raises as `ask`."""
        found = await self.ask("getFile", {"file_id": file_id})
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str) or not path or path.startswith(("/", "http:", "https:")) or ".." in path:
            # A Bot API server that runs with --local names a file on its own disk.
            raise Refused("no-path", "Telegram does not say where the file is", alarm=True)
        return self._files + path

    async def username(self) -> str:
        """Return the bot's public name. Raises as `ask`."""
        me = await self.ask("getMe")
        name = me.get("username") if isinstance(me, dict) else None
        return name if isinstance(name, str) else ""

    async def close(self) -> None:
        """Close the session, if there is one."""
        await self._wire.shutdown()

    async def _call(self, method: str, parameters: Mapping[str, Any], wait: float) -> Any:
        left = self._silent_until - time.monotonic()
        if left > 0:
            raise Busy("429", "too many requests", retry_after=left)
        try:
            return await self._bot.ask(method, dict(parameters), wait)
        except _Flood as flood:
            self._silent_until = time.monotonic() + (flood.seconds or 0)
            raise Busy("429", "too many requests", retry_after=flood.seconds) from None
        except ChatMigrated as moved:
            raise _Moved(str(moved.new_chat_id)) from None
        except TelegramError as error:
            raise _fault(error) from None  # its text, or its cause's, may hold a URL
        except (KeyError, TypeError, AttributeError):
            raise OutcomeUnknown("Telegram's answer cannot be read") from None


class _Moved(Refused):
    """The group has another id by now."""

    def __init__(self, chat: str) -> None:
        super().__init__("moved", "the group became a supergroup")
        self.chat = chat


def _fault(error: TelegramError) -> SpeakError:
    """Sort an error. The words are ours: Telegram's may name a citizen."""
    if isinstance(error, BadRequest):
        return _bad_request(error.message.lower())
    if isinstance(error, Forbidden):
        return Refused("403", "the citizen blocked the bot, or never wrote to it", opted_out=True, elsewhere=True)
    for kind, code, words in _BARRED:
        if isinstance(error, kind):
            return Barred(code, words)
    if isinstance(error, _Unsent):
        return Busy("connect", "Telegram cannot be reached")
    return OutcomeUnknown("the request left, and no answer came")  # time-outs, 5xx, half an answer


def _bad_request(words: str) -> SpeakError:
    if any(phrase in words for phrase in _PERHAPS_LATER):
        return Busy("400", "the file is not there at this moment")
    if any(phrase in words for phrase in _UNFETCHABLE):
        return Refused("too-large", "Telegram gives a bot no file of more than 20 MB")
    if any(phrase in words for phrase in _NOBODY):
        return Refused("400", "there is no such chat", elsewhere=True)
    return Refused("400", "Telegram does not take it", alarm=True)


class _Bot(Bot):
    """The library's client, which builds requests and sorts errors."""

    __slots__ = ()

    async def ask(self, method: str, parameters: dict[str, Any], wait: float) -> Any:
        """Call one method and return its result as it came."""
        return await self._post(method, parameters, read_timeout=wait)


class _Wire(BaseRequest):
    """The way to Telegram: aiohttp, which writes no URL into a log."""

    __slots__ = ("_session",)

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return _READ

    async def initialize(self) -> None:
        """Open nothing yet: the first request does."""

    async def shutdown(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read an answer. The library's own would write one that it cannot read into the log."""
        try:
            return dict(decode(payload))
        except Unreadable:
            raise TimedOut("the answer is no JSON object") from None

    async def do_request(  # type: ignore[override]  # the library's time-outs may also be an object of its own
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: float | None = None,
        **timeouts: Any,
    ) -> tuple[int, bytes]:
        """Send one request and return status and body."""
        del timeouts  # the library passes three more, and we set none of them
        if self._session is None:
            self._session = ClientSession()
        wait = ClientTimeout(sock_connect=_CONNECT, sock_read=cast("float", read_timeout))
        data = request_data.json_parameters if request_data else None
        try:
            async with self._session.request(method, url, data=data, allow_redirects=False, timeout=wait) as response:
                status, body = response.status, await response.read()
        except (ClientConnectorError, ConnectionTimeoutError):
            raise _Unsent("no connection") from None
        except (ClientError, TimeoutError, OSError):
            raise TimedOut("no answer") from None
        if status == _TOO_MANY:
            raise _Flood(_pause(body))
        if _REDIRECT <= status < _SERVER and not _is_telegrams(body):
            # A firewall's 403 must not pass for a citizen who blocked us.
            raise _Strange(f"status {status}")
        return status, body


def _is_telegrams(body: bytes) -> bool:
    return answered(body).get("ok") is False


def _pause(body: bytes) -> float | None:
    """Read how many seconds Telegram wants us to be silent, if it says so."""
    seconds = part(answered(body), "parameters").get("retry_after")
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds <= _LONGEST_PAUSE else None
