"""Where a caller stands in the menus: all of it is in the address of the next step, which Twilio signs.

Opaque ids, a language and counters, and never anything of the citizen: addresses stand in Twilio's own logs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web

from channels.voice.hotline import MAIN

TRIES = 3  # at one prompt; then a recording
COMPLAINTS = 3  # in one call

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COUNT = re.compile(r"[1-9]")


@dataclass(frozen=True, slots=True)
class Place:
    """A step, with the language, the how-manieth complaint and try it is, and the menu, service or category chosen."""

    step: str = ""
    language: str = ""
    complaint: int = 1
    tries: int = 1
    menu: str = MAIN
    service: str = ""
    category: str = ""

    @classmethod
    def of(cls, request: web.Request, base: str) -> Self:
        """Read the place from a request's address. What does not look like ours is as if it were not there."""
        query = request.query
        step = request.path.partition(base)[2].strip("/")
        return cls(
            step,
            language=_shaped(query.get("l", ""), _ID),
            complaint=_count(query.get("n", ""), COMPLAINTS),
            tries=_count(query.get("t", ""), TRIES),
            menu=_shaped(query.get("m", ""), _ID) or MAIN,
            service=_shaped(query.get("s", ""), _ID),
            category=_shaped(query.get("c", ""), _ID),
        )

    def to(self, step: str, *, tries: int = 1, **changes: Any) -> Place:
        """Return another step of the same call; the tries begin anew."""
        return replace(self, step=step, tries=tries, **changes)

    @property
    def last_try(self) -> bool:
        """Whether nothing more is asked after this."""
        return self.tries >= TRIES

    def url(self, base: str) -> str:
        """Return the address of this step below `base`."""
        parts = {
            "l": self.language,
            "n": str(self.complaint) if self.complaint > 1 else "",
            "t": str(self.tries) if self.tries > 1 else "",
            "m": self.menu if self.menu != MAIN else "",
            "s": self.service,
            "c": self.category,
        }
        query = urlencode({name: value for name, value in parts.items() if value})
        return f"{base}/{self.step}" + (f"?{query}" if query else "")


def _shaped(value: str, shape: re.Pattern[str]) -> str:
    return value if shape.fullmatch(value) else ""


def _count(value: str, most: int) -> int:
    return min(int(value), most) if _COUNT.fullmatch(value) else 1
