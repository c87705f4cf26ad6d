"""Finding the place that a text names: spellings, ordinary words, and the sender's place against the problem's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.place import Gazetteer, Named, Need
from normalizer.text import fold

TOWN = Gazetteer(
    [
        Named("الكرادة", ("Karrada",), ("karrada",)),
        Named("الكرادة داخل", (), ("karrada",)),
        Named("الدورة", ("Dora",), ("dora",), never=("الدور", "الدورة الانتخابية")),
        Named("الكاظمية", ("Kadhimiya",), ("kadhimiya",)),
        Named("الأعظمية", (), ("adhamiya",)),
        Named("زيونة", ("Zayouna",), ("ghadeer",)),
        Named("المنصور", ("Mansour",), ("mansour",)),
        Named("بغداد الجديدة", ("New Baghdad",), ("new-baghdad",)),
        Named("أبو دشير", (), ("dora",)),
        Named("شارع فلسطين", ("Palestine Street",), ("rusafa", "ghadeer")),
        Named("المستنصرية", (), ("rusafa",)),
        Named("الحرية", (), ("kadhimiya",), Need.CUE, never=("نطالب بالحرية",)),
        Named("الشعب", (), ("shaab",), Need.CUE),
        Named("حي الجامعة", ("الجامعة", "Jamia"), ("mansour",), Need.HOME),
        Named("حي الأندلس", (), ("mansour",)),
        Named("ساحة الأندلس", (), ("karrada",)),
        Named("مدينة الصدر", ("الصدر",), ("sadr1", "sadr2"), Need.CUE),
        Named("الصدر الثانية", (), ("sadr2",)),
        Named("قطاع #", ("قطاع ##", "sector ##"), ("sadr1", "sadr2")),
        Named("محلة 6##", (), ("mansour", "shula")),
        Named("محلة 60#", (), ("mansour",)),
        Named("مستشفى الكرخ", (), ("karkh",)),
        Named("الكرخ", (), ("karkh",), Need.CUE),
        Named("البصرة", ("Basra",)),
    ]
)


def districts(text: str) -> tuple[str, ...]:
    """Return the districts of the place that the text is about; none when it names no place."""
    found = TOWN.find(text)
    return found.districts if found else ()


@pytest.mark.parametrize(
    "text",
    [
        "ماكو ماي بالكرادة",
        "ماكو ماي بالكراده من امس",
        "الكرّادة غركت",
        "الكـــرادة غركت",
        "المجاري طافحة وبالكرادة محد يسأل",
        "علكرادة تعالوا",
        "بلكرادة ماكو كهرباء",
        "زبل متكوم يم كرادة داخل",
        "no water in Karrada since Sunday",
        "mako mai bil karada",
        "mako kahraba bilkarada",
        "karrada dakhil bl karrada",
    ],
)
def test_one_place_has_many_spellings(text: str) -> None:
    """Vowel marks, ة or ه, a preposition glued to the front, Latin letters: it is still the same place."""
    assert ("karrada",) == districts(text)


@pytest.mark.parametrize(
    ("text", "expected", "how"),
    [
        ("ماكو ماي بالكاظمية", "kadhimiya", "name"),
        ("ماكو ماي بالكاضمية", "kadhimiya", "spelling"),
        ("بالأعضمية حفر", "adhamiya", "spelling"),
        ("بالكاظميه طفح", "kadhimiya", "name"),
        ("طفح بالكاظيمة", "kadhimiya", "spelling"),
        ("بالمستنصريية حفر", "rusafa", "spelling"),
        ("بزيونا ماكو", "ghadeer", "spelling"),
        ("شوفوا الكاضمية شلون صايره", "kadhimiya", "spelling"),
        ("زيوونه صايره مزبله", "ghadeer", "spelling"),
        ("المطر غرك شارع فلسطن ومحد اجه", "rusafa", "spelling"),
        ("ببغدادالجديدة حفر", "new-baghdad", "name"),
        ("ابودشير بلا ماي", "dora", "name"),
    ],
)
def test_a_misspelt_name_is_found_and_said_to_be_one(text: str, expected: str, how: str) -> None:
    """A letter confused by ear, one slip of the finger, a missing blank: found, and only slips are called so."""
    found = TOWN.find(text)

    assert found is not None
    assert (expected, how) == (found.districts[0], found.how)


@pytest.mark.parametrize(
    "text",
    [
        "السلام عليكم ورحمة الله",
        "الدور الثالث بلا ماي",
        "وعود الدورة الانتخابية",
        "نطالب بالحرية والعدالة",
        "الحرية للجميع",
        "الشعب يريد خدمات",
        "صديقي ابو الشعب يسلم عليكم",
        "قدمت معاملتي في الجامعة",
        "طلعت بنادي الكرخ",
        "رحت لنادي الكرخ",
        "وجع شديد في صدري",
        "our street is dark",
        "ماكو كهرباء من الصبح",
        "راجعت الاستاذ علي الاعظمي",
        "حفر بشارعنا من سنه",
        "small holes in the street",
        "بالشارع فلسين ما ضل",
        "جريدة الشعب نشرت عن الحفر",
    ],
)
def test_words_that_only_look_like_a_place_are_none(text: str) -> None:
    """Greetings, freedom, the people, a club or a friend with a place's name send nobody anywhere."""
    assert () == districts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("المجاري طافحة بحي الحرية", "kadhimiya"),
        ("اني من الحرية والماي مقطوع", "kadhimiya"),
        ("المنطقة: الشعب", "shaab"),
        ("شوارع الشعب كلها حفر", "shaab"),
        ("احنا بالجامعة ماكو كهرباء", "mansour"),
        ("محولة حي الجامعة احتركت", "mansour"),
        ("مستشفى الكرخ وسخ", "karkh"),
        ("محلة 603 زقاق 4 الشعب", "shaab"),
        ("الحرية كلها ظلمة من المغرب", "kadhimiya"),
        ("شارعنا بالجامعة محفور", "mansour"),
        ("الشعب سوق الخضرة وسخ", "shaab"),
        ("الحرية المجاري طافحة", "kadhimiya"),
        ("بالجامعة الكهرباء مقطوعة", "mansour"),
        ("dora yem il mustashfa mako mai", "dora"),
        ("dora mein pani nahi", "dora"),
    ],
)
def test_an_ordinary_word_is_a_place_where_something_points_at_it(text: str, expected: str) -> None:
    """Behind حي, قرب or ب, behind a quarter's number, or alone between two marks, a word is believed to be a place."""
    assert expected in districts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("اني من الكرادة بس المشكلة بالدورة", "dora"),
        ("اني ساكن بالكرادة والحفرة بشارع فلسطين قرب المستنصرية", "rusafa"),
        ("اهلي بالكاظمية ماعدهم ماي، اني ساكن بالدورة وعدنا ماي", "kadhimiya"),
        ("راجع من الكرادة وشفت عمود طايح بالدورة", "dora"),
        ("جاي من زيونة ورايح للدورة ولكيت منهول مفتوح بالكرادة", "karrada"),
        ("مو بالكرادة بالدورة", "dora"),
        ("السيد مدير بلدية الكرادة المحترم، الحفر في زيونة", "ghadeer"),
        ("اني ساكن بالمنصور وامي ساكنة بزيونة وماعدها ماي", "ghadeer"),
        ("بالكرادة كلشي نظيف بس المشكلة بالدورة", "dora"),
        ("الخط من الكرادة مسدود بالدورة", "dora"),
        ("بقطاع 5 المدرسة نظيفة والحفرة بزيونة", "ghadeer"),
        ("I live in Mansour but the leak is in Zayouna", "ghadeer"),
        ("نحن أهالي المنصور نشكو من انقطاع الماء", "mansour"),
        ("بلدية المنصور ما ترد علينا", "mansour"),
        ("اني من البصرة وساكن بالكرادة", "karrada"),
        ("نريد تبليط مثل ما بلطتوا بالكرادة، احنا بالدورة", "dora"),
        ("شمعنى شوارع الكرادة نظيفة وبالدورة زبل", "dora"),
        ("ما اقصد الكرادة، حفرة الدورة", "dora"),
        ("عمال من الكرادة ذبوا الزبل عدنا بالدورة", "dora"),
        ("من نطلع من الكرادة نلكه حفرة بالدورة", "dora"),
        ("اني موظف بالكرادة والحفرة يم بيتي بالدورة", "dora"),
        ("اني ادرس بالكرادة، المستنصرية، وسكني بالدورة والمجاري طافحة", "dora"),
        ("كنا ساكنين بالكرادة وانتقلنا للدورة وماكو ماي", "dora"),
        ("بلطوا الكرادة، واحنا بالدورة بعدنا بالطين", "dora"),
        ("شوارع الكرادة تتبلط وشوارع الدورة لا", "dora"),
        ("اني بالكرادة وبيت جدي بالدورة غرك", "dora"),
        ("I am in Karrada, and the street of my parents in Zayouna is dark", "ghadeer"),
        ("مو بس الكرادة بيها ناس، الدورة هم بيها", "dora"),
        ("مطعم الكرادة فتح فرع وصار الزبل بزيونة", "ghadeer"),
        ("يوميا من الكرادة للدورة، واشارة شارع فلسطين طافية", "rusafa"),
        ("بينما الكرادة منورة، المنصور ظلمة", "mansour"),
        ("خطار من البصرة وصل للكرادة ووكع بالمنهول", "karrada"),
        ("فرع الشعب بالدورة محفور", "dora"),
    ],
)
def test_the_place_of_the_problem_goes_before_the_senders(text: str, expected: str) -> None:
    """Where somebody lives, works, comes from or writes to counts only when no other place is named."""
    assert expected in districts(text)


