"""Twilio's REST API, as much of it as a reply needs: send one message, find out whether it was sent, sort its errors.

Not twilio-python's own client: its asyncio transport ignores time-outs and has no way to tell "never left" from "no
answer came", and that difference decides whether a citizen hears us twice.

Sources: the error pages at twilio.com/docs/api/errors, and the Message resource of the API of 2010-04-01.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from aiohttp import (
    ClientSession,
    ClientTimeout,
    encode_basic_auth,
)

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError, unanswered
from channels.message import DeliveryState, Sent
from channels.payload import answered, parts

DEFAULT_URL = "https://api.twilio.com"

STATES = {
    "accepted": DeliveryState.QUEUED,
    "scheduled": DeliveryState.QUEUED,
    "queued": DeliveryState.QUEUED,
    "sending": DeliveryState.SENDING,
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "partially_delivered": DeliveryState.DELIVERED,
    "undelivered": DeliveryState.UNDELIVERED,
    "failed": DeliveryState.FAILED,
    "canceled": DeliveryState.FAILED,
    "read": DeliveryState.READ,
}


class Fault(NamedTuple):
    """What one of Twilio's error codes means for us. The words are ours: Twilio's own name the citizen's number."""

    words: str
    transient: bool = False  # the same words may get through later
    alarm: bool = False  # ours or the account's fault: a person must look
    opted_out: bool = False
    elsewhere: bool = False  # an SMS may reach the citizen
    bars: bool = False  # nothing of ours goes until a person has looked


FAULTS: Mapping[str, Fault] = {
    "20003": Fault("the account's credentials are not accepted", bars=True),
    "20404": Fault("there is no such account", bars=True),
    "20429": Fault("too many requests at once", transient=True),
    "21211": Fault("the number is not valid"),
    "21214": Fault("the number cannot be reached"),
    "21408": Fault("the account may not send to this country", alarm=True),
    "21606": Fault("our number cannot send to this one", alarm=True),
    "21610": Fault("the citizen asked for silence", opted_out=True),
    "21611": Fault("our number's queue is full", transient=True),
    "21612": Fault("there is no way from our number to this one", alarm=True),
    "21614": Fault("the number is not a mobile"),
    "30001": Fault("the queue overflowed", transient=True),
    "30003": Fault("the telephone is off or out of reach", transient=True),  # at first; bounded tries make it final
    "30004": Fault("the number is blocked"),
    "30005": Fault("the number is not known"),
    "30006": Fault("the number is a landline, or its carrier cannot be reached"),
    "30007": Fault("the carrier filtered the message", alarm=True),  # never again with these words
    "30008": Fault("the carrier gave no reason", transient=True),
    "30036": Fault("it waited longer than it was valid", transient=True),
    "63003": Fault("the address is not on WhatsApp", elsewhere=True),
    "63007": Fault("our number is not a WhatsApp sender", alarm=True),
    "63013": Fault("WhatsApp's policy forbids it", alarm=True),
    "63016": Fault("the citizen wrote more than 24 hours ago: only a template may be sent", elsewhere=True),
    "63018": Fault("WhatsApp's rate is exceeded", transient=True),
    "63024": Fault("the address cannot get it"),
    "63032": Fault("WhatsApp excludes this person from the message"),
}

_TIMEOUT = ClientTimeout(total=30, sock_connect=5, sock_read=20)  # seconds; Twilio answers in well under one
_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and Twilio's
_MOST_PAGES = 50  # of one listing: ten thousand messages
_PAGE = 200  # messages between our number and one citizen: more than any conversation since the first try


def transient(error_code: str) -> bool:
    """Say whether what failed with this code may get through later. Unknown codes are final."""
    fault = FAULTS.get(error_code)
    return fault is not None and fault.transient


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are at Twilio. `url` is the API's scheme and host, without a slash at its end."""

    sid: str
    authorization: str
    url: str

    @classmethod
    def of(cls, sid: str, token: str, url: str) -> Account:
        """Make the account from its SID and its auth token."""
        return cls(sid, encode_basic_auth(sid, token), url)


