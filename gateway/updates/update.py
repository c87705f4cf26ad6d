"""What a department answers, and what comes of it: the same by the queue and by HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from normalizer.text import storable

LONGEST: Final = 200  # characters of an id, an offer or a reference


@dataclass(frozen=True, slots=True)
class Update:
    """An answer of a department to an offer, as it came.

    `id` is the department's own: the same id again is a copy. `department` is who speaks, as the door knows it and not
    as the body says. `verb` is accepted, rejected, progressed or resolved; `offer` the id of the event that put the
    complaint there; `data` the verb's fields as JSON has them, not yet looked at. `at` is when the department says that
    it answered, with its zone. Raises ValueError for what could not be kept.
    """

    id: str
    department: str
    verb: str
    reference: str
    offer: str
    data: Mapping[str, Any] = field(repr=False)
    at: datetime

    def __post_init__(self) -> None:
        for name in ("id", "department", "verb", "reference", "offer"):
            value = getattr(self, name)
            if not value and name != "offer":
                raise ValueError(f"{name} is missing")
            if len(value) > LONGEST or storable(value) != value:
                raise ValueError(f"{name} is longer than {LONGEST} characters, or holds what no store takes")
        if self.at.tzinfo is None:
            raise ValueError("at has no time zone")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an answer.

    `result` is done or refused; a `duplicate` has the result of the first, and nothing happened twice. `status` is the
    complaint's after it, None where it was refused. A refusal has its `reason` in Arabic and English, divided by
    " / ", and the `field` that it is about, where there is one.
    """

    result: str
    reference: str
    status: str | None = None
    reason: str = ""
    field: str | None = None
    duplicate: bool = False

    @property
    def done(self) -> bool:
        """Whether the complaint is as the department said."""
        return self.result == "done"
