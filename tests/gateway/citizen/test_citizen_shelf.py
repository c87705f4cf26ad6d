"""The shelf: as many files at once as there are places, and no place for those who only hold one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.citizen import posted
from gateway.citizen.posted import Full, Shelf
from gateway.files import Files, Stored
from tests.gateway.citizen.visitor import JPEG


async def photo(*, pause: float = 0.0, times: int = 1, piece: bytes = b"\0") -> AsyncIterator[bytes]:
    yield JPEG
    for _ in range(times):
        await asyncio.sleep(pause)
        yield piece


async def test_slow_files_give_way_to_those_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every place held by somebody who sends a byte now and then, a photo is taken and one of theirs is not."""
    monkeypatch.setattr(posted, "GRACE", 0.05)
    monkeypatch.setattr(posted, "SLOWEST", 10 * len(JPEG))
    shelf = Shelf(Files(tmp_path / "files"))
    slow = [asyncio.create_task(shelf.put(photo(pause=0.1, times=600))) for _ in range(posted.UPLOADS)]
    await asyncio.sleep(0.3)

    stored = await asyncio.wait_for(shelf.put(photo()), 60)

    assert "image/jpeg" == stored.content_type
    assert [Full] == [type(one.exception()) for one in slow if one.done()]
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_files_that_come_along_keep_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends as fast as a poor line allows is not cut off by the next in the queue, who is told that it is full."""
    monkeypatch.setattr(posted, "GRACE", 0.05)
    monkeypatch.setattr(posted, "TURN", 0.1)
    shelf = Shelf(Files(tmp_path / "files"))
    fast = [
        asyncio.create_task(shelf.put(photo(pause=0.05, times=40, piece=bytes(2048)))) for _ in range(posted.UPLOADS)
    ]
    await asyncio.sleep(0.2)

    with pytest.raises(Full):
        await shelf.put(photo())
    assert [Stored] * posted.UPLOADS == [type(one) for one in await asyncio.gather(*fast)]
