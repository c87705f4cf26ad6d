"""What departments answer on balagh.updates, and the refusal that they may get, as models for programs to check."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gateway.updates.update import LONGEST as LONGEST_ID
from normalizer.complaint import Moment
from router.lifecycle import FIELDS, LONGEST, OFFICER, TEXT, WORD, Verb

_Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
_Zoned = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        description="RFC 3339 with its time zone.",
    ),
]


class OfferAnswered(BaseModel):
    """What every answer says. Fields of other verbs are left alone; one that no verb has is refused."""

    model_config = ConfigDict(json_schema_extra={"propertyNames": {"enum": ["offer", *FIELDS]}})

    offer: _Id = Field(description="The id of the `offered` event that this answers.")


class AcceptedData(OfferAnswered):
    """The department takes it on; again with another date, the date moves."""

    due_at: _Zoned | None = Field(None, description=f"By when: not past, and at most {LONGEST.days} days ahead.")
    officer: str | None = Field(None, max_length=OFFICER, description="Who has it in hand.")


class RejectedData(OfferAnswered):
    """It is not the department's matter."""

    reason: str = Field(min_length=1, max_length=TEXT, description="Why, for whoever decides next.")
    suggested_department: str | None = Field(None, description="Another department of the city, whose matter it is.")


class ProgressedData(OfferAnswered):
    """Something happened about it."""

    note: str = Field(min_length=1, max_length=TEXT)


class ResolvedData(OfferAnswered):
    """It is done with."""

    outcome: str | None = Field(None, max_length=WORD, description="In a word or two, such as `repaired`.")
    answer: str | None = Field(None, max_length=TEXT, description="For the citizen.")


class Envelope(BaseModel):
    """What every answer has around its data, by the queue and by HTTP."""

    specversion: Literal["1.0"]
    id: _Id = Field(
        description="The department's own: the same answer again does nothing twice; a refused one is mended under it."
    )
    source: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        None, description="The department's system, as a URI reference; it is not looked at."
    )
    subject: str = Field(description="The complaint's reference.")


class _Queued(Envelope):
    time: str | None = Field(None, description="When it was said, RFC 3339; what is none or left out is now.")


class Accepted(_Queued):
    """An answer: accepted."""

    type: Literal["balagh.update.accepted.v1"]
    data: AcceptedData


class Rejected(_Queued):
    """An answer: rejected."""

    type: Literal["balagh.update.rejected.v1"]
    data: RejectedData


class Progressed(_Queued):
    """An answer: progressed."""

    type: Literal["balagh.update.progressed.v1"]
    data: ProgressedData


class Resolved(_Queued):
    """An answer: resolved."""

    type: Literal["balagh.update.resolved.v1"]
    data: ResolvedData


class RefusedData(BaseModel):
    """Which answer changed nothing, and why."""

    update: str = Field(description="The id that the answer had.")
    offer: str
    verb: str = Field(description=f"As the answer's type said; {', '.join(Verb)} are known.")
    field: str | None = Field(None, description="The field that it was refused for, where it is one.")
    reason: str = Field(description="In Arabic and in English, divided by ` / `.")


class UpdateRefused(BaseModel):
    """What a department hears of an answer that changed nothing: CloudEvents 1.0 in structured JSON."""

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, description="The same id again is a copy: ignore it.")
    source: Annotated[str, Field(pattern=r"^/balagh/[a-z0-9_-]+$", description="/balagh/<city>.")]
    type: Literal["balagh.update.refused.v1"]
    subject: str = Field(description="The reference that the answer named.")
    time: Moment
    datacontenttype: Literal["application/json"]
    data: RefusedData


def update_schema(identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an answer; `identifier` is its `$id`: where the city publishes it."""
    answers: TypeAdapter[Any] = TypeAdapter(
        Annotated[Accepted | Rejected | Progressed | Resolved, Field(discriminator="type")]
    )
    return _published(identifier, answers.json_schema(mode="validation"))


def refused_schema(identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a refusal; `identifier` as for `update_schema`."""
    return _published(identifier, UpdateRefused.model_json_schema(mode="serialization"))


def _published(identifier: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": identifier, **schema}
