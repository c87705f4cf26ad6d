"""Reading a provider's JSON without trusting its shape: what is missing or of another type reads as empty.

Providers leave fields out and add others without notice. A message that can be read in part is read in part; what
cannot be done without, the channel asks for and calls the rest unreadable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels.base import Unreadable

_NUMBER = re.compile(r"[0-9]{1,14}")
_ID = re.compile(r"[!-~]{1,512}")  # printable ASCII, and opaque
_SECONDS_PER_MILLI = 1000


def decode(body: bytes) -> Mapping[str, Any]:
    """Decode a JSON object. Raises Unreadable."""
    try:
        document = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error
    if not isinstance(document, dict):
        raise Unreadable("the body is not a JSON object")
    return document


def answered(body: bytes) -> Mapping[str, Any]:
    """Decode what a provider answered to us; empty for what is no JSON object: a proxy's page, or half an answer."""
    try:
        return decode(body)
    except Unreadable:
        return {}


def encode(element: Any) -> bytes:
    """Encode an element of a payload, always in the same way, to be kept by itself."""
    return json.dumps(element, sort_keys=True, separators=(",", ":")).encode("ascii")


def text(holder: Mapping[str, Any], name: str) -> str:
    """Return a string; empty when there is none."""
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object; empty when there is none."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def items(holder: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list, of anything; empty when there is none."""
    value = holder.get(name)
    return value if isinstance(value, list) else []


def parts(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list; empty when there is none."""
    return [item for item in items(holder, name) if isinstance(item, dict)]


def identifier(holder: Mapping[str, Any], name: str) -> str:
    """Return an id. Raises Unreadable when there is none that could be one."""
    value = text(holder, name)
    if not _ID.fullmatch(value):
        raise Unreadable(f"no {name} that could be one")
    return value


def degrees(holder: Mapping[str, Any], name: str, limit: int) -> float | None:
    """Return degrees within plus and minus `limit`; None when there are none."""
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -limit <= value <= limit:
        return None
    return float(value)


def moment(holder: Mapping[str, Any], name: str, *, milliseconds: bool = False) -> datetime | None:
    """Return the moment that a number since 1970 stands for, written as a string or not; None when there is none."""
    value = str(holder.get(name, ""))
    if not _NUMBER.fullmatch(value):
        return None
    try:
        return datetime.fromtimestamp(int(value) / (_SECONDS_PER_MILLI if milliseconds else 1), UTC)
    except (ValueError, OverflowError, OSError):  # a year that nobody lives in
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
