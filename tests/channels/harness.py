"""What the tests of channels stand on: example settings, recorded fixtures, a small house that listens, a raw socket.

Everything is found by a channel's name, so that a new channel needs no line here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from channels.base import Adapter, Webhook
from channels.message import Inbound, Receipt

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
EXAMPLE = ROOT / ".env.example"

_SETTING = re.compile(r"#?(BALAGH_[A-Z0-9_]+)=(.*)")
_FILLED_BY_THE_HOUSE = {"public_url", "signing_key"}


@dataclass(frozen=True)
class Fixture:
    """One recorded request. The folder below the channel's own is the path it is posted to: `status/delivered.form`.

    A name that begins with `ignored_` promises that nothing is accepted, `unreadable_` that it is kept raw for a
    person; any other is accepted.
    """

    channel: type[Webhook]
    file: Path

    @property
    def body(self) -> bytes:
        """The bytes as the provider sent them."""
        return self.file.read_bytes()

    @property
    def path(self) -> str:
        """Where it is posted."""
        below = self.file.parent.relative_to(FIXTURES / self.channel.name).as_posix()
        return f"/channels/{self.channel.name}" + ("" if below == "." else f"/{below}")

    @property
    def ignored(self) -> bool:
        """Whether it is genuine and not for us."""
        return self.file.name.startswith("ignored_")

    @property
    def unreadable(self) -> bool:
        """Whether it is genuine and beyond reading."""
        return self.file.name.startswith("unreadable_")

    def __str__(self) -> str:
        return self.file.relative_to(FIXTURES).with_suffix("").as_posix()


def fixtures_of(channel: type[Webhook]) -> list[Fixture]:
    """Return every recorded request of a channel, in a fixed order."""
    folder = FIXTURES / channel.name
    return [Fixture(channel, file) for file in sorted(folder.rglob("*")) if file.is_file()]


def example_values() -> Mapping[str, str]:
    """Read every setting that .env.example shows, whether it is commented out or not."""
    found = (_SETTING.fullmatch(line) for line in EXAMPLE.read_text("utf-8").splitlines())
    return {match[1]: match[2] for match in found if match}


def table(channel: type[Adapter]) -> str:
    """Return what a channel's settings begin with: BALAGH_SMS__."""
    return f"BALAGH_{channel.name.upper().replace('-', '_')}__"


def setting_names(channel: type[Adapter]) -> list[str]:
    """Return the environment variables that a channel reads."""
    return [table(channel) + key.upper() for key in channel.Settings.model_fields if key not in _FILLED_BY_THE_HOUSE]


def example_settings(channel: type[Adapter], **changes: Any) -> Any:
    """Build a channel's settings from .env.example, as the house builds them from the environment."""
    values = example_values()
    own: dict[str, Any] = {
        name.removeprefix(table(channel)).lower(): value
        for name, value in values.items()
        if name.startswith(table(channel))
    }
    if "public_url" in channel.Settings.model_fields:
        own["public_url"] = values["BALAGH_PUBLIC_URL"]
    if "signing_key" in channel.Settings.model_fields:
        own["signing_key"] = "a-key-that-the-house-derives"
    return channel.Settings.model_validate({**own, **changes})


def other_secrets(settings: Any) -> Any:
    """Return the settings of somebody who knows everything but the secrets."""
    secrets = {name: value for name, value in settings if isinstance(value, SecretStr)}
    wrong = {name: SecretStr(value.get_secret_value() + "x") for name, value in secrets.items()}
    return settings.model_copy(update=wrong)


class StoreAway(Exception):
    """The disk is full, the database is gone."""


@dataclass
class Sink:
    """A house that remembers what it accepted, and whose store can break."""

    accepted: list[Inbound] = field(default_factory=list)
    broken: bool = False

    async def accept(self, inbound: Inbound) -> Receipt:
        """Remember it, or break."""
        if self.broken:
            raise StoreAway
        self.accepted.append(inbound)
        return Receipt(id=f"{len(self.accepted)}", reference="4821093756", pin="0000")

    @property
    def identities(self) -> set[tuple[str, str, str]]:
        """What makes each message itself."""
        return {(inbound.channel, inbound.account, inbound.external_id) for inbound in self.accepted}


def house(channel: Webhook, sink: Sink) -> web.Application:
    """Mount a channel where the gateway mounts it."""
    app = web.Application()
    app.add_subapp(f"/channels/{channel.name}", channel.app(sink.accept))
    return app


def public(path: str) -> str:
    """Return the URL under which the provider knows a path of ours."""
    return example_values()["BALAGH_PUBLIC_URL"] + path


async def post_raw(server: TestServer, path: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> int:
    """Post with headers of any bytes, as no decent client would, and return the status."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: balagh.example", b"Connection: close"]
    lines += [b"Content-Length: %d" % len(body), *(name + b": " + value for name, value in headers)]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    await writer.drain()
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1])
