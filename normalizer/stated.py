"""What a form, a program or an agent stated outright, beside the words. A bad value is as if it had not been stated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from normalizer.complaint import Kind, Place
from normalizer.phone import email, phone
from normalizer.text import clean
from normalizer.vocabulary import Vocabulary

NAME_LENGTH = 80  # characters
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # of when something happened: before that a year is mistyped

_YES = frozenset({"true", "yes", "on", "1"})
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")
_NORTH, _EAST = 90.0, 180.0  # degrees


@dataclass(frozen=True, slots=True)
class Stated:
    """The usable part of an Inbound's answers; None (or False) for what was not stated, or not usable."""

    kind: Kind | None = None
    category: str | None = None
    channel: str | None = None
    language: str | None = None
    place: Place | None = None
    phone: str | None = None
    email: str | None = None
    name: str | None = None
    occurred_at: datetime | None = None
    confidential: bool = False
    danger: bool = False


_NOTHING = Stated()


def read_stated(answers: Mapping[str, Any], vocabulary: Vocabulary) -> Stated:
    """Read the answers. Never raises, whatever they hold."""
    if not answers:
        return _NOTHING
    contact = _mapping(answers.get("contact"))
    return Stated(
        kind=_kind(answers.get("kind")),
        category=_member(answers.get("category"), vocabulary.categories),
        channel=_shaped(answers.get("channel"), _CHANNEL),
        language=_shaped(answers.get("language"), _LANGUAGE),
        place=_place(_mapping(answers.get("place")), vocabulary),
        phone=phone(_text(contact.get("phone")), vocabulary.region, vocabulary.fallback_regions),
        email=email(_text(contact.get("email"))),
        name=person(_text(contact.get("name"))),
        occurred_at=_moment(answers.get("occurred_at")),
        confidential=_yes(answers.get("confidential")),
        danger=_yes(answers.get("danger")),
    )


def person(name: str) -> str | None:
    """Return what a citizen calls themselves: on one line, nothing invisible, at most 80 characters; None if empty."""
    return " ".join(clean(name).split())[:NAME_LENGTH].strip() or None


def point(latitude: Any, longitude: Any) -> tuple[float, float] | tuple[None, None]:
    """Return a point on the earth in WGS 84 degrees, or two Nones when it is none."""
    north, east = _number(latitude), _number(longitude)
    if north is None or east is None or not (abs(north) <= _NORTH and abs(east) <= _EAST):  # nan is not on earth either
        return None, None
    return north, east


def place_of(words: str, district: str, latitude: Any, longitude: Any, vocabulary: Vocabulary) -> Place | None:
    """Return a place with what is usable of it; None when nothing is."""
    north, east = point(latitude, longitude)
    place = Place(
        text=clean(words) or None,
        district=_member(district, vocabulary.districts),
        latitude=north,
        longitude=east,
    )
    return None if place == Place() else place


def _place(place: Mapping[Any, Any], vocabulary: Vocabulary) -> Place | None:
    words, district = _text(place.get("text")), _text(place.get("district"))
    return place_of(words, district, place.get("latitude"), place.get("longitude"), vocabulary)


def _kind(value: Any) -> Kind | None:
    return Kind(value) if isinstance(value, str) and value in set(Kind) else None


def _member(value: Any, members: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in members else None


def _shaped(value: Any, shape: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and shape.fullmatch(value) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _yes(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in _YES)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _moment(value: Any) -> datetime | None:
    """Read a moment that says its offset; without one it could be hours off, so it is left to the words."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
