"""The hotline of a city: hotline.toml and services.toml, what must hold in them, and what the house makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from channels.voice import MAIN, PROMPTS, Choice, Key, Menu, Service
from channels.voice import Speaking as Voice
from gateway.city.files import CategoryId, Id, Language, Names, Text
from gateway.city.problems import Problem, unknown
from gateway.city.source import Source, repeated

HOTLINE, SERVICES, PROMPTS_FOLDER = "hotline.toml", "services.toml", "prompts"
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "closed"

# What Twilio's <Say> takes for Arabic, and what its <Gather> recognises: any other tag makes the verb fail in the
# caller's ear, or fall back to English. Its own helper library (July 2026) lists these.
ARABIC_VOICES: Mapping[str, re.Pattern[str]] = {
    "arb": re.compile(r"Polly\.Zeina"),
    "ar-AE": re.compile(r"Polly\.(Hala|Zayd)-Neural"),
    "ar-XA": re.compile(
        r"Google\.ar-XA-((Standard|Wavenet)-[ABCD]|Chirp3-HD-(Aoede|Charon|Fenrir|Kore|Leda|Orus|Puck|Zephyr))"
    ),
}
ARABIC_HEARD = frozenset(
    f"ar-{country}"
    for country in ("AE", "BH", "DZ", "EG", "IL", "IQ", "JO", "KW", "LB", "MA", "OM", "PS", "QA", "SA", "TN")
)
_VOICE = re.compile(r"(Polly|Google|Amazon|ElevenLabs)\.[A-Za-z0-9-]+")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")

Span = tuple[int, int]
"""From and until, in minutes of the day."""


def _spans(value: str) -> str:
    if value != CLOSED:
        ends = 0
        for part in value.split(","):
            begins, until = _span(part.strip())
            if begins < ends or until <= begins:
                raise ValueError(f"{value!r}: each time must lie after the one before it; past midnight is two days")
            ends = until
    return value


def _span(value: str) -> Span:
    found = _HOURS.fullmatch(value)
    if not found:
        raise ValueError(f"{value!r} is no opening hour: write 08:00-15:00, several with a comma, or {CLOSED}")
    hours = [int(part) for part in found.groups() if part]
    return hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]


def _address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s{}]+\{number\}[^\s{}]*", value):
        raise ValueError("must be http:// or https:// with {number} where the transaction's number comes")
    return value


Digit = Annotated[str, Field(pattern=r"^[0-8]$")]  # 9 is danger and * is back, whatever the city's menus say
Hours = Annotated[str, AfterValidator(_spans)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LanguageRow(_Row):
    """A language on the telephone."""

    key: Digit
    language: Language
    offer: Text
    voice: Text
    accent: Text
    listens: str = ""


class KeyRow(_Row):
    """A key of a menu."""

    key: Digit
    does: Literal["report", "message", "follow", "services", "agent", "menu"]
    menu: Id | None = None
    category: CategoryId | None = None


class MenuRow(_Row):
    """A menu: what is said, and what each key does."""

    id: Id
    says: Names
    key: Annotated[list[KeyRow], Field(min_length=1)]


class HoursRow(_Row):
    """When agents answer, day by day. A day that is not named is closed."""

    monday: Hours = CLOSED
    tuesday: Hours = CLOSED
    wednesday: Hours = CLOSED
    thursday: Hours = CLOSED
    friday: Hours = CLOSED
    saturday: Hours = CLOSED
    sunday: Hours = CLOSED


class SeasonRow(_Row):
    """Days on which other hours hold, on days that are open at all: a feast, Ramadan."""

    first: date
    last: date
    hours: Hours
    names: Names


class HotlineFile(_Row):
    """hotline.toml."""

    lines: Annotated[int, Field(ge=0, le=1000)] = 5
    wait_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    longest_seconds: Annotated[int, Field(ge=30, le=3600)] = 180
    silence_seconds: Annotated[int, Field(ge=5, le=30)] = 8
    speech: bool = False
    language: Annotated[list[LanguageRow], Field(min_length=1)]
    menu: Annotated[list[MenuRow], Field(min_length=1)]
    hours: HoursRow = HoursRow()
    season: list[SeasonRow] = []


class ServiceRow(_Row):
    """A service: what is asked about it most, and where the state of a transaction is known."""

    id: Id
    key: Annotated[str, Field(pattern=r"^[1-8]$")]
    names: Names
    details: Names
    transactions: Annotated[str, AfterValidator(_address)] | None = None


class StateRow(_Row):
    """A state of a transaction, by the city's own system's word for it."""

    id: Text
    says: Names


class ServicesFile(_Row):
    """services.toml."""

    service: list[ServiceRow] = []
    state: list[StateRow] = []


@dataclass(frozen=True, slots=True)
class Season:
    """Other hours from a first to a last day."""

    first: date
    last: date
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """The hotline as the house knows it."""

    voices: tuple[Voice, ...]
    menus: Mapping[str, Menu]
    services: tuple[Service, ...]
    lines: int
    patience: int  # seconds to wait for an agent
    longest: int
    silence: int
    speech: bool
    week: tuple[tuple[Span, ...], ...]  # from Monday on
    seasons: tuple[Season, ...]
    systems: Mapping[str, str]  # service -> the address that knows its transactions
    states: Mapping[str, Mapping[str, str]]  # the system's word -> what is said
    prompts: Mapping[tuple[str, str], Traversable]  # (language, prompt) -> its WAV file

    def open_at(self, day: date, at: time) -> bool:
        """Say whether agents answer on that day at that time, both by the city's own clock."""
        spans = self.week[day.weekday()]
        if spans:
            spans = next((season.spans for season in self.seasons if season.first <= day <= season.last), spans)
        minute = at.hour * 60 + at.minute
        return any(begins <= minute < until for begins, until in spans)


