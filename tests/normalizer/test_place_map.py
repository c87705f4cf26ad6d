"""From a point on the map to a district, and one place out of everything that is known."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from normalizer.place import Area, Areas, Gazetteer, How, Located, Named, place_of_text

WEST, EAST = box(44.30, 33.30, 44.40, 33.40), box(44.40, 33.30, 44.50, 33.40)
MAP = Areas([Area("west", WEST), Area("east", EAST)])
NAMES = Gazetteer([Named("الكرادة", (), ("east",)), Named("شارع النهر", (), ("west", "east"))])


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


def test_what_was_stated_goes_before_the_pin_and_the_pin_before_the_name() -> None:
    """The surest source of a district is kept, and how it was found is told."""
    found = NAMES.find("حفرة بالكرادة")
    pin = {"latitude": 33.35, "longitude": 44.35}

    assert Located("الكرادة", "north", 33.35, 44.35, How.STATED) == place_of_text(found, MAP, district="north", **pin)
    assert Located("الكرادة", "west", 33.35, 44.35, How.COORDINATES) == place_of_text(found, MAP, **pin)
    assert Located("الكرادة", "east", found_by=How.NAME) == place_of_text(found, MAP)
    assert Located("باب داري", "east", found_by=How.NAME) == place_of_text(found, MAP, text="باب داري")


def test_a_place_without_a_district_is_kept_as_it_is_known() -> None:
    """A street of two districts, a pin outside the city, or words that name no place help whoever drives there."""
    street = NAMES.find("حفرة بشارع النهر")

    assert Located("شارع النهر", None, found_by=How.NAME) == place_of_text(street, MAP)
    assert Located(None, None, 10.0, 10.0) == place_of_text(None, MAP, latitude=10.0, longitude=10.0)
    assert Located("يم الفرن", None) == place_of_text(None, MAP, text="يم الفرن")
    assert place_of_text(None, MAP) is None
