"""A fuzzer at every webhook: recorded requests with something else in the place of anything, through the house."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Webhook
from gateway.city.city import City, load
from gateway.registry import WEBHOOKS
from tests.channels.harness import Fixture, example_values, fixtures_of, public
from tests.faults.test_fuzz import JUNK, bugs, often
from tests.gateway.walk import Walk

_OURS = re.compile(r"BALAGH_(?!SMS__|WHATSAPP__)[A-Z_]+__.+")  # the walk sets those two itself
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", "0", "-1", "\0", "\u202e", "\ud800", "9" * 400, "x" * 5000, "https://[", "1e999", 2**70]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def city() -> City:
    return load("baghdad")


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house with every channel on, as in the example settings."""
    made = Walk(tmp_path, city, **{name: value for name, value in example_values().items() if _OURS.fullmatch(name)})
    await made.open()
    yield made
    await made.close()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in pairs for place in _places(inner, (*path, key)))]


def _changed(data: st.DataObject, fixture: Fixture) -> bytes:
    """Return a recorded body with other things in it: in JSON at any place, and else anywhere among the bytes."""
    body = fixture.body
    try:
        document = copy.deepcopy(json.loads(body))
    except ValueError:
        at = data.draw(st.integers(0, len(body)))
        return body[:at] + data.draw(JUNK) + body[at + data.draw(st.integers(0, 8)) :]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(_places(document)))
        new, target = data.draw(JSON), document
        if not path:
            document = new
            continue
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = new
    return json.dumps(document).encode()


@pytest.mark.parametrize("channel", WEBHOOKS, ids=lambda channel: channel.name)
@often(40)
@given(data=st.data())
async def test_any_genuine_request_is_kept_and_understood(
    walk: Walk, channel: type[Webhook], data: st.DataObject
) -> None:
    """Whatever a provider signs is answered as a thing that was kept, and breaks nothing behind the door."""
    fixture = data.draw(st.sampled_from(fixtures_of(channel)))
    body, path = _changed(data, fixture), fixture.path
    signer = walk.house.channels[channel.name]
    assert isinstance(signer, Webhook)
    before = bugs()
    async with TestClient(TestServer(walk.site())) as client:
        headers = signer.sign(public(path), body)
        async with client.post(path, data=body, headers=headers) as response:
            status = response.status
    await walk.understand()

    broken = await walk.rows(
        "SELECT outcome FROM journal WHERE outcome LIKE '% while understanding it' OR outcome LIKE '% while filing it'"
    )

    assert [] == broken
    assert status in {200, 403}  # some name their account in the body: of another's, nothing is taken
    assert before == bugs()
