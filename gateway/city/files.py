"""The shape of each of a city's files, as models: what a clerk may write, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from normalizer.text import fold

Way = Literal[
    "api",
    "app",
    "email",
    "facebook",
    "fax",
    "inspector_general",
    "instagram",
    "meeting",
    "newspaper",
    "office",
    "paper_box",
    "phone",
    "radio",
    "sms",
    "telegram",
    "voice",
    "walk_in",
    "web",
    "whatsapp",
    "x",
    "youtube",
]
"""The ways in which a citizen can reach a city: what `Complaint.channel` can be."""


def _shaped(pattern: str, what: str) -> AfterValidator:
    """Require a whole match; `what` says in words what is allowed."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"{value!r} is not allowed: {what}")
        return value

    return AfterValidator(check)


def _written(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


def _readable(value: str) -> str:
    if not re.search(r"\w", fold(value)):
        raise ValueError(f"{value!r} holds no letter or digit, so no text can ever match it")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no IANA time zone, such as Asia/Baghdad") from error
    return value


def _region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise ValueError(f"{value!r} is no ISO 3166 country of two capital letters, such as IQ")
    return value


def nonempty(what: str) -> Callable[[list[Any]], list[Any]]:
    """Return a check that refuses an empty list and says `what` to do."""

    def check(value: list[Any]) -> list[Any]:
        if not value:
            raise ValueError(f"is empty; {what}")
        return value

    return check


Text = Annotated[str, AfterValidator(_written)]
Word = Annotated[str, AfterValidator(_readable)]
Language = Annotated[str, _shaped(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a BCP 47 language, such as ar or en")]
Id = Annotated[str, _shaped(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", "small latin letters and digits, joined by - or _")]
CategoryId = Annotated[
    str, _shaped(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*", "small latin letters, with a dot between group and kind")
]
Number = Annotated[str, _shaped(r"\+?[0-9]{2,15}", "digits only, with or without + in front")]
Region = Annotated[str, AfterValidator(_region)]
Names = Annotated[dict[str, Text], Field(description="A name in each of the city's languages.")]
Confidence = Annotated[float, Field(ge=0, le=1)]


class Row(BaseModel):
    """A table of a city's file: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EmergencyRow(Row):
    """A number to call when life is in danger."""

    number: Number
    names: Names


class CityFile(Row):
    """city.toml."""

    id: Id
    names: Names
    timezone: Annotated[str, AfterValidator(_timezone)]
    region: Region
    fallback_regions: list[Region] = []
    languages: Annotated[list[Language], AfterValidator(nonempty("name at least one language"))]
    amend_window_minutes: Annotated[int, Field(ge=0, le=1440)]
    public_min_confidence: Confidence = 0.75
    triage: Id
    hotline: Number
    opt_out: list[Word]
    opt_in: list[Word]
    emergency: Annotated[list[EmergencyRow], AfterValidator(nonempty("name at least one number"))]


class CategoryRow(Row):
    """What a complaint can be about."""

    id: CategoryId
    names: Names
    department: Id
    confidential: bool = False
    min_confidence: Confidence | None = None


class CategoriesFile(Row):
    """categories.toml."""

    category: list[CategoryRow]


class DepartmentRow(Row):
    """Who can be responsible."""

    id: Id
    names: Names
    delivery: Literal["amqp", "pull"]
    withhold_contact: bool


class DepartmentsFile(Row):
    """departments.toml."""

    department: list[DepartmentRow]


class DistrictRow(Row):
    """A part of the city."""

    id: Id
    names: Names


class DistrictsFile(Row):
    """districts.toml."""

    district: list[DistrictRow]
