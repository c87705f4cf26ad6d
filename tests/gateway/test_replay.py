"""Replay: what a person is told who posts a recorded message to a gateway that does not take it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from gateway.city.city import load
from gateway.replay import replay
from gateway.settings import SettingsError
from tests.channels.harness import FIXTURES
from tests.gateway.api.caller import make_house, site

BODY = (FIXTURES / "sms/hello_arabic.form").read_bytes()
SMS = {
    "BALAGH_SMS__ACCOUNT_SID": "AC00000000000000000000000000000001",
    "BALAGH_SMS__AUTH_TOKEN": "the-token-of-the-gateway",
    "BALAGH_SMS__NUMBER": "+15005550006",
    "BALAGH_SMS__API_URL": "http://127.0.0.1:9",
}
PUBLIC_URL = "https://balagh.example"


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Set what the person who replays has set."""

    def settings(server: TestServer, **more: str) -> None:
        listen, folder = f"127.0.0.1:{server.port}", str(tmp_path / "mine")
        own = {"BALAGH_LISTEN": listen, "BALAGH_DATA_DIR": folder, "BALAGH_PUBLIC_URL": PUBLIC_URL, **SMS, **more}
        for name, value in own.items():
            monkeypatch.setenv(name, value)

    return settings


async def test_a_gateway_with_other_settings_refuses(tmp_path: Path, mine: Callable[..., None]) -> None:
    """With its settings the message is taken; with another token it says where to look, and not only 403."""
    house = make_house(tmp_path, load("baghdad"), **{**SMS, "BALAGH_PUBLIC_URL": PUBLIC_URL})
    async with TestServer(site(house), host="127.0.0.1") as server:
        where = f"127.0.0.1:{server.port}"
        mine(server)
        assert (200, "<Response/>") == await replay("sms", BODY)
        mine(server, BALAGH_SMS__AUTH_TOKEN="another-token")
        with pytest.raises(SettingsError) as refused:
            await replay("sms", BODY)
        mine(server)
        with pytest.raises(SettingsError) as lost:
            await replay("sms", BODY, "/statuses")
    house.store.close()

    assert f"refused by the gateway on {where}: does it run with the same settings?" == str(refused.value)
    assert f"the gateway on {where} has nothing at /channels/sms/statuses: is the path right?" == str(lost.value)


async def test_a_gateway_whose_channel_is_off_is_told(tmp_path: Path, mine: Callable[..., None]) -> None:
    """It runs without the channel's settings."""
    house = make_house(tmp_path, load("baghdad"))
    async with TestServer(site(house), host="127.0.0.1") as server:
        where = f"127.0.0.1:{server.port}"
        mine(server)
        with pytest.raises(SettingsError) as off:
            await replay("sms", BODY)
    house.store.close()

    assert f"the gateway on {where} has no channel sms: is it on there?" == str(off.value)
