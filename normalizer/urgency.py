"""Whether a message speaks of danger to life or health now, and whether its writer needs particular care.

Danger is seen by frames: a thing and the state that makes it dangerous ("سلك ... مكشوف"), or a harm and whom it befalls
("غرق ... طفل"), near one another in one sentence, neither denied nor long over. What is found only ever raises.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from normalizer.arabizi import Transliterator
from normalizer.guess import Guess
from normalizer.language import ARABIZI, language
from normalizer.phrases import Found, Phrases, inflected
from normalizer.stem import ENDS, MARKS, is_word, tokens
from normalizer.text import fold

ALONE = "alone"
WHOLE = "whole"
LEARNED = "learned"
"""Why a text is taken for one of danger that no frame tells of: the model has read how people in danger write."""

DECLARED = "stated"
"""Why a complaint is one of danger whatever its words say: the citizen or a person at the desk said so outright."""

OF_A_RULE = "rule:"
"""Before the id of the routing rule that made a complaint one of danger."""

NEAR = 9  # words from the first of a frame to its last

_PARTS = ("what", "state", "victim", "also")
_NEVER, _PAST, _STILL, _WHO, _NEED = "never", "past", "still", "who", "need"
_AGE, _OWN_AGE = "age", "own_age"
_CLOSE = 6  # words from who is in need to the need
_BEHIND = 2  # words behind one of age within which the number stands
_OLDEST = 115  # years; more is another number
_FIGURE = re.compile("[0-9]{2,3}")
_LATIN = re.compile("[A-Za-z]{2}")
_LONGEST_CRY = 4  # words of a message that is nothing but a cry
_REMEMBERED = 512  # sentences …
_USUAL = 60  # … of so many words at the most


@dataclass(frozen=True, slots=True)
class Frame:
    """What is dangerous: one of `what` and one of `state` or `victim`, and where `also` is given one of those too."""

    id: str
    what: tuple[str, ...]
    state: tuple[str, ...] = ()
    victim: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    near: int = NEAR


@dataclass(frozen=True, slots=True)
class DangerWords:
    """A city's words of danger and of need, as a clerk wrote them (see `normalizer.phrases` for ~ and =).

    `alone` is danger whatever stands beside it, `whole` only as a whole message. `never` are figures of speech, `past`
    tells what is over unless `still` says that it is not, `denial` denies the word after it. What is plainly about one
    of `categories`, its guess at least `min_confidence`, is dangerous too, until a model has learned to tell.

    Who of the `household` is one of `need` needs care, and who is `old` years of age or more: the number stands behind
    a word of `age` that is about somebody of the household, or of `own_age`.
    """

    frames: tuple[Frame, ...] = ()
    alone: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    denial: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    min_confidence: float = 1.0
    household: tuple[str, ...] = ()
    need: tuple[str, ...] = ()
    need_alone: tuple[str, ...] = ()
    need_never: tuple[str, ...] = ()
    age: tuple[str, ...] = ()
    own_age: tuple[str, ...] = ()
    old: int = 70


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a message is taken for one of danger: the city's words found in it, and the frame they fill.

    `why` is the id of the frame or of the category, or `alone`, `whole` or `learned`.
    """

    words: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What was found in one sentence, in the order of the words, and the names of the lists that it is in."""

    words: Sequence[str]
    found: Sequence[Found]
    names: frozenset[str]
    _lists: dict[str, Sequence[Found]] = field(default_factory=dict)

    def of(self, name: str) -> Sequence[Found]:
        if name not in self.names:
            return ()
        if name not in self._lists:  # of the many that a sentence has words of, few are asked for
            self._lists[name] = [phrase for phrase in self.found if name in phrase.lists]
        return self._lists[name]

    def near(self, name: str, place: Found, reach: int) -> Iterator[Found]:
        """Go through what stands beside a place, both together within `reach` words and not upon one another."""
        found = self.of(name)
        for other in found[bisect_left(found, place.end - reach, key=lambda other: other.start) :]:
            if other.start >= place.start + reach:
                return
            apart = other.start >= place.end or other.end <= place.start
            if apart and max(other.end, place.end) - min(other.start, place.start) <= reach:
                yield other


@dataclass(frozen=True, slots=True)
class _Told:
    """What one sentence tells: the first alarm in it, and whether something is past or still so."""

    alarm: Alarm | None
    past: bool
    still: bool


_NOTHING = _Told(None, past=False, still=False)


class Urgency:
    """A city's words of danger and need, compiled once and asked for every message."""

    def __init__(self, words: DangerWords, known: Iterable[str] = ()) -> None:
        """Compile the words; `known` are further words of the city that Arabizi may stand for."""
        self._frames = words.frames
        self._begun_by = {f"{frame.id}.what": place for place, frame in enumerate(words.frames)}
        self._things = frozenset(self._begun_by)
        self._telling = self._things | {ALONE, _PAST, _STILL}
        self._categories, self._sure = frozenset(words.categories), words.min_confidence
        self._danger = Phrases(
            {
                **{f"{frame.id}.{part}": getattr(frame, part) for frame in words.frames for part in _PARTS},
                ALONE: words.alone,
                _NEVER: words.never,
                _PAST: words.past,
                _STILL: words.still,
            }
        )
        self._need = Phrases(
            {
                _WHO: words.household,
                _NEED: words.need,
                ALONE: words.need_alone,
                _NEVER: words.need_never,
                _AGE: words.age,
                _OWN_AGE: words.own_age,
            }
        )
        self._old = words.old
        # The sentences of a letter may be heard again by themselves.
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._tell)
        self._cries = frozenset(map(fold, words.whole))
        self._denials = _with_and(words.denial)
        self._fillers = frozenset(map(fold, words.fillers))
        # Not the one that tells categories: with words of danger known there, "tanzif" (cleaning) would be "bleeding".
        self._arabizi = Transliterator({*known, *(form for entry in _entries(words) for form in inflected(entry))})

    def danger(self, text: str) -> Alarm | None:
        """Return what in the text speaks of danger now, or None."""
        return self.heard(text)[0]

    def heard(self, text: str) -> tuple[Alarm | None, bool]:
        """Return what in the text speaks of danger now, and whether it tells of what is over.

        That is something long ago, put right or elsewhere, of which it says nowhere that it still is so.
        """
        alarm, over = None, False
        for reading in self._readings(text):
            told = list(map(self._told, _split(reading)))
            alarm = alarm or self._cry(reading) or next((one.alarm for one in told if one.alarm), None)
            over = over or (any(one.past for one in told) and not any(one.still for one in told))
        return alarm, over

    def implied(self, guess: Guess) -> Alarm | None:
        """Return the alarm that lies in what a text is about, or None."""
        if guess.category in self._categories and guess.confidence >= self._sure:
            return Alarm(guess.words, guess.category)
        return None

    def vulnerable(self, text: str) -> bool:
        """Say whether the writer speaks of themselves or their household as old, ill, disabled or in need."""
        return any(
            self._needs(_sentence(words, self._need)) for reading in self._readings(text) for words in _split(reading)
        )

    def _readings(self, text: str) -> Iterator[Sequence[str]]:
        yield tokens(text)
        if _LATIN.search(text) and language(text) == ARABIZI:
            yield tokens(self._arabizi.arabic(text))

    def _cry(self, reading: Sequence[str]) -> Alarm | None:
        said = list(islice(filter(is_word, reading), _LONGEST_CRY + 1))
        cries = 0 < len(said) <= _LONGEST_CRY and self._cries.issuperset(said)
        return Alarm(tuple(dict.fromkeys(said)), WHOLE) if cries else None

    def _told(self, words: tuple[str, ...]) -> _Told:
        return self._remembered(words) if len(words) <= _USUAL else self._tell(words)

    def _tell(self, words: tuple[str, ...]) -> _Told:
        sentence = _sentence(words, self._danger)
        if sentence.names.isdisjoint(self._telling):
            return _NOTHING
        past, still = any(self._stands(sentence, past) for past in sentence.of(_PAST)), bool(sentence.of(_STILL))
        over = past and not still  # all this is long ago or put right
        return _Told(None if over else next(self._alarms(sentence), None), past, still)

    def _alarms(self, sentence: _Sentence) -> Iterator[Alarm]:
        yield from (Alarm((cry.written,), ALONE) for cry in sentence.of(ALONE) if self._stands(sentence, cry))
        yield from self._filled(sentence)

    def _filled(self, sentence: _Sentence) -> Iterator[Alarm]:
        # In their own order; of the many frames, a sentence has the things of few, and hardly ever what goes with them.
        for place in sorted(self._begun_by[name] for name in sentence.names & self._things):
            frame = self._frames[place]
            if sentence.names.isdisjoint((f"{frame.id}.state", f"{frame.id}.victim")):
                continue
            for thing in sentence.of(f"{frame.id}.what"):
                third = next(sentence.near(f"{frame.id}.also", thing, frame.near), None) if frame.also else thing
                if third is not None and self._stands(sentence, thing):
                    for other in self._beside(sentence, frame, thing):
                        parts = sorted({thing, other, third}, key=lambda part: (part.start, part.end, part.written))
                        yield Alarm(tuple(part.written for part in parts), frame.id)

    def _beside(self, sentence: _Sentence, frame: Frame, thing: Found) -> Iterator[Found]:
        for part in ("state", "victim"):
            for other in sentence.near(f"{frame.id}.{part}", thing, frame.near):
                if self._stands(sentence, other):
                    yield other

    def _stands(self, sentence: _Sentence, found: Found) -> bool:
        """Tell whether nothing directly before denies it: in "ماكو كهرباء وسلك مكشوف" nobody denies the wire."""
        before = found.start - 1
        while before > 0 and sentence.words[before] in self._fillers:
            before -= 1
        return before < 0 or sentence.words[before] not in self._denials

    def _needs(self, sentence: _Sentence) -> bool:
        household = sentence.of(_WHO)
        return (
            any(self._stands(sentence, need) for need in sentence.of(ALONE))
            or any(self._stands(sentence, need) for who in household for need in sentence.near(_NEED, who, _CLOSE))
            or any(self._many_years(sentence, age) for age in sentence.of(_OWN_AGE))
            or any(self._many_years(sentence, age) for who in household for age in sentence.near(_AGE, who, _CLOSE))
        )

    def _many_years(self, sentence: _Sentence, age: Found) -> bool:
        behind = sentence.words[age.end : age.end + _BEHIND]
        return any(self._old <= int(word) <= _OLDEST for word in behind if _FIGURE.fullmatch(word))


