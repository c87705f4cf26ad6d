"""Danger and need, on a city of a few words: how frames are filled, denied, over, or only a figure of speech."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.guess import Guess
from normalizer.urgency import ALONE, WHOLE, Alarm, DangerWords, Frame, Urgency

WORDS = DangerWords(
    frames=(
        Frame("wire", what=("سلك", "wire"), state=("مكشوف", "~وكع", "exposed")),
        Frame("fire", what=("حريق", "نار"), state=("بيت", "سوق"), near=4),
        Frame("fall", what=("~وكع", "fell"), victim=("طفل", "=امي", "kid"), also=("بالوعة", "drain")),
    ),
    alone=("=الحقونا", "داء الكلب"),
    whole=("حريق", "خطر"),
    never=("نار الأسعار",),
    past=("قبل سنة", "تصلح"),
    still=("لسه",),
    denial=("ماكو", "مو", "ما", "no"),
    fillers=("اي",),
    categories=("electricity.hazard",),
    min_confidence=0.6,
    household=("=امي", "=عندي", "my mother"),
    need=("مقعد", "مريض", "wheelchair"),
    need_alone=("=ارملة",),
    need_never=("مقعد الباص", "بناية عمرها"),
    age=("=عمرها", "aged"),
    own_age=("=عمري",),
    old=70,
)
URGENCY = Urgency(WORDS)


def why(text: str) -> str | None:
    alarm = URGENCY.danger(text)
    return alarm.why if alarm else None


def test_thing_and_state_are_danger() -> None:
    """A wire that lies bare is danger, and the alarm tells the city's words that said so, in the order of the text."""
    assert Alarm(("سلك", "مكشوف"), "wire") == URGENCY.danger("اكو اسلاك السلك هذا صارله يومين مكشوف بالشارع")
    assert Alarm(("exposed", "wire"), "wire") == URGENCY.danger("there is an exposed wire here")


def test_words_of_an_alarm_that_begin_together_stand_shortest_first() -> None:
    """The desk shows the same words for the same message, whichever process has read it."""
    frame = Frame("flood", what=("مياه",), victim=("صدور",), also=("صدور السكان",))
    alarm = Urgency(DangerWords(frames=(frame,))).danger("وصلت المياه الى صدور السكان")

    assert Alarm(("مياه", "صدور", "صدور السكان"), "flood") == alarm


def test_thing_alone_is_none() -> None:
    """Who asks for a wire, or has something else uncovered, is not sent ahead of everybody."""
    assert why("نريد سلك جديد للبيت") is None
    assert why("الخزان مكشوف") is None


def test_verb_in_all_its_forms() -> None:
    """A verb is found in every person, tense and dialect, and with "and" before it."""
    assert "wire" == why("السلك وكع")
    assert "wire" == why("اسلاك؟ لا، سلك واحد ديوكع")
    assert "wire" == why("هذا السلك وتوكع وراه الاشجار")


def test_frame_spans_few_words_of_one_sentence() -> None:
    """A word of fire at one end of a letter and a house at the other are two things."""
    assert "fire" == why("صار حريق جوه بيت")
    assert why("حريق ثم كلام كثير جدا لا علاقة له ثم بيت") is None
    assert why("شفت حريق بالتلفزيون. بيت جيراننا جديد") is None


def test_third_part_is_needed_where_the_frame_has_one() -> None:
    """A child who falls in the street is not a child who falls into a drain."""
    assert why("الطفل وكع بالشارع") is None
    assert "fall" == why("الطفل وكع بالبالوعة")
    assert "fall" == why("a kid fell into the drain")


def test_ending_counts_where_the_city_says_so() -> None:
    """My mother is a person of the frame; the bare word, which is also another one, is not."""
    assert "fall" == why("امي وكعت بالبالوعة")
    assert why("ام وكعت بالبالوعة") is None


