"""Meta's Graph API, as far as a Page and an Instagram account use it: a strict stand-in on loopback.

It knows each kind of object and its fields, and refuses a question for any other with Graph's own error; it pages,
gives only what was asked for, and keeps the rules that matter: one private answer for a comment, a length of messages,
a type of messaging. What was said through it can be listed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from channels.message import Inbound, Media, Receipt

TOKEN = "replace-with-the-token"
VERSION = "v23.0"
PAGE = "104200000000001"
ACCOUNT = "17841400000000001"

FIELDS = {
    "page": {"id", "name"},
    "post": {"id", "message", "created_time", "updated_time", "from", "permalink_url", "attachments", "comments"},
    "comment": {"id", "message", "created_time", "from", "permalink_url", "attachment"},
    "conversation": {"id", "updated_time", "messages"},
    "message": {"id", "created_time", "from", "message", "attachments"},
    "account": {"id", "username", "mentioned_comment", "mentioned_media"},
    "media": {
        *("id", "caption", "media_type", "media_url", "permalink", "timestamp", "username"),
        *("comments_count", "comments"),
    },
    "reply": {"id", "text", "timestamp", "username", "from", "replies"},
    "app": {"id", "subscribed_fields"},
}
EDGES = {
    ("page", "feed"): "post",
    ("page", "tagged"): "post",
    ("page", "conversations"): "conversation",
    ("page", "subscribed_apps"): "app",
    ("post", "comments"): "comment",
    ("comment", "comments"): "comment",
    ("conversation", "messages"): "message",
    ("account", "media"): "media",
    ("account", "tags"): "media",
    ("account", "conversations"): "conversation",
    ("media", "comments"): "reply",
    ("reply", "replies"): "reply",
}
_FIELD = re.compile(r"([a-z_]+)((?:\.[a-z_]+\([^)]*\))*)")


class Desk:
    """A house that remembers how far a search came."""

    def __init__(self) -> None:
        self.remembered: dict[str, str] = {}

    async def accept(self, inbound: Inbound) -> Receipt:
        raise NotImplementedError

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        raise NotImplementedError

    async def recall(self, key: str) -> str:
        return self.remembered.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        self.remembered[key] = value


def ago(**span: float) -> str:
    """Write a moment that has passed, as Graph does."""
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S+0000")


class Wrong(Exception):
    """Graph refuses: a code, and perhaps a subcode."""

    def __init__(self, code: int, subcode: int = 0, status: int = 400) -> None:
        self.status = status
        subcodes = {"error_subcode": subcode} if subcode else {}
        self.document = {"error": {"message": "(#) about 6660001110001", "type": "x", "code": code, **subcodes}}


@dataclass
class GraphDouble:
    """What lies at Meta, and what was asked of it. `me` is whose token it is."""

    me: str = PAGE
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=lambda: {PAGE: "page", ACCOUNT: "account"})
    edges: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    forbidden: dict[str, Wrong] = field(default_factory=dict)  # by the last part of the address
    hang_up: int = 0  # so many requests are carried out and not answered
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    clock: str = "2026-11-21T10:00:00+0000"

    def put(self, kind: str, owner: str = "", edge: str = "", **values: Any) -> None:
        """Lay an object below another."""
        self.objects[values["id"]] = values
        self.kinds[values["id"]] = kind
        if owner:
            self.edges.setdefault((owner, edge), []).append(values["id"])

    def app(self) -> web.Application:
        """Build the server."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.Response:
        parts = request.path.strip("/").split("/")
        self.asked.append(f"{request.method} /{'/'.join(parts[1:])}")
        try:
            if self.answers:
                status, document, headers = self.answers.pop(0)
                return web.json_response(document, status=status, headers=headers)
            if "access_token" in request.query or request.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Wrong(190, status=401)
            if parts[0] != VERSION or not 2 <= len(parts) <= 3:
                raise Wrong(2500)
            if parts[-1] in self.forbidden:
                raise self.forbidden[parts[-1]]
            node = self.me if parts[1] == "me" else parts[1]
            if request.method == "POST":
                document = self._post(node, parts[2], await request.json())
            else:
                document = self._get(node, parts[2] if len(parts) == 3 else "", request)
        except Wrong as refusal:
            return web.json_response(refusal.document, status=refusal.status)
        if self.hang_up:
            self.hang_up -= 1
            assert request.transport
            request.transport.close()
        return web.json_response(document)

    # Questions

    def _get(self, node: str, edge: str, request: web.Request) -> dict[str, Any]:
        kind = self.kinds.get(node)
        if kind is None:
            raise Wrong(100, 33)
        fields = request.query.get("fields", "id")
        if not edge:
            return self._shown(node, fields)
        below = EDGES.get((kind, edge))
        if below is None:
            raise Wrong(100)
        listed = self.edges.get((node, edge), [])
        person = request.query.get("user_id")
        if person:
            listed = [item for item in listed if self.objects[item].get("with") == person]
        fields = request.query.get("fields", ",".join(sorted(FIELDS[below])) if below == "app" else "id")
        at, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "25"))
        page: dict[str, Any] = {"data": [self._shown(item, fields) for item in listed[at : at + limit]]}
        if at + limit < len(listed):
            following = request.url.update_query(after=str(at + limit), access_token=TOKEN)
            page["paging"] = {"next": str(following.with_host("graph.facebook.com"))}
        return page

    def _shown(self, node: str, fields: str) -> dict[str, Any]:
        kind, thing = self.kinds[node], {"id": node, **self.objects.get(node, {})}
        shown: dict[str, Any] = {"id": node}
        for name, modifiers, inner in _split(fields):
            if name not in FIELDS[kind]:
                raise Wrong(100)
            if kind == "account" and name.startswith("mentioned_"):
                item = re.search(r"\(([^)]*)\)", modifiers)
                if not item or item[1] not in self.objects:
                    raise Wrong(100, 33)
                shown[name] = self._shown(item[1], inner)
            elif (kind, name) in EDGES:
                listed = self.edges.get((node, name), [])
                limit = int((re.search(r"limit\((\d+)\)", modifiers) or [0, "25"])[1])
                if listed or "summary(true)" in modifiers:
                    shown[name] = {"data": [self._shown(item, inner) for item in listed[:limit]]}
                    if len(listed) > limit:
                        shown[name]["paging"] = {"next": "https://graph.facebook.com/next"}
            elif name in thing:
                shown[name] = thing[name]
        return shown

    # Words

    def _post(self, node: str, edge: str, document: dict[str, Any]) -> dict[str, Any]:
        if edge == "messages" and node == self.me:
            made = self._message(document)
        elif edge in {"comments", "replies"} and EDGES.get((self.kinds.get(node, ""), edge)):
            if set(document) != {"message"}:
                raise Wrong(100)
            text = "message" if edge == "comments" else "text"
            when = "created_time" if edge == "comments" else "timestamp"
            made = {"id": f"{node}_ours{len(self.said)}"}
            below = EDGES[(self.kinds[node], edge)]
            self.put(
                below, node, edge, **made, **{text: document["message"], when: self.clock, "from": {"id": self.me}}
            )
            self.edges[(node, edge)].insert(0, self.edges[(node, edge)].pop())
        elif edge == "mentions" and self.kinds.get(node) == "account":
            if not {"media_id", "message"} <= set(document) <= {"media_id", "message", "comment_id"}:
                raise Wrong(100)
            made = {"id": f"mention{len(self.said)}"}
        else:
            raise Wrong(100, 33)
        self.said.append((f"{node}/{edge}", document))
        return made

    def _message(self, document: dict[str, Any]) -> dict[str, Any]:
        recipient, text = document.get("recipient", {}), document.get("message", {}).get("text", "")
        if set(document) - {"recipient", "message", "messaging_type"} or set(document["message"]) != {"text"}:
            raise Wrong(100)
        if len(text) > 2000 or (self.me == ACCOUNT and len(text.encode()) > 1000) or not text:
            raise Wrong(100, 2018109)
        match list(recipient.items()):
            case [("id", person)] if document.get("messaging_type") == "RESPONSE":
                made = f"m_ours{len(self.said)}"
                conversation = f"t_{person}"
                if conversation not in self.objects:
                    self.put("conversation", self.me, "conversations", id=conversation, **{"with": person})
                words = {"message": text, "from": {"id": self.me}, "created_time": self.clock}
                self.put("message", conversation, "messages", id=made, **words)
            case [("comment_id" | "post_id" as name, item)]:
                expected = {"post"} if name == "post_id" else {"comment", "reply"}
                if self.kinds.get(item) not in expected:
                    raise Wrong(100, 2018292)
                if item in self.answered:
                    raise Wrong(10900)
                self.answered.add(item)
                made = f"m_private{len(self.said)}"
            case _:
                raise Wrong(100)
        return {"recipient_id": "6660001110001", "message_id": made}


def _split(fields: str) -> Iterator[tuple[str, str, str]]:
    """Take apart `id,comments.limit(5){id,message}`: a name, what modifies it, what is asked below it."""
    at = 0
    while at < len(fields):
        found = _FIELD.match(fields, at)
        if not found:
            raise Wrong(2500)
        at, inner = found.end(), ""
        if at < len(fields) and fields[at] == "{":
            depth, start = 1, at + 1
            while depth:
                at += 1
                depth += {"{": 1, "}": -1}.get(fields[at], 0)
            inner, at = fields[start:at], at + 1
        yield found[1], found[2], inner
        if at < len(fields) and fields[at] != ",":
            raise Wrong(2500)
        at += 1
