"""Which program calls, and for what it may."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from gateway.api.problem import FORBIDDEN, UNAUTHORIZED, Problem
from gateway.settings import ApiKey

_CHALLENGE: Final = 'Bearer realm="balagh"'


class Keys:
    """The keys of BALAGH_API_KEYS."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = [(_digest(key.key), key) for key in keys]

    def caller(self, request: web.Request) -> ApiKey:
        """Return the key with which a request was made. Raises Problem 401."""
        given = request.headers.getall("Authorization", [])
        if not given:
            raise Problem(
                UNAUTHORIZED, "Send the header Authorization: Bearer KEY.", headers={"WWW-Authenticate": _CHALLENGE}
            )
        scheme, _, token = given[0].partition(" ")
        found = self._find(token.strip()) if len(given) == 1 and scheme.casefold() == "bearer" else None
        if found is None:
            raise Problem(
                UNAUTHORIZED,
                "There is no such key.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
            )
        return found

    def _find(self, token: str) -> ApiKey | None:
        # Every key is compared, and by digest: how long it takes tells neither a key, nor its length, nor its place.
        digest, found = _digest(token), None
        for known, key in self._keys:
            if hmac.compare_digest(known, digest):
                found = key
        return found


def require(key: ApiKey, *scopes: str) -> None:
    """Let a key pass that has one of the scopes. Raises Problem 403."""
    if key.scopes.isdisjoint(scopes):
        raise Problem(
            FORBIDDEN,
            f"It takes a key with the scope {' or '.join(scopes)}.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{" ".join(scopes)}"'},
        )


def _digest(key: str) -> bytes:
    # aiohttp hands over what is no UTF-8 in a header as lone surrogates; a key from the environment may hold them too.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
