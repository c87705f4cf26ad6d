"""May two complaints be of one cause? By what, where and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Complaint, Contact, Place
from router.incident import EVERYTHING, Habit, IncidentTable, Spot, bursts, gather, metres, same_cause, spot

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HERE = (33.3331, 44.3331)
HALF_A_KILOMETRE = (33.3376, 44.3331)
THREE_KILOMETRES = (33.3600, 44.3331)
TABLE = IncidentTable(
    habits=MappingProxyType(
        {
            EVERYTHING: Habit(),
            "water.outage": Habit(area=True),
            "roads": Habit(window=timedelta(days=7), reach=60, named=False),
            "revenue": Habit(shared=False),
        }
    ),
    neighbours=(frozenset({"water.leak", "roads.damage"}), frozenset({"sewage.overflow", "drainage.flooding"})),
)


def seen(
    category: str = "water.outage",
    pin: tuple[float, float] | None = None,
    *,
    district: str | None = None,
    place: str | None = None,
    **later: float,
) -> Spot:
    latitude, longitude = pin or (None, None)
    return Spot(category, NOW + timedelta(**later), district, place, latitude, longitude)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (seen(pin=HERE), seen(pin=HALF_A_KILOMETRE, minutes=90), "pin"),
        (seen(pin=HERE), seen("water.leak", HALF_A_KILOMETRE), "pin"),
        (seen(place="حي الجامعة"), seen(place="حي الجامعة", minutes=119), "place"),
        (seen("sewage.overflow", HERE), seen("drainage.flooding", HERE), "pin"),
        (seen("roads.damage", HERE), seen("roads.damage", HERE, days=6), "pin"),
        (seen(pin=HERE), seen(pin=HERE, minutes=121), None),
        (seen(pin=HERE), seen(pin=THREE_KILOMETRES), None),
        (seen(pin=HERE, place="الكرادة"), seen(pin=THREE_KILOMETRES, place="الكرادة"), None),
        (seen(place="السوق", district="karkh"), seen(place="السوق", district="dora"), None),
        (seen(pin=HERE), seen("electricity.outage", HERE), None),
        (seen("roads.damage", HERE), seen("roads.damage", HALF_A_KILOMETRE), None),
        (seen("roads.damage", place="الكرادة"), seen("roads.damage", place="الكرادة"), None),
        (seen("revenue.fees", HERE), seen("revenue.fees", HERE), None),
        (seen(district="karkh"), seen(district="karkh"), None),
        (seen(), seen(), None),
    ],
)
def test_what_where_and_when_decide(one: Spot, other: Spot, why: str | None) -> None:
    """The same pipe, two pipes, another day, another neighbourhood of that name, another matter."""
    assert why == same_cause(one, other, TABLE)
    assert why == same_cause(other, one, TABLE)


def test_a_district_is_near_enough_only_while_it_has_a_burst() -> None:
    """Twelve from one district within the hour: for an outage that is enough, for a leak it is not."""
    many = [(f"s{one}", seen(district="karkh", minutes=one)) for one in range(12)]
    now = NOW + timedelta(minutes=20)
    burst = bursts(many, TABLE, now)
    assert {("water", "karkh")} == burst
    assert "district" == same_cause(many[0][1], many[1][1], TABLE, bursts=burst)
    leaks = seen("water.leak", district="karkh"), seen("water.leak", district="karkh")
    assert None is same_cause(*leaks, TABLE, bursts=burst)
    assert frozenset() == bursts(many[:9], TABLE, now)
    assert frozenset() == bursts([("one", found) for _, found in many], TABLE, now)
    assert frozenset() == bursts(many, TABLE, now + timedelta(hours=2))


def test_the_near_ones_are_gathered_and_the_others_left_alone() -> None:
    """Two causes at the same hour and somebody else's trouble: two groups, each with its oldest first."""
    spots = {
        "b": seen(pin=HERE, minutes=5),
        "a": seen(pin=HERE),
        "c": seen(pin=HALF_A_KILOMETRE, minutes=9),
        "x": seen(pin=THREE_KILOMETRES, minutes=1),
        "y": seen(pin=THREE_KILOMETRES, minutes=2),
        "z": seen("waste.collection", HERE),
    }
    assert [("a", "b", "c"), ("x", "y")] == sorted(gather(spots, TABLE))


def test_a_week_of_one_district_is_looked_through_at_once() -> None:
    """Thousands of holes in the roads of one district: whoever opens the page is not kept waiting for half a minute."""
    spots = {
        f"{one:04}": seen("roads.damage", district="karkh", place="شارع فلسطين", seconds=one) for one in range(3000)
    }
    begun = time.process_time()
    assert [] == gather(spots, TABLE, bursts={("roads", "karkh")})
    assert time.process_time() - begun < 1


def test_a_chain_of_neighbours_is_not_one_cause_across_the_city() -> None:
    """Each pin is half a kilometre from the last: the group ends where it would be far from its first."""
    spots = {f"{one:02}": seen(pin=(33.30 + 0.005 * one, 44.33), minutes=one) for one in range(20)}
    for group in gather(spots, TABLE):
        assert all((metres(spots[group[0]], spots[name]) or 0) <= 1600 for name in group)


def test_a_long_description_is_no_name_of_a_place() -> None:
    """What somebody wrote about where they live is compared with nobody's."""
    described = Place(text="ورا بيت ابو حسين الحداد الباب الازرق يم المولدة مال الحجي سلمان", district="karkh")
    complaint = Complaint(id="1", reference="1234567897", channel="sms", place=described, received_at=NOW)
    assert (None, "karkh") == (spot(complaint).place, spot(complaint).district)
    named = complaint.but(place=Place(text="حي  الجامعة"))
    assert "حي الجامعة" == spot(named).place


def test_what_leads_to_a_citizen_is_no_name_of_a_place() -> None:
    """Causes are shown to many: a number or the name of the citizen in the place is not shown with them."""
    told = Complaint(
        id="1", reference="1234567897", channel="sms", received_at=NOW, contact=Contact(name="زينب كريم", phone=None)
    )
    for text in ("بيت 0770 123 4567", "بيت زينب كريم", "zainab@example.org"):
        assert spot(told.but(place=Place(text=text))).place is None


spots_of_a_city = st.builds(
    Spot,
    category=st.sampled_from(["water.outage", "water.leak", "roads.damage", "noise", "other", "revenue.fees"]),
    at=st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 22), timezones=st.just(UTC)),  # noqa: DTZ001
    district=st.sampled_from([None, "karkh", "dora"]),
    place=st.sampled_from([None, "السوق", "الجسر"]),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
)


@given(st.lists(spots_of_a_city, max_size=25))
def test_everybody_is_in_one_group_at_most_whatever_the_order(found: list[Spot]) -> None:
    """No complaint is counted twice, no group is of one, and each member has a reason to be in it."""
    spots = {str(number): one for number, one in enumerate(found)}
    groups = gather(spots, TABLE)
    assert groups == gather(dict(reversed(spots.items())), TABLE)
    names = [name for group in groups for name in group]
    assert len(set(names)) == len(names)
    for group in groups:
        assert len(group) > 1
        for name in group:
            assert any(same_cause(spots[name], spots[other], TABLE) for other in group if other != name)


@given(spots_of_a_city, spots_of_a_city)
def test_distance_is_the_same_both_ways(one: Spot, other: Spot) -> None:
    """In metres, never more than half round the earth, also at the poles and the date line."""
    there, back = metres(one, other), metres(other, one)
    assert there is not None
    assert back is not None
    assert abs(there - back) < 1e-3
    assert 0 <= there <= 20_015_200
