"""danger.toml: how a city knows of danger and of need, what must hold in it, and what the house makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.city.files import CategoryId, Confidence, Id, Word
from gateway.city.problems import Problem, unknown
from gateway.city.source import Source
from normalizer.phrases import VERB, bare
from normalizer.text import fold
from normalizer.urgency import ALONE, DECLARED, LEARNED, WHOLE, DangerWords, Frame

DANGER = "danger.toml"
LIST = "@"

_PARTS = ("what", "state", "victim", "also")
_HOUSES_OWN = frozenset({ALONE, WHOLE, LEARNED, DECLARED})  # names of other reasons for danger than a frame
_VERB_LETTERS = 3  # that a verb must have to be told from its beginnings and endings


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FrameRow(_Row):
    """A frame: a thing, and its state or whom it harms."""

    id: Id
    what: Annotated[list[Word], Field(min_length=1)]
    state: list[Word] = []
    victim: list[Word] = []
    also: list[Word] = []
    near: Annotated[int, Field(ge=2, le=15)] = 9


class WordsRow(_Row):
    """A list of words."""

    words: list[Word]


class DenialRow(_Row):
    """The words that deny the next one, and those that may stand between."""

    words: list[Word]
    fillers: list[Word] = []


class VulnerableRow(_Row):
    """Who is meant, and what makes them need care; `old` is in years."""

    household: list[Word]
    need: list[Word]
    alone: list[Word] = []
    never: list[Word] = []
    age: list[Word] = []
    own_age: list[Word] = []
    old: Annotated[int, Field(ge=50, le=100)] = 70


class AlarmingRow(_Row):
    """Categories that are danger in themselves, and how sure of one a guess must be."""

    categories: list[CategoryId] = []
    min_confidence: Confidence = 0.6


class DangerFile(_Row):
    """danger.toml."""

    lists: dict[Id, list[Word]] = {}
    frame: Annotated[list[FrameRow], Field(min_length=1)]
    alone: WordsRow
    whole: WordsRow
    never: WordsRow
    past: WordsRow
    still: WordsRow
    alarming: AlarmingRow = AlarmingRow()
    denial: DenialRow
    vulnerable: VulnerableRow


def build(file: DangerFile) -> DangerWords:
    """Put together what has been found to be right."""
    return DangerWords(
        frames=tuple(
            Frame(
                id=row.id,
                what=_spelled(row.what, file.lists),
                state=_spelled(row.state, file.lists),
                victim=_spelled(row.victim, file.lists),
                also=_spelled(row.also, file.lists),
                near=row.near,
            )
            for row in file.frame
        ),
        alone=tuple(file.alone.words),
        whole=tuple(file.whole.words),
        never=tuple(file.never.words),
        past=tuple(file.past.words),
        still=tuple(file.still.words),
        categories=tuple(file.alarming.categories),
        min_confidence=file.alarming.min_confidence,
        denial=tuple(file.denial.words),
        fillers=tuple(file.denial.fillers),
        household=tuple(file.vulnerable.household),
        need=tuple(file.vulnerable.need),
        need_alone=tuple(file.vulnerable.alone),
        need_never=tuple(file.vulnerable.never),
        age=tuple(file.vulnerable.age),
        own_age=tuple(file.vulnerable.own_age),
        old=file.vulnerable.old,
    )


def _spelled(words: Sequence[str], lists: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Write out the lists that are named among the words. One that does not exist, which is a problem, is empty."""
    return tuple(chain.from_iterable(lists.get(word[1:], ()) if word.startswith(LIST) else (word,) for word in words))


def problems(source: Source, file: DangerFile, categories: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """Find what is wrong within danger.toml, and between it and the city's categories where those are known."""
    for index, name in enumerate(file.alarming.categories):
        if categories and name not in categories:
            yield source.problem(("alarming", "categories", index), unknown(name, categories))
    yield from _frames(source, file)
    yield from _lists(source, file)
    never = {fold(bare(word)) for word in file.never.words}
    yield from _verbs(source, ("alone", "words"), file.alone.words)
    for index, word in enumerate(file.alone.words):
        if fold(bare(word)) in never:
            yield source.problem(("alone", "words", index), f"{word!r} also stands under never, which would silence it")


def _frames(source: Source, file: DangerFile) -> Iterator[Problem]:
    seen = set(_HOUSES_OWN)
    for position, row in enumerate(file.frame):
        here = ("frame", position)
        if row.id in seen:
            why = "stands there for the second time" if row.id not in _HOUSES_OWN else "is a name of the house's own"
            yield source.problem((*here, "id"), f"{row.id!r} {why}")
        seen.add(row.id)
        if not row.state and not row.victim:
            yield source.problem(here, "has neither state nor victim: a thing alone is no danger; see [alone]")
        for part in _PARTS:
            yield from _listed(source, (*here, part), getattr(row, part), file.lists)


def _lists(source: Source, file: DangerFile) -> Iterator[Problem]:
    for name, words in file.lists.items():
        yield from _verbs(source, ("lists", name), words)
        for index, word in enumerate(words):
            if word.startswith(LIST):
                yield source.problem(("lists", name, index), f"{word!r}: a list cannot name another list")
        if not any(f"{LIST}{name}" in getattr(row, part) for row in file.frame for part in _PARTS):
            yield source.problem(("lists", name), f"no frame names {LIST}{name}")


def _listed(
    source: Source, place: tuple[str | int, ...], words: Sequence[str], lists: Iterable[str]
) -> Iterator[Problem]:
    for index, word in enumerate(words):
        if word.startswith(LIST) and word[1:] not in lists:
            yield source.problem((*place, index), unknown(word[1:], lists))
    yield from _verbs(source, place, words)


def _verbs(source: Source, place: tuple[str | int, ...], words: Sequence[str]) -> Iterator[Problem]:
    for index, word in enumerate(words):
        for part in word.split():
            if part.startswith(VERB) and len(part) - 1 < _VERB_LETTERS:
                what = f"{part!r}: a verb needs {_VERB_LETTERS} letters; write its forms out without {VERB}"
                yield source.problem((*place, index), what)
