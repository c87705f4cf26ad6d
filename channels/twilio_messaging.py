"""Messages through Twilio: what SMS and WhatsApp share, which is everything but their names.

Twilio posts the same form for both. What a sender is can be read from its address (`whatsapp:+964…`, `+964…`,
`BAGHDAD`), so nothing here asks which of the two channels it serves.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote, urlsplit

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from channels.base import BaseUrl, Forged, Reception, Refused, Source, Unreadable, Webhook
from channels.message import (
    Address,
    Delivery,
    DeliveryState,
    Inbound,
    Media,
    Pin,
    Purpose,
    Receipt,
    Reply,
    Scheme,
    Sent,
)
from channels.twilio_api import DEFAULT_URL, STATES, Account, TwilioApi, transient
from channels.twilio_form import DEFAULT_PORTS, Form, Signer, form_of

_PREFIX = "whatsapp:"
_TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")  # a name as sender is no number of ours: nobody can write to it
_MESSAGE_ID = re.compile(r"[!-~]{1,64}")  # printable ASCII: today 34 characters, and opaque
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAX_MEDIA = 10  # an MMS carries no more

# Twilio writes a caller who withheld the number as a word, or as that word dialled on a keypad.
_WITHHELD = frozenset(
    {"", "anonymous", "restricted", "blocked", "unknown", "unavailable"}
    | {"266696687", "7378742833", "2562533", "8656696", "86282452253"}
)

_OPT_OUTS = {"STOP": Purpose.OPT_OUT, "START": Purpose.OPT_IN}

# Media live at the API, which redirects to storage with a signed URL. The credentials stay with the API.
_MEDIA_HOSTS = frozenset({"api.twilio.com", "*.twilio.com", "*.twiliocdn.com", "s3-external-1.amazonaws.com"})


def _own_number(value: str) -> str:
    number = value.strip().removeprefix(_PREFIX)
    if not _TELEPHONE.fullmatch(number) and not _SHORT_CODE.fullmatch(number):
        raise ValueError("must be + and digits with the country's in front, such as +15005550006, or a short code")
    return number


def _key_and_secret(pair: str) -> tuple[str, str]:
    key, _, secret = pair.partition(":")
    return key.strip(), secret.strip()


def _shared_keys(value: SecretStr) -> SecretStr:
    for pair in filter(None, value.get_secret_value().split(",")):
        if not all(_key_and_secret(pair)):
            raise ValueError("must be id:secret, several with a comma")
    return value


class TwilioAccount(BaseModel):
    """The account at Twilio, and the number that citizens reach."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    account_sid: str = Field(pattern=r"^[A-Za-z0-9]+$", description="The account that owns the number, AC….")
    auth_token: SecretStr = Field(min_length=1, description="Signs what Twilio sends, and opens its API to us.")
    auth_token_secondary: SecretStr | None = Field(None, description="The other token, while one is being replaced.")
    shared_keys: Annotated[SecretStr, AfterValidator(_shared_keys)] = Field(
        SecretStr(""), description="SharedKeys that may sign instead of the token: id:secret,…"
    )
    number: Annotated[str, AfterValidator(_own_number)] = Field(
        description="The number that citizens write to: E.164, or a short code."
    )
    api_url: BaseUrl = Field(DEFAULT_URL, description="Replaces the API's scheme and host, and nothing else.")
    public_url: BaseUrl = Field(description="Where Twilio reaches us: BALAGH_PUBLIC_URL.")

    @property
    def account(self) -> Account:
        """Who we are at Twilio."""
        return Account.of(self.account_sid, self.auth_token.get_secret_value(), self.api_url)

    @property
    def signer(self) -> Signer:
        """Who proves what Twilio sends to this account."""
        second = self.auth_token_secondary
        keys = self.shared_keys.get_secret_value()
        return Signer(
            self.public_url,
            [
                self.auth_token.get_secret_value(),
                *([second.get_secret_value()] if second and second.get_secret_value() else []),
            ],
            dict(_key_and_secret(pair) for pair in filter(None, keys.split(","))),
        )


class TwilioSettings(TwilioAccount):
    """The account, and how messages leave it."""

    rate: float = Field(1.0, gt=0, description="Replies a second.")
    validity: int = Field(14_400, ge=1, le=36_000, description="Seconds after which an SMS is no longer worth sending.")


