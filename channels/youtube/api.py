"""YouTube's Data API v3, as much of it as comments need: ask, answer in public, sort its errors, mind the quota.

A day's quota is 10,000 units for most: 1 for a page of a list, 50 for an answer. It begins anew at midnight Pacific
time. The API key goes in a header, where no log of addresses shows it.

Sources: Google's pages on commentThreads.list, comments.list, comments.insert, on errors and on quota costs; RFC 6749,
section 6, for a new access token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientSession, ClientTimeout
from pydantic import SecretStr

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError, unanswered
from channels.payload import part, parts, text

DEFAULT_URL = "https://www.googleapis.com"
_OAUTH_URL = "https://oauth2.googleapis.com"
_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds
_EARLY = 60.0  # seconds before its end at which an access token is replaced
_RATE_WAIT = 60.0  # seconds; Google does not say how long
_NEW_DAY = 8  # o'clock UTC: midnight Pacific in winter, and an hour after it in summer

_OUT_OF_QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_LATER = _OUT_OF_QUOTA | {"rateLimitExceeded", "userRateLimitExceeded", "invalidPageToken"}  # the last: it moved on
_GONE = frozenset(
    {"commentsDisabled", "commentNotFound", "commentThreadNotFound", "videoNotFound", "parentCommentNotFound"}
)
_OUR_WORDS = frozenset({"commentTextRequired", "commentTextTooLong", "invalidCommentMetadata", "processingFailure"})
_NOT_TAKEN = _OUR_WORDS | {"forbidden", "operationNotSupported"}  # these two also of comments asked for by their ids
_UNAUTHORIZED, _NOT_FOUND, _TOO_MANY, _SERVER = 401, 404, 429, 500


class Gone(Refused):
    """What was asked about is not there, or takes no comments: for good, and no fault of ours."""


class YoutubeApi:
    """A session with the Data API. It opens at the first use; `close` it at the end. `url` ends without a slash."""

    def __init__(self, key: SecretStr, url: str, oauth: OAuth | None) -> None:
        self._key, self._url, self.oauth = key, url, oauth
        self._session: ClientSession | None = None

    async def ask(self, what: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """Ask a list, for one unit. Raises Gone, Refused, Barred, Busy."""
        headers = {"X-Goog-Api-Key": self._key.get_secret_value()}
        try:
            return await self._call("GET", f"{self._url}/youtube/v3/{what}", headers, params=parameters)
        except OutcomeUnknown as error:  # a question can be asked again
            raise Busy("unknown", "YouTube did not answer") from error

    async def comments(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Return the comments that are still there, by their ids, of at most 50, for one unit.

        Raises Gone and Refused, of several also when that holds for one of them; Barred, Busy.
        """
        page = await self.ask("comments", {"part": "snippet", "id": ",".join(ids), "textFormat": "plainText"})
        if not isinstance(page.get("items"), list):
            raise Busy("unreadable", "YouTube answered with no list of comments")
        return {text(found, "id"): found for found in parts(page, "items")}

    async def reply(self, parent: str, words: str) -> str:
        """Answer a comment in public, for 50 units; return the answer's id.

        Raises Gone, Refused, Barred, Busy, OutcomeUnknown.
        """
        assert self.oauth is not None
        headers = {"Authorization": f"Bearer {await self._access(self.oauth)}"}
        body = {"snippet": {"parentId": parent, "textOriginal": words}}
        try:
            made = await self._call(
                "POST", f"{self._url}/youtube/v3/comments", headers, params={"part": "snippet"}, json=body
            )
        except _Unauthorized as error:
            self.oauth.forget()
            raise Busy("401", "the access token had ended") from error
        if not text(made, "id"):
            raise OutcomeUnknown("YouTube took it and gave no id")
        return text(made, "id")

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _access(self, oauth: OAuth) -> str:
        if not oauth.valid:
            url = _OAUTH_URL if self._url == DEFAULT_URL else self._url
            try:
                granted = await self._call("POST", f"{url}/token", {}, data=oauth.form())
            except OutcomeUnknown as error:
                raise Busy("unknown", "Google did not answer") from error
            except (Refused, Barred) as error:
                raise Barred("oauth", "the refresh token is not accepted") from error
            oauth.keep(granted)
        return oauth.access

    async def _call(self, method: str, url: str, headers: Mapping[str, str], **what: Any) -> Mapping[str, Any]:
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT, headers={"Accept": "application/json"})
        with unanswered("YouTube"):
            async with self._session.request(method, url, headers=headers, allow_redirects=False, **what) as response:
                status, body = response.status, await response.read()
        document = _document(body)
        if not 200 <= status < 300:  # noqa: PLR2004 - the range of success
            raise fault(status, document)
        return document


