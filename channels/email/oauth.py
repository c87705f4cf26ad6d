"""Access tokens for mail servers that take no password: Microsoft 365 and Gmail.

Not authlib's client, whose asynchronous transport rests on a package that authlib itself calls deprecated: a form is
posted, and JSON comes back (RFC 6749, 4.4 and 6). A token lives about an hour; one is asked for at each new connection
when the last is about to end.
"""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from channels.base import Barred, Busy
from channels.email.settings import OAuth

_TIMEOUT = ClientTimeout(total=30, sock_connect=10)  # seconds
_MARGIN = 120.0  # seconds before its end in which a token is no longer used
_USUAL = 3600.0  # seconds, where the server does not say

_WHY = {  # the words of RFC 6749, 5.2, that name what a person must mend
    "invalid_grant": "the refresh token has ended or was revoked, consent must be given anew",
    "invalid_client": "it does not accept client_id and client_secret, which may have ended",
    "unauthorized_client": "the application may not ask for such a token",
    "invalid_scope": "it does not know the scope",
}


class Tokens:
    """The token of one client at one authorisation server. Nothing of it is ever in an error's words."""

    def __init__(self, client: OAuth) -> None:
        self._client = client
        self._token, self._until = "", 0.0
        self._refresh = client.refresh_token.get_secret_value() if client.refresh_token else ""
        self._session: ClientSession | None = None

    async def token(self) -> str:
        """Return a token that lives for a while yet. Raises Busy, or Barred when the server refuses us."""
        if time.monotonic() >= self._until - _MARGIN:
            answer = await self._ask()
            self._token = str(answer["access_token"])
            self._refresh = str(answer.get("refresh_token") or self._refresh)  # Microsoft gives a new one each time
            self._until = time.monotonic() + _seconds(answer.get("expires_in"))
        return self._token

    def forget(self) -> None:
        """Ask anew next time: the mail server did not take the token."""
        self._until = 0.0

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self) -> dict[str, Any]:
        fields = {
            "grant_type": "refresh_token" if self._refresh else "client_credentials",
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
        }
        if self._refresh:
            fields["refresh_token"] = self._refresh
        if self._client.scope:
            fields["scope"] = self._client.scope
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.post(self._client.token_url, data=fields, allow_redirects=False) as response:
                status, body = response.status, await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            raise Busy("oauth", "the server that gives tokens cannot be reached") from error
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict) and answer.get("access_token"):  # noqa: PLR2004 - success
            return answer
        if status == 429 or status >= 500:  # noqa: PLR2004 - too many requests; the server's own fault
            raise Busy("oauth", f"the server that gives tokens answered {status}")
        why = _WHY.get(str(answer.get("error")), str(status)) if isinstance(answer, dict) else str(status)
        raise Barred("oauth", f"the server that gives tokens refuses us: {why}")


def _seconds(value: Any) -> float:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return _USUAL
