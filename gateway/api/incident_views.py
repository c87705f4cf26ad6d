"""Incidents, suggestions and causes as the API shows them, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.api.view import STAFF, unnamed
from gateway.incidents import MOST, Suggestion
from gateway.store.causes import Cause
from gateway.store.incidents import Incident, Member
from gateway.tasks import LONGEST
from normalizer.complaint import Moment

_Reference = Annotated[str, StringConstraints(max_length=64)]


class MemberShown(BaseModel):
    """A complaint of an incident, or one that may belong to one. No words and nobody's name."""

    model_config = ConfigDict(frozen=True)

    reference: str
    status: str
    channel: str
    category: str
    priority: str
    district: str | None
    place: str | None = Field(description="The name of the place, if it has one.")
    received_at: Moment
    joined_by: str | None = Field(
        None, description="Who joined it: a person or a key, to a department `staff`; * for the house."
    )


class IncidentShown(BaseModel):
    """One cause behind many complaints: one job for its department, with a counter."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: str = Field(description="open or closed.")
    lead: str = Field(description="The reference of the complaint whose fate the others share.")
    category: str
    department: str | None
    members: int = Field(description="How many complaints there are, the lead among them.")
    began_at: Moment
    last_at: Moment = Field(description="When the city first heard of the latest of them.")
    created_at: Moment
    created_by: str = Field(description="A person or a key; to a department `staff`.")
    closed_at: Moment | None = None
    closed_by: str | None = None
    complaints: Sequence[MemberShown] | None = Field(None, description="Left out in the listing.")


class SuggestionShown(BaseModel):
    """Complaints that may have one cause. A person says so by making an incident of them, or by joining them to one."""

    model_config = ConfigDict(frozen=True)

    incident: str | None = Field(description="An open incident that they may belong to.")
    burst: bool = Field(description="Their district has many more of them just now.")
    complaints: Sequence[MemberShown]


class IncidentList(BaseModel):
    """Incidents, the newest first, and what may become one, the largest first."""

    incidents: Sequence[IncidentShown]
    suggestions: Sequence[SuggestionShown]


class ComplaintsNamed(BaseModel):
    """Some complaints, by reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    complaints: Annotated[list[_Reference], Field(min_length=1, max_length=MOST)]


class SplitWanted(BaseModel):
    """What else a complaint speaks of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    category: str = Field(description="A category id of the city.")
    text: Annotated[str, Field(max_length=LONGEST)] = Field(
        "", description="The words that speak of it; all of them when empty."
    )


class SplitDone(BaseModel):
    """The complaint that came of a split."""

    reference: str


class CauseShown(BaseModel):
    """What keeps coming back where: counts of complaints of one family of categories."""

    model_config = ConfigDict(frozen=True)

    family: str = Field(description="The category up to its dot, e.g. water.")
    district: str | None
    place: str | None
    week: int = Field(description="In the last 7 days.")
    month: int = Field(description="In the last 30 days.")
    quarter: int = Field(description="In the last 90 days.")
    growth: float | None = Field(
        description="The last 30 days against the 30 before; null when there was nothing before."
    )
    senders: int
    incidents: int
    last_at: Moment


class CauseList(BaseModel):
    """Causes, the latest first."""

    causes: Sequence[CauseShown]


def shown(incident: Incident, members: Sequence[Member] | None = None, *, named: bool = True) -> IncidentShown:
    """Write an incident, with its complaints where they are given; unless `named`, without who did what."""
    return IncidentShown(
        id=incident.id,
        state=incident.state,
        lead=incident.reference,
        category=incident.category,
        department=incident.department,
        members=incident.members,
        began_at=incident.began_at,
        last_at=incident.last_at,
        created_at=incident.created_at,
        created_by=_who(incident.created_by, named) or STAFF,
        closed_at=incident.closed_at,
        closed_by=_who(incident.closed_by, named),
        complaints=None if members is None else [member(one, named=named) for one in members],
    )


def suggested(suggestion: Suggestion) -> SuggestionShown:
    """Write a suggestion."""
    return SuggestionShown(
        incident=suggestion.incident,
        burst=suggestion.burst,
        complaints=[member(one) for one in suggestion.members],
    )


def member(one: Member, *, named: bool = True) -> MemberShown:
    """Write a complaint of an incident; where somebody confidential is, nobody learns."""
    return MemberShown(
        reference=one.reference,
        status=one.status,
        channel=one.channel,
        category=one.spot.category,
        priority=one.priority.value,
        district=one.spot.district,
        place=None if one.confidential else one.spot.place,
        received_at=one.spot.at,
        joined_by=_who(one.joined_by, named),
    )


def _who(by: str | None, named: bool) -> str | None:
    return by if named else unnamed("by", by)


def cause(one: Cause) -> CauseShown:
    """Write what keeps coming back."""
    return CauseShown(
        family=one.family,
        district=one.district,
        place=one.place,
        week=one.week,
        month=one.month,
        quarter=one.quarter,
        growth=one.growth,
        senders=one.senders,
        incidents=one.incidents,
        last_at=one.last_at,
    )
