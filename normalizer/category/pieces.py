"""How a text is cut before it is read: a letter into sentences, a message into what stands between its marks."""

from __future__ import annotations

from collections.abc import Sequence

from normalizer.stem import ENDS, MARKS

_WHOLE = 40  # words; what is longer is read a sentence at a time
_PIECE = 25  # words in a piece of a letter
_MOST_PIECES = 240  # of one letter: the beginning and the end are read, what lies between is skipped
_TWO = 2  # words of a part at the least


def at_marks(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Cut a short message at its marks into parts of two words or more; one without marks has none."""
    marks = [place for place, token in enumerate(tokens) if token in MARKS]
    cuts = zip([-1, *marks], [*marks, len(tokens)], strict=True)
    return [tokens[start + 1 : end] for start, end in cuts if end - start > _TWO] if marks else []


def in_pieces(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Return a short text whole, and a letter in its sentences, long ones cut once more; nothing of no words.

    Of a very long letter its beginning and its end are returned.
    """
    words = len(tokens) - sum(map(MARKS.__contains__, tokens))
    if words <= _WHOLE:
        return [tokens] if words else []
    found, start, count = [], 0, 0
    for place, token in enumerate(tokens):
        if token in MARKS:
            complete = count > 0 and token in ENDS
        else:
            count += 1
            complete = count >= _PIECE
        if complete:
            found.append(tokens[start : place + 1])
            start, count = place + 1, 0
    if count:
        found.append(tokens[start:])
    half = _MOST_PIECES // 2
    return found if len(found) <= _MOST_PIECES else found[:half] + found[-half:]
