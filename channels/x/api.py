"""X's API, version 2: ask and post, and sort its errors.

An error is a problem document (`title`, `detail`, `type`) with the status of HTTP; `detail` may name a person and is
not quoted. A quota that is used up says until when in a header.

Sources: "Response codes & errors" and "Rate limits" of X's documentation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientSession, ClientTimeout
from yarl import URL

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError, unanswered
from channels.x.credentials import Credentials

DEFAULT_URL = "https://api.x.com"

_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds
_QUARTER = 900.0  # seconds: the window of most quotas
# Refusals that concern the app or the account and not the one who is answered.
_OURS = frozenset(
    {"client-forbidden", "oauth1-permissions", "unsupported-authentication", "usage-capped", "disallowed"}
)


class XApi:
    """A session with X's API. It opens at the first use; `close` it at the end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: ClientSession | None = None

    async def get(self, path: str, query: Mapping[str, str], credentials: Credentials) -> Mapping[str, Any]:
        """Ask. Raises Refused, Barred or Busy."""
        try:
            return await self._call("GET", path, query, credentials)
        except OutcomeUnknown as error:  # a question can be asked again
            raise Busy("unknown", "X did not answer") from error

    async def post(self, path: str, document: Mapping[str, Any], credentials: Credentials) -> Mapping[str, Any]:
        """Make something, such as a post. Raises Refused, Barred, Busy, or OutcomeUnknown: it may have been made."""
        return await self._call("POST", path, {}, credentials, json=document)

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], credentials: Credentials, **what: Any
    ) -> Mapping[str, Any]:
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT, headers={"Accept": "application/json"})
        url = f"{self._url}/2/{path}"
        headers = credentials.headers(method, url, query)
        with unanswered("X"):
            async with self._session.request(
                method, URL(url).with_query(query), headers=headers, allow_redirects=False, **what
            ) as response:
                status, reset = response.status, response.headers.get("x-rate-limit-reset", "")
                body = await response.read()
        document = _object(body)
        if not 200 <= status < 300:  # noqa: PLR2004 - the range of success
            raise _fault(status, document, reset)
        return document


def _fault(status: int, document: Mapping[str, Any], reset: str) -> SpeakError:
    kind = str(document.get("type", "")).rpartition("/")[2]
    if status >= 500:  # noqa: PLR2004 - X's own fault: it may have done it before it fell
        return OutcomeUnknown(f"X answered {status}")
    if status == 429 and kind != "usage-capped":  # noqa: PLR2004 - "Too Many Requests"
        return Busy("429", "too many calls", retry_after=_until(reset))
    if status in {401, 402, 429} or kind in _OURS:  # dead tokens, no credits, a month's quota
        return Barred(str(status), "X does not let us in")
    if not document or status < 400:  # noqa: PLR2004 - a proxy's page, a redirect: what waits must not be lost by it
        return Barred(str(status), "what answered is not X")
    return _refusal(status, str(document.get("detail", "")))


def _refusal(status: int, detail: str) -> Refused:
    if "duplicate content" in detail:
        return Refused("duplicate", "the same words were posted just before")
    if status == 403:  # noqa: PLR2004 - "Forbidden"
        return Refused("403", "X does not permit it to this person", elsewhere=True)
    if status == 404:  # noqa: PLR2004 - "Not Found"
        return Refused("404", "the post or the person is gone")
    return Refused(str(status), "X refused it", alarm=True)


def _until(reset: str) -> float:
    """Return the seconds until a moment since 1970; a whole window when X does not say."""
    if not (reset.isascii() and reset.isdigit()):
        return _QUARTER
    return min(max(float(reset[:12]) - time.time(), 1.0), 24 * 3600.0)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
