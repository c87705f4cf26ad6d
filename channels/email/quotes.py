"""What somebody newly says in a reply, apart from what is only quoted, in Arabic, English and French.

The rules are safe ones: a quotation is cut only where nothing of the sender's own can stand in it. Answers written
between quoted lines stay, with those lines; so does a quotation that nothing marks as one. Better too much than a lost
word.
"""

from __future__ import annotations

import re

MARKER = "##- اكتب ردك أعلى هذا السطر / Please reply above this line -##"
"""The line that goes above everything we send: what stands below it in an answer is ours."""

_MARKER = re.compile(r"##-.*(?:اكتب ردك أعلى هذا السطر|reply above this line)", re.IGNORECASE)
_INVISIBLE = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONGEST = 400  # characters of a line that are looked at

_ATTRIBUTION = re.compile(
    r"\s*(?:-{3,}\s*)?(?:في|بتاريخ|يوم|كتب|On|Le|Am)\b.{0,200}?"
    r"(?:تمت كتابة ما يلي بواسطة|كتب/كتبت|كتبت|كتب|wrote|a écrit|schrieb).{0,160}?(?:[:：]|-{3,})\s*"
)
_DATED_ADDRESS = re.compile(r".{0,200}[0-9٠-٩]{1,4}.{0,200}<\s?[^<>\s]+@[^<>\s]+>.{0,60}[:：]\s*")
_FROM = re.compile(r"\*?(?:من|From|De|Von)\s*:\s*\*?.{0,300}", re.IGNORECASE)
_SENT = re.compile(
    r"\*?(?:تم الإرسال|تاريخ الإرسال|أُرسلت|أُرسل|أرسلت|أرسل|التاريخ|Sent|Date|Envoyé|Gesendet)\s*:", re.IGNORECASE
)
_TO = re.compile(r"\*?(?:إلى|الى|الموضوع|نسخة|To|Subject|Cc|À|Objet|An|Betreff)\s*:", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"[-_]{2,}\s*(?:الرسالة الأصلية|رسالة أصلية|Original Message|Message d'origine|Ursprüngliche Nachricht)\s*[-_]{2,}",
    re.IGNORECASE,
)
_RULE = re.compile(r"[_\u2500-]{10,}")
# Only a device or a program may follow: "أرسلت من قبل شكوى" is a citizen's own sentence.
_DEVICE = re.compile(
    r"(?:(?:أُ?رسلت?|تم الإرسال|تم إرساله|مرسلة?)\s+من\s+(?:الـ?\s?)?"
    r"(?:هاتفي?|جهازي?|جوالي?|موبايلي?|(?:ال)?بريدي?|تطبيق|آيفون|ايفون|[A-Za-z0-9™®’'./-]{1,30})"
    r"(?:\s+(?:(?:ال)?(?:محمول|ذكي|نقال|سامسونج|جالاكسي|آيفون|ايفون|هواوي|ياهو|[اأ]ندرويد)|الخاص بي|على|لـ|لنظام"
    r"|[A-Za-z0-9™®’'./-]{1,30})){0,6}"
    r"|(?:Sent from|Envoyé de(?:puis)? mon)(?= .{0,60}(?:phone|pad|mobile|galaxy|samsung|huawei|android|blackberry"
    r"|tablet|device|pixel|yahoo|outlook|gmail|mail for|xiaomi|nokia|htc|mac\b))(?: [^ ]{1,20}){1,8}"
    r"|(?:Get Outlook for|(?:الحصول|احصل) على Outlook) .{1,60})\.?",
    re.IGNORECASE,
)
_LONGEST_SIGNATURE = 12  # lines
_ANSWERED_BELOW = re.compile(
    r"(?<!\w)(?:[اأ]دناه|في الأسفل|بين (?:السطور|الأسطر)|(?:باللون |ب)ال[اأ](?:حمر|زرق|خضر)"
    r"|below|inline|in (?:red|blue|green|line)|interspersed)(?!\w)",
    re.IGNORECASE,
)

_FORWARDED = re.compile(r"\s*(?:fwd?|tr|wg|إعادة توجيه|إعادة إرسال|تحويل|محول|توجيه)\s*[:：]", re.IGNORECASE)
_REPLY = re.compile(r"\s*(?:re|aw|sv|رد|الرد|رد على)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)


def newly_said(text: str) -> str:
    """Return what the sender of a reply says, without quotations below it and without a signature.

    It may be empty: then the reply holds nothing but quotation.
    """
    lines, seen = _lines(text)
    return _above(lines, _device(seen, _signature(lines, seen, _quotation(seen))))


def without_device(text: str) -> str:
    """Return a text without its last line where that only names a telephone or a program."""
    lines, seen = _lines(text)
    return _above(lines, _device(seen, len(seen)))


def forwards(subject: str) -> bool:
    """Tell a forwarded mail by its subject: there the words below are the ones that matter."""
    return bool(_FORWARDED.match(subject))


def replies(subject: str) -> bool:
    """Tell a reply by its subject."""
    return bool(_REPLY.match(subject))


def _quotation(seen: list[str]) -> int:
    """Return the number of lines above the quotation; all of them when nothing is certainly quoted."""
    own = len(seen)
    while own and (not seen[own - 1] or seen[own - 1].startswith(">")):
        own -= 1  # below it only quoted and blank lines follow
    for index, line in enumerate(seen):
        if index >= own and line.startswith(">"):
            return _above_attribution(seen, index)
        if _ends_own_words(seen, index) or (_MARKER.match(line) and any(seen[:index])):
            end = _above_attribution(seen, index)
            # No line of such a quotation is marked as quoted: answers among them look like the rest.
            return len(seen) if _ANSWERED_BELOW.search("\n".join(seen[:end])) else end
    return len(seen)


def _ends_own_words(seen: list[str], index: int) -> bool:
    line = seen[index]
    if _ORIGINAL.fullmatch(line):
        return True
    if not _FROM.fullmatch(line):
        return False
    # A citizen may well write who and when, one below the other; nobody writes whom to and about what as well.
    below = seen[index + 1 : index + 7]
    return any(_SENT.match(line) for line in below[:3]) and any(_TO.match(line) for line in below)


def _above_attribution(seen: list[str], end: int) -> int:
    """Step over what introduces a quotation: blank lines, a rule, "on … wrote:" in up to three lines."""
    end = _up(seen, end)
    if end and _RULE.fullmatch(seen[end - 1]):
        end = _up(seen, end - 1)
    for count in (1, 2, 3):
        if count > end:
            break
        line = " ".join(seen[end - count : end])
        if _ATTRIBUTION.fullmatch(line) or _DATED_ADDRESS.fullmatch(line):
            return _up(seen, end - count)
    return end


def _signature(lines: list[str], seen: list[str], end: int) -> int:
    end = _up(seen, end)
    for index in range(max(0, end - _LONGEST_SIGNATURE), end):
        if seen[index] == "--" and any(seen[:index]) and not lines[index].startswith(" "):
            return index
    return end


def _device(seen: list[str], end: int) -> int:
    end = _up(seen, end)
    while end and _DEVICE.fullmatch(seen[end - 1]):
        end = _up(seen, end - 1)
    return end


def _lines(text: str) -> tuple[list[str], list[str]]:
    lines = text.split("\n")
    return lines, [_INVISIBLE.sub("", line[:_LONGEST]).replace("\xa0", " ").strip() for line in lines]


def _above(lines: list[str], end: int) -> str:
    return "\n".join(lines[:end]).strip("\n")


def _up(seen: list[str], end: int) -> int:
    while end and not seen[end - 1]:
        end -= 1
    return end
