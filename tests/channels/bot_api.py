"""A stand-in for Telegram's Bot API that is as strict as Telegram, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "110201543:replace-with-the-token"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(256)
PARAMETERS = {
    "getMe": set(),
    "getWebhookInfo": set(),
    "getFile": {"file_id"},
    "answerCallbackQuery": {"callback_query_id"},
    "getUpdates": {"offset", "timeout", "allowed_updates"},
    "sendMessage": {"chat_id", "text", "link_preview_options", "reply_parameters", "reply_markup"},
}
PLAIN = {"chat_id", "text", "file_id", "callback_query_id"}


@dataclass
class BotApi:
    """Takes calls as strictly as Telegram does, and remembers them. `answers` come first, in order."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": "", "pending_update_count": 0})
    hang_up: bool = False
    silent: asyncio.Event | None = None

    def app(self) -> web.Application:
        """Serve every method of the one bot."""
        app = web.Application()
        app.router.add_post("/{bot}/{method}", self.answer)
        app.router.add_get("/file/{bot}/photos/file_7.jpg", self.give)
        return app

    async def give(self, request: web.Request) -> web.Response:
        """Hand out the one file there is."""
        return web.Response(body=JPEG) if request.match_info["bot"] == f"bot{TOKEN}" else web.Response(status=404)

    def sent(self) -> list[dict[str, Any]]:
        """What was sent, in order."""
        return [parameters for method, parameters in self.calls if method == "sendMessage"]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Take one call."""
        method = request.match_info["method"]
        if request.match_info["bot"] != f"bot{TOKEN}":
            return failed(401, "Unauthorized")
        if method not in PARAMETERS:
            return failed(404, "Not Found")
        form = await request.post()
        assert form.keys() <= PARAMETERS[method]
        parameters = {name: str(value) if name in PLAIN else json.loads(str(value)) for name, value in form.items()}
        self.calls.append((method, parameters))
        if self.silent is not None:
            await self.silent.wait()
        if self.hang_up:
            assert request.transport
            request.transport.close()
        if self.answers:
            return self.answers.pop(0)()
        return getattr(self, f"_{method}")(parameters)

    def _getMe(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802 - Telegram's own name
        return done({"id": 110201543, "is_bot": True, "first_name": "بلدية بغداد", "username": "BaghdadReportsBot"})

    def _getWebhookInfo(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802
        return done(self.webhook)

    def _answerCallbackQuery(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802
        return done(True)

    def _getFile(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802
        return done({"file_id": parameters["file_id"], "file_unique_id": "u", "file_path": "photos/file_7.jpg"})

    def _sendMessage(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802
        if not 1 <= len(parameters["text"].encode("utf-16-le")) // 2 <= 4096:
            return failed(400, "Bad Request: message is too long")
        return done({"message_id": 100 + len(self.calls), "date": 1790000000, "chat": {"id": 1, "type": "private"}})

    def _getUpdates(self, parameters: dict[str, Any]) -> web.Response:  # noqa: N802
        if self.webhook["url"]:
            return failed(409, "Conflict: can't use getUpdates method while webhook is active")
        self.updates = [one for one in self.updates if one["update_id"] >= parameters.get("offset", 0)]
        return done(self.updates)


def done(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def failed(status: int, words: str, **parameters: Any) -> web.Response:
    body = {"ok": False, "error_code": status, "description": words}
    return web.json_response(body | ({"parameters": parameters} if parameters else {}), status=status)
