"""What crosses the wall between a provider and the house: frozen, provider-neutral values that survive JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


class Scheme(StrEnum):
    """What kind of thing an address is. Everything downstream dispatches on this, never on a channel's name."""

    TEL = "tel"  # a telephone number, E.164 where the provider gives it
    SENDER_ID = "sender-id"  # a short code or an alphanumeric sender: it can be read, never called or answered
    WHATSAPP = "whatsapp"  # what WhatsApp calls the sender: a number, or a business-scoped id. Opaque.
    MAILTO = "mailto"
    TELEGRAM = "telegram"  # a private chat with our bot
    MESSENGER = "messenger"  # a person on Facebook, as our Page knows them (page-scoped id)
    INSTAGRAM = "instagram"  # the same on Instagram
    X = "x"  # an account on X, by number
    YOUTUBE = "youtube"  # a channel on YouTube: nobody can write to it in private
    COMMENT = "comment"  # the author of a public post, reached in private through the id of that post
    PUBLIC = "public"  # the place under a public post, where everybody reads: nothing personal goes there
    CALL = "call"  # one telephone call, by the provider's id; who called is stated in the answers
    WEB = "web"  # the citizens' page: the form's own token, nobody we could answer
    API = "api"  # a program with a key: the key's name
    UNKNOWN = "unknown"  # withheld, or not understood


class Purpose(StrEnum):
    """Why something arrived. Only a MESSAGE may become a complaint."""

    MESSAGE = "message"
    EDIT = "edit"  # newer words of an earlier message, which `revises` names
    DELETION = "deletion"  # its sender took back the message that `revises` names
    CALL = "call"  # a step of a telephone call that says nothing by itself: it began, a choice, it ended
    POINTER = "pointer"  # something was said somewhere; `answers` say what must be asked for to know its words
    IGNORED = (
        "ignored"  # genuine and nobody's complaint (an out-of-office note, a list): `note` says why; never answered
    )
    DELIVERY = "delivery"  # what became of a reply of ours
    OPT_OUT = "opt_out"  # "send me nothing more", as the provider recognised it
    OPT_IN = "opt_in"
    UNREADABLE = "unreadable"  # genuine, but we cannot read it: kept raw for a person


class DeliveryState(StrEnum):
    """How far a reply has come, in words that every provider's own are translated to.

    Reports arrive in any order, so a state only ever replaces one of lower `rank`. A word nobody knows is UNKNOWN.
    """

    UNKNOWN = "unknown"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # handed to the network; many carriers never report more
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  # the network gave up
    FAILED = "failed"  # it never left the provider
    READ = "read"

    @classmethod
    def _missing_(cls, value: object) -> DeliveryState:
        del value  # what a later version wrote must not break this one
        return cls.UNKNOWN

    @property
    def rank(self) -> int:
        """Order the states: a report of lower or equal rank than what is known came late and changes nothing."""
        return _RANK[self]

    @property
    def lost(self) -> bool:
        """Whether the citizen did not get it."""
        return self in {DeliveryState.UNDELIVERED, DeliveryState.FAILED}


_RANK = {
    DeliveryState.UNKNOWN: 0,
    DeliveryState.QUEUED: 1,
    DeliveryState.SENDING: 2,
    DeliveryState.SENT: 3,
    DeliveryState.UNDELIVERED: 4,
    DeliveryState.FAILED: 4,
    DeliveryState.DELIVERED: 4,
    DeliveryState.READ: 5,
}


class MediaKind(StrEnum):
    """What a person would call an attachment."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    OTHER = "other"

    @classmethod
    def of(cls, content_type: str) -> MediaKind:
        """Name the kind of a MIME type; OTHER when it says nothing useful."""
        family = content_type.partition("/")[0].strip().lower()
        if family in {"image", "audio", "video"}:
            return cls(family)
        return cls.DOCUMENT if family in {"application", "text"} else cls.OTHER


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a conversation: a scheme and a value that is opaque unless the scheme says otherwise."""

    scheme: str
    value: str = field(repr=False)  # personal data: never in a log line by accident

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True)
class Media:
    """A photo, recording or scan: either a `url` still to be fetched, or `sha256` and `size` of bytes that we hold.

    `url` may carry a provider's secret, so it stays inside the house.
    """

    content_type: str = ""
    url: str | None = field(default=None, repr=False)
    filename: str = ""
    sha256: str | None = None
    size: int | None = None

    @property
    def kind(self) -> MediaKind:
        """What a person would call it, from the declared type."""
        return MediaKind.of(self.content_type)


