"""Places in Sorani Kurdish, which spells the same names with its own letters and vowels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.place import Gazetteer, Named, Need

TOWN = Gazetteer(
    [
        Named("الكرادة", (), ("karrada",)),
        Named("الكاظمية", (), ("kadhimiya",)),
        Named("الأعظمية", (), ("adhamiya",)),
        Named("زيونة", (), ("ghadeer",)),
        Named("المنصور", (), ("mansour",)),
        Named("باب الشرقي", (), ("rusafa",)),
        Named("حي العدل", (), ("mansour",)),
        Named("بغداد الجديدة", ("بەغدای نوێ",), ("new-baghdad",)),
        Named("الصدر", (), ("sadr1", "sadr2"), Need.CUE),
        Named("الزوية", (), ("karrada",), never=("زەوییە",)),
        Named("محلة 6##", (), ("mansour",)),
    ]
)


def districts(text: str) -> tuple[str, ...]:
    """Return the districts of the place that the text is about; none when it names no place."""
    found = TOWN.find(text)
    return found.districts if found else ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("لە کەرادە ئاو نییە", "karrada"),
        ("لەکەرادە کارەبا نییە", "karrada"),
        ("شەقامەکەمان لە کەرادەدا تاریکە", "karrada"),
        ("زبڵ لە کازمیە کۆبووەتەوە", "kadhimiya"),
        ("لە ئەعزەمیە گڵۆپ نییە", "adhamiya"),
        ("نزیک زەیونە چاڵێک هەیە", "ghadeer"),
        ("گەڕەکی مەنسوور ئاوی نییە", "mansour"),
        ("لە باب شەرقی پاشماوە هەیە", "rusafa"),
        ("لە گەڕەکی عەدل ئاو بڕاوە", "mansour"),
        ("لە بەغدای نوێ ئاو بڕاوە", "new-baghdad"),
        ("لە شاری سەدر زێراب دەڕژێت", "sadr1"),
        ("محلة 603 زبڵی زۆرە", "mansour"),
        ("المنصور گڵۆپی نییە", "mansour"),
    ],
)
def test_a_place_is_known_as_sorani_writes_it(text: str, expected: str) -> None:
    """With vowels written out, other letters for the same sounds, and endings, it is still the same place."""
    assert expected in districts(text)


@pytest.mark.parametrize("text", ["ئاو نییە لە ماڵەکەمان", "لە زەوییە بەتاڵەکە زبڵ هەیە", "عەدلێک نییە"])
def test_a_sorani_text_that_names_no_place_is_left_without(text: str) -> None:
    """Ordinary words, and words that the city says are none, are no places."""
    assert () == districts(text)


def test_an_arabic_word_from_a_kurdish_keyboard_stays_arabic() -> None:
    """One Kurdish letter at the end of a word makes no text Sorani."""
    assert ("karrada",) == districts("ماكو ماي بالکرادە من امس")


@given(st.text(alphabet="لەکرادیەۆێڵڕئا 6ن\u200c", max_size=60))
def test_whatever_has_these_letters_is_read_without_a_fault(text: str) -> None:
    """No run of Sorani letters makes the search raise, and what it finds stands in the text."""
    for place in TOWN.all(text):
        assert 0 <= place.start < place.end <= len(text)