class TwilioMessaging(Webhook):
    """Hears and answers messages that Twilio carries."""

    provider = "twilio"
    paths = ("", "/status")
    Settings: ClassVar[type[BaseModel]] = TwilioSettings
    _prefix: ClassVar[str] = ""  # before our own number, in Twilio's log

    def __init__(self, settings: TwilioSettings) -> None:
        super().__init__(settings)
        self.rate = settings.rate
        self._account = settings.account
        self._api = TwilioApi(self._account)
        self._signer = settings.signer
        self._callback = _callback(settings, self.name)

    def verify(self, request: web.Request, body: bytes) -> None:
        """Check the signature, and then that it is our account which speaks: sub-accounts sign with their own."""
        self._signer.verify(request, body)
        if form_of(request, body).get("AccountSid") != self.settings.account_sid:
            raise Forged("another account's message")

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that Twilio would send with this form to this URL."""
        return self._signer.sign(url, body)

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read a message, or at /status what became of a reply of ours."""
        form = form_of(request, body)
        message_id = form.get("MessageSid")
        if not _MESSAGE_ID.fullmatch(message_id):
            raise Unreadable("no MessageSid that could be one")
        if _is_delivery(form, request.path):
            yield self._delivery(form, message_id, request.query.get("reply", ""))
        elif form.get("OptOutType") != "HELP" and form.get("MessageType") != "reaction":
            # Twilio has answered HELP itself; a reaction to a message of ours says nothing that could be filed.
            yield self._message(form, message_id)

    def answer(self, receipts: Sequence[Receipt]) -> web.Response:
        """Say thank you in TwiML. Never as text/plain: Twilio would send those words to the citizen."""
        del receipts  # the reference goes out as a reply, which can be tried again
        return web.Response(text="<Response/>", content_type="text/xml")

    async def send(self, reply: Reply) -> Sent:
        """Send a reply. From the second try on, first look whether the one before went through after all.

        Twilio has no idempotency key. Raises Refused, Busy or OutcomeUnknown.
        """
        if reply.to.scheme not in {Scheme.TEL, Scheme.WHATSAPP}:
            raise Refused("no-address", "a short code, a name or a withheld number cannot be answered")
        prefix = _PREFIX if reply.to.scheme == Scheme.WHATSAPP else ""
        fields = {
            "To": prefix + reply.to.value,
            "From": prefix + (reply.account or self.settings.number),
            "Body": reply.text,
        }
        if reply.first_tried_at is not None:
            earlier = await self._api.find(fields, reply.first_tried_at)
            if earlier is not None:
                return earlier
        if self._callback:
            fields["StatusCallback"] = f"{self._callback}?reply={quote(reply.id, safe='')}"
        if reply.to.scheme == Scheme.TEL:
            fields["ValidityPeriod"] = str(self.settings.validity)  # no "we received your report" at three at night
        return await self._api.create(fields)

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what Twilio's log says citizens sent to our number since then. Raises Refused, Busy, Barred.

        Twilio repeats a webhook once at most, and by default only when it could not connect: its log is the way back.
        """
        del reception
        async for message in self._api.received(self._prefix + self.settings.number, since):
            message_id = str(message.get("sid", ""))
            if not _MESSAGE_ID.fullmatch(message_id):
                continue
            held = str(message.get("num_media") or "0") != "0"
            media = await self._api.media(message_id) if held else ()
            yield Inbound(
                channel=self.name,
                account=str(message.get("to", "")).removeprefix(_PREFIX) or self.settings.number,
                external_id=message_id,
                sender=_address(str(message.get("from", ""))),
                text=str(message.get("body") or ""),
                media=tuple(Media(content_type=kind, url=url) for kind, url in media),
                provider=self.provider,
                raw=message,
            )

    async def forget(self, url: str) -> None:
        """Delete a photo or a recording at Twilio. Raises Refused, Busy, Barred."""
        if _path_at_api(url, (DEFAULT_URL, self._account.url)) is None:
            return  # it lies at somebody else's
        # The bytes lie at an address without an ending; the resource, which can be deleted, at that of its description.
        await self._api.delete(f"{(await self.source(url)).url.removesuffix('.json')}.json")

    async def probe(self) -> str:
        """Return the account's name and state. Raises Refused, Busy, Barred."""
        return await self._api.whoami()

    async def close(self) -> None:
        """Close the session with the API."""
        await self._api.close()

    async def source(self, url: str) -> Source:
        """Say how to fetch a photo or a recording: at the API with our credentials, elsewhere without."""
        return media_source(self._account, url)

    def _message(self, form: Form, message_id: str) -> Inbound:
        return Inbound(
            channel=self.name,
            account=form.get("To").removeprefix(_PREFIX) or self.settings.number,
            external_id=message_id,
            sender=_address(form.get("From")),
            text=form.get("Body") or form.get("ButtonText") or form.get("ListTitle"),
            purpose=_OPT_OUTS.get(form.get("OptOutType"), Purpose.MESSAGE),
            media=tuple(_media(form)),
            place=_pin(form),
            sender_name=form.get("ProfileName"),
            thread=form.get("OriginalRepliedMessageSid"),
            provider=self.provider,
            raw=form.all(),
        )

    def _delivery(self, form: Form, message_id: str, reply: str) -> Inbound:
        word, code = _status(form), form.get("ErrorCode")
        state = STATES.get(word, DeliveryState.UNKNOWN)
        return Inbound(
            channel=self.name,
            account=form.get("From").removeprefix(_PREFIX) or self.settings.number,
            external_id=f"{message_id}:{word}",
            sender=_address(form.get("To")),
            purpose=Purpose.DELIVERY,
            provider=self.provider,
            delivery=Delivery(message_id, state, code, reply, transient=state.lost and transient(code)),
            raw=form.all(),
        )