def test_a_place_in_another_city_is_not_put_on_the_map() -> None:
    """Whoever writes of a quarter in Basra is not sent to the quarter of that name here."""
    assert TOWN.find("بالبصرة حي الأندلس ماكو ماي") is None
    assert TOWN.find("حي الأندلس بالبصرة ماكو ماي") is None
    assert TOWN.find("no water in Mansour in Basra") is None


def test_the_longest_name_wins() -> None:
    """A square and a quarter share their last word; each goes to its own district."""
    assert ("karrada",) == districts("حفرة في ساحة الأندلس")
    assert ("mansour",) == districts("حفرة في حي الأندلس")
    assert ("sadr2",) == districts("طفح بالصدر الثانية")


def test_another_word_for_the_kind_of_place_stands_without_article() -> None:
    """The area of Andalus is the quarter of that name; "the green area" with its article is a name of its own."""
    zone = Gazetteer([Named("حي الخضراء", (), ("mansour",)), Named("المنطقة الخضراء", (), ("karkh",))])
    quarter, government = zone.find("زبل في منطقة الخضراء"), zone.find("زبل في المنطقة الخضراء")

    assert ("mansour",) == districts("حفرة في منطقة الأندلس")
    assert quarter is not None
    assert government is not None
    assert ("mansour", "karkh") == (quarter.districts[0], government.district)


