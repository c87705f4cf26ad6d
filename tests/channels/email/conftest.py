"""Fixtures for the tests of e-mail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from channels.email.channel import Email
from tests.channels.email.office import Office, email
from tests.servers.dovecot import DovecotServer, dovecot_server

__all__ = ["dovecot_server"]


@pytest.fixture
def office() -> Office:
    """A house that remembers what it accepted."""
    return Office()


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """An inbox that no other test sees."""
    return f"{abs(hash(request.node.nodeid)):x}@city.example"


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Email]]:
    """Build channels that are closed when the test ends."""
    channels: list[Email] = []

    def build(*inboxes: dict[str, Any], **changes: Any) -> Email:
        channels.append(email(*inboxes, **changes))
        channels[-1].idle = 2.0
        return channels[-1]

    yield build
    for channel in channels:
        await channel.close()


@pytest.fixture
def own_server() -> Iterator[DovecotServer]:
    """A mail server of the test's own, running, for whoever breaks it."""
    server = DovecotServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
