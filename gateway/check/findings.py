"""What is found, said in one line each as it is found."""

from __future__ import annotations

from collections.abc import Callable


class Findings:
    """Lines for a person; `wrong` counts those that name a problem."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say, self.wrong = say, 0

    def good(self, text: str) -> None:
        """Say what is as it should be."""
        self._say(f"ok    {text}")

    def bad(self, text: str) -> None:
        """Say what is wrong: somebody must act."""
        self.wrong += 1
        self._say(f"WRONG {text}")

    def judge(self, text: str, *, wrong: object) -> None:
        """Say how something stands, which is wrong when `wrong` is true of it."""
        (self.bad if wrong else self.good)(text)

    def note(self, text: str) -> None:
        """Say what works and was perhaps not meant, or could not be seen."""
        self._say(f"note  {text}")

    def off(self, text: str) -> None:
        """Say what is off."""
        self._say(f"off   {text}")
