"""Replies over a carrier's HTTP interface: made from the profile's templates, and the answer judged by its rules."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, ConnectionTimeoutError
from yarl import URL

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError
from channels.carrier.profile import PLACEHOLDER, Fault, Match, Outgoing
from channels.carrier.proof import seal
from channels.carrier.settings import CarrierSettings
from channels.carrier.words import Document
from channels.message import Reply, Scheme, Sent
from channels.sms_alphabet import is_gsm7

_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds
_LONGEST = 64 * 1024  # bytes of an answer that are looked at
_WORDS = {
    "refused": "the carrier does not take it",
    "opted_out": "the citizen asked for silence",
    "busy": "the carrier cannot take it now",
    "barred": "the carrier does not let us in",
    "alarm": "the carrier refused it",
}


class Outlet:
    """Where replies leave. The session opens at the first; `close` it at the end."""

    def __init__(self, habit: Outgoing | None, settings: CarrierSettings) -> None:
        self._habit, self._settings = habit, settings
        self._session: ClientSession | None = None

    async def send(self, reply: Reply) -> Sent:
        """Send a reply. Raises Refused, Barred, Busy, or OutcomeUnknown when it may or may not have been sent."""
        if self._habit is None:
            raise Refused("one-way", "the profile does not say how to send")
        if reply.to.scheme != Scheme.TEL:
            raise Refused("no-address", "a short code, a name or a withheld number cannot be answered")
        status, retry_after, body = await self._ask(self._habit, self._values(reply))
        return self._judge(self._habit, reply, status, retry_after, body)

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, habit: Outgoing, values: Mapping[str, str]) -> tuple[int, str, bytes]:
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT)
        url, headers, data = self._request(habit, values)
        # `from None`: an error of the client may quote the address, in which carriers want passwords.
        try:
            async with self._session.request(
                habit.method, URL(url, encoded=True), data=data, headers=headers, allow_redirects=False
            ) as response:
                body = b""
                async for chunk in response.content.iter_chunked(_LONGEST):
                    body += chunk
                    if len(body) > _LONGEST:
                        break
                return response.status, response.headers.get("Retry-After", ""), body
        except (ClientConnectorError, ConnectionTimeoutError):
            raise Busy("connect", "the carrier cannot be reached") from None
        except (ClientError, TimeoutError, OSError):
            raise OutcomeUnknown("the request left, and no answer came") from None

    def _request(self, habit: Outgoing, values: Mapping[str, str]) -> tuple[str, dict[str, str], bytes | None]:
        """Put a request together: its address, headers and body, signed where the carrier wants that."""
        url, data = self._url(habit, values), None
        headers = {name: _filled(text, values) for name, text in habit.headers.items()}
        fields: dict[str, Any] = _filled_in(habit.fields, values)
        key, stamp = self._settings.token.get_secret_value().encode(), str(int(time.time()))
        signature = habit.signature
        if signature and signature.timestamp_field:
            fields[signature.timestamp_field] = stamp
        if signature and isinstance(signature.over, tuple):
            parts = [_plain(fields[name]).encode(habit.charset, "replace") for name in signature.over]
            place = headers if signature.header else fields
            place[signature.header or signature.field] = seal(signature, key, stamp, parts)
        if habit.method == "GET":
            url += ("&" if "?" in url else "?") + _form(fields, habit.charset)
        elif habit.format == "json":
            data = json.dumps(fields).encode()
            headers.setdefault("Content-Type", "application/json")
        else:
            data = _form(fields, habit.charset).encode("ascii")
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if signature and isinstance(signature.over, str):
            headers[signature.header] = seal(signature, key, stamp, [data or urlsplit(url).query.encode()])
        if signature and signature.timestamp_header:
            headers[signature.timestamp_header] = stamp
        return url, headers, data

    def _url(self, habit: Outgoing, values: Mapping[str, str]) -> str:
        url = _filled(habit.url, {name: quote(value, safe="") for name, value in values.items()})
        if not self._settings.api_url:
            return url
        base, parts = urlsplit(self._settings.api_url), urlsplit(url)
        return urlunsplit((base.scheme, base.netloc, base.path + parts.path, parts.query, ""))

    def _values(self, reply: Reply) -> Mapping[str, str]:
        settings, token = self._settings, self._settings.token.get_secret_value()
        coding = self._habit.coding if self._habit else None
        assert coding is not None
        return {
            "to": reply.to.value,
            "to_plain": reply.to.value.removeprefix("+"),
            "from": reply.account or settings.number,
            "text": reply.text,
            "text_hex": reply.text.encode("utf-16-be", "surrogatepass").hex().upper(),
            "id": reply.id,
            "token": token,
            "user": settings.user,
            "basic": base64.b64encode(f"{settings.user}:{token}".encode()).decode("ascii"),
            "callback": f"{settings.public_url}/channels/carrier/status",
            "coding": coding.plain if is_gsm7(reply.text) else coding.unicode,
            "language": reply.language,
        }

    def _judge(self, habit: Outgoing, reply: Reply, status: int, retry_after: str, body: bytes) -> Sent:
        text = body.decode("utf-8", "replace")
        try:
            document = Document(json.loads(body, parse_int=str, parse_float=str))
        except (ValueError, RecursionError):
            document = Document(None)
        for fault in habit.errors:
            if _matches(fault, status, document, text):
                raise _fault(fault, status, retry_after)
        if _matches(habit.success, status, document, text):
            found = re.search(habit.id.regex, text) if habit.id.regex else None
            said = document.get(habit.id.path) or (found[found.re.groups and 1] if found else "")
            return Sent(said or reply.id)  # a carrier that gives no id repeats ours, or reports nothing
        raise _unforeseen(status, retry_after)


def _matches(match: Match, status: int, document: Document, text: str) -> bool:
    if match.status and status not in match.status:
        return False
    if match.path and not (document.get(match.path) in match.values if match.values else document.has(match.path)):
        return False
    return not match.regex or re.search(match.regex, text) is not None


def _fault(fault: Fault, status: int, retry_after: str) -> SpeakError:
    code = f"{fault.means}-{status}"  # what the carrier says may name the citizen
    if fault.means == "busy":
        return Busy(code, _WORDS[fault.means], retry_after=_seconds(retry_after))
    if fault.means == "barred":
        return Barred(code, _WORDS[fault.means])
    return Refused(code, _WORDS[fault.means], opted_out=fault.means == "opted_out", alarm=fault.means == "alarm")


def _unforeseen(status: int, retry_after: str) -> SpeakError:
    """Judge by HTTP alone an answer that the profile has no word for."""
    code = f"http-{status}"
    if status == 429:  # noqa: PLR2004 - "Too Many Requests"
        return Busy(code, "too many requests", retry_after=_seconds(retry_after))
    if status in {401, 403}:
        return Barred(code, "the carrier does not let us in")
    if status >= 500:  # noqa: PLR2004 - its own fault: it may have sent the message before it fell
        return OutcomeUnknown(f"the carrier answered {status}")
    if 200 <= status < 300:  # noqa: PLR2004 - the range of success
        return OutcomeUnknown("the carrier answered in words that the profile does not know", answered=True)
    return Refused(code, "the carrier's answer is none that the profile knows", alarm=True)


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda place: values[place[1]], text)


def _filled_in(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, values)
    if isinstance(value, Mapping):
        return {name: _filled_in(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled_in(item, values) for item in value]
    return value


def _form(fields: Mapping[str, Any], charset: str) -> str:
    pairs = [(name, _plain(value)) for name, value in fields.items()]
    return urlencode(pairs, encoding=charset, errors="replace")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
