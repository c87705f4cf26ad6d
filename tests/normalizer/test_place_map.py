"""From a point on the map to a district."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from normalizer.place import Area, Areas

WEST, EAST = box(44.30, 33.30, 44.40, 33.40), box(44.40, 33.30, 44.50, 33.40)
MAP = Areas([Area("west", WEST), Area("east", EAST)])


def test_a_pin_lies_in_its_district() -> None:
    """A point inside an outline belongs to that district, one on the common border to the first of the file."""
    assert "west" == MAP.district(33.35, 44.35)
    assert "east" == MAP.district(33.35, 44.45)
    assert "west" == MAP.district(33.35, 44.40)


def test_a_pin_just_outside_belongs_to_the_nearest_district() -> None:
    """Telephones and outlines are some hundred metres wrong; whoever is a kilometre away is outside the city."""
    assert "east" == MAP.district(33.35, 44.502)
    assert "west" == MAP.district(33.298, 44.35)
    assert MAP.district(33.35, 44.515) is None


def test_what_is_no_point_of_the_city_has_no_district() -> None:
    """Latitude and longitude swapped, zero, nothing and infinity are pins that programs do send."""
    assert MAP.district(44.35, 33.35) is None
    assert MAP.district(0.0, 0.0) is None
    assert MAP.district(math.nan, 44.35) is None
    assert MAP.district(33.35, math.inf) is None
    assert Areas().district(33.35, 44.35) is None


@given(st.floats(), st.floats())
def test_no_numbers_make_the_map_fail(latitude: float, longitude: float) -> None:
    """Every pair of numbers has a district or none."""
    assert MAP.district(latitude, longitude) in {"west", "east", None}
