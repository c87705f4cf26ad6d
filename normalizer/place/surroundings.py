"""What stands around a name: whether it is meant as a place, and whose place it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from functools import lru_cache

from normalizer.place import cues
from normalizer.place.match import Match
from normalizer.place.names import Need
from normalizer.place.tokens import Words, bare, plain

_ONTO = frozenset("لع")  # "to" and "on", glued to the front of a name
_ARTICLE = "ال"
_GREETING = 6  # words at the start of a message within which people say who they are, and from where
_REACH = 3  # words before a name within which something is said of it
_REMEMBERED = 8192  # words
_POINTING = cues.KINDS | cues.RESIDENTS | cues.AT
_LIVED_IN = cues.HOME | cues.HERE | cues.OURS
_BEHIND = cues.STATE | cues.POSTPOSED


class Role(Enum):
    """Whose place it is. The value is how readily it is taken for the problem's."""

    PROBLEM = 4.0
    PASSING = 3.9  # "from …", "to …": one end of a way, or of a line
    LANDMARK = 3.8  # "near": the place itself may be named as well
    BEARER = 3.6  # a school's or a shop's name, which may stand anywhere
    NUMBER = 3.5  # a quarter's or sector's number, which only hints
    HOME = 3.0  # where the sender lives; the problem is there unless another place is named
    OFFICE = 2.5  # whom the letter is for
    EXAMPLE = 1.6  # "as in …": what this place is held against
    ROAD = 1.5  # where the sender came from, goes to or works
    DENIED = -9.0  # "not in …"


def pointed_at(matches: Sequence[Match], words: Words) -> Iterator[Match]:
    """Say of each match, in their order, how surely something points at it as at a place."""
    for at, match in enumerate(matches):
        before = matches[at - 1] if at else None
        after = matches[at + 1] if at + 1 < len(matches) else None
        neighbours = [near for near in (before, after) if near is not None and not near.spelling.need]
        touching = any(near.last == match.first or near.first == match.last for near in neighbours)
        yield replace(match, cue=_cue(match, words), beside=touching)


def believed(match: Match, words: Words) -> bool:
    """Say whether the name is meant as a place here."""
    if match.spelling.never or max(match.cue, match.beside * Need.CUE) < match.spelling.need:
        return False
    before = words.folded[max(0, match.first - 1) : match.first]
    if _any(before, cues.BODIES) and not match.glued:
        return False
    if not (match.exact or match.heard or match.cue or match.beside) and not words.parted(match.last):
        return False  # a word of the middle of a sentence that only resembles a name
    if not match.spelling.need:
        return True
    if match.last < len(words.folded) and words.folded[match.last] in cues.PEOPLE:
        return False
    return bool(match.glued) or match.cue is Need.HOME or not _any(before, cues.BEARERS)


def role(match: Match, earlier: Match | None, words: Words) -> Role:
    """Say whose place it is. `earlier` is the match before it, whose road it may continue ("from X to Y")."""
    near = _reach(match, earlier, words)
    last, onto = near[-1:], onward(match, words)
    from_it = _any(last, cues.FROM)
    likened = _held_against(near) or (earlier is None and _any(near, cues.WHILE))
    told = (
        (_denied(near) or _unsaid(words, match.first - 1), Role.DENIED),
        (_elsewhere(near, from_it=from_it, onto=onto), Role.ROAD),
        (likened, Role.EXAMPLE),
        (_lived_in(near, match.glued, from_it=from_it, onto=onto), Role.PROBLEM if _any(near, cues.KIN) else Role.HOME),
        (_any(near[-2:], cues.OFFICE), Role.OFFICE),
        (match.spelling.pattern, Role.NUMBER),
        (_any(near[-2:], cues.NEAR), Role.LANDMARK),
        (not match.glued and _any(last, cues.BEARERS), Role.BEARER),
        (onto or from_it, Role.PASSING),
    )
    return next((role for holds, role in told if holds), Role.PROBLEM)


def _denied(near: Sequence[str]) -> bool:
    """Say whether the words before a name deny it: "not X", "not in X"."""
    return _any(near[-1:], cues.NOT) or (_any(near[-1:], cues.AT) and _any(near[-2:-1], cues.NOT))


def _elsewhere(near: Sequence[str], *, from_it: bool, onto: bool) -> bool:
    """Say whether somebody works there, comes from there, goes there, or lived there once."""
    works = _any(near, cues.WORK) or (_any(near, cues.SELF) and _any(near, cues.EMPLOYED))
    came = from_it and _any(near, cues.TRAVEL | cues.MOVED)
    lived = _any(near, cues.ONCE) and _any(near, cues.HOME)
    return works or came or lived or (onto and _any(near, cues.TRAVEL))


def _lived_in(near: Sequence[str], glued: str, *, from_it: bool, onto: bool) -> bool:
    """Say whether somebody lives there, or is there: "I in X"."""
    me = glued == "ب" and _any(near[-1:], cues.ME)
    there = me or (_any(near[-1:], cues.AT) and _any(near[-2:-1], cues.ME))
    moved = onto and _any(near, cues.MOVED)
    return there or moved or _any(near, cues.HOME) or (from_it and _any(near, cues.SELF))


