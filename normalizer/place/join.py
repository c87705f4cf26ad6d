"""One place out of what was stated, the pin and the words, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from normalizer.place.areas import Areas
from normalizer.place.match import Found


class How(StrEnum):
    """How a place's district was found, the surest first."""

    STATED = "stated"
    COORDINATES = "coordinates"
    NAME = "name"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True)
class Located:
    """A place: `text` as people know it, its district, WGS 84 degrees, and how the district was found."""

    text: str | None = None
    district: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    found_by: How | None = None


def place_of_text(
    found: Found | None,
    areas: Areas,
    *,
    text: str | None = None,
    district: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
) -> Located | None:
    """Join a place found by name with what was stated of it; None when nothing is known.

    A stated district goes before the one in which the point lies, and that before the one of a name. A name that may
    be several districts is settled by nothing but a point: without one the district stays unknown.
    """
    name = text or (found.name if found else None)
    pinned = areas.district(latitude, longitude) if latitude is not None and longitude is not None else None
    if district or pinned:
        how = How.STATED if district else How.COORDINATES
        return Located(name, district or pinned, latitude, longitude, how)
    if found:
        return Located(name, found.district, latitude, longitude, How(found.how))
    return Located(name, None, latitude, longitude) if name or latitude is not None else None