def _split(reading: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Cut a text into its sentences, each the words alone."""
    words: list[str] = []
    for token in reading:
        if token in ENDS:
            yield tuple(words)
            words = []
        elif token not in MARKS:
            words.append(token)
    yield tuple(words)


def _sentence(words: Sequence[str], phrases: Phrases) -> _Sentence:
    found = phrases.find(words)
    if covered := _covered(found):
        found = [phrase for phrase in found if covered[phrase.start] < phrase.end]
    return _Sentence(words, found, frozenset().union(*(phrase.lists for phrase in found)))


def _covered(found: Sequence[Found]) -> Mapping[int, int]:
    """Tell for every place how far a figure of speech begun by then reaches; within it nothing counts. Of none: {}."""
    covered: dict[int, int] = {}
    if not any(_NEVER in phrase.lists for phrase in found):
        return covered
    reach = 0
    for phrase in found:
        covered[phrase.start] = reach = max(reach, phrase.end if _NEVER in phrase.lists else 0)
    return covered


def _with_and(words: Sequence[str]) -> frozenset[str]:
    folded = [fold(word) for word in words]
    return frozenset((*folded, *(f"و{word}" for word in folded)))


def _entries(words: DangerWords) -> Iterator[str]:
    for frame in words.frames:
        for part in _PARTS:
            yield from getattr(frame, part)
    yield from (*words.alone, *words.whole, *words.never, *words.past, *words.household, *words.need, *words.need_alone)
