"""A city as the house knows it, and the function that reads one from its files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from gateway.city import rules as city_rules
from gateway.city.checks import Folder
from gateway.city.files import CategoriesFile, CityFile, DepartmentsFile, DistrictsFile
from gateway.city.hotline import (
    HOTLINE,
    PROMPTS_FOLDER,
    SERVICES,
    HotlineFile,
    Line,
    ServicesFile,
    build,
    service_problems,
)
from gateway.city.hotline import problems as hotline_problems
from gateway.city.incidents import INCIDENTS, read_incidents
from gateway.city.phrases import Phrases, read_phrases
from gateway.city.problems import CityError, Problem, unknown
from gateway.city.reading import OPTIONAL, Senses, read_senses
from gateway.city.rules_checks import read_groups
from gateway.city.source import Source
from gateway.city.stamp import Stamp, stamp
from gateway.city.wordlists import ONE, Wordlists
from normalizer.reader import Reader
from normalizer.text import fold
from normalizer.vocabulary import Vocabulary
from router.incident import IncidentTable
from router.rules import Group, RuleTable

Model = TypeVar("Model", bound=BaseModel)

FILES: Mapping[str, type[BaseModel]] = {
    "city.toml": CityFile,
    "categories.toml": CategoriesFile,
    "departments.toml": DepartmentsFile,
    "districts.toml": DistrictsFile,
}
OF_THE_HOTLINE = (HOTLINE, SERVICES)  # a city without a hotline has neither
SETTINGS = "settings.toml"
_TRIES = 4  # to read a folder in which somebody is saving files
_ARABIC_SCRIPT = frozenset({"ar", "ckb", "fa", "ur"})


@dataclass(frozen=True, slots=True)
class Category:
    """What a complaint can be about. `names` are by language; `department` is the one responsible."""

    id: str
    names: Mapping[str, str]
    department: str
    confidential: bool


@dataclass(frozen=True, slots=True)
class Department:
    """Who can be responsible. `delivery` is amqp (its queue) or pull (its feed)."""

    id: str
    names: Mapping[str, str]
    delivery: str
    withhold_contact: bool


@dataclass(frozen=True, slots=True)
class District:
    """A part of the city."""

    id: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Emergency:
    """A number to call when life is in danger, and who answers it."""

    number: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class City:
    """Everything that differs from city to city. Ids are fixed, names are by BCP 47 language.

    A further message of the same sender within `amend_window` belongs to the same complaint. `triage` is the
    department where people decide what rules cannot. `line` is what hotline.toml says; None without one. `version`
    changes whenever a byte of the city's files does. `incidents` says what complaints of one cause have in common.
    `senses` are the files that help to read a message and that a city may lack, such as danger.toml;
    `stamp` is how all files stood when they were read.
    """

    id: str
    names: Mapping[str, str]
    timezone: ZoneInfo
    region: str
    languages: tuple[str, ...]
    categories: Mapping[str, Category]
    departments: Mapping[str, Department]
    districts: Mapping[str, District]
    vocabulary: Vocabulary
    reader: Reader
    rules: RuleTable
    phrases: Phrases
    amend_window: timedelta
    triage: str
    public_confidence: float
    hotline: str
    emergency: tuple[Emergency, ...]
    line: Line | None
    version: str
    incidents: IncidentTable = field(default_factory=IncidentTable)
    senses: frozenset[str] = frozenset()
    stamp: Stamp = field(default_factory=dict, repr=False, compare=False)


def load(name_or_path: str) -> City:
    """Read the city that BALAGH_CITY names: a folder under config/cities, or the path of one.

    Raises CityError with every problem that the files have, each with its file, line and key. What must hold between
    files is judged for those that are right in themselves. A folder in which a file changes meanwhile is read again:
    what is half old and half new is neither.
    """
    folder, tries = folder_of(name_or_path), 0
    while True:
        tries, before = tries + 1, stamp(folder)
        try:
            found: City | CityError = replace(_load(folder), stamp=before)
        except CityError as error:
            found = error
        except OSError as error:  # it was there a moment ago
            what = f"cannot be read: {error.strerror or type(error).__name__}"
            found = CityError([Problem(str(error.filename or folder), 0, "", what)])
        if tries == _TRIES or stamp(folder) == before:
            break
    if isinstance(found, CityError):
        raise found
    return found


def _load(folder: Traversable) -> City:
    """Read a folder once. Raises CityError, OSError."""
    problems = list(_strangers(folder))
    sources = {name: Source.read(folder.joinpath(name), problems) for name in FILES}
    city = _model(sources, "city.toml", CityFile, problems)
    rules_file = city_rules.find(folder, problems)
    rules_source = city_rules.read(rules_file, problems)
    groups = read_groups(folder, city, problems)
    read = Folder(
        sources=sources,
        city=city,
        categories=_model(sources, "categories.toml", CategoriesFile, problems),
        departments=_model(sources, "departments.toml", DepartmentsFile, problems),
        districts=_model(sources, "districts.toml", DistrictsFile, problems),
        words=Wordlists.read(folder, problems),
        rules_source=rules_source,
        rules=rules_source.checked(city_rules.RulesFile, problems) if rules_source else None,
        groups=frozenset(groups or ()),
    )
    problems += read.problems()
    phrases = _phrases(folder, city, problems) if city else None
    line = _line(folder, read, problems)
    causes = read_incidents(folder, sources["categories.toml"], problems)
    senses = read_senses(folder, read.category_ids, read.district_ids, problems)
    if problems or phrases is None:
        raise CityError(problems)
    further = ((rules_file.name,), *(((city_rules.GROUPS,),) if groups else ()), *read.words.found, *senses.found)
    return replace(
        _city(read, phrases, line, senses, groups or {}, _version(folder, phrases.languages, further)),
        incidents=causes,
        senses=frozenset("/".join(parts) for parts in senses.found),
    )


def folder_of(name_or_path: str) -> Traversable:
    """Return the folder of a city: one under config/cities, or the path of one. Raises CityError."""
    packaged = files("config").joinpath("cities")
    known = sorted(entry.name for entry in packaged.iterdir() if entry.is_dir()) if packaged.is_dir() else []
    if name_or_path in known:
        return packaged.joinpath(name_or_path)
    path = Path(name_or_path)
    with contextlib.suppress(OSError):  # a name so long that no path can be it
        if name_or_path and path.is_dir():
            return path
    what = f"no city {name_or_path!r} here; known: {', '.join(known)}; or give the path of a folder"
    raise CityError([Problem("BALAGH_CITY", 0, "", what)])


def _strangers(folder: Traversable) -> list[Problem]:
    """Find files that nobody would read: most likely one of ours with its name mistyped."""
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith((".toml", ".ftl")))
    known = {*FILES, *OPTIONAL, *OF_THE_HOTLINE, INCIDENTS, ONE, city_rules.TOML, city_rules.GROUPS}
    ours = {*known, SETTINGS}
    return [Problem(str(folder.joinpath(name)), 0, "", unknown(name, known)) for name in names if name not in ours]


def _line(folder: Traversable, read: Folder, problems: list[Problem]) -> Line | None:
    """Read the hotline's files, of which there may be none."""
    there = {name: folder.joinpath(name) for name in OF_THE_HOTLINE if folder.joinpath(name).is_file()}
    sources = {name: Source.read(file, problems) for name, file in there.items()}
    source, services_source = sources.get(HOTLINE), sources.get(SERVICES)
    file = source.checked(HotlineFile, problems) if source else None
    services = services_source.checked(ServicesFile, problems) if services_source else None
    languages = read.city.languages if read.city else []
    if services_source and services and languages:
        problems += service_problems(services_source, services, languages)
    if source is None or file is None or not languages:
        return None
    categories = frozenset(row.id for row in read.categories.category) if read.categories else frozenset()
    problems += hotline_problems(source, file, languages, categories, folder)
    return build(file, services, folder)


