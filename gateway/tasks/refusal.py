"""Why a task is not done."""

from __future__ import annotations


class TaskError(Exception):
    """The base of every reason why a task was not done."""


class NotThere(TaskError):
    """There is no such task."""


class Taken(TaskError):
    """Somebody else has it in hand. `by` is who."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by} has it in hand")
        self.by = by


class Over(TaskError):
    """It is done already. `outcome` is how it ended."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class WrongAnswer(TaskError):
    """A field of the answer cannot be taken. `field` names it."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name