def continued(match: Match, earlier: Match, words: Words) -> bool:
    """Say whether a name tells more of the one before: "… to Y", "… from Y", or Y and nothing between."""
    between = words.folded[earlier.last : match.first]
    return onward(match, words) or (not between and not match.glued) or (len(between) == 1 and _any(between, cues.FROM))


def onward(match: Match, words: Words) -> bool:
    """Say whether a name continues a road: "… to Y"."""
    return match.glued in _ONTO or _any(words.folded[max(0, match.first - 1) : match.first], cues.ONWARD)


def turned(match: Match, since: int, words: Words) -> bool:
    """Say whether, between word `since` and the name, the text turns to where the matter is ("but …", "and we …")."""
    folded, first, last = words.folded, match.first, match.last
    if match.glued and folded[max(0, first - 1)] in cues.WE:
        return True
    if folded[last : last + 1] == ("لا",) and words.parted(last + 1):
        return True  # others have it, and this one has not
    if not any(map(_turning, folded[since:first])):
        return False  # as between most two names of a letter
    return any(_pivot(words, at) and (since or folded[at] not in cues.WHILE) for at in range(since, first))


@lru_cache(maxsize=_REMEMBERED)
def _turning(word: str) -> bool:
    return word in cues.PIVOT or plain(word) in cues.PIVOT


def _pivot(words: Words, at: int) -> bool:
    """Say whether the text turns at a word; at "not only" and "I did not mean" it does not."""
    before = words.folded[max(0, at - 1) : at]
    return _turning(words.folded[at]) and not _unsaid(words, at) and not _any(before, cues.NOT)


def _unsaid(words: Words, at: int) -> bool:
    """Say whether word `at` is what somebody did not say or mean ("I did not mean …")."""
    return at > 0 and words.folded[at] in cues.SAID and (words.folded[at - 1] in cues.NOT | cues.NEVER)


def _held_against(near: Sequence[str]) -> bool:
    """Say whether the last words before a name hold its place against another: "as in …", "as you did in …"."""
    of_it = near[-2:] if _any(near[-1:], _POINTING) else near[-1:]
    if near[-1:] == ["بس"] and _any(near[-2:-1], cues.NOT):
        return True  # "not only …"
    return _any(of_it, cues.LIKE) or (_any(near, cues.LIKE) and "ما" in near)


def _cue(match: Match, words: Words) -> Need:
    folded, first = words.folded, match.first
    while first and folded[first - 1] in cues.ARTICLES:
        first -= 1
    last, two = folded[max(0, first - 1) : first], folded[max(0, first - 2) : first]
    ends = not match.exact and _any(last, cues.BEHIND)  # English: the street is of the name before it
    if (_any(last, cues.KINDS) and not ends) or _any(folded[match.last : match.last + 1], cues.BEHIND):
        return Need.HOME
    announced = match.glued or _any(last, cues.AT)
    if announced and _any(folded[max(0, first - 3) : first], _LIVED_IN):
        return Need.HOME
    if _numbered(folded, first) or _any(last, cues.RESIDENTS) or (_any(last, cues.FROM) and _any(two, cues.SELF)):
        return Need.HOME
    told = _told_of(match, words) or _announces(match, words)
    if told and match.glued == "ب":
        return Need.HOME
    if told or announced or (_any(last, cues.FROM) and first <= _GREETING):
        return Need.CUE
    alone = words.parted(match.last) and (words.parted(first) or match.last == len(folded))
    return Need.CUE if alone else Need.NOTHING


def _announces(match: Match, words: Words) -> bool:
    """Say whether a name begins by telling what kind of place it is: "شارع فلسطين"."""
    return len(match.span) > 1 and bare(words.folded[match.first]) in cues.KINDS


def _told_of(match: Match, words: Words) -> bool:
    """Say whether what stands right behind a name speaks of a place: its state, its parts, what goes wrong in it."""
    behind = words.folded[match.last : match.last + 1]
    arabic = not words.folded[match.first][0].isascii()  # in Latin letters many a word is nearly a name
    stated = (match.exact or arabic) and _any(behind, _BEHIND)
    # Without its article a name is any word: "شلال ماي" is a waterfall.
    begins = (words.parted(match.first) or match.glued == "ب") and _ARTICLE in words.folded[match.first][:4]
    sure = words.parted(match.first) and not match.spelling.place.need
    return stated or (begins and _any(behind, cues.KINDS | cues.THINGS)) or (sure and _any(behind, cues.TOPIC))


def _numbered(folded: Sequence[str], first: int) -> bool:
    """Say whether a quarter's or a street's number stands right before."""
    return first > 1 and folded[first - 1].isdecimal() and bare(folded[first - 2]) in cues.NUMBERED


def _reach(match: Match, earlier: Match | None, words: Words) -> list[str]:
    """Return the few words before a name, up to the end of the name before it, in the same sentence."""
    first = max(match.first - _REACH, earlier.last if earlier else 0)
    near: list[str] = []
    for at in range(match.first - 1, first - 1, -1):
        word = words.folded[at]
        if words.parted(at + 1) or (_pivot(words, at) and word not in cues.WHILE):
            break
        near.insert(0, word)
    return near


def _any(near: Sequence[str], of: frozenset[str]) -> bool:
    """Say whether one of a few words is of a kind, as it stands or without what is glued to it."""
    return any(word in of or plain(word) in of for word in near)
