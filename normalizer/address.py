"""Addresses in a citizen's words: e-mail, written or told, names at networks, links to chats, links with passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Possessive quantifiers and look-behinds: every character is read once, so a hostile letter costs no more than an
# honest one.
_LOGIN = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,15}+://[^\s/?#@]{1,200}+@\S++")
_EMAIL = re.compile(
    r"(?<![\w.+%'-])[\w.+%'-]++"
    r"(?: ?[@＠] ?[\w-]++(?:\.[\w-]++| ?\. ?(?:com|net|org|info|iq|eg|jo|sa|ae|kw|qa|om|bh|ps)(?!\w))++"
    r"| ?[(\[] ?at ?[)\]] ?[\w-]++(?: ?(?:\.|[(\[] ?dot ?[)\]]) ?[\w-]++)++)"
)
# Told in words, as people dictate one and write it down: "zainab dot k at gmail dot com", "علي ات جيميل دوت كوم".
_HOUSES = (
    *("gmail", "yahoo", "hotmail", "outlook", "icloud", "live"),
    *("جيميل", "جي ميل", "ياهو", "هوتميل", "هوت ميل", "اوتلوك", "أوتلوك"),
)
_DOT_TOLD = "(?:dot|دوت|نقطة|نقطه)"
_TOLD = re.compile(
    rf"(?<![\w.+%'-])[\w.+%'-]++(?: {_DOT_TOLD} [\w+%'-]++){{0,3}}+ (?:at|ات|آت|أت) (?:{'|'.join(_HOUSES)})"
    rf"(?:\.| {_DOT_TOLD} )(?:[a-z]{{2,6}}+|كوم|نت)",
    re.IGNORECASE,
)
# One of these stands in every such address that has no sign, and one of _CHATS in every link.
_SPELLED = ("(at", "( at", "[at", "[ at")
# A name at a network, or an address whose ending was forgotten: after the sign there is a letter ("5@8" has none).
_HANDLE = re.compile(r"(?:(?<![\w.+%'-])[\w.+%'-]++)?+[@＠](?=[\w.-]{0,64}[^\W\d_])[\w-]++(?:\.[\w-]++)*+")
_TO_A_CHAT = r"(?i:(?:t|telegram|wa|m)\.me|(?:api|chat|web)\.whatsapp\.com)/"
_LINK = re.compile(rf"(?i:https?://)?+(?i:www\.)?+{_TO_A_CHAT}[\w?=&%+/@~-]++(?:\.[\w?=&%+/@~-]++)*+")
_CHATS = (".me/", "whatsapp.com/")


def addresses(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield what leads to somebody, of which sort, from where and before where; several may lie upon one another.

    Each sort is looked for only where a text has what it cannot do without: most have nothing of it.
    """
    signs, small = "@" in text or "＠" in text, text.lower()
    if signs:
        yield from (("login", *match.span()) for match in _LOGIN.finditer(text))
    if signs or any(at in text for at in _SPELLED):
        yield from (("email", *match.span()) for match in _EMAIL.finditer(text))
    if any(house in small for house in _HOUSES):
        yield from (("email", *match.span()) for match in _TOLD.finditer(text))
    if signs:
        yield from (("handle", *match.span()) for match in _HANDLE.finditer(text))
    if "/" in text and any(host in small for host in _CHATS):
        yield from (("link", *match.span()) for match in _LINK.finditer(text))
