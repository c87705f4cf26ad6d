"""The city's names of places, found in what a citizen wrote: as the city spells them, or nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, product

from normalizer.place import sorani
from normalizer.place.choice import best, without_overlaps
from normalizer.place.cues import ENGLISH, KINDS, LINKS, NUMERO
from normalizer.place.match import Found, Match, Spelling
from normalizer.place.names import Named, Need
from normalizer.place.numbers import masks, number_at
from normalizer.place.spelling import consonants, latin, near_in_latin, one_slip, shorter, sound, transliterated
from normalizer.place.surroundings import believed, pointed_at
from normalizer.place.tokens import Words, bare, heads, words_of

__all__ = ["Found", "Gazetteer"]

_LONGEST = 5  # words of a name
_ARTICLE = "ال"
_WITHOUT_ARTICLE = "يه"  # the ending of names that are as often written without their article
_SHORTEST_LATIN = 4
_LEAST_LATIN = 3  # letters of a name in Latin letters
_EARLY = 600  # words within which misspelt names are looked for
_MOST = 400  # spellings seen in one text; nobody complains of so many places
_WORDS = 8192
_FUZZY = 5  # letters from which a misspelt word may be a name
_CONSONANTS = 3  # that make an Arabic name known in Latin letters; with fewer it must be announced
_ALSO = {"شارع": ("ش",), "سوق": ("سوك",), "ساحه": ("فلكه", "تقاطع"), "حي": ("منطقه",)}  # folded
_LATIN_ARTICLES = frozenset({"al", "el", "il", "l", "as", "ar", "ad", "ash", "az", "an"})
_GLUED = {"b": "ب", "l": "ل"}
_LATIN_FRONTS = ("bil", "bel", "bal", "lil", "lel", "bl", "al", "el", "il", "b", "l")


@dataclass(frozen=True, slots=True)
class _Reading:
    """A word as the first of a name: without what is glued to its front, and where that leads."""

    head: str
    glued: str
    spellings: tuple[Spelling, ...] = ()  # it is a name
    begins: bool = False  # longer names begin with it
    counts: bool = False  # a number makes it a name
    article: bool = False  # its article was taken off
    latin: str = ""


class Gazetteer:
    """Every place that the city knows by name, ready to be looked for. Immutable, and safe between threads."""

    def __init__(self, places: Iterable[Named]) -> None:
        self._exact: dict[str, list[Spelling]] = defaultdict(list)
        self._sounds: dict[str, list[tuple[str, int, Spelling]]] = defaultdict(list)
        self._latin: dict[str, list[tuple[str, Spelling]]] = defaultdict(list)
        self._heads: set[str] = set()
        self._numbered: set[str] = set()
        # People write the same few thousand words: what each can begin is worked out once.
        self._readings = lru_cache(_WORDS)(self._read)
        self._slips = lru_cache(_WORDS)(self._slip)
        for place in places:
            for written in (place.name, *place.variants):
                self._learn(written, place, never=False)
            for written in place.never:
                self._learn(written, place, never=True)

    def find(self, text: str) -> Found | None:
        """Return the place of the problem that the text tells of, None when it names none or one outside the city."""
        words = words_of(text)
        return best(self._matches(words), words)

    def all(self, text: str) -> tuple[Found, ...]:
        """Return every place of the city that the text names, in the order of the text."""
        words = words_of(text)
        return tuple(match.found(words) for match in self._matches(words) if match.districts)

    def _learn(self, written: str, place: Named, *, never: bool) -> None:
        words = words_of(written.replace("#", "0"))
        if not words.folded:
            return
        if "#" in written:
            self._learn_numbered(written, words, place)
        elif words.folded[0][0].isascii() and not words.folded[0].isdecimal():
            self._learn_latin(words, place, never=never)
        elif words.folded[0].startswith(sorani.MARK):
            need = Need.NOTHING if never else max(Need.CUE, place.need)
            self._learn_marked(words.folded, Spelling(place, need, never=never))
        else:
            self._learn_arabic(words.folded, place, never=never)

    def _learn_numbered(self, written: str, words: Words, place: Named) -> None:
        """Learn a name that ends in a pattern of digits."""
        digits = written.count("#")
        number = words.folded[-1][: len(words.folded[-1]) - digits] + "#" * digits
        self._numbered.add(words.folded[0])
        self._exact[words.folded[0] + number].append(Spelling(place, Need.NOTHING, never=False, pattern=True))

    def _learn_arabic(self, folded: Sequence[str], place: Named, *, never: bool) -> None:
        announced = len(folded) > 1 and (bare(folded[0]) in KINDS or folded[-1] in KINDS)
        spelling = Spelling(place, Need.NOTHING if announced or never else place.need, never=never)
        # What kind of place it is says nothing of the name; but the name behind it has lost its article.
        given = max(0, len(folded[0]) - len(_ARTICLE)) if len(folded) > 1 and folded[0] in KINDS else 0
        for head in (folded[0], *_ALSO.get(folded[0], ())):
            keys = {"".join((head, *folded[1:]))}
            if len(folded) > 1:
                keys.add("".join(map(bare, (head, *folded[1:]))))
                self._heads.add(bare(head))
            for key in keys:
                self._exact[key].append(spelling if head == folded[0] else replace(spelling, alias=True))
                if not never and len(key) >= _FUZZY and head == folded[0]:
                    self._learn_sound(key, given, spelling)
        if len(folded) == 1 and not never and not place.need and bare(folded[0]) != folded[0]:
            # Some names are as often written without their article; of others the rest is any word.
            known = folded[0].endswith(_WITHOUT_ARTICLE)
            self._exact[bare(folded[0])].append(spelling if known else replace(spelling, need=Need.CUE))
            if known:
                self._learn_sound(bare(folded[0]), 0, spelling)
        if not never and (not announced or len("".join(folded[1:])) > _FUZZY):
            self._learn_transliterated(folded, spelling)
        if not never:
            self._learn_sorani(folded, spelling)

    def _learn_sound(self, key: str, given: int, spelling: Spelling) -> None:
        """Learn what a name sounds like; its first `given` letters only say what kind of place it is."""
        entry = (sound(key), given, spelling)
        for part in set(shorter(entry[0])):
            self._sounds[part].append(entry)

    def _learn_sorani(self, folded: Sequence[str], spelling: Spelling) -> None:
        """Learn how Sorani writes a name; of "شارع فلسطين" only what follows, for it has its own word for a street."""
        need = Need.HOME if len(folded) > 1 and folded[0] in KINDS else Need.CUE
        words = [sorani.heard(bare(word)) for word in (folded[1:] if need is Need.HOME else folded)]
        self._learn_marked(words, replace(spelling, need=max(need, spelling.need)))

    def _learn_marked(self, words: Sequence[str], spelling: Spelling) -> None:
        first, *rest = (word.removeprefix(sorani.MARK) for word in words)
        self._exact["".join((sorani.MARK, first, *rest))].append(spelling)
        if rest:
            self._heads.add(sorani.MARK + first)

    def _learn_transliterated(self, folded: Sequence[str], spelling: Spelling) -> None:
        """Learn what an Arabic name becomes in Latin letters, for the spellings that nobody listed."""
        for form in map("".join, product(*(transliterated(bare(word)) for word in folded))):
            need = Need.CUE if len(consonants(form)) >= _CONSONANTS else Need.HOME
            self._latin[consonants(form)].append((form, replace(spelling, need=max(need, spelling.need))))

    def _learn_latin(self, words: Words, place: Named, *, never: bool) -> None:
        announced = len(words.folded) > 1 and (words.folded[0] in KINDS or words.folded[-1] in KINDS)
        spelling = Spelling(place, Need.NOTHING if announced or never else place.need, never=never)
        form = "".join(latin(word) for word in words.folded if word not in _LATIN_ARTICLES)
        self._latin[consonants(form)].append((form, spelling))

    def _matches(self, words: Words) -> list[Match]:
        """Find what is named, believe what is pointed at, and keep the longest where two overlap."""
        exact = without_overlaps(islice(self._exactly(words), _MOST))
        taken = {at for match in exact for at in match.span}
        near = without_overlaps(match for match in self._nearly(words, taken) if taken.isdisjoint(match.span))
        both = sorted((*exact, *near), key=lambda match: match.first)
        return [match for match in pointed_at(both, words) if believed(match, words)]

    def _exactly(self, words: Words) -> Iterator[Match]:
        english = not ENGLISH.isdisjoint(words.folded)
        for at, word in enumerate(words.folded):
            for reading in self._readings(word):
                if reading.latin:
                    yield from self._in_latin(words.folded, at, reading, english=english)
                for spelling in reading.spellings:
                    yield Match(spelling, at, at + 1, exact=True, glued=reading.glued)
                if reading.begins:
                    yield from self._longer(words.folded, at, reading)
                if reading.counts:
                    yield from self._counted(words.folded, at, reading)

    def _read(self, word: str) -> tuple[_Reading, ...]:
        """Return how a word may belong to a name; most words do not."""
        if word[0].isascii() and not word.isdecimal():
            counts = word in self._numbered
            return tuple(
                _Reading(head, glued, counts=counts and not glued, latin=latin(head))
                for head, glued in _latin_heads(word)
            )
        found = (
            _Reading(
                bare(head),
                glued,
                tuple(self._exact.get(head, ())),
                begins=bare(head) in self._heads,
                counts=bare(head) in self._numbered,
                article=bare(head) != head,
            )
            for head, glued in heads(word)
        )
        return tuple(reading for reading in found if reading.spellings or reading.begins or reading.counts)

    def _longer(self, folded: Sequence[str], at: int, reading: _Reading) -> Iterator[Match]:
        key = reading.head
        for last in range(at + 1, min(at + _LONGEST, len(folded))):
            key += bare(folded[last]).removeprefix(sorani.MARK)
            for spelling in self._exact.get(key, ()):
                if not (spelling.alias and reading.article):
                    yield Match(spelling, at, last + 1, exact=True, glued=reading.glued)

    def _counted(self, folded: Sequence[str], at: int, reading: _Reading) -> Iterator[Match]:
        after = at + 2 if at + 1 < len(folded) and folded[at + 1] in NUMERO else at + 1
        number, last = number_at(folded, after)
        for mask in masks(number) if number else ():
            if known := self._exact.get(reading.head + mask):  # the mask with the most digits says the most
                yield from (Match(spelling, at, last, exact=True, glued=reading.glued) for spelling in known)
                return

    def _nearly(self, words: Words, taken: set[int]) -> Iterator[Match]:
        """Look for misspelt names, only where a place can be expected: behind a cue, or behind the article.

        Whoever writes a long letter names the place early: its end is not searched for slips.
        """
        folded = words.folded[:_EARLY]
        for at, word in enumerate(folded):
            if at in taken or word[0].isascii() or sorani.MARK in word:
                continue
            announced = at > 0 and bare(folded[at - 1]) in KINDS
            for spelling, heard, glued in self._slips(word, announced):
                yield Match(spelling, at, at + 1, exact=False, glued=glued, heard=heard)
            for reading in self._readings(word):
                if reading.begins:
                    yield from self._longer_nearly(folded, at, reading)

    def _longer_nearly(self, folded: Sequence[str], at: int, reading: _Reading) -> Iterator[Match]:
        key = reading.head
        announced = key in KINDS
        if announced and reading.article:
            return  # "the street" is no beginning of a name
        for last in range(at + 1, min(at + 3, len(folded))):
            key += bare(folded[last])
            for spelling, heard in self._near(key, trusted=True):
                yield Match(spelling, at, last + 1, exact=False, glued=reading.glued, heard=heard or announced)

    def _slip(self, word: str, announced: bool) -> tuple[tuple[Spelling, bool, str], ...]:
        """Return the one-word names that a word may be a slip for, and of each whether it sounds the same."""
        found = []
        for head, glued in heads(word):
            if len(head) >= _FUZZY:
                slips = bool(announced or glued or head.startswith(_ARTICLE))
                near = self._near(head, slips=slips, trusted=announced or bool(glued))
                found += [(spelling, heard, glued) for spelling, heard in near]
        return tuple(found)

    def _near(self, key: str, *, slips: bool = True, trusted: bool) -> Iterator[tuple[Spelling, bool]]:
        """Yield the names that sound like a word (True), and if `slips` those that it is one slip away from."""
        heard = sound(key)
        for part in shorter(heard) if slips else (heard,):
            for name, given, spelling in self._sounds.get(part, ()):
                if heard == name:
                    yield spelling, True
                elif slips and one_slip(heard, name, given=given, trusted=trusted):
                    # An ordinary word with a slip is still an ordinary word: only a kind of place makes it a name.
                    yield replace(spelling, need=Need.HOME) if spelling.need else spelling, False

    def _in_latin(self, folded: Sequence[str], at: int, reading: _Reading, *, english: bool) -> Iterator[Match]:
        key = reading.latin
        for last in range(at, min(at + 3, len(folded))):
            if last > at:
                if folded[last] in LINKS:
                    return  # "share3 min ams" is no شارع الأمين
                if folded[last] in _LATIN_ARTICLES:
                    continue
                key += latin(folded[last])
            for name, spelling in self._latin.get(consonants(key), ()):
                if key == name or (
                    len(key) >= (_FUZZY if english else _LEAST_LATIN) and near_in_latin(key, name, english=english)
                ):
                    # There are words enough that look like a short name, or nearly like a long one.
                    doubtful = key != name or sum(map(len, folded[at : last + 1])) < _FUZZY
                    need = max(spelling.need, Need.CUE if doubtful else Need.NOTHING)
                    seen = spelling if need is spelling.need else replace(spelling, need=need)
                    yield Match(seen, at, last + 1, exact=key == name, glued=reading.glued)


def _latin_heads(word: str) -> Iterator[tuple[str, str]]:
    yield word, ""
    for front in _LATIN_FRONTS:
        if word.startswith(front) and len(word) > len(front) + _SHORTEST_LATIN:
            yield word[len(front) :], _GLUED.get(front[0], "")
