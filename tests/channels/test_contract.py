"""What every channel promises, tried on every channel of the registry with every request that was recorded for it.

A new channel needs no line here. `docs/write-a-channel.md` says how to satisfy it.
"""

from __future__ import annotations

import asyncio
import io
import random
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from aiohttp.test_utils import TestClient, make_mocked_request
from multidict import CIMultiDict
from pydantic import SecretStr

from channels.base import Adapter, Webhook
from channels.message import Inbound, Purpose
from gateway.registry import CHANNELS, WEBHOOKS
from gateway.settings import PLAIN, load
from tests.channels.harness import (
    EXAMPLE,
    FIXTURES,
    ROOT,
    Fixture,
    Sink,
    example_settings,
    example_values,
    fixtures_of,
    house,
    other_secrets,
    post_raw,
    public,
    setting_names,
)

ALL = [fixture for channel in WEBHOOKS for fixture in fixtures_of(channel)]
ACCEPTED = [fixture for fixture in ALL if not fixture.ignored and not fixture.unreadable]

each_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
each_webhook = pytest.mark.parametrize("channel", WEBHOOKS, ids=lambda channel: channel.name)
each_fixture = pytest.mark.parametrize("fixture", ALL, ids=str)
each_accepted = pytest.mark.parametrize("fixture", ACCEPTED, ids=str)
each_signed = pytest.mark.parametrize("fixture", [one for one in ALL if one.channel.signs_body], ids=str)


def built(channel: type[Webhook]) -> Webhook:
    return channel(example_settings(channel))


def signed(fixture: Fixture) -> dict[str, str]:
    return dict(built(fixture.channel).sign(public(fixture.path), fixture.body))


@pytest.fixture
def visit(aiohttp_client: Any, sink: Sink) -> Any:
    """Open the door of a channel whose house is the sink."""

    async def open_door(channel: type[Webhook]) -> TestClient[Any, Any]:
        client: TestClient[Any, Any] = await aiohttp_client(house(built(channel), sink))
        return client

    return open_door


# What must be there


@each_webhook
def test_has_recorded_requests(channel: type[Webhook]) -> None:
    """A channel comes with what its provider really sends, and with something genuine that cannot be read."""
    recorded = fixtures_of(channel)
    assert [fixture for fixture in recorded if fixture in ACCEPTED], (
        f"record one in tests/channels/fixtures/{channel.name}/"
    )
    assert [fixture for fixture in recorded if fixture.unreadable], f"record {channel.name}/unreadable_<why>"


@each_channel
def test_has_recordings(channel: type[Adapter]) -> None:
    """Whether its provider calls or is asked, a channel comes with what that provider sends."""
    assert any((FIXTURES / channel.name).iterdir()), f"record something in tests/channels/fixtures/{channel.name}/"


def test_nothing_is_left_out_of_the_registry() -> None:
    """Whatever requests were recorded for a channel, the channel is in the registry and tried here."""
    recorded = {folder.name for folder in FIXTURES.iterdir()}
    assert {channel.name for channel in CHANNELS} >= recorded, "enter it in gateway/registry.py"


@each_channel
def test_has_tests_of_its_own(channel: type[Adapter]) -> None:
    """A channel says what its messages mean, and shows that its signature is the provider's, in tests of its own."""
    assert (ROOT / f"tests/channels/test_{channel.name.replace('-', '_')}.py").is_file()


@each_channel
def test_is_documented(channel: type[Adapter]) -> None:
    """An operator finds every setting of a channel on its page, and what the channel cannot do."""
    page = ROOT / f"docs/channels/{channel.name}.md"
    assert page.is_file(), f"write {page.relative_to(ROOT)}"
    text = page.read_text("utf-8")
    assert [] == [name for name in setting_names(channel) if f"`{name}`" not in text]
    assert "## Limits and quirks" in text


