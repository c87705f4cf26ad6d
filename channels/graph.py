"""Meta's Graph API, as far as WhatsApp's Cloud API, Facebook Pages and Instagram need it: ask, list, post, delete.

Every call carries the token in its header, never in an address, and ends in what it returns or in one of the ways of
speaking: Refused, Barred, Busy, OutcomeUnknown. Which one, Graph's own error code decides; the HTTP status does not,
for Graph answers 400 to a dead token, to a full quota and to a wrong field alike. A channel adds its own codes.

Sources: Meta's "Handle Errors" and "Rate Limits" pages of the Graph API. Error: `{"error": {"code", "error_subcode",
"is_transient", "message", …}}`; the message may name a citizen, so it is never quoted.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from enum import StrEnum
from importlib.metadata import version as release
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import ClientSession, ClientTimeout
from pydantic import SecretStr
from yarl import URL

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError, unanswered

DEFAULT_URL = "https://graph.facebook.com"
VERSION = "v23.0"


class End(StrEnum):
    """How an error ends the call."""

    REFUSED = "refused"  # these words to this person will never go
    BARRED = "barred"  # nothing of ours goes
    BUSY = "busy"  # not sent; later perhaps
    DOUBT = "doubt"  # Graph does not know itself; a question may be asked again, words may have gone


class Fault(NamedTuple):
    """What one of Graph's error codes means for us, in our own words."""

    words: str
    end: End = End.REFUSED
    alarm: bool = False  # ours or the account's fault: a person must look
    opted_out: bool = False
    elsewhere: bool = False  # the citizen may be reached another way
    wait: float | None = None  # seconds before it is worth trying again, where Graph does not say


_MINUTE = 60.0
_RATE = Fault("too many calls", End.BUSY, wait=5 * _MINUTE)

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "0": Fault("the token is not accepted", End.BARRED),
        "1": Fault("Meta does not know what went wrong", End.DOUBT),
        "2": Fault("the service is away", End.BUSY),
        "3": Fault("the app may not make this call", alarm=True),
        "4": _RATE,  # of the app
        "10": Fault("the app lacks a permission", alarm=True),
        "10/2018278": Fault("the window to answer in has closed", elsewhere=True),
        "17": _RATE,  # of the user
        "32": _RATE,  # of the Page
        "100": Fault("a field is not as Meta wants it", alarm=True),
        "100/33": Fault("it is gone, or not ours to see"),
        "100/2018001": Fault("there is nobody of that id", elsewhere=True),
        "102": Fault("the token's session has ended", End.BARRED),
        "190": Fault("the token is dead", End.BARRED),
        "200": Fault("a permission is missing", alarm=True),
        "368": Fault("the account is blocked for breaking a policy", End.BARRED),
        "506": Fault("the same words were posted just before"),
        "551": Fault("the person cannot be written to", elsewhere=True),
        "613": _RATE,
        "803": Fault("it is gone, or not ours to see"),
        "80001": _RATE,  # of the Page, by its use case
        "80002": _RATE,  # Instagram
        "80006": _RATE,  # Messenger
        "80007": _RATE,  # a WhatsApp business account
        "80008": _RATE,  # its templates
    }
)

_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds; Graph answers within one
_APP_USAGE = ("X-App-Usage", "X-Page-Usage")
_BUSINESS_USAGE = "X-Business-Use-Case-Usage"
_PERCENTAGES = ("call_count", "total_cputime", "total_time")
_REGAIN = "estimated_time_to_regain_access"  # in minutes, where the rates are given in percent


