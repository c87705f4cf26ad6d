"""Of all the places that a text names, the one that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from normalizer.place.cues import WITHIN
from normalizer.place.match import Found, Match
from normalizer.place.surroundings import Role, continued, role, turned
from normalizer.place.tokens import Words

_TURNED = 2.0  # what a place gains when the text turns to it: more than any role is worth against another
_SURE = 0.1  # what a name gains for being announced as a place
_OPEN = frozenset({Role.PROBLEM, Role.LANDMARK, Role.PASSING})  # what a name is when nothing says otherwise
_HERE = 0.01  # of two ends of a road, the one in this city
_ENOUGH = 1.0  # a road that somebody came along is no place of a problem


def without_overlaps(matches: Iterable[Match]) -> list[Match]:
    """Keep the longest names, in the order of the text; of names spelt alike the districts are joined."""
    kept: list[Match] = []
    taken: set[int] = set()
    by_span: dict[tuple[int, int], list[Match]] = {}
    for match in matches:
        by_span.setdefault((match.first, match.last), []).append(match)
    for first, last in sorted(by_span, key=lambda span: (span[0] - span[1], span[0])):
        if not taken & set(range(first, last)):
            taken.update(range(first, last))
            kept.append(_joined(by_span[first, last]))
    return sorted(kept, key=lambda match: match.first)


def best(matches: Sequence[Match], words: Words) -> Found | None:
    """Return the place of the problem: the best by its role, of equals the first; None when there is none."""
    if not matches:
        return None
    rated = _rated(list(_placed(matches, words)), words)
    match, score = max(rated, key=lambda pair: pair[1])
    if score < _ENOUGH or not match.districts:
        return None
    for other, value in rated:
        told, by = (other, match) if other.spelling.pattern else (match, other)  # a number tells which is likelier
        shared = tuple(district for district in told.districts if district in by.districts)
        if value >= _ENOUGH and shared:
            match = replace(match, districts=shared)
    return match.found(words)


def _placed(matches: Sequence[Match], words: Words) -> Iterator[Match]:
    """Yield the names, but of two of which one lies in the other only the larger: "حي السلام في النجف" is in Najaf.

    A name that may lie in the larger one is kept beside it.
    """
    for match, after in zip_longest(matches, matches[1:]):
        if after is None or not _lies_in(match, after, words) or set(match.districts) & set(after.districts):
            yield match


def _lies_in(match: Match, after: Match, words: Words) -> bool:
    between = words.folded[match.last : after.first]
    return (after.glued == "ب" and not between) or (len(between) == 1 and between[0] in WITHIN)


def _rated(matches: Sequence[Match], words: Words) -> list[tuple[Match, float]]:
    rated: list[tuple[Match, float]] = []
    earlier: Match | None = None
    was = Role.PROBLEM
    bonus = 0.0
    for match in matches:
        now = role(match, earlier, words)
        if was is Role.ROAD and earlier and now in _OPEN and continued(match, earlier, words):
            now = Role.ROAD
        if now in {Role.HOME, Role.PASSING} and not match.districts:
            now = Role.ROAD  # who comes from another city complains of this one
        if turned(match, earlier.last if earlier else 0, words):
            bonus = _TURNED
        gained = bonus if now is not Role.ROAD else _HERE * bool(match.districts)
        rated.append((match, now.value + gained + _SURE * match.cue))
        earlier, was = match, now
    return rated


def _joined(same: Sequence[Match]) -> Match:
    """Make one match of all that stand in the same words: written right before nearly, as it stands before stripped."""
    first = min(same, key=lambda match: (not match.exact, match.glued, not match.spelling.never, match.spelling.need))
    alike = [match for match in same if (match.exact, match.glued) == (first.exact, first.glued)]
    districts = dict.fromkeys(district for match in alike for district in match.spelling.place.districts)
    return replace(first, districts=tuple(districts))
