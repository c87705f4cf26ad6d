"""What a person says at the end of a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.city.city import City
from gateway.tasks.refusal import WrongAnswer
from normalizer.complaint import Kind

LONGEST = 20_000  # characters of what a person writes
REACHED, NOT_REACHED, DECLINED = "reached", "not_reached", "declined"
OUTCOMES = (REACHED, NOT_REACHED, DECLINED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says at the end of a task; which fields count depends on the task's kind.

    `accepted` is for a post to be confirmed, `department` for triage, `outcome` (reached, not_reached, declined) for a
    call. `category`, `kind`, `district`, `place` and `danger` say outright what the words are about.
    """

    text: str = field(default="", repr=False)
    kind: str | None = None
    category: str | None = None
    district: str | None = None
    place: str = field(default="", repr=False)
    danger: bool = False
    department: str | None = None
    accepted: bool | None = None
    outcome: str = ""
    note: str = field(default="", repr=False)

    def stated(self) -> dict[str, Any]:
        """Lay out what was stated, as an Inbound's answers are."""
        place = {"district": self.district, "text": self.place}
        given = {
            "kind": self.kind,
            "category": self.category,
            "place": {name: value for name, value in place.items() if value},
            "danger": self.danger,
        }
        return {name: value for name, value in given.items() if value}


def check(answer: Answer, city: City) -> None:
    """See that the city knows what an answer names, and that it is not too long. Raises WrongAnswer."""
    for name, value, known in (
        ("category", answer.category, city.categories),
        ("district", answer.district, city.districts),
        ("department", answer.department, city.departments),
        ("kind", answer.kind, set(Kind)),
        ("outcome", answer.outcome or None, OUTCOMES),
    ):
        if value is not None and value not in known:
            raise WrongAnswer(name, f"the city has no {name} of this name")
    for name, value in (("text", answer.text), ("note", answer.note), ("place", answer.place)):
        if len(value) > LONGEST:
            raise WrongAnswer(name, f"it must have at most {LONGEST} characters")
