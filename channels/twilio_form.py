"""What Twilio posts and how it signs it: shared by every Twilio channel.

A signature is an HMAC over the public URL followed by every form parameter, name and value, sorted by name; a repeated
name counts once per distinct value, in order. Nothing may be trimmed, dropped or decoded differently, so the form is
read here from the raw bytes. A body that is not a form is covered by its SHA-256 in the signed URL instead.

Sources: twilio-python's `request_validator.py` (the tests hold this module against it), and Twilio's "Webhooks
security" and "Webhook SharedKeys" pages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from aiohttp import web

from channels.base import Forged, TooLarge, public_url

MAX_FIELDS = 1000  # Twilio sends about forty; more is an attack on whoever sorts them
SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"  # present when a SharedKey signed instead of the auth token

DEFAULT_PORTS = {"http": 80, "https": 443}


class Form:
    """The parameters of one request, exactly as they were sent: blank, repeated and unknown ones included.

    Bytes that are not UTF-8 survive as lone surrogates ("surrogateescape"), so that nothing a citizen sent is lost.
    Raises TooLarge when there are more than MAX_FIELDS.
    """

    def __init__(self, body: bytes) -> None:
        text = body.decode("ascii", "surrogateescape")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_FIELDS)
        except ValueError as error:
            raise TooLarge(f"more than {MAX_FIELDS} form fields") from error
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> str:
        """Return the first value of a parameter, untouched; empty when it was not sent."""
        return self._values.get(name, [""])[0]

    def all(self) -> Mapping[str, Any]:
        """Return every parameter: a value, or the list of values of a repeated name."""
        return {name: values[0] if len(values) == 1 else list(values) for name, values in self._values.items()}

    def signed(self) -> str:
        """Spell the parameters the way the signature counts them."""
        return "".join(name + value for name in sorted(self._values) for value in sorted(set(self._values[name])))


_FORM: web.RequestKey[tuple[bytes, Form]] = web.RequestKey("twilio form", tuple)


def form_of(request: web.Request, body: bytes) -> Form:
    """Read the form of a request once, for whoever asks: reading it costs more than everything else about it.

    Raises TooLarge.
    """
    known = request.get(_FORM)
    if known is None or known[0] is not body:
        known = request[_FORM] = body, Form(body)
    return known[1]


class Signer:
    """Knows the secrets of one account, and the addresses under which Twilio may know us.

    `tokens` are auth tokens, the primary one first; `shared_keys` maps the id of a SharedKey to its secret. `base` is
    the public URL of the house. Whether Twilio counts the port into the URL is inconsistent, so both ways are tried,
    as its own SDK does.
    """

    def __init__(self, base: str, tokens: Sequence[str], shared_keys: Mapping[str, str] | None = None) -> None:
        self._bases = tuple(dict.fromkeys(_with_and_without_port(base)))
        self._tokens = tuple(token.encode() for token in tokens)
        self._shared_keys = {key: secret.encode() for key, secret in (shared_keys or {}).items()}

    def verify(self, request: web.Request, body: bytes) -> None:
        """Prove that a holder of one of the secrets sent this body to this URL. Raises Forged or TooLarge."""
        given = request.headers.get(SIGNATURE)
        if given is None:
            raise Forged(f"no {SIGNATURE}")
        # As bytes: compare_digest refuses a str that is not ASCII, and a hostile header would become a 500.
        given_bytes = given.encode("utf-8", "surrogateescape")
        parameters = self._parameters(request, body)
        secrets, algorithm = self._secrets(request)
        for base in self._bases:
            message = (public_url(base, request) + parameters).encode("utf-8", "surrogateescape")
            for secret in secrets:
                if hmac.compare_digest(given_bytes, _digest(secret, message, algorithm)):
                    return
        raise Forged("the signature does not match")

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that Twilio would send with this form to this URL."""
        message = (url + Form(body).signed()).encode("utf-8", "surrogateescape")
        return {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            SIGNATURE: _digest(self._tokens[0], message, "sha1").decode("ascii"),
        }

    def _parameters(self, request: web.Request, body: bytes) -> str:
        # The signed URL says which it is, never the Content-Type: that header is not signed.
        query = request.raw_path.partition("?")[2]
        hashes = parse_qs(query, keep_blank_values=True).get("bodySHA256") if query else None
        if hashes is None:
            return form_of(request, body).signed()
        expected = hashlib.sha256(body).hexdigest().encode("ascii")
        if not hmac.compare_digest(hashes[0].lower().encode("utf-8", "surrogateescape"), expected):
            raise Forged("the body is not the one that the signed URL names")
        return ""

    def _secrets(self, request: web.Request) -> tuple[Sequence[bytes], str]:
        settings = request.headers.get(SETTINGS, "")
        if not settings:
            return self._tokens, "sha1"
        stated = dict(part.strip().partition("=")[::2] for part in settings.split(","))
        secret = self._shared_keys.get(stated.get("key", ""))
        # The algorithm of a SharedKey is pinned: a header must not talk us down to a weaker one.
        if secret is None or stated.get("algorithm", "").upper() != "HMAC_SHA256":
            raise Forged(f"{SETTINGS} names a key or an algorithm that is not configured")
        return (secret,), "sha256"


def _digest(secret: bytes, message: bytes, algorithm: str) -> bytes:
    return base64.b64encode(hmac.new(secret, message, algorithm).digest())


def _with_and_without_port(base: str) -> Iterator[str]:
    parts = urlsplit(base)
    yield base
    if parts.port is not None:
        yield parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
    elif parts.scheme in DEFAULT_PORTS:
        yield parts._replace(netloc=f"{parts.netloc}:{DEFAULT_PORTS[parts.scheme]}").geturl()