@dataclass(frozen=True, slots=True)
class Pin:
    """A place as the citizen sent it: words, a point on the map (WGS 84 degrees), or a district chosen from a list."""

    text: str = ""
    latitude: float | None = None
    longitude: float | None = None
    district: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a provider says became of a reply: its own id, a state, and its error code when it failed.

    `transient` says that the same words may get through later: the telephone was off, a queue was full.
    """

    provider_id: str
    status: DeliveryState
    error_code: str = ""
    reply: str = ""  # the reply's id, where the callback carries it back
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Inbound:
    """What arrived, in nobody's words but the citizen's. Exactly this goes to disk before the provider hears 2xx.

    `(channel, account, external_id)` is the identity: the same three again are the same message, however late.
    `account` is the end of ours that heard it (a number, a page, a mailbox, the name of an API key); `external_id`
    is the provider's id of the citizen's item. `answers` holds what a form or a program stated outright (kind,
    category, district, …); `raw` is the provider's own payload, kept for a person and for reading it again.

    `way` is how the citizen spoke, where that is not the channel's name (a fax in a mailbox, an SMS through a carrier).
    `revises` is the external_id, on the same channel and account, of the message that this edits or takes back.
    `about` is the reference of the complaint it belongs to, where the channel has proof (a thread that we signed).
    `thread` is whatever the channel needs to answer in the same conversation; it comes back in `Reply.thread`.
    Of a public post, `reply_to` is where its author can be answered in private and `comment_to` where in public; None
    where the platform has no such way.
    """

    channel: str
    account: str
    external_id: str
    sender: Address
    text: str = field(default="", repr=False)
    purpose: Purpose = Purpose.MESSAGE
    media: tuple[Media, ...] = ()
    place: Pin | None = field(default=None, repr=False)
    sender_name: str = field(default="", repr=False)
    sent_at: datetime | None = None
    thread: str = ""
    answers: Mapping[str, Any] = field(default_factory=_empty, repr=False)
    delivery: Delivery | None = None
    provider: str = ""
    public: bool = False
    way: str = ""
    revises: str = ""
    about: str = ""
    reply_to: Address | None = None
    comment_to: Address | None = None
    url: str = field(default="", repr=False)
    note: str = ""  # for UNREADABLE and IGNORED: why, in words for the operator
    raw: Mapping[str, Any] = field(default_factory=_empty, repr=False)

    def to_json(self) -> str:
        """Write it as one JSON object of ASCII, so that no lone surrogate or NUL can break a store."""
        return json.dumps(_plain(self), separators=(",", ":"), sort_keys=False)

    @classmethod
    def from_json(cls, document: str | bytes) -> Self:
        """Read back what `to_json` wrote. Raises ValueError, KeyError or TypeError when it is something else."""
        data = json.loads(document)
        sent_at, place, delivery = data.get("sent_at"), data.get("place"), data.get("delivery")
        private, public = data.get("reply_to"), data.get("comment_to")
        return cls(
            **{
                **data,
                "sender": Address(**data["sender"]),
                "purpose": Purpose(data["purpose"]),
                "media": tuple(Media(**item) for item in data.get("media", ())),
                "place": Pin(**place) if place else None,
                "delivery": Delivery(**{**delivery, "status": DeliveryState(delivery["status"])}) if delivery else None,
                "sent_at": datetime.fromisoformat(sent_at) if sent_at else None,
                "reply_to": Address(**private) if private else None,
                "comment_to": Address(**public) if public else None,
                "answers": MappingProxyType(data.get("answers", {})),
                "raw": MappingProxyType(data.get("raw", {})),
            }
        )

    def but(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What we told the citizen: the reference, and the PIN that proves who holds it.

    `duplicate` says that this very message had been accepted before; `fingerprint` is then the one of the first
    delivery, so that a door which promises idempotency can refuse the same key with another body.
    """

    id: str
    reference: str
    pin: str = field(repr=False)
    duplicate: bool = False
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """Words for one citizen, on the way out. `id` is ours and the same at every try.

    `purpose` says what the words are for ("received", "closed", …) and `values` what stands in them (reference, pin,
    …), for a provider that takes templates and not words. `heard_at` is when the message was received that it answers:
    some providers let us speak freely for a day after it. `thread` is what the channel gave with that message.
    """

    id: str
    account: str  # the number or page of ours that speaks
    to: Address
    text: str = field(repr=False)
    language: str = "ar"
    first_tried_at: datetime | None = None  # set from the second try on: look before sending again
    purpose: str = ""
    reference: str = ""
    thread: str = field(default="", repr=False)
    heard_at: datetime | None = None
    values: Mapping[str, str] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took a reply and calls it `provider_id`."""

    provider_id: str
    status: DeliveryState = DeliveryState.SENT


def raw_body(body: bytes) -> Mapping[str, str]:
    """Wrap bytes that nobody could read, so that they survive JSON."""
    return {"base64": base64.b64encode(body).decode("ascii")}


_DEFAULTS: dict[str, Any] = {
    "text": "",
    "sender_name": "",
    "thread": "",
    "provider": "",
    "public": False,
    "way": "",
    "revises": "",
    "about": "",
    "url": "",
    "note": "",
}


def _plain(inbound: Inbound) -> dict[str, Any]:
    """Lay an Inbound out for JSON, leaving out what is empty."""
    data: dict[str, Any] = {
        "channel": inbound.channel,
        "account": inbound.account,
        "external_id": inbound.external_id,
        "sender": {"scheme": str(inbound.sender.scheme), "value": inbound.sender.value},
        "purpose": inbound.purpose.value,
    }
    for name, default in _DEFAULTS.items():
        value = getattr(inbound, name)
        if value != default:
            data[name] = value
    if inbound.media:
        data["media"] = [_slots(item) for item in inbound.media]
    for name, part in (
        ("place", inbound.place),
        ("delivery", inbound.delivery),
        ("reply_to", inbound.reply_to),
        ("comment_to", inbound.comment_to),
    ):
        if part:
            data[name] = _slots(part)
    if inbound.sent_at:
        data["sent_at"] = inbound.sent_at.astimezone(UTC).isoformat()
    for name, mapping in (("answers", inbound.answers), ("raw", inbound.raw)):
        if mapping:
            data[name] = dict(mapping)
    return data


def _slots(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