def media_source(account: Account, url: str) -> Source:
    """Say how to fetch a photo or a recording: at the API with the account's credentials, elsewhere without."""
    api, hosts, private = account.url, _MEDIA_HOSTS, ""
    if api != DEFAULT_URL:
        parts = urlsplit(api)
        hosts, private = (
            hosts | {parts.hostname or ""},
            f"{parts.hostname}:{parts.port or DEFAULT_PORTS[parts.scheme]}",
        )
    path = _path_at_api(url, (DEFAULT_URL, api))
    if path is None:
        return Source(url, {}, hosts, private)
    return Source(api + path, {"Authorization": account.authorization}, hosts, private)


def _status(form: Form) -> str:
    return form.get("MessageStatus") or form.get("SmsStatus")


def _is_delivery(form: Form, path: str) -> bool:
    """Tell a delivery report from a message by what it is, so that two addresses swapped in Twilio's Console lose none.

    A message says `SmsStatus=received` and has a Body, be it empty; a report has another status and no Body.
    """
    return _status(form) not in {"", "received"} or (path.endswith("/status") and "Body" not in form)


def _address(value: str) -> Address:
    """Say what kind of thing a sender is. A value after `whatsapp:` is opaque: it need not be a number."""
    if value.startswith(_PREFIX):
        return Address(Scheme.WHATSAPP, value.removeprefix(_PREFIX))
    if value.strip().lower().removeprefix("+") in _WITHHELD:
        return Address(Scheme.UNKNOWN, "")
    if _TELEPHONE.fullmatch(value):
        return Address(Scheme.TEL, value)
    # messenger:…, client:…, sip:… are ways we do not serve; what has no colon is a short code or a name.
    return Address(Scheme.UNKNOWN if ":" in value else Scheme.SENDER_ID, value)


def _media(form: Form) -> Iterator[Media]:
    # NumMedia is not asked: what has no URL cannot be fetched, whatever it says.
    for index in range(_MAX_MEDIA):
        url = form.get(f"MediaUrl{index}")
        if url:
            yield Media(content_type=form.get(f"MediaContentType{index}"), url=url)


def _pin(form: Form) -> Pin | None:
    text = ", ".join(filter(None, (form.get("Label"), form.get("Address"))))
    latitude, longitude = _degrees(form.get("Latitude"), 90), _degrees(form.get("Longitude"), 180)
    if latitude is None or longitude is None:
        return Pin(text=text) if text else None
    return Pin(text, latitude, longitude)


def _degrees(value: str, limit: int) -> float | None:
    try:
        degrees = float(value)
    except ValueError:
        return None
    return degrees if -limit <= degrees <= limit else None  # NaN is within nothing


def _callback(settings: TwilioSettings, name: str) -> str:
    """Return where Twilio shall report what became of a reply; empty where it would refuse such an address.

    Twilio takes no host with an underscore, and none that it cannot reach: on a developer's own machine the real
    Twilio would refuse the whole message, and only a stand-in for it can call back.
    """
    host = urlsplit(settings.public_url).hostname or ""
    if not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
        return ""
    if settings.api_url == DEFAULT_URL and (host == "localhost" or host.startswith("127.")):
        return ""
    return f"{settings.public_url}/channels/{name}/status"


def _path_at_api(url: str, bases: Iterable[str]) -> str | None:
    """Return path and query of a URL at the API, None of one elsewhere. A host that only begins alike is elsewhere."""
    for base in bases:
        if url.startswith((base + "/", base + "?")):
            return url.removeprefix(base)
    return None
