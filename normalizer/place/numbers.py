"""Numbers in an address: as digits, or as people say them on the telephone ("قطاع اثنين وعشرين")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from normalizer.text import fold


def _said() -> Iterator[tuple[str, int]]:
    lists = (
        (1, "واحد واحده الاول الاولى"),
        (2, "اثنين ثنين اثنان ثنتين"),
        (3, "ثلاثه ثلاث تلاته تلاثه ثلاثة"),
        (4, "اربعه اربع"),
        (5, "خمسه خمس"),
        (6, "سته ست"),
        (7, "سبعه سبع"),
        (8, "ثمانيه ثمنيه ثمان تمانيه"),
        (9, "تسعه تسع"),
        (10, "عشره عشر"),
        (11, "احدعش احدعشر حداعش"),
        (12, "اثنعش اثناعش اثنعشر ثنعش"),
        (13, "ثلطعش ثلاثطعش تلتعش"),
        (14, "اربعطعش ارباطعش"),
        (15, "خمسطعش خمصطعش"),
        (16, "سطعش سته عشر"),
        (17, "سبعطعش سباطعش"),
        (18, "ثمنطعش ثمانطعش"),
        (19, "تسعطعش تساطعش"),
        (20, "عشرين"),
        (30, "ثلاثين تلاتين"),
        (40, "اربعين"),
        (50, "خمسين"),
        (60, "ستين"),
        (70, "سبعين"),
        (80, "ثمانين تمانين"),
        (90, "تسعين"),
        (100, "ميه مايه مئه"),
        (200, "ميتين مايتين"),
        (300, "ثلثميه ثلاثميه ثلاثمايه"),
        (400, "اربعميه اربعمايه"),
        (500, "خمسميه خمسمايه"),
        (600, "ستميه ستمايه"),
        (700, "سبعميه سبعمايه"),
        (800, "ثمنميه ثمانميه ثمانمايه"),
        (900, "تسعميه تسعمايه"),
    )
    for value, words in lists:
        for word in words.split():
            yield fold(word), value


_VALUES: Mapping[str, int] = dict(_said())
_LONGEST = 3  # digits of a quarter's, a sector's or a street's number


def number_at(words: Sequence[str], at: int) -> tuple[str, int]:
    """Return the number that begins at a folded word, in digits, and where it ends; "" where none begins."""
    if at >= len(words):
        return "", at
    if words[at].isdecimal():
        return (words[at], at + 1) if len(words[at]) <= _LONGEST else ("", at)
    total, last = 0, 10**_LONGEST
    start = at
    while at < len(words):
        word = words[at]
        value = _VALUES.get(word) or (_VALUES.get(word[1:]) if word.startswith("و") and at > start else None)
        if value is None or (at > start and not _follows(last, value)):
            break
        total, last, at = total + value, value, at + 1
    return (str(total), at) if at > start else ("", start)


def _follows(last: int, value: int) -> bool:
    """Say whether a part of a spoken number may follow another: hundreds, then units, then tens (as Arabic does)."""
    if last >= 100:  # noqa: PLR2004 -- a hundred
        return value < 100  # noqa: PLR2004
    return last < 10 <= value  # noqa: PLR2004


def masks(number: str) -> Iterator[str]:
    """Yield a number with ever more of its digits, from the last, written as # (any digit)."""
    for kept in range(len(number), -1, -1):
        yield number[:kept] + "#" * (len(number) - kept)
