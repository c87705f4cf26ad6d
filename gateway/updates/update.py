"""What a department answers, and what comes of it: the same by the queue and by HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Update:
    """An answer of a department to an offer, as it came.

    `id` is the department's own: the same id again is a copy. `department` is who speaks, as the door knows it and not
    as the body says. `verb` is accepted, rejected, progressed or resolved; `offer` the id of the event that put the
    complaint there; `data` the verb's fields, not yet looked at. `at` is when the department says that it answered.
    """

    id: str
    department: str
    verb: str
    reference: str
    offer: str
    data: Mapping[str, Any] = field(repr=False)
    at: datetime


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