@each_channel
def test_is_in_the_example_settings(channel: type[Adapter]) -> None:
    """Every setting has an example that is commented out, below one line that says what it is."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    for name in setting_names(channel):
        at = [index for index, line in enumerate(lines) if line.startswith(f"#{name}=")]
        assert len(at) == 1, f"show #{name}=… once in .env.example"
        assert lines[at[0] - 1].startswith("# "), f"say in a line above it what {name} is"


@each_channel
def test_shows_no_secret(channel: type[Adapter]) -> None:
    """Settings that are printed by accident, whole or in an error, give no secret away."""
    settings = example_settings(channel)
    secrets = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    assert secrets, "a channel without a secret cannot tell who is speaking: make it a SecretStr"
    assert [] == [secret for secret in secrets if secret and secret in repr(settings)]
    assert channel.Settings.model_config.get("hide_input_in_errors") is True


def test_example_settings_are_set_by_nobody() -> None:
    """Copying the example turns nothing on: its secrets are known to everybody."""
    assert [] == [line for line in EXAMPLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def test_example_settings_are_what_the_house_reads() -> None:
    """The house takes the examples as they stand: each is a setting that somebody reads, and turns every channel on.

    Its own two secrets alone must be made, for the house refuses those that are printed.
    """
    settings = load(
        {**example_values(), "BALAGH_SECRET_KEY": "0123456789abcdef" * 2, "BALAGH_API_KEYS": "desk:desk-key:read"}
    )
    assert [] == list(settings.unknown)
    assert {channel.name for channel in CHANNELS} == set(settings.channels)
    assert set(PLAIN) == {name.removeprefix("BALAGH_") for name in example_values() if "__" not in name}


# Who is heard


@each_fixture
async def test_genuine_is_heard(fixture: Fixture, visit: Any, sink: Sink) -> None:
    """A genuine request is thanked, and becomes what the name of its fixture promises."""
    client = await visit(fixture.channel)
    response = await client.post(fixture.path, data=fixture.body, headers=signed(fixture))
    assert 200 == response.status
    purposes = {inbound.purpose for inbound in sink.accepted}
    if fixture.ignored:
        assert set() == purposes
    elif fixture.unreadable:
        assert {Purpose.UNREADABLE} == purposes
        assert "" != sink.accepted[0].note, "say in the Unreadable what could not be read"
        assert {} != dict(sink.accepted[0].raw)
    else:
        assert purposes
        assert Purpose.UNREADABLE not in purposes, sink.accepted[0].note
    assert {fixture.channel.name} >= {inbound.channel for inbound in sink.accepted}, "an Inbound names its channel"


@each_fixture
async def test_wrong_secret_is_forged(fixture: Fixture, visit: Any, sink: Sink) -> None:
    """Whoever does not know the secret is refused, and nobody hears of it."""
    stranger = fixture.channel(other_secrets(example_settings(fixture.channel)))
    client = await visit(fixture.channel)
    headers = stranger.sign(public(fixture.path), fixture.body)
    response = await client.post(fixture.path, data=fixture.body, headers=headers)
    assert 403 == response.status
    assert "" == await response.text()
    assert [] == sink.accepted


@each_fixture
async def test_missing_header_is_forged(fixture: Fixture, visit: Any, sink: Sink) -> None:
    """A request without its proof is refused, whichever header of it is missing."""
    client = await visit(fixture.channel)
    headers = signed(fixture)
    for missing in headers.keys() - {"Content-Type"}:
        rest = {name: value for name, value in headers.items() if name != missing}
        response = await client.post(fixture.path, data=fixture.body, headers=rest)
        assert 403 == response.status, missing
    assert [] == sink.accepted


@each_webhook
@pytest.mark.parametrize(
    "hostile", [b"\xd8\xaa\xd9\x88\xd9\x82\xd9\x8a\xd8\xb9", b"\xff\xfe", b""], ids=["arabic", "bytes", "empty"]
)
async def test_hostile_header_is_forged(channel: type[Webhook], hostile: bytes, visit: Any, sink: Sink) -> None:
    """A proof of bytes that are no text is refused like any other; it does not break the gateway."""
    client = await visit(channel)
    fixture = fixtures_of(channel)[0]
    headers = [
        (name.encode(), value.encode() if name == "Content-Type" else hostile)
        for name, value in signed(fixture).items()
    ]
    assert 403 == await post_raw(client.server, fixture.path, headers, fixture.body)
    assert [] == sink.accepted


@each_signed
async def test_tampered_body_is_forged(fixture: Fixture, visit: Any, sink: Sink) -> None:
    """One character more, be it a space, and the proof no longer holds."""
    client = await visit(fixture.channel)
    response = await client.post(fixture.path, data=fixture.body + b" ", headers=signed(fixture))
    assert 403 == response.status
    assert [] == sink.accepted


@each_webhook
async def test_too_large_is_refused(channel: type[Webhook], visit: Any, sink: Sink) -> None:
    """More bytes than the channel takes are not kept in memory, whoever sends them."""
    client = await visit(channel)
    response = await client.post(f"/channels/{channel.name}", data=io.BytesIO(b"x" * (channel.max_body + 1)))
    assert 413 == response.status
    assert [] == sink.accepted


# What is promised about keeping it


@each_accepted
async def test_broken_store_is_never_thanked(fixture: Fixture, visit: Any, sink: Sink) -> None:
    """When nothing could be stored the provider hears an error, so that it tries again.

    A caller hears an apology and a tone to record after: the recording waits at the provider.
    """
    sink.broken = True
    client = await visit(fixture.channel)
    response = await client.post(fixture.path, data=fixture.body, headers=signed(fixture))
    if response.status == 200:  # somebody waits on the telephone, and an error would end the call
        assert "text/xml" == response.content_type
        assert "<Record" in await response.text()
        return
    assert 500 <= response.status < 600


@each_webhook
async def test_same_and_shuffled(channel: type[Webhook], visit: Any, sink: Sink) -> None:
    """However often and in whatever order a provider delivers, the same messages have the same identities."""
    client = await visit(channel)
    fixtures = fixtures_of(channel)
    for fixture in fixtures:
        await client.post(fixture.path, data=fixture.body, headers=signed(fixture))
    once, first = sink.identities, {identity(inbound): inbound for inbound in sink.accepted}
    sink.accepted.clear()
    batch = fixtures * 3
    random.Random(4821).shuffle(batch)
    await asyncio.gather(*(client.post(fixture.path, data=fixture.body, headers=signed(fixture)) for fixture in batch))
    assert once == sink.identities
    assert 3 * len(first) == len(sink.accepted), "two recorded messages have the same identity"
    assert [] == [inbound for inbound in sink.accepted if first[identity(inbound)] != inbound]


def identity(inbound: Inbound) -> tuple[str, str, str]:
    return inbound.channel, inbound.account, inbound.external_id


@each_accepted
def test_parse_is_pure(fixture: Fixture) -> None:
    """What a message says does not depend on when it is read, or by which process."""
    request = make_mocked_request("POST", fixture.path, headers=CIMultiDict(signed(fixture)))
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC)):
        early = list(built(fixture.channel).parse(request, fixture.body))
    with time_machine.travel(datetime(2031, 7, 7, tzinfo=UTC)):
        late = list(built(fixture.channel).parse(request, fixture.body))
    assert early == late


@each_accepted
def test_survives_json(fixture: Fixture) -> None:
    """What goes to disk comes back the same, with every control character and broken byte in it."""
    request = make_mocked_request("POST", fixture.path, headers=CIMultiDict(signed(fixture)))
    for inbound in built(fixture.channel).parse(request, fixture.body):
        document = inbound.to_json()
        assert inbound == Inbound.from_json(document)
        assert document == Inbound.from_json(document).to_json()
        assert document.isascii()
