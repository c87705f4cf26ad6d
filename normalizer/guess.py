"""What a text seems to be about: the answer of everything that reads it, and nothing of how it was found."""

from __future__ import annotations

from dataclasses import dataclass

ACT, ENQUIRY, SUGGESTION, IDLE = "act", "enquiry", "suggestion", "idle"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a message seems to be about, and how sure that is.

    `confidence` is calibrated: of a hundred guesses at 0.9 about ninety are right. `scores` is a calibrated
    distribution over categories, best first, at most eight. `words` are the city's words that spoke for the best;
    `agreed` says that words and model name the same department. `second` are further problems seen in the same text.
    A confidence of 1.0 is kept for what somebody stated outright. `kind` is `act` for what somebody should act on,
    `enquiry`, `suggestion`, or `idle` for thanks, greetings and what is nobody's business; `acting` is how probable
    `act` is, `danger` the model's probability that it tells of danger.
    """

    category: str
    confidence: float
    scores: tuple[tuple[str, float], ...] = ()
    words: tuple[str, ...] = ()
    agreed: bool = False
    second: tuple[str, ...] = ()
    kind: str = ACT
    danger: float = 0.0
    acting: float = 1.0
