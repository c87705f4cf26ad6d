"""What Meta's webhooks share: the handshake that turns one on, and the signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from pydantic import SecretStr

from channels.base import Forged
from channels.message import Inbound
from channels.meta import SIGNATURE, MetaSettings, MetaWebhook
from tests.channels.harness import ROOT, Sink, house

SHAPES = ROOT.parent / "shared/data/channels/meta_page_ig_shapes.jsonl"


class Page(MetaWebhook):
    """A webhook of Meta's that hears nothing."""

    name = "page"
    Settings = MetaSettings

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Hear nothing."""
        del request, body
        return ()


def page(secret: str = "test", second: str | None = None) -> Page:
    words = SecretStr("our words: كلمة")
    return Page(
        MetaSettings(
            app_secret=SecretStr(secret),
            app_secret_secondary=None if second is None else SecretStr(second),
            verify_token=words,
        )
    )


def bearing(proof: str) -> web.Request:
    return make_mocked_request("POST", "/", headers=CIMultiDict({SIGNATURE: proof}))


def signed(signer: Page, body: bytes) -> web.Request:
    return bearing(signer.sign("", body)[SIGNATURE])


def asked(**changes: str) -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.verify_token": "our words: كلمة", "hub.challenge": "1158201444", **changes}


async def test_meta_asks_whether_the_address_is_ours(aiohttp_client: Any, sink: Sink) -> None:
    """The challenge comes back bare and as plain text, so that it can be no page."""
    client = await aiohttp_client(house(page(), sink))
    response = await client.get("/channels/page", params=asked(**{"hub.challenge": "<script>1</script>"}))

    assert (200, "<script>1</script>") == (response.status, await response.text())
    assert ("text/plain", "nosniff") == (response.content_type, response.headers["X-Content-Type-Options"])


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": ""},
        {"hub.verify_token": "our words"},
        {"hub.verify_token": "كلمة\udcff"},
        {"hub.mode": "unsubscribe"},
    ],
    ids=["none", "wrong", "bytes", "mode"],
)
async def test_a_stranger_is_told_nothing(aiohttp_client: Any, sink: Sink, changes: dict[str, str]) -> None:
    """Whoever does not know the words learns nothing, whatever bytes they send."""
    client = await aiohttp_client(house(page(), sink))
    query = "&".join(f"{name}={quote(value, errors='surrogateescape')}" for name, value in asked(**changes).items())
    response = await client.get(f"/channels/page?{query}")

    assert (403, "") == (response.status, await response.text())


async def test_a_question_without_anything(aiohttp_client: Any, sink: Sink) -> None:
    """Somebody who opens the address in a browser is refused."""
    client = await aiohttp_client(house(page(), sink))

    assert 403 == (await client.get("/channels/page")).status


def test_either_secret_signs_while_one_is_replaced() -> None:
    """While the secret is being replaced, what either signed is heard; afterwards only the new one's."""
    old, new, both = page("old"), page("new"), page("new", "old")
    for signer in (old, new):
        both.verify(signed(signer, b"{}"), b"{}")
    with pytest.raises(Forged):
        page("new", "").verify(signed(old, b"{}"), b"{}")


@pytest.mark.parametrize("given", ["", "sha256=", "sha256=" + "0" * 64, "sha1=x", "تحقق"])
def test_no_signature_is_forged(given: str) -> None:
    """A signature of another kind, or none, is refused."""
    with pytest.raises(Forged):
        page().verify(bearing(given), b"{}")


def test_an_empty_second_secret_signs_nothing() -> None:
    """A second secret that is left empty opens no door."""
    proof = "sha256=" + hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(Forged):
        page("test", "").verify(bearing(proof), b"{}")


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SHAPES.read_text("utf-8").splitlines()] if SHAPES.exists() else []


@pytest.mark.parametrize("shape", recorded(), ids=lambda shape: str(shape["name"]))
def test_signatures_recorded_by_others(shape: dict[str, Any]) -> None:
    """What others recorded with its signature is genuine here too, and no longer with one more space."""
    body, proof = shape["raw_body"].encode(), bearing(shape["x_hub_signature_256_with_secret_test"])
    page("test").verify(proof, body)
    with pytest.raises(Forged):
        page("test").verify(proof, body + b" ")
