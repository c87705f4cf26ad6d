"""No test of a channel may reach a provider: whatever leaves loopback is refused, and fails the test that tried."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.channels.harness import Sink

_watching = False
_attempts: list[str] = []


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    host = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    if isinstance(host, tuple):
        host = host[0]
    if not _is_loopback(host):
        _attempts.append(f"{event} {host!r}")
        raise ConnectionRefusedError(f"tests stay on this machine: {event} {host!r}")


def _is_loopback(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if text == "localhost" or text.startswith("/"):  # a name of this machine, or a socket that is a file
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


sys.addaudithook(_refuse)  # below every library; it cannot be taken out, so it watches only while told to


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that tried to leave this machine, even if the code under test swallowed the refusal."""
    global _watching  # noqa: PLW0603 - a hook of the interpreter has nowhere else to keep its switch
    _attempts.clear()
    _watching = True
    yield
    _watching = False
    assert _attempts == []


@pytest.fixture
def sink() -> Sink:
    """Give a house that remembers what it accepted."""
    return Sink()
