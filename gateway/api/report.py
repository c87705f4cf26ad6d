"""What a program may say of a complaint: the model of the request, checked against the city, and the Inbound it makes.

Everything that is wrong is found at once and named by its field. What is right is kept as it was given: understanding
it is the normalizer's work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic import ValidationInfo as Info
from pydantic import field_validator as check
from pydantic_core import PydanticCustomError as Wrong

from channels.message import Address, Inbound, Media, Scheme
from gateway.api.problem import INVALID, Fault, Problem
from gateway.city.city import City
from normalizer.complaint import Kind
from normalizer.phone import email, why_not
from normalizer.stated import EARLIEST, NAME_LENGTH
from normalizer.text import clean

NAME: Final = "api"
"""The channel and the provider of what programs file: its identity is (api, the key's name, the Idempotency-Key)."""

LONGEST_TEXT: Final = 20_000  # characters
LONGEST_PLACE: Final = 500  # characters
AHEAD: Final = timedelta(days=1)  # clocks differ, and so do the people who type dates

Way = Literal[
    "api", "app", "web", "phone", "paper_box", "radio", "newspaper", "office", "walk_in", "meeting", "fax",
    "inspector_general",
]  # fmt: skip
"""The ways by which a citizen can have reached the program that files for them."""

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339: fromisoformat alone would take week dates and moments without an offset
_NAMEABLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Against what a report is checked: the city, the number of its files, and the time."""

    city: City
    files: int
    now: datetime


def _kept_whole(value: str) -> str:
    if "\0" in value:
        raise Wrong("nul", "It must not hold the character U+0000.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong("surrogate", "It must be valid Unicode, without lone surrogates.") from None
    return value


def _read_moment(value: Any) -> datetime:
    wanted = "It must be a moment in RFC 3339 with its offset, such as 2026-11-21T13:15:30+03:00."
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise Wrong("moment", wanted)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise Wrong("moment", wanted) from None


_WHOLE: Final = AfterValidator(_kept_whole)  # behind a length, which is else told in "items"
Words = Annotated[str, _WHOLE]
Occurred = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339, with its offset."}),
]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StatedPlace(_Stated):
    """Where the problem is: in words, in a district, at a point of WGS 84, or all three."""

    text: Annotated[str, Field(max_length=LONGEST_PLACE), _WHOLE] | None = None
    district: Words | None = Field(None, description="A district id of the city.")
    latitude: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False, description="Degrees.")
    longitude: float | None = Field(
        None, ge=-180, le=180, allow_inf_nan=False, validate_default=True, description="Degrees."
    )

    @check("district")
    @classmethod
    def _of_the_city(cls, value: str | None, info: Info[Bounds]) -> str | None:
        if value is not None and value not in info.context.city.districts:
            raise Wrong("district", "It must be the id of a district of the city.")
        return value

    @check("longitude")
    @classmethod
    def _both(cls, value: float | None, info: Info[Bounds]) -> float | None:
        if "latitude" in info.data and (value is None) != (info.data["latitude"] is None):
            raise Wrong("point", "Latitude and longitude must both be given.")
        return value


class StatedContact(_Stated):
    """How to reach the citizen."""

    phone: Words | None = Field(None, description="As it was given; it must be readable as a number of a person.")
    email: Words | None = None
    name: Annotated[str, Field(max_length=NAME_LENGTH), _WHOLE] | None = None

    @check("phone")
    @classmethod
    def _callable(cls, value: str | None, info: Info[Bounds]) -> str | None:
        if value is not None:
            words = info.context.city.vocabulary
            doubt = why_not(value, words.region, words.fallback_regions)
            if doubt is not None:
                raise Wrong("phone", doubt.sentence)
        return value

    @check("email")
    @classmethod
    def _writable(cls, value: str | None) -> str | None:
        if value is not None and email(value) is None:
            raise Wrong("email", "It must be one e-mail address.")
        return value


class Report(_Stated):
    """A complaint, request, suggestion or enquiry that a program files for a citizen."""

    text: Annotated[str, Field(max_length=LONGEST_TEXT), _WHOLE] = Field(
        "", validate_default=True, description="The citizen's words. Needed unless a file says it."
    )
    kind: Annotated[Kind, Field(strict=False)] | None = None
    category: Words | None = Field(None, description="A category id of the city, if somebody has chosen one.")
    place: StatedPlace | None = None
    contact: StatedContact | None = None
    language: Annotated[Words, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$")] | None = Field(
        None, description="BCP 47 language of the text."
    )
    occurred_at: Occurred | None = None
    confidential: bool | None = Field(None, description="Keep from the department who complains.")
    channel: Way | None = Field(None, description="How the citizen came; api when it is left out.")

    @check("text")
    @classmethod
    def _said(cls, value: str, info: Info[Bounds]) -> str:
        if not info.context.files and not clean(value):
            raise Wrong("blank", "It must say something, unless a file does.")
        return value

    @check("category")
    @classmethod
    def _of_the_city(cls, value: str | None, info: Info[Bounds]) -> str | None:
        if value is not None and value not in info.context.city.categories:
            raise Wrong("category", "It must be the id of a category of the city.")
        return value

    @check("occurred_at")
    @classmethod
    def _in_bounds(cls, value: datetime | None, info: Info[Bounds]) -> datetime | None:
        try:
            ahead = value is not None and value.timestamp() > (info.context.now + AHEAD).timestamp()
        except OverflowError:
            ahead = True
        if ahead:
            raise Wrong("ahead", "It lies in the future.")
        if value is not None and value < EARLIEST:
            raise Wrong("old", f"It lies before {EARLIEST.year}.")
        return value


def read_report(document: Any, bounds: Bounds, faults: Sequence[Fault] = ()) -> Report:
    """Check a document and return the report. Raises Problem 422 that names every wrong field, `faults` among them."""
    found = list(faults)
    try:
        report = Report.model_validate(document, context=bounds)
    except ValidationError as error:
        found += [
            Fault(field=_name(row["loc"]), detail=_detail(row["type"], row["msg"]))
            for row in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    if found:
        raise Problem(INVALID, errors=found)
    return report


def fingerprint(report: Report, media: Sequence[Media]) -> str:
    """Digest what was asked, whichever way it was written: the same report and the same files give the same."""
    said = report.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if report.occurred_at is not None:
        said["occurred_at"] = report.occurred_at.timestamp()
    document = json.dumps([said, [item.sha256 for item in media]], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(document.encode()).hexdigest()


def to_inbound(report: Report, media: Sequence[Media], *, account: str, external_id: str) -> Inbound:
    """Make the Inbound of a report: its words, and beside them what was stated outright."""
    return Inbound(
        channel=NAME,
        account=account,
        external_id=external_id,
        sender=Address(Scheme.API, f"{account}:{external_id}"),
        text=report.text,
        media=tuple(media),
        answers=report.model_dump(mode="json", exclude={"text"}, exclude_none=True),
        provider=NAME,
    )


def _name(path: tuple[int | str, ...]) -> str:
    """Name a field; one that is not ours only if its name can be a name and no sentence of a citizen's."""
    return ".".join(str(part) if _NAMEABLE.fullmatch(str(part)) else "?" for part in path)


def _detail(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "There is no such field."
        case "model_type":
            return "It must be an object."
        case "string_unicode":
            return "It must be valid Unicode, without lone surrogates."
        case "string_pattern_mismatch":
            return "It must be a BCP 47 language, such as ar or en-GB."
    return message
