"""Tasks: what only a person can do, listed, claimed and completed through one door for the desk and for programs."""

from gateway.tasks.answer import LONGEST, NOT_REACHED, OUTCOMES, Answer
from gateway.tasks.refusal import NotThere, Over, Taken, TaskError, WrongAnswer
from gateway.tasks.tasks import MOST, Tasks, TaskView

__all__ = [
    "LONGEST",
    "MOST",
    "NOT_REACHED",
    "OUTCOMES",
    "Answer",
    "NotThere",
    "Over",
    "Taken",
    "TaskError",
    "TaskView",
    "Tasks",
    "WrongAnswer",
]
