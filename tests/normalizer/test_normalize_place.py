"""One place on the complaint: from what was stated, a pin, a name, and how it was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from shapely import box

from channels.message import Address, Inbound, Pin, Scheme
from normalizer.complaint import Complaint, Place
from normalizer.normalize import amend, normalize
from normalizer.place import Area, Areas, Gazetteer, Named
from normalizer.reader import Reader
from normalizer.vocabulary import Vocabulary

NOW = datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC)
IN_MANSOUR, ABROAD = Pin(latitude=33.31, longitude=44.34), Pin(latitude=36.19, longitude=44.01)
KARRADA = "ماكو ماي بالكرادة"


@pytest.fixture(scope="module")
def town(vocabulary: Vocabulary) -> Reader:
    return Reader(
        vocabulary,
        gazetteer=Gazetteer(
            [
                Named("الكرادة", (), ("karrada",)),
                Named("الأعظمية", (), ("mansour",)),
                Named("شارع فلسطين", (), ("mansour", "karrada")),
            ]
        ),
        areas=Areas(
            [Area("mansour", box(44.30, 33.25, 44.38, 33.35)), Area("karrada", box(44.38, 33.25, 44.46, 33.35))]
        ),
    )


def heard(text: str, **fields: Any) -> Inbound:
    return Inbound(
        channel="sms", account="+1", external_id="1", sender=Address(Scheme.TEL, "+9647901234567"), text=text, **fields
    )


def understood(town: Reader, text: str, **fields: Any) -> Complaint:
    return normalize(heard(text, **fields), town, id="1", reference="4821093756", received_at=NOW)


def told(place: Place | None) -> tuple[str | None, str | None, str | None] | None:
    """The district, how it was found, and the name."""
    return (place.district, place.found_by and place.found_by.value, place.text) if place else None


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("ماكو ماي", {}, None),
        (KARRADA, {}, ("karrada", "name", "الكرادة")),
        ("ماكو ماي بالاعظميه", {}, ("mansour", "name", "الأعظمية")),
        ("ماكو ماي بالكرراده", {}, ("karrada", "spelling", "الكرادة")),
        ("حفرة في شارع فلسطين", {}, ("mansour", "likely", "شارع فلسطين")),
        (KARRADA, {"place": IN_MANSOUR}, ("mansour", "coordinates", "الكرادة")),
        (KARRADA, {"place": ABROAD}, ("karrada", "name", "الكرادة")),
        ("ماكو ماي", {"place": ABROAD}, (None, None, None)),
        (KARRADA, {"place": IN_MANSOUR, "answers": {"place": {"district": "karrada"}}}, ("karrada", "stated", None)),
    ],
)
def test_what_is_surer_decides_where_it_is(
    town: Reader, text: str, fields: dict[str, Any], expected: tuple[str | None, str | None, str | None] | None
) -> None:
    """What was stated goes before a pin and a pin before a name; the complaint says by which it was found."""
    assert expected == told(understood(town, text, **fields).place)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({}, ("mansour", "coordinates")),  # who is told to send a pin knows better than what their words seemed to name
        ({"answers": {"place": {"district": "karrada"}}}, ("karrada", "stated")),
    ],
)
def test_a_pin_sent_later_corrects_a_name_and_nothing_that_was_stated(
    town: Reader, first: dict[str, Any], expected: tuple[str, str]
) -> None:
    """The pin stands on the map in any case; the district follows it unless somebody said which it is."""
    place = amend(understood(town, KARRADA, **first), heard("", place=IN_MANSOUR), town, received_at=NOW).place

    assert place is not None
    assert (33.31, 44.34, *expected) == (place.latitude, place.longitude, place.district, str(place.found_by))
