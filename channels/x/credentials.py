"""What opens X's API to us: the app by itself, or the city's own account, which alone may write and read its messages.

The account's tokens come in two kinds. OAuth 1.0a (four secrets, no expiry) is what a server wants; an OAuth 2.0
access token lives two hours and is taken for whoever renews it by other means.

Sources: RFC 5849, section 3.4, and X's "Creating a signature": only the address and the query are signed, for the body
is JSON and no form.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote


class Credentials(Protocol):
    """Whoever may call."""

    def headers(self, method: str, url: str, query: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers that prove it for one request. `url` is without its query."""
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """One token that is all the proof."""

    token: str = field(repr=False)

    def headers(self, method: str, url: str, query: Mapping[str, str]) -> Mapping[str, str]:
        """Return the token, whatever is called."""
        del method, url, query
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class OAuth1:
    """An account's token, with the app's: each request is signed."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_secret: str = field(repr=False)

    def headers(self, method: str, url: str, query: Mapping[str, str]) -> Mapping[str, str]:
        """Sign one request, now."""
        return {"Authorization": self.sign(method, url, query, nonce=secrets.token_hex(16), at=int(time.time()))}

    def sign(self, method: str, url: str, query: Mapping[str, str], *, nonce: str, at: int) -> str:
        """Sign a request with a nonce at a moment (seconds since 1970)."""
        proof = {
            "oauth_consumer_key": self.consumer_key,
            "oauth_nonce": nonce,
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(at),
            "oauth_token": self.token,
            "oauth_version": "1.0",
        }
        signed = sorted((_escape(name), _escape(value)) for name, value in {**query, **proof}.items())
        listed = "&".join(f"{name}={value}" for name, value in signed)
        base = "&".join(_escape(part) for part in (method, url, listed))
        key = f"{_escape(self.consumer_secret)}&{_escape(self.token_secret)}"
        proof["oauth_signature"] = base64.b64encode(hmac.digest(key.encode(), base.encode(), hashlib.sha1)).decode()
        return "OAuth " + ", ".join(f'{name}="{_escape(value)}"' for name, value in sorted(proof.items()))


def _escape(value: str) -> str:
    return quote(value, safe="-._~")
