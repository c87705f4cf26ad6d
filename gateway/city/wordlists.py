"""The city's words: one file words.toml, or a folder words/ with a file for each department."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.city.files import CategoryId, Row, Word, nonempty
from gateway.city.problems import Problem, unknown
from gateway.city.source import Source
from normalizer.text import fold
from normalizer.vocabulary import Vocabulary

ONE, FOLDER = "words.toml", "words"


class CategoryWords(Row):
    """The words that speak for one category: alone (`strong`), with others (`words`), and against it (`never`)."""

    id: CategoryId
    strong: Annotated[list[Word], Field(default_factory=list)]
    words: Annotated[list[Word], Field(default_factory=list)]
    never: Annotated[list[Word], Field(default_factory=list)]


class WordsFile(Row):
    """words.toml, or a file of the folder words/."""

    category: Annotated[list[CategoryWords], AfterValidator(nonempty("write the words of at least one category"))]


@dataclass(frozen=True)
class Wordlists:
    """The files of words that could be read, each with its source. None in place of a file that could not."""

    name: str  # how it is called in a sentence
    files: Sequence[tuple[Source, WordsFile | None]]
    found: Sequence[tuple[str, ...]]  # the names of the files within the city's folder

    @classmethod
    def read(cls, folder: Traversable, problems: list[Problem]) -> Wordlists:
        """Read the city's words, or add to `problems` what is wrong with each file."""
        one, many = folder.joinpath(ONE), folder.joinpath(FOLDER)
        names: list[tuple[str, ...]] = [(ONE,)] if one.is_file() else []
        if many.is_dir():
            names += sorted((FOLDER, entry.name) for entry in many.iterdir() if entry.name.endswith(".toml"))
        if not names:
            problems.append(Problem(str(one), 0, "", f"is missing: write it, or a folder {FOLDER}/ of such files"))
        if (ONE,) in names and len(names) > 1:
            problems.append(
                Problem(str(one), 0, "", f"stands beside the folder {FOLDER}/: a city has one or the other")
            )
        read = []
        for parts in names:
            source = Source.read(folder.joinpath(*parts), problems)
            if source is not None:
                read.append((source, source.checked(WordsFile, problems)))
        return cls(ONE if (ONE,) in names else f"{FOLDER}/", read, names)

    @property
    def whole(self) -> bool:
        """Whether every file fits its model."""
        return all(file is not None for _, file in self.files)

    def ids(self) -> frozenset[str]:
        """Return the categories that have words."""
        return frozenset().union(*(source.ids("category") for source, _ in self.files))

    def lists(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return one kind of list (`strong`, `words`, `never`) by category."""
        return {row.id: tuple(getattr(row, name)) for _, file in self.files if file for row in file.category}

    def problems(self, categories: frozenset[str]) -> Iterable[Problem]:
        """Find categories that nobody knows, that are listed twice, or that have no word."""
        seen: dict[str, str] = {}
        for source, file in self.files:
            for position, row in enumerate(file.category if file else ()):
                place = ("category", position, "id")
                if categories and row.id not in categories:
                    yield source.problem(place, unknown(row.id, categories))
                if row.id in seen:
                    where = "" if seen[row.id] == source.path else f", first in {seen[row.id]}"
                    yield source.problem(place, f"{row.id!r} stands there for the second time{where}")
                seen.setdefault(row.id, source.path)
                if not row.strong and not row.words:
                    yield source.problem(place, "write at least one word, strong or not")


def twice(vocabulary: Vocabulary) -> Mapping[str, Sequence[str]]:
    """Find the words that speak for more than one category, as they are matched: word -> the categories."""
    found: dict[str, list[str]] = {}
    for category in dict.fromkeys((*vocabulary.strong, *vocabulary.words)):
        own = (*vocabulary.strong.get(category, ()), *vocabulary.words.get(category, ()))
        for word in dict.fromkeys(map(fold, own)):
            found.setdefault(word, []).append(category)
    return {word: categories for word, categories in found.items() if len(categories) > 1}