def build(file: HotlineFile, services: ServicesFile | None, folder: Traversable) -> Line:
    """Put together what has been found to be right."""
    rows, states = (services.service, services.state) if services else ([], [])
    return Line(
        voices=tuple(
            Voice(row.language, row.key, row.offer, row.voice, row.accent, row.listens) for row in file.language
        ),
        menus=MappingProxyType({row.id: Menu(row.says, _keys(row.key)) for row in file.menu}),
        services=tuple(
            Service(row.id, row.key, row.names, row.details, tracked=row.transactions is not None) for row in rows
        ),
        lines=file.lines,
        patience=file.wait_minutes * 60,
        longest=file.longest_seconds,
        silence=file.silence_seconds,
        speech=file.speech,
        week=tuple(_read(getattr(file.hours, day)) for day in WEEK),
        seasons=tuple(Season(row.first, row.last, _read(row.hours)) for row in file.season),
        systems=MappingProxyType({row.id: row.transactions for row in rows if row.transactions}),
        states=MappingProxyType({row.id: row.says for row in states}),
        prompts=MappingProxyType({(language, name): path for language, name, path in _recorded(folder)}),
    )


def _keys(rows: Sequence[KeyRow]) -> Mapping[str, Key]:
    return MappingProxyType({row.key: Key(Choice(row.does), row.menu or "", row.category or "") for row in rows})


def _read(hours: str) -> tuple[Span, ...]:
    return () if hours == CLOSED else tuple(_span(part.strip()) for part in hours.split(","))


def _recorded(folder: Traversable) -> Iterator[tuple[str, str, Traversable]]:
    """Go through the recorded prompts: prompts/<language>/<prompt>.wav."""
    prompts = folder.joinpath(PROMPTS_FOLDER)
    for language in prompts.iterdir() if prompts.is_dir() else ():
        for path in language.iterdir() if language.is_dir() else ():
            yield language.name, path.name.removesuffix(".wav"), path


