"""What others recorded of providers and mail servers, where it is at hand: found, and made ready for a house."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.channels.harness import ROOT

RECORDED = ROOT.parent / "shared/data"
SHAPES = RECORDED / "channels/meta_page_ig_shapes.jsonl"
CAPTURED = [json.loads(line) for line in SHAPES.read_text("utf-8").splitlines()] if SHAPES.is_file() else []
TWILIO = RECORDED / "channels/twilio_signature_vectors.json"
VECTORS = [one for one in json.loads(TWILIO.read_text("utf-8")) if one["valid"]] if TWILIO.is_file() else []
DOORS = {"whatsapp_pywa": "whatsapp-cloud", "telegram_nutgram": "telegram"}
MAILS = sorted(folder for folder in (RECORDED / "mail").glob("*") if folder.is_dir())
_LISTS = {"x_pytwitter": ("x",), "youtube": ("youtube",), "facebook_graph_reads": ("facebook", "instagram")}
_GRAPH = re.compile(r"(facebook|instagram)__")
_MENTION = "__users__mentioned_"
_NO_MAIL = re.compile(r"(?:LICENSE.*|COPYING|MIT-LICENSE|.*\.json)", re.IGNORECASE)
_ENVELOPE = b"""From: Alex <alex@citizen.example>\r\nTo: complaints@city.example\r\nSubject: Re: Hello\r
Date: Sun, 22 Nov 2026 09:30:00 +0300\r\nMessage-ID: <%s@citizen.example>\r\nMIME-Version: 1.0\r
Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"""


def files(folder: str) -> list[Path]:
    return [path for path in sorted((RECORDED / "channels" / folder).glob("*.json")) if path.is_file()]


def document_of(file: Path) -> Any:
    return json.loads(file.read_bytes())


def mentions() -> list[Path]:
    """Return the answers that say what was said where Instagram had only told that somebody mentioned us."""
    return [file for file in files("facebook_graph_reads") if _MENTION in file.name]


def reads() -> list[tuple[Path, str]]:
    """Return the other answers of APIs, each with a channel that could be given it."""
    return [
        (file, channel)
        for folder, able in _LISTS.items()
        for file in files(folder)
        if _MENTION not in file.name
        for channel in (_GRAPH.findall(file.name) or able)
    ]


def deliveries_of(file: Path) -> dict[str, Any]:
    """Return the deliveries of a file by their names. Where there are several, each message gets an id of its own.

    Whoever recorded them for an example gave most the same id, under which a provider means one message.
    """
    document = document_of(file)
    if file.parent.name == "telegram_nutgram":
        return {"": document}
    apart = {
        name: json.loads(json.dumps(one).replace('"id": "wamid.', f'"id": "wamid.{at}.'))
        for at, (name, one) in enumerate(document.items())
    }
    return apart if len(apart) > 1 else dict(document)


def listed(file: Path, channel: str) -> Any:
    """Make a list of what was recorded by itself or under its id, as the lists that a channel asks for hold it."""
    document = document_of(file)
    kind = "items" if channel == "youtube" else "data"
    if (
        not isinstance(document, dict)
        or "error" in document
        or (kind == "data" and isinstance(document.get(kind), list))
    ):
        return document
    found = document.get(kind) or ([document] if "id" in document else [*document.values()])
    entries = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
    if channel == "youtube":
        entries = [
            {"id": one.get("id"), "snippet": {"topLevelComment": one}} if one.get("kind") == "youtube#comment" else one
            for one in entries
        ]
    return {kind: entries}


def place_of(file: Path, channel: str) -> str:
    """Return what the addresses have in them at which a provider would answer with this file; empty for any."""
    if channel == "x":
        return "dm_events" if file.name.startswith("dm_") else "mentions"
    return "commentThreads" if channel == "youtube" else ""


def mails_of(folder: Path) -> list[Path]:
    """Return the mails of a folder, without licences and descriptions, and without files that have nothing in them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in found if path.stat().st_size and not _NO_MAIL.fullmatch(path.name)]


def mail_in(path: Path) -> bytes:
    """Return a mail. What was recorded of it may be the HTML alone: then somebody sends it."""
    raw = path.read_bytes()
    return _ENVELOPE % path.stem.encode() + raw if path.suffix == ".html" else raw


@dataclass
class Replay:
    """A provider that has one answer, and gives it once at every address that it is for."""

    document: Any = None
    place: str = ""  # what these addresses have in them
    always: bool = False  # whether it gives it every time
    asked: set[str] = field(default_factory=set)

    def app(self) -> web.Application:
        """Serve it."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Give the answer, and an empty list to whoever asks for more of it."""
        again = request.path in self.asked and not self.always
        self.asked.add(request.path)
        empty: dict[str, Any] = {"items": []} if "youtube" in request.path else {"data": []}
        return web.json_response(empty if again or self.place not in request.path else self.document)
