"""The sample city's list of places: what is surely known of Baghdad is found, and what only looks like it is not."""

from __future__ import annotations

import pytest

from gateway.city.city import load
from normalizer.place import Found
from normalizer.reader import Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load("baghdad").reader


def _districts(found: Found | None) -> tuple[str, ...]:
    return found.districts if found else ()


@pytest.mark.parametrize(
    ("text", "likeliest"),
    [
        ("سوك الهرج بيه ازبال", "rusafa"),
        ("يم مقهى الشابندر ماكو حاوية", "rusafa"),
        ("المجاري طافحة بباب مستشفى غازي الحريري", "rusafa"),
        ("ساحة كمال جنبلاط ماكو انارة", "karrada"),
        ("قدام كنيسة سيدة النجاة رصيف مكسور", "karrada"),
        ("الشارع كدام جامعة النهرين محفر", "karrada"),
        ("يم فندق الرشيد سيارات واكفة", "karkh"),
        ("ساحة الشهداء بيها تجاوز", "karkh"),
        ("قرب مستشفى ابن سينا نفايات", "karkh"),
        ("مستشفى الطفل المركزي طفح بالباب", "mansour"),
        ("تمثال عباس بن فرناس الكاع خسفت يمه", "mansour"),
        ("بتقاطع الدرويش الاشارة عاطلة", "rashid"),
        ("سايلو الدورة ترابه علينا", "dora"),
        ("يم النادي الاولمبي حفرة", "adhamiya"),
        ("ساحة العروبة ظلمة", "kadhimiya"),
        ("كراسي المطاعم ماخذة الرصيف يم مرقد الامامين الكاظمين", "kadhimiya"),
        ("مستشفى محمد باقر الحكيم ماكو بيه ماي", "shula"),
        ("تقاطع صدر القناة زحام", "shaab"),
        ("مجمع الفلسطينيين مجاري طافحة", "ghadeer"),
        ("سينما البيضاء اشارة عاطلة", "new-baghdad"),
        ("سوك عريبة زبل", "sadr1"),
        ("الصدر قطاع 72 بلا ماي", "sadr2"),
        ("محلة 314 بلا كهرباء", "adhamiya"),
        ("محلة 337 بلا كهرباء", "shaab"),
        ("محلة 889 بلا كهرباء", "rashid"),
        ("al sho3la mako kahraba", "shula"),
        ("unpaved lane in mahala 905", "karrada"),
        ("shari3 il rashid ako 7ufar", "rusafa"),
        ("no light on 62nd Street", "karrada"),
        ("لە بەغدای نوێ ئاو بڕاوە", "new-baghdad"),
    ],
)
def test_what_is_known_of_baghdad_is_found(reader: Reader, text: str, likeliest: str) -> None:
    """Squares, hospitals, markets, shrines, sectors and quarters' numbers lead to their municipality."""
    assert likeliest == next(iter(_districts(reader.place(text))), None)


@pytest.mark.parametrize(
    "text",
    [
        "حي الثورة بالحلة يحتاج تبليط",
        "حي المعلمين في النجف بلا ماي",
        "خزان الماء بشارعنا انكسر",
        "كل فلوسنا بالبنوك وماكو خدمات",
        "الاشارة الخضراء ما تضوي",
        "the garbage smell is strong in summer",
        "yam il 3alwa ako zibil",
        "the lamp on our street since Sunday",
        "traffic light stuck in our area for an hour",
        "layetat el share3 tafya min ams",
        "bastat sadda el raseef",
        "حفرة عميقة كدام الصيدلية",
        "نريد الواح بالطاقة الشمسية",
        "machhar bahut hai spray karwao bhai",
        "المهندس منصور وعدنا وما اجه",
        "الدور الثاني ما يوصله ماي",
    ],
)
def test_what_only_looks_like_a_place_of_baghdad_is_none(reader: Reader, text: str) -> None:
    """Another city's quarter of the same name, and ordinary words, send nobody to a municipality."""
    assert () == _districts(reader.place(text))
