"""Twilio's form and its signature, held against Twilio's own validator."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict
from twilio.request_validator import RequestValidator

from channels.base import ChannelError, Forged, TooLarge
from channels.twilio_form import MAX_FIELDS, SETTINGS, SIGNATURE, Form, Signer

BASE = "https://balagh.example"
TOKEN = "the-auth-token"
KEY, KEY_SECRET = "webhooks_sharedkey_1", "the-shared-secret"
PATH = "/channels/sms"

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
forms = st.lists(st.tuples(names, values), max_size=12)


def signer(**changes: Any) -> Signer:
    return Signer(**{"base": BASE, "tokens": [TOKEN], "shared_keys": {KEY: KEY_SECRET}, **changes})


def asked(path: str = PATH, **headers: str) -> web.Request:
    named = {"signature": SIGNATURE, "settings": SETTINGS}
    # As the server hands them over: bytes that are no UTF-8 are lone surrogates.
    request = make_mocked_request("POST", path)
    request._headers = CIMultiDictProxy(CIMultiDict({named[name]: value for name, value in headers.items()}))
    return request


def by_twilio(url: str, pairs: Any, token: str = TOKEN, algorithm: str | None = None) -> str:
    return str(RequestValidator(token).compute_signature(url, MultiDict(pairs), algorithm))


def vectors() -> list[dict[str, Any]]:
    """Read signatures that were made before this code."""
    found: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors/twilio.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: str(vector["name"]))
def test_recorded_signatures(vector: dict[str, Any]) -> None:
    """A signature that Twilio made is accepted, with and without the port; one for something else is not."""
    parts = urlsplit(vector["uri"])
    request = asked(vector["uri"].removeprefix(f"{parts.scheme}://{parts.netloc}"), signature=vector["signature"])
    ours = Signer(f"{parts.scheme}://{parts.netloc}", [vector["token"]])
    body = urlencode(vector["params"]).encode()
    if vector["valid"]:
        ours.verify(request, body)
    else:
        with pytest.raises(Forged):
            ours.verify(request, body)


@given(forms)
@example([("Body", "الماء مقطوع  "), ("Empty", ""), ("", "x"), ("Tag", "b"), ("Tag", "a"), ("Tag", "b")])
@example([("Body", "\x00\u202e\ufeff😀")])
def test_agrees_with_twilio(pairs: list[tuple[str, str]]) -> None:
    """Whatever a form holds (Arabic, nothing, repeated names, spaces at the end), we sign it as Twilio does."""
    body = urlencode(pairs).encode()
    headers = signer().sign(BASE + PATH, body)
    expected = by_twilio(BASE + PATH, pairs)

    assert expected == headers[SIGNATURE]
    signer().verify(asked(signature=expected), body)


@given(forms, st.integers(min_value=0), st.characters(codec="ascii", categories=["L", "N"]))
def test_any_change_is_forged(pairs: list[tuple[str, str]], where: int, what: str) -> None:
    """No letter can be slipped into a signed form."""
    body = urlencode([("Body", "x"), *pairs]).encode()
    at = where % (len("Body=x") + 1)
    changed = body[:at] + what.encode() + body[at:]
    signature = by_twilio(BASE + PATH, [("Body", "x"), *pairs])
    if Form(changed).signed() != Form(body).signed():
        with pytest.raises(Forged):
            signer().verify(asked(signature=signature), changed)


@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=80))
@example(b"%", "é", "key=")
@example(b"&=&;=%FF%", "\udcff", "key=webhooks_sharedkey_1,algorithm=\udcff")
def test_only_declared_outcomes(body: bytes, signature: str, settings: str) -> None:
    """Whatever bytes a stranger posts, the answer is that it is forged, and never a breakdown."""
    with pytest.raises(ChannelError):
        signer().verify(asked(signature=signature, settings=settings), body)


@given(st.binary(max_size=300))
def test_form_keeps_every_byte(body: bytes) -> None:
    """A form of any bytes can be read, and what it holds can be written back as the bytes it was."""
    form = Form(b"Body=" + quote_plus(body).encode())

    assert body == form.get("Body").encode("utf-8", "surrogateescape")


def test_too_many_fields() -> None:
    """A form of a hundred thousand fields costs us nothing: it is refused unread."""
    with pytest.raises(TooLarge):
        Form(b"&".join([b"a=1"] * (MAX_FIELDS + 1)))

    assert "1" == Form(b"&".join([b"a=1"] * MAX_FIELDS)).get("a")


def test_secondary_token_while_rotating() -> None:
    """While an auth token is being replaced, messages signed with either are heard."""
    body = b"Body=x"
    both = signer(tokens=[TOKEN, "the-next-token"])
    both.verify(asked(signature=by_twilio(BASE + PATH, [("Body", "x")], "the-next-token")), body)
    both.verify(asked(signature=by_twilio(BASE + PATH, [("Body", "x")])), body)
    with pytest.raises(Forged):
        signer().verify(asked(signature=by_twilio(BASE + PATH, [("Body", "x")], "the-next-token")), body)


def test_shared_key() -> None:
    """A message signed with a SharedKey of ours is heard, as Twilio's own validator would."""
    signature = by_twilio(BASE + PATH, [("Body", "نعم")], KEY_SECRET, "HMAC_SHA256")
    body = urlencode({"Body": "نعم"}).encode()
    signer().verify(asked(signature=signature, settings=f"key={KEY},algorithm=HMAC_SHA256"), body)
    signer().verify(asked(signature=signature, settings=f" algorithm=hmac_sha256, key={KEY}"), body)


@pytest.mark.parametrize(
    "settings",
    [
        f"key={KEY},algorithm=HMAC_SHA1",
        f"key={KEY}",
        f"key={KEY},algorithm=none",
        "algorithm=HMAC_SHA256",
        "key=webhooks_sharedkey_2,algorithm=HMAC_SHA256",
        "key=,algorithm=HMAC_SHA256",
        ",",
    ],
)
def test_header_cannot_choose_something_weaker(settings: str) -> None:
    """A header that names an unknown key or a weaker algorithm is refused, whatever the signature beside it."""
    candidates = [
        by_twilio(BASE + PATH, [("Body", "x")], secret, algorithm)
        for secret in (KEY_SECRET, TOKEN, "")
        for algorithm in ("HMAC_SHA1", "HMAC_SHA256")
    ]
    for signature in candidates:
        with pytest.raises(Forged):
            signer().verify(asked(signature=signature, settings=settings), b"Body=x")


def test_body_by_its_hash() -> None:
    """A body that is no form is covered by the hash in the signed URL: neither can be exchanged."""
    body = '{"text": "الماء"}'.encode()
    path = f"{PATH}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = by_twilio(BASE + path, [])

    assert RequestValidator(TOKEN).validate(BASE + path, body.decode(), signature)
    signer().verify(asked(path, signature=signature), body)
    for other_path, other_body in [(path, body + b" "), (path, b""), (PATH, body), (path.replace("=", "=0"), body)]:
        with pytest.raises(Forged):
            signer().verify(asked(other_path, signature=signature), other_body)
