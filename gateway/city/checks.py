"""What must hold between a city's files: every id known, every category spoken for, every rule reachable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.city.files import CategoriesFile, CityFile, DepartmentsFile, DistrictsFile
from gateway.city.problems import Problem, unknown
from gateway.city.rules import RulesFile, families
from gateway.city.rules_checks import Known
from gateway.city.rules_checks import problems as rules_problems
from gateway.city.source import Source, repeated
from gateway.city.wordlists import Wordlists
from normalizer.text import fold

UNCLEAR = "other"
"""The category of a complaint that nothing speaks for; every city has it."""


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def names(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Folder:
    """A city's files: as they stand, and as their models where they fit them. What could not be read is None."""

    sources: Mapping[str, Source | None]
    city: CityFile | None
    categories: CategoriesFile | None
    departments: DepartmentsFile | None
    districts: DistrictsFile | None
    words: Wordlists
    rules_source: Source | None
    rules: RulesFile | None
    groups: frozenset[str]  # ids

    @property
    def category_ids(self) -> frozenset[str]:
        """The ids of the categories; none when categories.toml could not be read."""
        return self._ids("categories.toml")

    @property
    def district_ids(self) -> frozenset[str]:
        """The ids of the districts; none when districts.toml could not be read."""
        return self._ids("districts.toml")

    def problems(self) -> list[Problem]:
        """Find what is wrong between the files. A file that does not fit its model is judged only for that."""
        return [
            *self._city(),
            *self._categories(),
            *self._departments(),
            *self._districts(),
            *self.words.problems(self._ids("categories.toml")),
            *self._rules(),
        ]

    def _ids(self, file: str) -> frozenset[str]:
        """List the ids of a file; none when it could not be read, and then nothing is measured against it."""
        source = self.sources[file]
        return source.ids(_TABLES[file]) if source else frozenset()

    def _city(self) -> Iterable[Problem]:
        source, city = self.sources["city.toml"], self.city
        if source is None or city is None:
            return
        yield from self._known(source, ("triage",), city.triage, "departments.toml")
        yield from self._names(source, (), city.names, city.languages)
        for position, row in enumerate(city.emergency):
            yield from self._names(source, ("emergency", position), row.names, city.languages)
        for position, language in enumerate(city.languages):
            if language in city.languages[:position]:
                yield source.problem(("languages", position), f"{language!r} stands there for the second time")
        leave = {fold(word) for word in city.opt_out}
        for position, word in enumerate(city.opt_in):
            if fold(word) in leave:
                yield source.problem(("opt_in", position), f"{word!r} also stands under opt_out")

    def _categories(self) -> Iterable[Problem]:
        source, file = self.sources["categories.toml"], self.categories
        if source is None or file is None:
            return
        yield from self._rows(source, "category", file.category)
        if UNCLEAR not in self._ids("categories.toml"):
            yield Problem(
                source.path, 0, "category", f"{UNCLEAR!r} is missing: it is what an unclear complaint is about"
            )
        triage = self.city.triage if self.city else None
        for position, row in enumerate(file.category):
            yield from self._known(source, ("category", position, "department"), row.department, "departments.toml")
            if triage is None or row.department == triage:
                continue
            if self.words.whole and row.id not in self.words.ids():
                yield source.problem(("category", position, "id"), f"{row.id!r} has no words in {self.words.name}")
            if self.rules and not any(row.id in families(rule, [row.id]) for rule in self.rules.rule):
                what = f"no rule names {row.id!r}, so it would never reach {row.department!r}"
                yield source.problem(("category", position, "id"), what)

    def _departments(self) -> Iterable[Problem]:
        source, file = self.sources["departments.toml"], self.departments
        if source and file:
            yield from self._rows(source, "department", file.department)

    def _districts(self) -> Iterable[Problem]:
        source, file = self.sources["districts.toml"], self.districts
        if source and file:
            yield from self._rows(source, "district", file.district)

    def _rules(self) -> Iterable[Problem]:
        if self.rules_source is None:
            return
        known = Known(
            categories=self._ids("categories.toml"),
            departments=self._ids("departments.toml"),
            districts=self._ids("districts.toml"),
            groups=self.groups,
            languages=self.city.languages if self.city else (),
            triage=self.city.triage if self.city else None,
        )
        yield from rules_problems(self.rules_source, self.rules, known)

    def _rows(self, source: Source, table: str, rows: Sequence[_Named]) -> Iterable[Problem]:
        yield from repeated(source, table, "id", [row.id for row in rows])
        if self.city:
            for position, row in enumerate(rows):
                yield from self._names(source, (table, position), row.names, self.city.languages)

    def _known(self, source: Source, place: tuple[str | int, ...], name: str, file: str) -> Iterable[Problem]:
        allowed = self._ids(file)
        if allowed and name not in allowed:
            yield source.problem(place, unknown(name, allowed))

    def _names(
        self,
        source: Source,
        place: tuple[str | int, ...],
        names: Mapping[str, str],
        languages: list[str],
        key: str = "names",
    ) -> Iterable[Problem]:
        for language in languages:
            if language not in names:
                yield source.problem((*place, key, language), "is missing: city.toml names this language")
        for language in names:
            if language not in languages:
                yield source.problem((*place, key, language), unknown(language, languages))


_TABLES = {
    "categories.toml": "category",
    "departments.toml": "department",
    "districts.toml": "district",
}
