"""The common complaint schema, version 1: what every channel's message becomes and what every queue carries."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

SCHEMA_VERSION = 1


def rfc3339(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with six fraction digits, e.g. 2026-11-21T10:15:30.123456Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 in UTC, six fraction digits."}),
]


class Kind(StrEnum):
    """What the citizen wants. Only a complaint or a request starts a department's clock."""

    COMPLAINT = "complaint"
    REQUEST = "request"
    SUGGESTION = "suggestion"
    ENQUIRY = "enquiry"


class Status(StrEnum):
    """Where a complaint stands in its life."""

    RECEIVED = "received"
    TRIAGE = "triage"  # at the triage desk: a person decides where it goes
    OFFERED = "offered"  # put to a department that has not answered yet
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"

    @property
    def final(self) -> bool:
        """Whether it is done with: what the citizen says from now on is another complaint."""
        return self in {Status.RESOLVED, Status.CLOSED, Status.WITHDRAWN}

    @property
    def undecided(self) -> bool:
        """Whether no department has it yet: what the words say may still change where it goes."""
        return self in {Status.RECEIVED, Status.TRIAGE}


class Priority(StrEnum):
    """How soon it must be looked at. DISTRESS is danger to life or health now."""

    NORMAL = "normal"
    HIGH = "high"
    DISTRESS = "distress"


def _open(schema: dict[str, Any]) -> None:
    # We refuse unknown fields, but who reads us must not: the schema may gain fields without a new version.
    schema.pop("additionalProperties", None)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_open)


class Source(_Frozen):
    """Where the message came in, as the provider names it."""

    provider: str = Field("", description="Who carried it, e.g. twilio.")
    account: str = Field("", description="The city's end: a number, a page, a mailbox, the name of an API key.")
    external_id: str = Field("", description="The provider's id of the citizen's item.")
    url: str | None = Field(None, description="Where a public post can be seen.")
    public: bool = Field(False, description="Whether anybody could read it where it was said.")


class ContactAddress(_Frozen):
    """One way to reach the citizen."""

    scheme: str = Field(description="tel, whatsapp, mailto, …")
    value: str = Field(description="The address, opaque unless the scheme says otherwise.")


class Contact(_Frozen):
    """How to reach the citizen, and what they call themselves."""

    addresses: tuple[ContactAddress, ...] = ()
    phone: str | None = Field(None, description="E.164, where one could be read with certainty.")
    email: str | None = None
    name: str | None = None
    language: str | None = Field(None, description="BCP 47 language to answer in.")


class FoundBy(StrEnum):
    """How the district of a place was found."""

    STATED = "stated"  # somebody chose it
    COORDINATES = "coordinates"  # the point lies in it
    NAME = "name"  # the words name a place that lies in it
    SPELLING = "spelling"  # the same, misspelled
    LIKELY = "likely"  # the words name a place that lies in this district or in a few others


class Place(_Frozen):
    """Where the problem is."""

    text: str | None = None
    district: str | None = Field(None, description="A district id of the city.")
    latitude: float | None = Field(None, ge=-90, le=90, description="WGS 84 degrees.")
    longitude: float | None = Field(None, ge=-180, le=180, description="WGS 84 degrees.")
    found_by: FoundBy | None = Field(None, description="How the place was found; null where nobody could tell.")


class Attachment(_Frozen):
    """A photo, recording or scan. `sha256` and `size` (bytes) are null until it has been fetched."""

    id: str
    kind: str
    content_type: str = ""
    size: int | None = None
    sha256: str | None = None
    url: str | None = Field(None, description="Where the bytes are, for who may see the complaint.")


class Complaint(_Frozen):
    """One citizen's matter in the one schema that all channels, departments and downstream systems share."""

    id: str
    reference: str = Field(pattern=r"^[1-9][0-9]{9}$", description="Nine digits and a check digit.")
    kind: Kind = Kind.COMPLAINT
    status: Status = Status.RECEIVED
    channel: str = Field(description="The citizen's way: sms, whatsapp, web, walk_in, …")
    source: Source = Source()
    contact: Contact | None = None
    text: str = Field("", description="The citizen's words, cleaned for reading; digits as they were written.")
    original_text: str | None = Field(None, description="The citizen's words exactly as they arrived.")
    language: str = Field("und", description="BCP 47 language of the text; und when it cannot be told.")
    category: str = "other"
    category_confidence: float = Field(0.0, ge=0, le=1)
    priority: Priority = Priority.NORMAL
    danger_reason: str | None = Field(
        None,
        description="Why it is one of danger to life: the name of the city's frame of words or of a category, `alone`, "
        "`whole`, `learned`, `stated`, or `rule:` and the id of a rule. Null where it is none, or nobody kept it.",
    )
    place: Place | None = None
    attachments: tuple[Attachment, ...] = ()
    confidential: bool = False
    vulnerable: bool = False
    incident: str | None = None
    related: tuple[str, ...] = ()
    occurred_at: Moment | None = None
    received_at: Moment
    schema_version: int = SCHEMA_VERSION

    def but(self, **changes: Any) -> Complaint:
        """Return a copy with some fields changed; the values must already be of the right type."""
        return self.model_copy(update=changes)


def schema(identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a complaint as it is written to queues and programs.

    `identifier` is its `$id`: the absolute URL under which the city publishes it.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        **Complaint.model_json_schema(mode="serialization"),
    }
