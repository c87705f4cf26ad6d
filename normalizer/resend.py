"""Has somebody sent us the same words before? Asked only of one sender's messages: of two people's it says nothing."""

from __future__ import annotations

from rapidfuzz import fuzz

from normalizer.text import fold

FEWEST_WORDS = 3
"""Fewer words are an answer or a greeting, which people send again and mean something new."""

NEARLY = 95.0
"""How alike two texts must be, of 100, to be one text that was typed again."""


def sent_before(text: str, earlier: str) -> bool:
    """Tell whether a text says again, word for word or nearly, what an earlier one said, or what stands in it."""
    now, then = _read(text), _read(earlier)
    if len(now.split()) < FEWEST_WORDS:
        return False
    return _within(now, then) or fuzz.ratio(now, then, score_cutoff=NEARLY) >= NEARLY


def nothing_new(text: str, earlier: str) -> bool:
    """Tell whether every word of a text stands in the earlier one already, in its order."""
    return _within(_read(text), _read(earlier))


def _within(now: str, then: str) -> bool:
    """Find whole lines only: the words of an earlier message, and not the middle of one."""
    return f"\n{now}\n" in f"\n{then}\n"


def _read(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in fold(text).splitlines() if line.strip())
