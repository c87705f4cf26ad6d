"""Everything that a city's files teach about reading a message, compiled once: the door to understanding."""

from __future__ import annotations

import re
from copy import copy
from functools import cached_property
from itertools import chain

from channels.message import Purpose
from normalizer.category import Matcher, Model
from normalizer.category.joint import DangerFactors
from normalizer.guess import Guess
from normalizer.place import Areas, Found, Gazetteer
from normalizer.urgency import LEARNED, Alarm, DangerWords, Urgency
from normalizer.vocabulary import Vocabulary

_SENTENCES = re.compile(r"[\n.!?؟]")
_SAID = re.compile(r"[^\n.!?؟]+[\n.!?؟]*")  # a sentence with its end
_FIGURES = re.compile(r"\d+")
_MOST_SENTENCES = 60  # heard by themselves; the rest of a longer letter counts as one


class Reader:
    """Answers each question that understanding asks of a text; what a city has no file for, with nothing.

    What it is made of is compiled when it is first asked for, since most commands never read a message; `ready` does
    it at once.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        model: Model | None = None,
        danger: DangerWords | None = None,
        gazetteer: Gazetteer | None = None,
        areas: Areas | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self._model, self._danger = model, danger or DangerWords()
        self._gazetteer, self._areas = gazetteer, areas

    @cached_property
    def matcher(self) -> Matcher:
        """What tells categories."""
        return Matcher(self.vocabulary, self._model)

    @cached_property
    def _urgency(self) -> Urgency:
        known = chain.from_iterable((*self.vocabulary.strong.values(), *self.vocabulary.words.values()))
        return Urgency(self._danger, (bare for phrase in known for bare in phrase.split()))

    def ready(self) -> Reader:
        """Compile everything now, so that the first message does not wait for it; returns itself."""
        self.danger("الماء")
        return self

    def with_model(self, model: Model) -> Reader:
        """Return a reader of the same city's words and places that another model stands beside."""
        other = copy(self.ready())  # so that what is compiled is compiled once for both
        other.matcher = self.matcher.with_model(model)
        return other

    def guess(self, text: str) -> Guess:
        """Say what a text seems to be about."""
        return self.matcher.guess(text)

    def asks(self, text: str) -> Purpose:
        """Say whether a whole message is a wish for silence, for words again, or a message like any other."""
        return self.matcher.asks(text)

    def danger(self, text: str) -> Alarm | None:
        """Say what in a text speaks of danger to life or health now; None where nothing does.

        The city's frames tell it, a category that is a danger in itself, and the model, which has read how people in
        danger write without naming it; what all of them say together decides.
        """
        text = _once(text)
        found, over = self._urgency.heard(text)
        alarm = self._weighed(text, found, over=over)
        if alarm is not None or found is None or over:
            return alarm
        # A page of thanks makes nothing harmless that one of its sentences tells: each that does is weighed by itself
        # as well. What the model alone makes of a sentence it has made of the whole.
        for sentence in filter(str.strip, _SENTENCES.split(text, _MOST_SENTENCES)):
            found, over = self._urgency.heard(sentence)
            if found is not None and (alarm := self._weighed(sentence, found, over=over)):
                return alarm
        return None

    def _weighed(self, text: str, alarm: Alarm | None, *, over: bool) -> Alarm | None:
        """Weigh all that speaks of danger in a text as one: what the words told, and the model."""
        model, told = self.matcher.model, alarm is not None
        if model is None or not model.danger:
            return alarm or (None if over else self._urgency.implied(self.guess(text)))
        factors, danger = DangerFactors(*model.danger), self.matcher.danger(text)
        if factors.most(told=told, over=over, danger=danger) < model.alarm:
            return None  # whatever it is about: so most sentences of a letter need not be guessed
        guess = self.guess(text)
        if factors.chance(told=told, over=over, danger=danger, acting=guess.acting) < model.alarm:
            return None
        return alarm or (None if over else self._urgency.implied(guess)) or Alarm((), LEARNED)

    def told_of(self, text: str) -> tuple[bool, bool]:
        """Tell what the city's words alone say of danger: whether a text speaks of it, and whether of what is over."""
        alarm, over = self._urgency.heard(text)
        return alarm is not None, over

    def vulnerable(self, text: str) -> bool:
        """Tell whether somebody says that they, or who lives with them, are old, ill, disabled or in need."""
        return self._urgency.vulnerable(text)

    def place(self, text: str) -> Found | None:
        """Find where the problem is by the city's own names of places: as they are written, then in Arabic letters."""
        if not self._gazetteer or not text:
            return None
        found, spoken = self._gazetteer.find(text), self.matcher.arabic(text)
        return found if found or spoken is text else self._gazetteer.find(spoken)

    def district(self, latitude: float | None, longitude: float | None) -> str | None:
        """Return the district in which a point on the map lies (WGS 84 degrees)."""
        if self._areas is None or latitude is None or longitude is None:
            return None
        return self._areas.district(latitude, longitude)


def _once(text: str) -> str:
    """Leave out each sentence that was said before, but for figures: what is said six times is no more dangerous."""
    said: set[str] = set()
    kept: list[str] = []
    sentences = _SAID.findall(text)
    for sentence in sentences:
        words = " ".join(_FIGURES.sub("", sentence).split()).rstrip(".!?؟ ")
        if not words or words not in said:
            kept.append(sentence)
        said.add(words)
    return text if len(kept) == len(sentences) else "".join(kept)