def test_denied_directly_is_none() -> None:
    """Who writes that there is no bare wire raises nothing; a denial of something else changes nothing."""
    assert why("ماكو اي سلك مكشوف") is None
    assert why("السلك مو مكشوف") is None
    assert why("no exposed wire here") is None
    assert "wire" == why("ماكو كهرباء وسلك مكشوف")


def test_long_over_is_none_unless_it_still_is() -> None:
    """What happened a year ago or was repaired is over, until the citizen says that it is not."""
    assert why("قبل سنة صار حريق بالسوق") is None
    assert why("السلك مكشوف بس تصلح") is None
    assert "wire" == why("السلك مكشوف وما تصلح")
    assert "wire" == why("من قبل سنة لسه السلك مكشوف")


def test_figure_of_speech_is_none() -> None:
    """The fire of prices burns nobody."""
    assert why("نار الاسعار بالسوق") is None
    assert "fire" == why("نار بالسوق")


def test_cry_alone() -> None:
    """A word that is always a cry needs nothing beside it; a word that often is not, is one only as a whole message."""
    assert ALONE == why("يا ناس الحقونا")
    assert WHOLE == why("حريق!!!")
    assert WHOLE == why("خطر خطر")
    assert why("هذا خطر على الذوق العام") is None


def test_arabizi_is_read_too() -> None:
    """Arabic in Latin letters raises what it would raise in Arabic ones."""
    assert "wire" == why("el silk makshoof bl share3 w ma7ad ija")


def test_category_that_is_danger_in_itself() -> None:
    """A message plainly about an electrical hazard is raised without a frame; a mere suspicion of one is not."""
    sure = Guess("electricity.hazard", 0.8, words=("واير",))
    assert Alarm(("واير",), "electricity.hazard") == URGENCY.implied(sure)
    assert URGENCY.implied(Guess("electricity.hazard", 0.5)) is None
    assert URGENCY.implied(Guess("noise", 0.9)) is None


def test_vulnerable_speaks_of_the_household() -> None:
    """Who says that their mother cannot walk needs care; a bus seat, or somebody else's illness, says nothing."""
    assert URGENCY.vulnerable("امي مقعدة والمصعد عاطل")
    assert URGENCY.vulnerable("my mother uses a wheelchair")
    assert URGENCY.vulnerable("اني ارملة")
    assert not URGENCY.vulnerable("عندي مقعد الباص مكسور")
    assert not URGENCY.vulnerable("شفت رجال مريض بالشارع")
    assert not URGENCY.vulnerable("امي مو مريضة")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("وعمري ٧٥ سنة والماي مقطوع", True),
        ("امي عمرها 90", True),
        ("my mother, aged about 82, has no water", True),
        ("عمري ٣٥ سنة", False),
        ("عمرها 90 سنة", False),  # whose?
        ("عندي بناية عمرها 90 سنة", False),
        ("امي عمرها 900", False),
        ("عمري " + "9" * 5000, False),
        ("امي عمرها 45 وبيتنا رقم 80", False),
        ("عمري ما شفت هيچ", False),
    ],
)
def test_an_age_of_many_years_needs_care(text: str, needs: bool) -> None:
    """Old is also who says how old they, or one of their household, are; a building and a young man are not."""
    assert needs is URGENCY.vulnerable(text)


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    """Whatever arrives gets an answer, and words of danger after it still raise: text never lowers."""
    URGENCY.danger(text)
    URGENCY.vulnerable(text)
    assert URGENCY.danger(f"{text}\nسلك مكشوف") is not None


def test_long_letter_is_quick() -> None:
    """Five thousand words made to cost the most are read in the time of a page."""
    for hostile in ("الطفل وكع ", "ماكو سلك مكشوف ", "نار الاسعار ", "اي "):
        letter = hostile * (5000 // len(hostile.split()))
        began = time.process_time()
        URGENCY.danger(letter)
        assert time.process_time() - began < 0.5
