"""Twilio's own log of calls and recordings: what it says happened, and the deletion of what is safe with us.

Sources: the Call and Recording resources of the API of 2010-04-01.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from channels.base import Barred, Busy, Refused, Unreadable
from channels.payload import decode, parts
from channels.twilio_api import Account

_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds
_PAGE = "1000"
_MOST_PAGES = 1000  # of a list: a next page that leads in a circle must end somewhere


class CallLog:
    """A session with the API of one account. It opens at the first use; `close` it at the end."""

    def __init__(self, account: Account) -> None:
        self._host = account.url
        self._root = f"/2010-04-01/Accounts/{account.sid}"
        self._headers = {"Authorization": account.authorization, "Accept": "application/json"}
        self._session: ClientSession | None = None

    async def account(self) -> Mapping[str, Any]:
        """Return the account. Raises Refused, Busy, Barred, as everything here does."""
        return await self._ask("GET", f"{self._root}.json")

    async def number(self, number: str) -> Mapping[str, Any] | None:
        """Return how a number of the account is set up; None when it is not the account's."""
        found = await self._ask("GET", f"{self._root}/IncomingPhoneNumbers.json", {"PhoneNumber": number})
        return next(iter(parts(found, "incoming_phone_numbers")), None)

    async def call(self, call: str) -> Mapping[str, Any] | None:
        """Return a call; None when Twilio knows none of that id."""
        try:
            return await self._ask("GET", f"{self._root}/Calls/{call}.json")
        except Refused as error:
            if error.code == "404":
                return None
            raise

    def calls(self, to: str, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """List the calls to a number that began since then."""
        query = {"To": to, "StartTime>": _moment(since), "PageSize": _PAGE}
        return self._list(f"{self._root}/Calls.json", query, "calls")

    def recordings(self, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """List the account's recordings that were made since then."""
        query = {"DateCreated>": _moment(since), "PageSize": _PAGE}
        return self._list(f"{self._root}/Recordings.json", query, "recordings")

    async def delete(self, path: str) -> None:
        """Delete what lies at a path of the API. Returns also when it is gone already."""
        try:
            await self._ask("DELETE", path)
        except Refused as error:
            if error.code != "404":
                raise

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _list(self, path: str, query: Mapping[str, str] | None, name: str) -> AsyncIterator[Mapping[str, Any]]:
        for _ in range(_MOST_PAGES):
            page = await self._ask("GET", path, query)
            for row in parts(page, name):
                yield row
            following = page.get("next_page_uri")
            address = urlsplit(following) if isinstance(following, str) and following else None
            if address is None or not address.path.startswith(self._root):
                return
            path, query = f"{address.path}?{address.query}", None

    async def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT, headers=self._headers)
        try:
            async with self._session.request(
                method, self._host + path, params=query, allow_redirects=False
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
                body = await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            raise Busy("connect", "Twilio does not answer") from error
        if not 200 <= status < 300:  # noqa: PLR2004 - the range of success
            raise _fault(status, retry_after)
        return _document(body)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fault(status: int, retry_after: str) -> Exception:
    if status in {401, 403}:
        return Barred(str(status), "Twilio does not let the account in")
    if status == 429 or status >= 500:  # noqa: PLR2004 - too many at once, or its own trouble
        wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        return Busy(str(status), f"Twilio answered {status}", retry_after=wait)
    return Refused(str(status), f"Twilio answered {status}")


def _document(body: bytes) -> Mapping[str, Any]:
    if not body.strip():  # what a deletion answers
        return {}
    try:
        return decode(body)
    except Unreadable as error:  # a proxy's page, or half an answer
        raise Busy("body", "Twilio's answer is no JSON") from error
