"""Direct messages to a Page or an Instagram account: one shape for both, as delivered and as the Graph API lists them.

A delivery holds one of many things: a message, a button that was pressed, an edit, a mark that something was delivered
or read, a reaction, an echo of what we said ourselves. Who writes is known by an id that means something to our Page
alone.

Sources: the webhook reference of the Messenger Platform (messages, message_edits, message_deliveries, message_reads,
messaging_postbacks, standby) and "Webhook examples" of the Instagram Platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from channels.base import Unreadable
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Pin, Purpose, Scheme
from channels.meta_payload import Table, elements, identity, link, moment, table, tables, words
from channels.payload import degrees

MESSAGE_FIELDS = "id,created_time,from,message,attachments{mime_type,name,image_data,video_data,file_url}"
"""What to ask the Graph API about a message, for `listed`."""

# What Meta turns each kind into; the bytes have the last word, once they are fetched.
_TYPES = {
    "image": "image/jpeg",
    "audio": "audio/mp4",
    "video": "video/mp4",
    "file": "application/octet-stream",
    "reel": "video/mp4",
    "ig_reel": "video/mp4",
}
_LINKS = {"fallback", "template"}  # a page of the web, not bytes of the citizen's


class Place(NamedTuple):
    """Where a direct message was heard: the channel, its end of ours, and what its people are called there."""

    channel: str
    provider: str
    account: str
    scheme: str


def delivered(event: Table, place: Place) -> Iterator[Inbound]:
    """Read one element of `messaging`. Raises Unreadable."""
    sender = identity(table(event, "sender"), "id")
    if sender == place.account or event.get("is_self") is True:
        return  # what we say ourselves
    if "message" in event:
        yield from _message(event, table(event, "message"), sender, place)
    elif "message_edit" in event:
        yield _edit(event, table(event, "message_edit"), sender, place)
    elif "postback" in event:
        yield from _postback(event, table(event, "postback"), sender, place)
    elif "delivery" in event:
        for mid in elements(table(event, "delivery"), "mids"):
            yield _report(event, identity({"mid": mid}, "mid"), DeliveryState.DELIVERED, sender, place)
    elif "read" in event:
        mid = identity(table(event, "read"), "mid")  # Messenger says only until when everything was read
        if mid:
            yield _report(event, mid, DeliveryState.READ, sender, place)


def listed(message: Table, place: Place) -> Inbound | None:
    """Read one message as the Graph API lists it; None of our own, and of what says nothing. Raises Unreadable."""
    person = table(message, "from")
    sender, mid = identity(person, "id"), identity(message, "id")
    if not mid:
        raise Unreadable("a message without an id")
    if not sender or sender == place.account:
        return None
    media = tuple(_listed_media(table(message, "attachments")))
    text = words(message, "message")
    if not text and not media:
        return None  # a sticker, or what only Meta's own applications show
    return Inbound(
        channel=place.channel,
        account=place.account,
        external_id=mid,
        sender=Address(place.scheme, sender),
        sender_name=words(person, "name", "username"),
        text=text,
        media=media,
        sent_at=moment(message, "created_time"),
        provider=place.provider,
        raw=message,
    )


def _message(event: Table, message: Table, sender: str, place: Place) -> Iterator[Inbound]:
    if message.get("is_echo") is True or message.get("is_self") is True:
        return
    mid = identity(message, "mid")
    if not mid:
        raise Unreadable("a message without a mid")
    inbound = _inbound(event, mid, sender, place)
    if message.get("is_deleted") is True:
        yield inbound.but(external_id=f"{mid}:remove", purpose=Purpose.DELETION, revises=mid)
        return
    attachments = [part for part in tables(message, "attachments") if not _is_sticker(part)]
    text = words(message, "text") or next(filter(None, map(_shared, attachments)), "")
    if not text and not attachments and message.get("attachments"):
        return  # nothing but a thumb or a sticker: a gesture, like a reaction
    yield inbound.but(
        text=text,
        media=tuple(_media(attachments)),
        place=next(filter(None, map(_pin, attachments)), None),
        thread=identity(table(message, "reply_to"), "mid"),
    )


def _edit(event: Table, edit: Table, sender: str, place: Place) -> Inbound:
    mid, text = identity(edit, "mid"), words(edit, "text")
    if not mid:
        raise Unreadable("an edit without a mid")
    if not text:
        # Instagram tells of a new message as its "edit number 0", without words, when the field `messages` is not
        # subscribed: then it must be asked for them.
        return _inbound(event, f"message:{mid}", sender, place).but(purpose=Purpose.POINTER, answers={"mid": mid})
    return _inbound(event, f"{mid}:edit:{_time(event)}", sender, place).but(
        purpose=Purpose.EDIT, revises=mid, text=text
    )


def _postback(event: Table, postback: Table, sender: str, place: Place) -> Iterator[Inbound]:
    payload = words(postback, "payload").upper().replace(" ", "_")
    if payload.startswith("GET_STARTED"):
        return  # the button that opens the conversation: nothing was said yet
    mid = identity(postback, "mid") or f"postback:{sender}:{_time(event)}"
    yield _inbound(event, mid, sender, place).but(text=words(postback, "title", "payload"))


def _report(event: Table, mid: str, state: DeliveryState, sender: str, place: Place) -> Inbound:
    if not mid:
        raise Unreadable("a report without a mid")
    return _inbound(event, f"{mid}:{state}", sender, place).but(purpose=Purpose.DELIVERY, delivery=Delivery(mid, state))


def _inbound(event: Table, external_id: str, sender: str, place: Place) -> Inbound:
    return Inbound(
        channel=place.channel,
        account=place.account,
        external_id=external_id,
        sender=Address(place.scheme, sender) if sender else Address(Scheme.UNKNOWN, ""),
        sent_at=moment(event, "timestamp"),
        provider=place.provider,
    )


def _time(event: Table) -> str:
    when = event.get("timestamp")
    if isinstance(when, bool) or not isinstance(when, (int, str)) or not str(when).isdecimal():
        raise Unreadable("no timestamp")
    return str(when)


def _is_sticker(part: Table) -> bool:
    return "sticker_id" in table(part, "payload")


def _shared(part: Table) -> str:
    """Put a shared link into words, for a message that has none of its own."""
    if part.get("type") not in _LINKS:
        return ""
    payload = table(part, "payload")
    return "\n".join(
        filter(None, (words(part, "title") or words(payload, "title"), link(part, "url") or link(payload, "url")))
    )


def _media(attachments: list[Table]) -> Iterator[Media]:
    for part in attachments:
        payload = table(part, "payload")
        url = link(payload, "url")
        if url and part.get("type") not in _LINKS and "coordinates" not in payload:
            yield Media(content_type=_TYPES.get(words(part, "type"), ""), url=url)


def _pin(part: Table) -> Pin | None:
    where = table(table(part, "payload"), "coordinates")
    latitude, longitude = degrees(where, "lat", 90), degrees(where, "long", 180)
    if latitude is None or longitude is None:
        return None
    return Pin(words(part, "title"), latitude, longitude)


def _listed_media(attachments: Table) -> Iterator[Media]:
    for part in tables(attachments, "data"):
        picture, film = table(part, "image_data"), table(part, "video_data")
        url = link(picture, "url") or link(film, "url") or link(part, "file_url")
        if url and picture.get("render_as_sticker") is not True:
            yield Media(content_type=words(part, "mime_type"), url=url, filename=words(part, "name"))
