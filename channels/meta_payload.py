"""What Meta's JSON holds, taken out with its type: of deliveries to us, and of answers of the Graph API.

Meta adds fields and leaves out others without notice, so what is absent is empty. What is there and of another type
than it must be is Unreadable: better a person looks than that half a message is filed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from channels.base import Unreadable

Table = Mapping[str, Any]

_ID = re.compile(r"[!-~]{1,512}")  # opaque: today digits, two groups of digits, or base64 after "m_"
_MILLISECONDS = 100_000_000_000  # a number of seconds is below this for three thousand years


def table(holder: Table, key: str) -> Table:
    """Return the object below a key; an empty one when there is none. Raises Unreadable."""
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable(f"{key} is not an object")
    return value


def elements(holder: Table, key: str) -> list[Any]:
    """Return the list below a key, whatever is in it. Raises Unreadable."""
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{key} is not a list")
    return value


def tables(holder: Table, key: str) -> Iterator[Table]:
    """Yield the objects of the list below a key. Raises Unreadable."""
    for element in elements(holder, key):
        if not isinstance(element, dict):
            raise Unreadable(f"{key} has an element that is not an object")
        yield element


def words(holder: Table, *keys: str) -> str:
    """Return the first text below one of the keys that is not empty, untouched. Raises Unreadable."""
    for key in keys:
        value = holder.get(key)
        if value is not None and not isinstance(value, str):
            raise Unreadable(f"{key} is not text")
        if value:
            return value
    return ""


def identity(holder: Table, *keys: str) -> str:
    """Return the first id below one of the keys; empty when there is none. Raises Unreadable."""
    for key in keys:
        value = holder.get(key)
        if value is None or value == "":
            continue
        # Ids are text, and are never counted with; some old senders forget the quotation marks.
        found = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not _ID.fullmatch(found):
            raise Unreadable(f"{key} is no id")
        return found
    return ""


def link(holder: Table, *keys: str) -> str:
    """Return the first web address below one of the keys; empty when there is none."""
    for key in keys:
        value = holder.get(key)
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            return value
    return ""


def moment(holder: Table, *keys: str) -> datetime | None:
    """Return the first moment below one of the keys; None when there is none that could be one.

    Deliveries count seconds for comments and milliseconds for messages; the Graph API writes 2026-11-21T10:15:30+0000.
    """
    for key in keys:
        value = holder.get(key)
        try:
            if isinstance(value, str) and not value.isdecimal():
                found = datetime.fromisoformat(value)
                return found if found.tzinfo else found.replace(tzinfo=UTC)
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                seconds = float(value)
                return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS else seconds, UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return None
