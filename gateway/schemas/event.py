"""The CloudEvent that travels on the queues, as a model: what `gateway.cloudevents` writes, for programs to check."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from normalizer.complaint import Complaint, Moment
from router.route import Route

TYPES = (
    "received", "amended", "offered", "recalled", "accepted", "rejected", "progressed", "resolved", "closed",
    "reopened", "escalated", "withdrawn",
)  # fmt: skip
"""Every event of a complaint's life, in no order but the usual one."""


class IncidentNamed(BaseModel):
    """One cause behind many complaints: one job, however many of them are offered."""

    id: str = Field(description="The same on every complaint of the incident.")
    lead: str = Field(description="The reference of the complaint whose fate the others share.")
    followers: int = Field(ge=0, description="How many others there are beside the lead, as of this event.")


class EventData(BaseModel):
    """The complaint as the event left it, and where it goes and why."""

    complaint: Complaint
    route: Route | None = Field(description="On `offered`: the department, and the rule that chose it.")
    due_at: Moment | None = Field(description="By when the department must have dealt with it.")
    offer: str | None = Field(None, description="On `recalled`: the id of the offer that no longer stands.")
    moved_to: str | None = Field(None, description="On `recalled`: the department that has it instead.")
    attachments_added: int | None = Field(None, description="On `amended`: how many attachments are new.")
    priority_raised: bool | None = Field(None, description="On `amended`: whether it became more urgent by it.")
    sent_again: bool | None = Field(None, description="On `amended`: the citizen only sent the same words again.")
    incident: IncidentNamed | None = Field(
        None,
        description="On `offered`, `amended` and what happens by the lead: the incident that the complaint belongs to; "
        "null when it left one.",
    )


class ComplaintChanged(BaseModel):
    """An event of a complaint's life: CloudEvents 1.0 in structured JSON."""

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, description="The event's id. The same id again is a copy: ignore it.")]
    source: Annotated[str, Field(pattern=r"^/balagh/[a-z0-9_-]+$", description="/balagh/<city>.")]
    type: Annotated[
        str,
        Field(
            pattern=rf"^balagh\.complaint\.({'|'.join(TYPES)})\.v1$",
            description=f"balagh.complaint.<event>.v1; the events are {', '.join(TYPES)}.",
        ),
    ]
    sequence: Annotated[
        str,
        Field(
            pattern=r"^[1-9][0-9]*$", description="Counts the events of one complaint, from 1: a lower one came late."
        ),
    ]
    subject: Annotated[str, Field(pattern=r"^[1-9][0-9]{9}$", description="The complaint's reference.")]
    time: Moment
    datacontenttype: Literal["application/json"]
    dataschema: Annotated[str, Field(description="The address of complaint.v1.json, which describes data.complaint.")]
    data: EventData


def schema(identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the event. `identifier` is its `$id`: where the city publishes it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        **ComplaintChanged.model_json_schema(mode="serialization"),
    }