class OAuth:
    """Who may answer in the channel's name, and the access that this gives for an hour at a time."""

    def __init__(self, client_id: str, client_secret: SecretStr, refresh_token: SecretStr) -> None:
        self._client_id, self._client_secret, self._refresh_token = client_id, client_secret, refresh_token
        self.access, self._until = "", 0.0

    @property
    def valid(self) -> bool:
        """Whether the access is good for some time yet."""
        return bool(self.access) and time.monotonic() < self._until

    def form(self) -> dict[str, str]:
        """Return what to ask a new access with."""
        return {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "refresh_token": self._refresh_token.get_secret_value(),
        }

    def keep(self, granted: Mapping[str, Any]) -> None:
        """Keep a new access. Raises Barred when there is none in the answer."""
        lasts = granted.get("expires_in")
        if not text(granted, "access_token"):
            raise Barred("oauth", "Google gave no access token")
        self.access = text(granted, "access_token")
        self._until = time.monotonic() + (lasts if isinstance(lasts, int) else 0) - _EARLY

    def forget(self) -> None:
        """Let an access go that is not accepted any more."""
        self.access = ""


class _Unauthorized(Barred):
    """Neither the key nor the token is accepted."""


def fault(status: int, document: Mapping[str, Any]) -> SpeakError:
    """Sort an error of the Data API by its reason, or else by its status. The words are ours."""
    reasons = {text(one, "reason") for one in parts(part(document, "error"), "errors")}
    if status >= _SERVER:
        return OutcomeUnknown(f"YouTube answered {status}")
    if reasons & _GONE or (status == _NOT_FOUND and not reasons & _NOT_TAKEN):
        return Gone(min(reasons & _GONE, default="notFound"), "it is not there, or takes no comments")
    if reasons & _NOT_TAKEN:
        return Refused(min(reasons & _NOT_TAKEN), "YouTube does not take this", alarm=True)
    if status == _TOO_MANY or reasons & _LATER:
        code = min(reasons & _LATER, default="http-429")
        wait = until_new_day(datetime.now(UTC)) if code in _OUT_OF_QUOTA else _RATE_WAIT
        return Busy(code, "too many requests, or the day's quota is used up", retry_after=wait)
    if status == _UNAUTHORIZED:
        return _Unauthorized("401", "the key or the token is not accepted")
    # 400 is a key that is none, 403 one that may not; anything else has never been seen, and a person must look.
    return Barred(f"http-{status}", "YouTube does not let us in")


def until_new_day(now: datetime) -> float:
    """Return the seconds until the quota has surely begun anew."""
    turn = now.replace(hour=_NEW_DAY, minute=0, second=0, microsecond=0)
    return ((turn if now < turn else turn + timedelta(days=1)) - now).total_seconds()


class Allowance:
    """How often a day something may be asked of the quota. Counted in this process, and begun anew with it."""

    def __init__(self, most: int, code: str) -> None:
        self._most, self._code = most, code
        self._day, self._taken = "", 0

    def take(self, now: datetime, units: int = 1) -> None:
        """Count some of today's. Raises Busy until the new day when they are used up."""
        left = until_new_day(now)
        day = (now + timedelta(seconds=left)).date().isoformat()
        if day != self._day:
            self._day, self._taken = day, 0
        if self._taken + units > self._most:
            raise Busy(self._code, "what today's quota has for this is used up", retry_after=left)
        self._taken += units


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # a proxy's page, or half an answer
        return {}
    return document if isinstance(document, dict) else {}