def settings_of(name_or_path: str) -> Traversable | None:
    """Return the city's settings.toml (see `gateway.settings`), or None where there is no such city or file."""
    try:
        file = folder_of(name_or_path).joinpath(SETTINGS)
    except CityError:  # said, with the cities that there are, when the city itself is loaded
        return None
    return file if file.is_file() else None


def _model(
    sources: Mapping[str, Source | None], name: str, model: type[Model], problems: list[Problem]
) -> Model | None:
    source = sources[name]
    return source.checked(model, problems) if source else None


def _phrases(folder: Traversable, city: CityFile, problems: list[Problem]) -> Phrases | None:
    words = {
        language: {
            "city": city.names.get(language, ""),
            "hotline": city.hotline,
            "emergency": ("، " if language.partition("-")[0] in _ARABIC_SCRIPT else ", ").join(
                f"{row.names.get(language, '')} {row.number}" for row in city.emergency
            ),
        }
        for language in city.languages
    }
    books = {language: folder.joinpath("phrases", f"{language}.ftl") for language in city.languages}
    return read_phrases(books, words, problems)


def _city(
    read: Folder, phrases: Phrases, line: Line | None, senses: Senses, groups: Mapping[str, Group], version: str
) -> City:
    """Put together what has been found to be right."""
    city, words, rules = read.city, read.words, read.rules
    if not (city and words.whole and rules and read.categories and read.departments and read.districts):
        raise ValueError("a city is put together from files that have been found to be right")
    categories = {
        row.id: Category(row.id, row.names, row.department, row.confidential) for row in read.categories.category
    }
    departments = {
        row.id: Department(row.id, row.names, row.delivery, row.withhold_contact) for row in read.departments.department
    }
    districts = {row.id: District(row.id, row.names) for row in read.districts.district}
    responsible = MappingProxyType({row.id: row.department for row in categories.values()})
    vocabulary = Vocabulary(
        region=city.region,
        languages=tuple(city.languages),
        strong=words.lists("strong"),
        words=words.lists("words"),
        never=words.lists("never"),
        departments=responsible,
        confidential=frozenset(row.id for row in categories.values() if row.confidential),
        categories=frozenset(categories),
        districts=frozenset(districts),
        fallback_regions=tuple(city.fallback_regions),
        opt_out=frozenset(map(fold, city.opt_out)),
        opt_in=frozenset(map(fold, city.opt_in)),
    )
    table = RuleTable(
        rules=tuple(city_rules.as_rule(row, categories) for row in rules.rule),
        triage=city.triage,
        min_confidence=rules.min_confidence,
        public_min_confidence=city.public_min_confidence,
        responsible=responsible,
        thresholds=MappingProxyType(
            {row.id: row.min_confidence for row in read.categories.category if row.min_confidence is not None}
        ),
        groups=groups,
        calendar=city_rules.calendar(ZoneInfo(city.timezone), line.seasons if line else ()),
        category_names=MappingProxyType({row.id: row.names for row in categories.values()}),
        district_names=MappingProxyType({row.id: row.names for row in districts.values()}),
        department_names=MappingProxyType({row.id: row.names for row in departments.values()}),
    )
    return City(
        id=city.id,
        names=MappingProxyType(city.names),
        timezone=ZoneInfo(city.timezone),
        region=city.region,
        languages=tuple(city.languages),
        categories=MappingProxyType(categories),
        departments=MappingProxyType(departments),
        districts=MappingProxyType(districts),
        vocabulary=vocabulary,
        reader=Reader(
            vocabulary,
            model=senses.model,
            danger=senses.danger,
            gazetteer=senses.places.gazetteer,
            areas=senses.places.areas,
        ),
        rules=city_rules.versioned(table),
        phrases=phrases,
        amend_window=timedelta(minutes=city.amend_window_minutes),
        triage=city.triage,
        public_confidence=city.public_min_confidence,
        hotline=city.hotline,
        emergency=tuple(Emergency(row.number, row.names) for row in city.emergency),
        line=line,
        version=version,
    )


def _version(folder: Traversable, languages: tuple[str, ...], further: Sequence[tuple[str, ...]]) -> str:
    """Return twelve hex digits of SHA-256 over the names and bytes of the files that were read."""
    digest = hashlib.sha256()
    prompts = folder.joinpath(PROMPTS_FOLDER)
    spoken = [one.name for one in prompts.iterdir() if one.is_dir()] if prompts.is_dir() else []
    found = [
        *((name,) for name in FILES),
        *further,
        *((name,) for name in (*OF_THE_HOTLINE, INCIDENTS) if folder.joinpath(name).is_file()),
        *(("phrases", f"{language}.ftl") for language in languages),
        *sorted((PROMPTS_FOLDER, one, file.name) for one in spoken for file in prompts.joinpath(one).iterdir()),
    ]
    for parts in found:
        content = folder.joinpath(*parts).read_bytes()
        digest.update(f"{'/'.join(parts)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