class TwilioApi:
    """A session with the Messages resource of one account. It opens at the first use; `close` it at the end."""

    def __init__(self, account: Account) -> None:
        self._host = account.url
        self._url = f"{account.url}/2010-04-01/Accounts/{account.sid}/Messages.json"
        self._headers = {"Authorization": account.authorization, "Accept": "application/json"}
        self._session: ClientSession | None = None

    async def create(self, fields: Mapping[str, str]) -> Sent:
        """Send one message. Raises Refused, Busy, or OutcomeUnknown when it may or may not have been sent."""
        message = await self._call("POST", data=fields)
        sid = message.get("sid")
        if not isinstance(sid, str):
            raise OutcomeUnknown("Twilio took it and gave no SID")
        return Sent(sid, STATES.get(str(message.get("status")), DeliveryState.SENT))

    async def find(self, fields: Mapping[str, str], since: datetime) -> Sent | None:
        """Look for a message that an earlier try may have sent: same ends, same words, made since then and not lost.

        Raises Refused or Busy when Twilio cannot be asked.
        """
        # Not narrowed by DateSent: a message that still waits in Twilio's queue has none, and would be sent twice.
        query = {"To": fields["To"], "From": fields["From"], "PageSize": str(_PAGE)}
        try:
            listing = await self._call("GET", params=query)
        except OutcomeUnknown as error:  # a question can be asked again
            raise Busy("unknown", "Twilio did not say what became of the earlier try") from error
        for message in parts(listing, "messages"):
            state = STATES.get(str(message.get("status")), DeliveryState.SENT)
            same = str(message.get("body", "")).strip() == fields["Body"].strip()
            if same and not state.lost and _made(message, since - _CLOCK_SKEW):
                return Sent(str(message.get("sid", "")), state)
        return None

    async def received(self, to: str, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Yield every message that Twilio's log says citizens sent to a number of ours since then, newest first.

        Raises Refused, Busy or Barred.
        """
        query: Mapping[str, str] | None = {
            "To": to,
            "DateSent>": since.astimezone(UTC).strftime("%Y-%m-%d"),
            "PageSize": str(_PAGE),
        }
        url = self._url
        for _ in range(_MOST_PAGES):
            listing = await self._ask(url, query)
            for message in parts(listing, "messages"):
                if message.get("direction") == "inbound" and _made(message, since):
                    yield message
            following = listing.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith("/"):
                return
            url, query = self._host + following, None

    async def media(self, message_id: str) -> Sequence[tuple[str, str]]:
        """Return (type, address) of each attachment of a message. Raises Refused, Busy or Barred."""
        path = f"{self._url.removesuffix('.json')}/{quote(message_id, safe='')}/Media"
        listing = await self._ask(f"{path}.json", None)
        return [
            (str(item.get("content_type", "")), f"{path}/{quote(str(item['sid']), safe='')}")
            for item in parts(listing, "media_list")
            if item.get("sid")
        ]

    async def whoami(self) -> str:
        """Return the account's own name and whether it is active. Raises Refused, Busy or Barred."""
        account = await self._ask(self._url.removesuffix("/Messages.json") + ".json", None)
        return f"{account.get('friendly_name', 'an account')} at Twilio is {account.get('status', 'there')}"

    async def delete(self, url: str) -> None:
        """Delete a resource; one that is gone already is deleted too. Raises Refused, Busy or Barred."""
        try:
            await self._call("DELETE", url=url)
        except OutcomeUnknown as error:
            raise Busy("unknown", "Twilio did not answer") from error
        except (Refused, Barred) as error:
            if error.code not in {"20404", "http-404"}:
                raise

    async def _ask(self, url: str, query: Mapping[str, str] | None) -> Mapping[str, Any]:
        try:
            return await self._call("GET", url=url, params=query)
        except OutcomeUnknown as error:  # a question can be asked again
            raise Busy("unknown", "Twilio did not answer") from error

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, *, url: str = "", **what: Any) -> Mapping[str, Any]:
        if self._session is None:
            self._session = ClientSession(timeout=_TIMEOUT, headers=self._headers)
        with unanswered("Twilio"):
            async with self._session.request(method, url or self._url, allow_redirects=False, **what) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
                body = await response.read()
        document = answered(body)
        if not 200 <= status < 300:  # noqa: PLR2004 - the range of success
            raise _fault(status, document, retry_after)
        return document


def _fault(status: int, document: Mapping[str, Any], retry_after: str) -> SpeakError:
    code = str(document.get("code") or f"http-{status}")
    if status >= 500:  # noqa: PLR2004 - Twilio's own fault: it may have sent the message before it fell
        return OutcomeUnknown(f"Twilio answered {status}")
    fault = FAULTS.get(code)
    if status == 429 or (fault and fault.transient):  # noqa: PLR2004 - "Too Many Requests"
        wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        return Busy(code, fault.words if fault else "too many requests", retry_after=wait)
    if fault.bars if fault else status in {401, 403}:  # the token is not ours any more, or the account is closed
        return Barred(code, fault.words if fault else "Twilio does not let us in")
    if fault is None:  # what nobody foresaw is worth a look
        fault = Fault("Twilio refused it", alarm=True)
    return Refused(code, fault.words, opted_out=fault.opted_out, alarm=fault.alarm, elsewhere=fault.elsewhere)


def _made(message: Mapping[str, Any], since: datetime) -> bool:
    """Tell whether a message was made since then; one that does not say counts, so that nobody hears us twice."""
    try:
        return parsedate_to_datetime(str(message.get("date_created"))) >= since
    except (ValueError, TypeError):  # TypeError: a date without a zone beside one with a zone
        return True
