"""The pages' style, script and pictures: a closed list, read once, each under a name that changes with its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"  # another content has another name


@dataclass(frozen=True, slots=True)
class _Static:
    body: bytes
    content_type: str


class Statics:
    """Serves what lies in the folder `static` of some rooms, below one address; by default /static/<name>."""

    def __init__(self, rooms: Sequence[str] = ("gateway.citizen",), at: str = "/static") -> None:
        self._at = at
        self._paths: dict[str, str] = {}
        self._held: dict[str, _Static] = {}
        entries = [entry for room in rooms for entry in files(room).joinpath("static").iterdir()]
        # Pictures first: the style names them.
        for entry in sorted(entries, key=lambda entry: (not entry.name.endswith(".svg"), entry.name)):
            stem, _, ending = entry.name.rpartition(".")
            if ending in _TYPES:
                self._hold(entry.name, stem, ending, entry.read_text(encoding="utf-8"))

    def _hold(self, plain: str, stem: str, ending: str, text: str) -> None:
        for known, path in self._paths.items():
            text = text.replace(f'url("{known}")', f'url("{path}")')
        body = text.encode()
        name = f"{stem}.{hashlib.sha256(body).hexdigest()[:10]}.{ending}"
        self._paths[plain] = f"{self._at}/{name}"
        self._held[name] = _Static(body, _TYPES[ending])

    def path(self, name: str) -> str:
        """Return the address of a file of ours. Raises KeyError when there is none of this name."""
        return self._paths[name]

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with the file, or 404."""
        found = self._held.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}
        charset = None if found.content_type == "image/svg+xml" else "utf-8"
        return web.Response(body=found.body, content_type=found.content_type, charset=charset, headers=headers)
