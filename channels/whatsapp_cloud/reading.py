"""Reading what WhatsApp's Cloud API delivers: messages, edits, deletions, and what became of ours.

One request holds any number of entries, changes and messages, in any order. Each is read by itself: what cannot be read
is kept for a person, and the others pass.

Sources: the webhooks of Meta's OpenAPI document of the Cloud API (v23.0), and its page on business-scoped user ids:
since 2026 a person may be without a number, known by an id such as IQ.13491208655302741918 alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from channels.base import Unreadable
from channels.graph import End, Fault
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Pin, Purpose, Scheme
from channels.payload import decode, degrees, encode, identifier, items, moment, part, parts, text

MEDIA = "whatsapp-cloud:"
"""What the address of a photo or a recording begins with: `whatsapp-cloud:<id of our number>/<media id>`."""

_DIGITS = re.compile(r"[0-9]{5,20}")
_NUMBER_ID = re.compile(r"[0-9]{1,32}")
_STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "played": DeliveryState.READ,  # a voice note
    "failed": DeliveryState.FAILED,
}
_FILES = ("image", "video", "audio", "document")
_OPT_OUTS = frozenset(
    {"stop", "unsubscribe", "opt_out", "opt-out", "إيقاف", "ايقاف", "إلغاء الاشتراك", "الغاء الاشتراك"}
)
_IGNORED = {
    "reaction": "a reaction to a message",
    "sticker": "a sticker",
    "system": "WhatsApp says that somebody changed their number or telephone",
    "request_welcome": "somebody opened the conversation and has said nothing yet",
}
# Of an account, what keeps it from sending or hearing. All else that Meta tells of accounts and templates is shown in
# its own console.
_ALARMING = re.compile(r"DELETED|DISABLED|OFFBOARDED|RESTRICTION|VIOLATION")


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says, whatever its type."""

    text: str = ""
    media: tuple[Media, ...] = ()
    place: Pin | None = None
    purpose: Purpose = Purpose.MESSAGE
    phone: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the requests of one channel.

    `fault_of` looks up an error object, `unreadable` keeps bytes that nobody could read.
    """

    channel: str
    provider: str
    fault_of: Callable[[Mapping[str, Any]], tuple[str, Fault | None]]
    unreadable: Callable[[bytes, str], Inbound]

    def read(self, body: bytes) -> Iterator[Inbound]:
        """Yield what a request holds. Raises Unreadable when it is none of WhatsApp's."""
        document = decode(body)
        if text(document, "object") != "whatsapp_business_account" or not isinstance(document.get("entry"), list):
            raise Unreadable("not a request of WhatsApp's")
        for entry in items(document, "entry"):
            if not isinstance(entry, dict) or not isinstance(entry.get("changes"), list):
                yield self.unreadable(encode(entry), "an entry without changes")
                continue
            for change in items(entry, "changes"):
                yield from self._change(change)

    def _change(self, change: Any) -> Iterator[Inbound]:
        if not isinstance(change, dict) or not isinstance(change.get("value"), dict):
            yield self.unreadable(encode(change), "a change without a value")
            return
        field, value = text(change, "field"), part(change, "value")
        if field == "messages":
            yield from self._messages(value)
        elif field == "account_update" and _ALARMING.search(text(value, "event")):
            yield self.unreadable(encode(change), "Meta restricted or removed the account: see its console")
        # Echoes of what staff wrote by telephone, calls, templates, preferences: no citizen's words to us.

    def _messages(self, value: Mapping[str, Any]) -> Iterator[Inbound]:
        named = text(part(value, "metadata"), "phone_number_id")
        account = named if _NUMBER_ID.fullmatch(named) else ""  # it becomes part of an address at Meta: else our own
        for name, read in (("messages", self._message), ("statuses", self._status)):
            for element in items(value, name):
                try:
                    if not isinstance(element, dict):
                        raise Unreadable("it is not an object")
                    yield read(element, value, account)
                except Unreadable as error:
                    yield self.unreadable(encode(element), f"in {name}: {error}")
        if not value.keys() & {"messages", "statuses"}:
            yield self.unreadable(encode(value), "neither messages nor statuses")

    def _message(self, message: Mapping[str, Any], value: Mapping[str, Any], account: str) -> Inbound:
        kind, wamid = text(message, "type"), identifier(message, "id")
        contact = _contact(message, value)
        said, revises = _said(message, account), ""
        if kind == "revoke":
            said = _Said(purpose=Purpose.DELETION)
            revises = identifier(part(message, "revoke"), "original_message_id")
        elif kind == "edit":
            words = _said(part(part(message, "edit"), "message"), account)
            said = _Said(words.text, words.media, words.place, Purpose.EDIT)
            revises = identifier(part(message, "edit"), "original_message_id")
        return Inbound(
            channel=self.channel,
            account=account,
            external_id=wamid,
            sender=_address(text(message, "from") or text(contact, "wa_id"), _user_id(message, contact)),
            sender_name=text(part(contact, "profile"), "name") or text(part(contact, "profile"), "username"),
            text=said.text,
            purpose=said.purpose,
            media=said.media,
            place=said.place,
            sent_at=moment(message, "timestamp"),
            thread=wamid,
            answers={"contact": {"phone": said.phone}} if said.phone else {},
            provider=self.provider,
            way="whatsapp",
            revises=revises,
            note=said.note,
            raw={"message": message, "contact": contact},
        )

    def _status(self, status: Mapping[str, Any], value: Mapping[str, Any], account: str) -> Inbound:
        del value  # its contacts are left out of failures
        wamid, word = identifier(status, "id"), text(status, "status")
        code, fault = "", None
        for error in parts(status, "errors")[:1]:
            code, fault = self.fault_of(error)
        state = _STATES.get(word, DeliveryState.UNKNOWN)
        again = state.lost and fault is not None and fault.end in {End.BUSY, End.DOUBT}
        return Inbound(
            channel=self.channel,
            account=account,
            external_id=f"{wamid}:{word}",
            sender=_address(text(status, "recipient_id"), text(status, "recipient_user_id")),
            purpose=Purpose.DELIVERY,
            sent_at=moment(status, "timestamp"),
            provider=self.provider,
            way="whatsapp",
            delivery=Delivery(wamid, state, code, text(status, "biz_opaque_callback_data"), transient=again),
            raw={"status": status},
        )


