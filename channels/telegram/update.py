"""What one update from Telegram says: pure functions of its JSON.

python-telegram-bot reads it. That library takes unknown fields, and breaks on a known object without a field that it
holds to be mandatory; then the update is Unreadable. It does not look at types, so whatever is taken is looked at here.

Source: the Bot API's Update, Message, ChatMemberUpdated and CallbackQuery.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from telegram import ChatMemberUpdated, Contact, Message, Update

from channels.base import Unreadable
from channels.message import Address, Inbound, Media, Pin, Purpose, Scheme
from channels.telegram.words import GREETING, TOO_LARGE, out_of_group

KINDS = ("message", "edited_message", "callback_query", "my_chat_member")
"""The updates that we ask for. Any other is nobody's complaint: reactions, polls, a channel's posts, other bots."""

LARGEST = 20 * 1024 * 1024  # bytes: Telegram gives a bot no larger file
MEDIA = "telegram:"
"""What a media URL begins with; the file's id follows. The true address holds the bot's token, for an hour."""

_START = re.compile(r"/(?:start|help)(?:@\w+)?(?:\s+[A-Za-z0-9_-]{1,64})?\s*")  # with what a deep link carries
_COMMAND = re.compile(r"/\w+(?![\w@])")  # with no name behind it
_NAME = re.compile(r"@([A-Za-z0-9_]{4,32})")
_PHONE = re.compile(r"\+?([0-9]{7,15})")

# What Telegram itself reports inside a private chat.
_SERVICE = frozenset(
    {
        *("pinned_message", "message_auto_delete_timer_changed", "connected_website", "write_access_allowed"),
        *("users_shared", "chat_shared", "proximity_alert_triggered", "chat_background_set", "boost_added"),
        *("new_chat_members", "left_chat_member", "forum_topic_created", "forum_topic_edited", "gift", "unique_gift"),
    }
)
_WORDLESS = frozenset({"sticker", "dice", "game"})


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What the bot says on the spot, outside the replies: it promises nothing, and is not tried again."""

    method: str
    parameters: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Me:
    """Our bot: its own number, and its public name without the @ where that is known."""

    id: str
    username: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an update comes to."""

    inbounds: tuple[Inbound, ...] = ()
    courtesy: Courtesy | None = None


_NOTHING = Heard()
Blank = Callable[..., Inbound]
"""Makes an Inbound of this channel, account and provider from the rest of its fields."""


def read(data: Any, me: Me, blank: Blank) -> Heard:
    """Read one update. Raises Unreadable."""
    if not isinstance(data, dict) or type(data.get("update_id")) is not int:
        raise Unreadable("not an update")
    kind = next((kind for kind in KINDS if data.get(kind) is not None), None)
    if kind is None:
        return _NOTHING
    try:
        update = Update.de_json(data, None)
        assert update is not None
        if update.callback_query is not None:
            answer = {"callback_query_id": _words(update.callback_query.id)}
            return Heard(courtesy=Courtesy("answerCallbackQuery", answer))
        if update.my_chat_member is not None:
            return Heard(tuple(_member(update.my_chat_member, data, blank)))
        message = update.message or update.edited_message
        assert message is not None
        return _message(message, data, me, blank)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, AssertionError) as error:
        if _elsewhere(data[kind]):
            return _NOTHING  # what people say to each other in a group is not kept, readable or not
        raise Unreadable(f"{kind}: {type(error).__name__} while reading it") from error


def _elsewhere(happened: Any) -> bool:
    """Tell whether it surely happened outside a private chat, of an object that may be broken."""
    chat = happened.get("chat") if isinstance(happened, dict) else None
    return isinstance(chat, dict) and chat.get("type") in {"group", "supergroup", "channel"}


def _member(change: ChatMemberUpdated, data: Mapping[str, Any], blank: Blank) -> Iterator[Inbound]:
    """Read that a citizen blocked the bot, or let it speak again."""
    purpose = {"kicked": Purpose.OPT_OUT, "member": Purpose.OPT_IN}.get(change.new_chat_member.status)
    if change.chat.type == "private" and purpose is not None:
        chat = _id(change.chat.id)
        yield blank(
            external_id=f"{chat}:{purpose}:{int(change.date.timestamp())}",
            sender=Address(Scheme.TELEGRAM, chat),
            purpose=purpose,
            sent_at=change.date,
            raw=data,
        )


def _message(message: Message, data: Mapping[str, Any], me: Me, blank: Blank) -> Heard:
    chat, edited = _id(message.chat.id), data.get("message") is None
    text = _words(message.text or message.caption or "")
    if message.chat.type != "private":
        return Heard(courtesy=None if edited else _group(message, chat, text, me))
    if message.from_user is None or message.from_user.is_bot:
        return _NOTHING  # nobody whom we could answer
    if _START.fullmatch(text):
        return Heard(courtesy=None if edited else Courtesy("sendMessage", GREETING | {"chat_id": chat}))
    if edited and message.location is not None:
        return _NOTHING  # only a live location is edited: it moves every few seconds, and the first one stands
    if message.message_id == 0:
        raise Unreadable("a message that was not sent yet: it has no id")
    body = _body(message, data, text)
    if body is None:
        return _NOTHING
    identity = f"{chat}:{_id(message.message_id)}"
    when = message.edit_date if edited else message.date
    if when is None:
        raise Unreadable("an edited message that does not say when")
    if edited:
        body |= {
            "purpose": body.get("purpose", Purpose.EDIT),
            "revises": identity,
            "external_id": f"{identity}:edit:{int(when.timestamp())}",
        }
    inbound = blank(
        **{"external_id": identity} | body,
        sender=Address(Scheme.TELEGRAM, chat),
        sender_name=_words(message.from_user.full_name),
        text=text,
        sent_at=when,
        thread=_id(message.message_id),
        raw=data,
    )
    too_large = Courtesy("sendMessage", _answering(message, chat, TOO_LARGE)) if _too_large(message) else None
    return Heard((inbound,), too_large)


def _body(message: Message, data: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """Read what stands beside the words; None when Telegram itself is speaking. Raises Unreadable."""
    media, place = tuple(_media(message)), _place(message)
    if text or media or place:
        return {"media": media, "place": place}
    if message.contact is not None:
        phone = _own_phone(message, message.contact)
        if phone:
            return {"answers": MappingProxyType({"contact": {"phone": phone}})}
        return {"purpose": Purpose.IGNORED, "note": "the contact of somebody else"}
    fields = (data.get("message") or data.get("edited_message") or {}).keys()
    if fields & _WORDLESS:
        return {"purpose": Purpose.IGNORED, "note": "a sticker, a dice or a game: no words"}
    if fields & _SERVICE:
        return None
    raise Unreadable("a kind of message that we do not read")


def _group(message: Message, chat: str, text: str, me: Me) -> Courtesy | None:
    """Point from a group to the private chat, when the bot was spoken to: by a command, an answer or its name."""
    if message.from_user is None or message.chat.type == "channel":
        return None
    answered = message.reply_to_message and message.reply_to_message.from_user
    named = me.username.lower() in {name.lower() for name in _NAME.findall(text)}
    if not (named or _COMMAND.match(text) or (answered and str(answered.id) == me.id)):
        return None
    return Courtesy("sendMessage", _answering(message, chat, out_of_group(me.username)))


def _answering(message: Message, chat: str, words: str) -> dict[str, Any]:
    quoted = {"message_id": message.message_id, "allow_sending_without_reply": True}
    return {"chat_id": chat, "text": words, "reply_parameters": quoted}


def _media(message: Message) -> Iterator[Media]:
    if message.photo:
        # The same photo in several sizes, in no promised order.
        largest = max(message.photo, key=lambda size: (size.width * size.height, size.file_size or 0))
        yield Media("image/jpeg", MEDIA + _words(largest.file_id))
    # An animation comes as a document as well.
    for file, usual in (
        (message.voice, "audio/ogg"),
        (message.audio, "audio/mpeg"),
        (message.video, "video/mp4"),
        (message.video_note, "video/mp4"),
        (message.document, ""),
    ):
        if file is not None:
            kind = getattr(file, "mime_type", None) or usual
            yield Media(_words(kind), MEDIA + _words(file.file_id), _words(getattr(file, "file_name", None) or ""))


def _too_large(message: Message) -> bool:
    files = (message.voice, message.audio, message.video, message.video_note, message.document)
    return any(file is not None and (file.file_size or 0) > LARGEST for file in files)


def _place(message: Message) -> Pin | None:
    venue, point = message.venue, message.location
    if venue is not None:
        words = ", ".join(filter(None, (_words(venue.title), _words(venue.address))))
        return Pin(words, *_point(venue.location.latitude, venue.location.longitude))
    return Pin("", *_point(point.latitude, point.longitude)) if point is not None else None


def _point(latitude: Any, longitude: Any) -> tuple[float, float]:
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        north, east = float(latitude), float(longitude)
        if math.isfinite(north) and math.isfinite(east) and abs(north) <= 90 and abs(east) <= 180:  # noqa: PLR2004 - degrees
            return north, east
    raise Unreadable("a location that is not on earth")


def _own_phone(message: Message, contact: Contact) -> str:
    """Return the sender's own number; anybody can send anybody's card, and only Telegram says whose it is."""
    found = _PHONE.fullmatch(re.sub(r"[ ()-]", "", _words(contact.phone_number)))
    sender = message.from_user
    return f"+{found[1]}" if found and sender and contact.user_id == sender.id else ""


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable("a text that is none")
    return value


def _id(value: Any) -> str:
    """Write one of Telegram's numbers as what it is for us: a name. They have up to 52 bits."""
    if type(value) is not int:
        raise Unreadable("an id that is none")
    return str(value)
