"""The few words that the bot says on its own: to greet, to lead out of a group, to say that a file is too large."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

TOO_LARGE = (
    "وصلت رسالتكم، لكن الملف أكبر من 20 ميغابايت فلا يمكن استلامه. أرسلوا صورة أو مقطعاً أصغر، أو صفوا ما فيه كتابةً.\n\n"
    "Your message arrived, but the file is larger than 20 MB and cannot be taken. "
    "Please send a smaller one, or describe it in words."
)
KEYBOARD: Mapping[str, Any] = MappingProxyType(
    {
        "keyboard": [
            [{"text": "مشاركة رقم هاتفي · Share my number", "request_contact": True}],
            [{"text": "إرسال موقعي · Send my location", "request_location": True}],
        ],
        "resize_keyboard": True,
        "is_persistent": False,
    }
)
GREETING: dict[str, Any] = {
    "text": (
        "أهلاً بكم. اكتبوا بلاغكم هنا بكلماتكم، ويمكنكم إرسال صورة أو تسجيل صوتي أو الموقع. "
        "سيصلكم رقم لمتابعة البلاغ.\n\n"
        "Welcome. Write your report here in your own words; a photo, a voice message or the location helps. "
        "You will get a number to follow it."
    ),
    "reply_markup": dict(KEYBOARD),
}


def out_of_group(username: str) -> str:
    """Ask somebody in a group to write in private, with a link where the bot's public name is known."""
    link = f": https://t.me/{username}?start=group" if username else "."
    return (
        f"حفاظاً على خصوصيتكم لا تُستلم البلاغات داخل المجموعات. اكتبوا لي في محادثة خاصة{link}\n\n"
        f"To protect your privacy, reports are not taken inside groups. Write to me in a private chat{link}"
    )
