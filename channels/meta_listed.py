"""What the Graph API lists: how far to read, and from where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from channels.meta_payload import Table, moment

STALE = 25  # older ones in a row after which nothing newer is expected: no list is sorted without exception


async def newer(listing: AsyncIterator[Table], since: datetime, key: str = "created_time") -> AsyncIterator[Table]:
    """Yield what is not older than a moment; end where a list whose newest come first has no more of it."""
    stale = 0
    async for item in listing:
        if written_at(item, key) >= since:
            stale = 0
            yield item
        else:
            stale += 1
            if stale >= STALE:
                return


def written_at(item: Table, key: str = "created_time") -> datetime:
    """Say when something was written; what does not say is taken to be new, for it can only be a duplicate."""
    return moment(item, key, "timestamp") or datetime.max.replace(tzinfo=UTC)


def since_of(remembered: str, otherwise: datetime) -> datetime:
    """Read until when a place was searched; `otherwise` where it never was."""
    try:
        return datetime.fromisoformat(remembered)
    except ValueError:  # the first time
        return otherwise