def problems(
    source: Source, file: HotlineFile, languages: Sequence[str], categories: frozenset[str], folder: Traversable
) -> Iterator[Problem]:
    """Find what is wrong within hotline.toml, and between it and the rest of the city."""
    yield from repeated(source, "language", "key", [row.key for row in file.language])
    yield from repeated(source, "language", "language", [row.language for row in file.language])
    yield from repeated(source, "menu", "id", [row.id for row in file.menu])
    spoken = [row.language for row in file.language]
    for missing in [language for language in languages if language not in spoken]:
        yield source.problem(("language",), f"{missing!r} is missing: city.toml names this language")
    for position, row in enumerate(file.language):
        if row.language not in languages:
            yield source.problem(("language", position, "language"), unknown(row.language, languages))
        yield from _voice(source, position, row)
    menus = [row.id for row in file.menu]
    if MAIN not in menus:
        yield source.problem(("menu",), f"{MAIN!r} is missing: it is the menu after the language")
    for position, menu in enumerate(file.menu):
        yield from _named(source, ("menu", position, "says"), menu.says, languages)
        yield from _menu(source, position, menu, menus, categories)
    for position, season in enumerate(file.season):
        yield from _named(source, ("season", position, "names"), season.names, languages)
        if season.last < season.first:
            yield source.problem(("season", position, "last"), "lies before the first day")
    yield from _files(file, folder)


def _voice(source: Source, position: int, row: LanguageRow) -> Iterator[Problem]:
    if row.language.partition("-")[0] == "ar":
        known = ARABIC_VOICES.get(row.accent)
        if known is None:
            what = f"{row.accent!r} is not spoken by any voice; allowed: {', '.join(ARABIC_VOICES)}"
            yield source.problem(("language", position, "accent"), what)
        elif not known.fullmatch(row.voice):
            what = f"{row.voice!r} does not speak {row.accent}; {known.pattern.replace(chr(92), '')} does"
            yield source.problem(("language", position, "voice"), what)
        if row.listens and row.listens not in ARABIC_HEARD:
            yield source.problem(("language", position, "listens"), unknown(row.listens, ARABIC_HEARD))
    elif not _VOICE.fullmatch(row.voice):
        yield source.problem(("language", position, "voice"), f"{row.voice!r} is no voice, such as Polly.Amy-Neural")


def _menu(
    source: Source, position: int, menu: MenuRow, menus: Sequence[str], categories: frozenset[str]
) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, row in enumerate(menu.key):
        place = ("menu", position, "key", index)
        if row.key in seen:
            yield source.problem((*place, "key"), f"{row.key!r} stands there for the second time")
        seen.add(row.key)
        if (row.does == "menu") != (row.menu is not None):
            yield source.problem((*place, "menu"), 'goes with does = "menu", and with nothing else')
        elif row.menu is not None and row.menu not in menus:
            yield source.problem((*place, "menu"), unknown(row.menu, menus))
        if row.category is not None and categories and row.category not in categories:
            yield source.problem((*place, "category"), unknown(row.category, categories))


def _files(file: HotlineFile, folder: Traversable) -> Iterator[Problem]:
    languages = [row.language for row in file.language]
    fixed = {*PROMPTS, "language", *(f"digit-{digit}" for digit in range(10)), *(f"menu-{row.id}" for row in file.menu)}
    for language, name, path in _recorded(folder):
        if language not in languages:
            yield Problem(str(path), 0, "", unknown(language, languages))
        elif name not in fixed and not name.startswith("service-"):
            yield Problem(str(path), 0, "", unknown(name, fixed))
        elif path.read_bytes()[:4] != b"RIFF":
            yield Problem(str(path), 0, "", "is no WAV file; save it as 8 kHz, mono")


def service_problems(source: Source, file: ServicesFile, languages: Sequence[str]) -> Iterator[Problem]:
    """Find what is wrong within services.toml."""
    yield from repeated(source, "service", "id", [row.id for row in file.service])
    yield from repeated(source, "service", "key", [row.key for row in file.service])
    yield from repeated(source, "state", "id", [row.id for row in file.state])
    for position, row in enumerate(file.service):
        yield from _named(source, ("service", position, "names"), row.names, languages)
        yield from _named(source, ("service", position, "details"), row.details, languages)
    for position, state in enumerate(file.state):
        yield from _named(source, ("state", position, "says"), state.says, languages)


def _named(
    source: Source, place: tuple[str | int, ...], names: Mapping[str, str], languages: Sequence[str]
) -> Iterator[Problem]:
    for language in languages:
        if language not in names:
            yield source.problem((*place, language), "is missing: city.toml names this language")
    for language in names:
        if language not in languages:
            yield source.problem((*place, language), unknown(language, languages))