def _contact(message: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the contact who wrote a message: a batch may hold those of several people."""
    contacts = parts(value, "contacts")
    number, user = text(message, "from"), text(message, "from_user_id")
    for contact in contacts:
        if (number and text(contact, "wa_id") == number) or (user and text(contact, "user_id") == user):
            return contact
    return contacts[0] if len(contacts) == 1 and not user else {}


def _user_id(message: Mapping[str, Any], contact: Mapping[str, Any]) -> str:
    return text(message, "from_user_id") or text(contact, "user_id")


def _address(number: str, user: str) -> Address:
    """Say who it is: a number where WhatsApp gives it, or else the business-scoped id, which is never a number."""
    if _DIGITS.fullmatch(number):
        return Address(Scheme.WHATSAPP, f"+{number}")
    return Address(Scheme.WHATSAPP, user or number) if user or number else Address(Scheme.UNKNOWN, "")


def _said(message: Mapping[str, Any], account: str) -> _Said:
    kind = text(message, "type")
    if kind in _IGNORED:
        return _Said(purpose=Purpose.IGNORED, note=_IGNORED[kind])
    if kind in _FILES:
        file = part(message, kind)
        return _Said(text(file, "caption"), tuple(_media(file, account)))
    read = _READERS.get(kind)
    if read is not None:
        return read(part(message, kind), message)
    # A poll, an event, a live location, "view once", and what will be invented: somebody wanted to say something.
    return _Said()


def _media(file: Mapping[str, Any], account: str) -> Iterator[Media]:
    # Not the `url` that some requests carry: it lives for five minutes, the id for days.
    media_id = text(file, "id")
    if media_id:
        yield Media(text(file, "mime_type"), f"{MEDIA}{account}/{media_id}", text(file, "filename"))


def _location(location: Mapping[str, Any]) -> _Said:
    words = ", ".join(filter(None, (text(location, "name"), text(location, "address"))))
    latitude, longitude = degrees(location, "latitude", 90), degrees(location, "longitude", 180)
    if latitude is None or longitude is None:
        return _Said(place=Pin(words) if words else None)
    return _Said(place=Pin(words, latitude, longitude))


def _button(button: Mapping[str, Any]) -> _Said:
    words = text(button, "text") or text(button, "payload")
    wishes = {text(button, "payload").strip().casefold(), words.strip().casefold()}
    return _Said(words, purpose=Purpose.OPT_OUT if wishes & _OPT_OUTS else Purpose.MESSAGE)


def _interactive(interactive: Mapping[str, Any]) -> _Said:
    if text(interactive, "type") == "call_permission_reply":
        return _Said(purpose=Purpose.IGNORED, note="an answer to whether we may call")
    for name in ("button_reply", "list_reply"):
        chosen = part(interactive, name)
        if chosen:
            return _Said("\n".join(filter(None, (text(chosen, "title"), text(chosen, "description")))))
    return _Said(_form(text(part(interactive, "nfm_reply"), "response_json")))


def _form(answers: str) -> str:
    """Lay out the answers of a form ("flow") as lines; as it came, when it is not what it says it is."""
    try:
        fields = json.loads(answers) if answers else {}
    except (ValueError, RecursionError):
        return answers
    if not isinstance(fields, dict):
        return answers
    return "\n".join(f"{name}: {value}" for name, value in fields.items() if name != "flow_token" and value != "")


def _cards(message: Mapping[str, Any]) -> _Said:
    """Read contacts that were shared. The citizen's own, which we asked for, says how to reach them."""
    cards = parts(message, "contacts")
    if cards and text(cards[0], "origin") == "contact_request":
        numbers = [text(phone, "wa_id") or text(phone, "phone") for phone in parts(cards[0], "phones")]
        number = next(filter(None, numbers), "")
        return _Said(phone=f"+{number}" if _DIGITS.fullmatch(number) else number)
    lines = (
        " ".join(
            [text(part(card, "name"), "formatted_name"), *(text(phone, "phone") for phone in parts(card, "phones"))]
        )
        for card in cards
    )
    return _Said("\n".join(filter(None, (line.strip() for line in lines))))


def _order(order: Mapping[str, Any]) -> _Said:
    words = text(order, "text")
    return _Said(words) if words else _Said(purpose=Purpose.IGNORED, note="an order from a catalogue")


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], _Said]] = {
    "text": lambda words, _: _Said(text(words, "body")),
    "location": lambda location, _: _location(location),
    "button": lambda button, _: _button(button),
    "interactive": lambda interactive, _: _interactive(interactive),
    "contacts": lambda _, message: _cards(message),
    "order": lambda order, _: _order(order),
}
