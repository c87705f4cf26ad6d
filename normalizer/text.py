"""A citizen's words: cleaned for reading, kept as they came, or folded for matching.

Three forms, never mixed: `storable` is what arrived, `clean` is what people read, `fold` is what programs compare.
"""

from __future__ import annotations

import re
import unicodedata

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NO_XML = re.compile(r"[\ufffe\uffff]")  # valid Unicode, yet no XML document may carry them
_LINE = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")

# Characters nobody sees: controls but the newline, bidi controls, zero-width ones, tags. The joiners U+200C and
# U+200D have a rule of their own. The Arabic number signs (U+0600-0605, U+06DD, …) count as format characters
# too, but they are ink on the page and stay.
_UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_TATWEEL = "\u0640"
_INVISIBLE = re.compile(f"[{_UNSEEN}{_TATWEEL}]")

# A joiner shapes letters of Persian, Kurdish and Urdu ("می\u200cشود", the older Sorani spelling of ە), the
# conjuncts of Indian scripts, and the parts of an emoji. Between two such characters it stays;
# anywhere else it is only a way to make two equal words unequal.
_JOINED = (
    "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff"
    "\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff"
)
_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]*")
_LOOSE_JOINER = re.compile(f"(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])")

_BLANKS = re.compile(r"[^\S\n]{2,}|[^\S\n ]")  # all but the single one between two words, which most are
_LINE_ENDS = re.compile(r" \n ?|\n ")
_EMPTY_LINES = re.compile(r"\n{3,}")

# Whatever `clean` may have something to do about, but for the blanks at both ends and marks that are not composed.
_WANTING = re.compile(
    f"[{_UNSEEN}{_TATWEEL}\u200c\u200d\ufffe\uffff\x00\ud800-\udfff\r\v\f\x85\u2028\u2029]|[^\\S \n]|  | \n|\n |\n{{3}}"
)
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_UNREAD = re.compile(
    f"[{_UNSEEN}{_TATWEEL}\u200c\u200d\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\ufe00-\ufe0f]"
)
_REPEATED = re.compile(r"(.)\1\1+")
_LETTER = re.compile(r"[^\W\d_]")

# Letters that one and the same word is typed with: hamza seats, alif maqsura, ta marbuta, Iraqi and Egyptian extra
# letters, and the Persian, Urdu and Kurdish keyboards' own kaf, ya and ha. A few replacements of the whole text cost a
# twentieth of a table that is asked for each letter.
_ALIKE = tuple(
    zip(
        "أإآٱىئیێےةۀەہھۃؤۆۇکڪگچپڤڥژڕڵڑٹڈ",
        "اااايييييههههههوووكككجبففزرلرتد",
        strict=True,
    )
)


def storable(original: str) -> str:
    """Return the words exactly as they arrived, with only what no store can hold (NUL, lone surrogates) made U+FFFD."""
    if _SURROGATE.search(original):
        # By way of UTF-16, because two halves that stand side by side are one good character.
        original = original.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return original.replace("\0", "\ufffd")


def clean(original: str) -> str:
    """Return the words as a person should read them. Cleaning twice is cleaning once.

    Digits stay as they were written: a meter number in Arabic digits is what the citizen can find again.
    """
    if not _WANTING.search(original) and unicodedata.is_normalized("NFC", original):
        return original.strip()
    text = _mend(original)
    text = _compose(text)
    text = _break_lines(text)
    text = _drop_invisible(text)
    text = _drop_loose_joiners(text)
    text = _compose(text)  # what was taken out may have stood between a letter and its mark
    return _squeeze(text)


def ascii_digits(text: str) -> str:
    """Write every decimal digit of any script (٣, ۳, ３) as 0-9 and leave the rest alone."""
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def fold(text: str) -> str:
    """Return a form in which spellings of one word are equal. For matching only, never to be shown.

    NFKC, lower case, no vowel marks, no tatweel, no invisible characters, one letter for each family of look-alikes,
    digits 0-9, and letters drawn out three times or more ("طوييييل") written once.
    """
    text = unicodedata.normalize("NFKC", storable(text)).casefold()
    text = _UNREAD.sub("", text)
    for written, meant in _ALIKE:
        text = text.replace(written, meant)
    return ascii_digits(_REPEATED.sub(_once, text))


def _once(run: re.Match[str]) -> str:
    """Write a letter that was drawn out once; dots and blanks stay as many as they are."""
    return run[1] if _LETTER.match(run[1]) else run[0]


def _mend(original: str) -> str:
    return _NO_XML.sub("\ufffd", storable(original))


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _break_lines(text: str) -> str:
    return _LINE.sub("\n", text)


def _drop_invisible(text: str) -> str:
    return _INVISIBLE.sub("", text)


def _drop_loose_joiners(text: str) -> str:
    return _LOOSE_JOINER.sub("", _JOINERS.sub(r"\1", text))


def _squeeze(text: str) -> str:
    text = _BLANKS.sub(" ", text)
    text = _LINE_ENDS.sub("\n", text)
    return _EMPTY_LINES.sub("\n\n", text).strip()
