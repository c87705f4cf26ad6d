"""A reading: one Inbound understood by itself, before anybody looks at what else its sender said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from channels.message import Inbound, Purpose, Scheme
from gateway import observe
from gateway.city.city import City
from gateway.store.journal import Row
from normalizer.complaint import Complaint
from normalizer.normalize import normalize, nothing_to_file

# A form or a program files each time; a person in a conversation adds to what was said.
ALONE = {Scheme.WEB, Scheme.API, Scheme.MAILTO}

log = observe.logger("interpret")


@dataclass(frozen=True, slots=True)
class Reading:
    """An Inbound read back from the journal, with the complaint it would make on its own."""

    row: Row
    inbound: Inbound | None = field(repr=False)
    draft: Complaint | None = field(repr=False)
    fault: str = ""
    wish: Purpose = Purpose.MESSAGE  # for silence, or for words again, when that is all it says
    nothing: str | None = None  # why there is nothing to file


@dataclass(frozen=True, slots=True)
class Done:
    """What one Inbound became."""

    outcome: str
    reference: str = ""
    reason: str = ""
    danger: bool = False  # a complaint became one of danger to life by it


def read(row: Row, city: Callable[[], City]) -> Reading:
    """Understand one Inbound by itself. What cannot be read becomes a fault, never an exception."""
    try:
        inbound = Inbound.from_json(row.body)
        if inbound.purpose not in {Purpose.MESSAGE, Purpose.EDIT}:
            return Reading(row, inbound, None)
        reader = city().reader
        draft = normalize(inbound, reader, id=row.id, reference=row.reference, received_at=row.received_at)
        words_alone = inbound.sender.scheme not in ALONE and not inbound.media and inbound.place is None
        wish = reader.asks(inbound.text) if words_alone else Purpose.MESSAGE
        return Reading(row, inbound, draft, wish=wish, nothing=nothing_to_file(inbound))
    except Exception as error:  # a bug must cost no message
        log.exception("cannot be understood", reference=row.reference, exc_info=observe.bare(error))
        return Reading(row, None, None, fault=f"{type(error).__name__} while understanding it")