def test_a_name_of_several_districts_leaves_the_district_open() -> None:
    """A long street may be in two districts: nobody guesses, both are told, and a second name may settle it."""
    street, settled = TOWN.find("شارع فلسطين بلا انارة"), TOWN.find("شارع فلسطين يم المستنصرية بلا انارة")

    assert street is not None
    assert (None, ("rusafa", "ghadeer")) == (street.district, street.districts)
    assert settled is not None
    assert "rusafa" == settled.district


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قطاع 37 بلا كهرباء", ("sadr1", "sadr2")),
        ("محلة رقم 603", ("mansour",)),
        ("بقطاع ٩ غركنا", ("sadr1", "sadr2")),
        ("القطاع اثنين وعشرين", ("sadr1", "sadr2")),
        ("sadr city sector 12", ("sadr1", "sadr2")),
        ("محلة ٦٠٣ زقاق ١٢", ("mansour",)),
        ("محله ستميه وثلاثه", ("mansour",)),
        ("محلة 655", ("mansour", "shula")),
        ("القطاع الخاص", ()),
        ("عمري 603", ()),
    ],
)
def test_numbers_of_sectors_and_quarters_are_places(text: str, expected: tuple[str, ...]) -> None:
    """A number behind its word, in any digits or said in words, is a place; the pattern with more digits wins."""
    assert expected == districts(text)


def test_every_place_of_a_text_can_be_listed() -> None:
    """All names are told in the order of the text, as the city spells them, each with where it stands."""
    text = "من الكراده للدورة"

    assert [("الكرادة", "الكراده"), ("الدورة", "للدورة")] == [
        (found.name, text[found.start : found.end]) for found in TOWN.all(text)
    ]


def test_a_city_without_places_finds_none() -> None:
    """No list, no place, no error."""
    assert Gazetteer([]).find("ماكو ماي بالكرادة") is None


_WORDS = st.sampled_from(
    [
        *("الكرادة", "بالدورة", "حي", "الحرية", "بلدية", "شارع", "فلسطين", "المشكلة", "karrada", "bl", "in"),
        *("اني", "من", "ساكن", "بس", "مو", "راجع", "قطاع", "37", "محلة", "603", "اثنين", "وعشرين", ",", "\n"),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=14).map(" ".join)


@given(st.text(max_size=200) | _TEXTS)
def test_whatever_is_written_is_read_without_a_fault(text: str) -> None:
    """No text makes the search raise, and what it finds stands in the text."""
    found = TOWN.find(text)

    for place in (*TOWN.all(text), *([found] if found else [])):
        assert 0 <= place.start < place.end <= len(text)
        assert place.districts
        assert place.how in {"name", "spelling"}
    assert found is None or found.district in {None, *found.districts}


@given(_TEXTS)
def test_a_folded_text_names_the_same_place(text: str) -> None:
    """Spellings that are equal for matching are equal for places."""
    one, other = TOWN.find(text), TOWN.find(fold(text))

    assert (one and one.districts) == (other and other.districts)


def test_a_long_letter_of_nothing_but_places_stays_cheap() -> None:
    """Hostile length costs bounded work: what is found in the first part of such a text is found still."""
    assert ("karrada",) == districts("الكرادة " * 20_000)