class Graph:
    """A session with the Graph API in one token's name. It opens at the first use; `close` it at the end.

    `url` is scheme and host, without a slash at its end. `faults` are the channel's own codes beside FAULTS: a key is a
    code, or `code/subcode`, which is looked for first.
    """

    def __init__(
        self,
        token: SecretStr,
        url: str = DEFAULT_URL,
        version: str = VERSION,
        faults: Mapping[str, Fault] | None = None,
    ) -> None:
        self._base = f"{url}/{version}"
        self._token = token
        self._faults = {**FAULTS, **(faults or {})}
        self._session: ClientSession | None = None
        self.usage = 0.0
        """How much of what we may call in this hour is used up, in percent, as the last answer said."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What opens the API to us, also for the addresses of media that it names. A secret."""
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    async def get(self, *path: str, **query: str) -> Mapping[str, Any]:
        """Ask for one object. Raises Refused, Barred or Busy."""
        try:
            return await self._call("GET", path, query)
        except OutcomeUnknown as error:  # a question can be asked again
            raise Busy("unknown", "Meta did not answer") from error

    async def each(self, *path: str, **query: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the objects of a list, page after page, in Meta's order. Raises Refused, Barred or Busy."""
        while True:
            page = await self.get(*path, **query)
            for item in _list(page, "data"):
                if isinstance(item, dict):
                    yield item
            following = _following(page)
            if not following or following.items() <= query.items():  # a page that leads to itself is the last
                return
            query = {**query, **following}

    async def post(self, *path: str, document: Mapping[str, Any], **query: str) -> Mapping[str, Any]:
        """Make something, such as a message. Raises Refused, Barred, Busy, or OutcomeUnknown: it may have been made."""
        return await self._call("POST", path, query, json=document)

    async def delete(self, *path: str, **query: str) -> Mapping[str, Any]:
        """Delete something. Raises Refused, Barred or Busy."""
        try:
            # Meta's own document of the API wants to know the type of what is not there.
            return await self._call("DELETE", path, query, headers={"Content-Type": "application/json"})
        except OutcomeUnknown as error:  # to delete twice does no harm
            raise Busy("unknown", "Meta did not answer") from error

    def error_of(self, error: Mapping[str, Any], *, status: int = 400, wait: float | None = None) -> SpeakError:
        """Say how a Graph error object ends a call. `wait` is in seconds and wins over what the code suggests."""
        code, fault = self.fault_of(error)
        if fault is None and (status >= 500 or error.get("is_transient") is True):  # noqa: PLR2004 - Meta's own fault
            fault = Fault("it failed at Meta", End.DOUBT if status >= 500 else End.BUSY)  # noqa: PLR2004
        if fault is None and status == 429:  # noqa: PLR2004 - "Too Many Requests"
            fault = _RATE
        if fault is None and status == 401:  # noqa: PLR2004 - "Unauthorized"
            fault = Fault("the token is not accepted", End.BARRED)
        if fault is None:  # what nobody foresaw is worth a look
            fault = Fault("Meta refused it", alarm=True)
        if fault.end is End.BARRED:
            return Barred(code, fault.words)
        if fault.end is End.BUSY:
            return Busy(code, fault.words, retry_after=fault.wait if wait is None else wait)
        if fault.end is End.DOUBT:
            return OutcomeUnknown(f"{code}: {fault.words}")
        return Refused(code, fault.words, opted_out=fault.opted_out, alarm=fault.alarm, elsewhere=fault.elsewhere)

    def fault_of(self, error: Mapping[str, Any]) -> tuple[str, Fault | None]:
        """Look up an error object, as in an answer or in a status; None of a code that nobody knows."""
        code, subcode = str(error.get("code", "none")), error.get("error_subcode")
        fine = f"{code}/{subcode}"
        if fine in self._faults:
            return fine, self._faults[fine]
        return code[:32], self._faults.get(code)

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], **what: Any
    ) -> Mapping[str, Any]:
        if any(part in {"", ".", ".."} for part in path):  # it would be another address
            raise Refused("no-id", "this is no id")
        address = URL("/".join([self._base, *(quote(part, safe="") for part in path)]), encoded=True)
        if self._session is None:
            # Meta's own document of the API takes a name and three numbers, which aiohttp's own is not.
            headers = {**self.headers, "Accept": "application/json", "User-Agent": f"balagh/{release('balagh')}"}
            self._session = ClientSession(timeout=_TIMEOUT, headers=headers)
        with unanswered("Meta"):
            async with self._session.request(
                method, address.update_query(query), allow_redirects=False, **what
            ) as response:
                status, headers_back = response.status, response.headers
                body = await response.read()
        self.usage, wait = _usage(headers_back)
        document = _object(body)
        given = document.get("error")
        if isinstance(given, dict):
            raise self.error_of(given, status=status, wait=wait)
        if 200 <= status < 300 and document:  # noqa: PLR2004 - the range of success
            return document
        if status == 429:  # noqa: PLR2004 - "Too Many Requests", by something before Graph
            raise Busy("http-429", "too many calls", retry_after=wait)
        if 300 <= status < 500:  # noqa: PLR2004 - no error of Graph's: what waits must not be lost by a wrong address
            raise Barred(f"http-{status}", "what answered is not the Graph API")
        raise OutcomeUnknown(f"Meta answered {status} and said nothing")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # a proxy's page, half an answer
        return {}
    if document is True:  # what some deletions were answered with before version 2
        return {"success": True}
    return document if isinstance(document, dict) else {}


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    return value if isinstance(value, list) else []


def _following(page: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what leads to the next page; empty at the end.

    Only the query of `next` is taken: its host is nobody's business of ours, and it may hold the token.
    """
    paging = page.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    if not isinstance(following, str):
        return {}
    try:
        return {name: value for name, value in parse_qsl(urlsplit(following).query) if name != "access_token"}
    except ValueError:
        return {}


def _usage(headers: Mapping[str, str]) -> tuple[float, float | None]:
    """Read how much is used up, in percent, and how many seconds we are kept out for."""
    used, minutes = 0.0, 0.0
    for usage in _usages(headers):
        used = max(used, *(_number(usage.get(name)) for name in _PERCENTAGES))
        minutes = max(minutes, _number(usage.get(_REGAIN)))
    return used, minutes * _MINUTE or None


def _usages(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in _APP_USAGE:
        yield _object(headers.get(name, "").encode("utf-8", "surrogateescape"))
    for uses in _object(headers.get(_BUSINESS_USAGE, "").encode("utf-8", "surrogateescape")).values():
        yield from (use for use in uses if isinstance(use, dict)) if isinstance(uses, list) else ()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e6 else 0.0  # noqa: PLR2004 - beyond sense
