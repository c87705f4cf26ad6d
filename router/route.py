"""The answer to "who is responsible, and why?"."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Suggestion(BaseModel):
    """A category that the text might also mean, with the department it would go to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str
    department: str
    confidence: float = Field(ge=0, le=1)


class Route(BaseModel):
    """Where a complaint goes and why: kept on every complaint, never silent.

    `automatic` is False when it went to the triage desk for a person to decide. `rule` is the id of the rule that
    decided; `reason` says it in words a clerk understands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    department: str
    category: str
    automatic: bool
    rule: str
    reason: str
    confidence: float = Field(ge=0, le=1)
    suggestions: tuple[Suggestion, ...] = ()
    version: str = Field("", description="Which version of the city's rules decided: twelve hex digits.")
    notice: tuple[str, ...] = Field((), description="Who is to be told beside the department: departments or phrases.")
    second: tuple[str, ...] = Field((), description="Categories of further problems that the same words speak of.")
