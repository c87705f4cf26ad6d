"""Baghdad's danger.toml, on sentences of its dialects: what must go first, what must not, and who needs care."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.city.city import load
from gateway.city.danger import DANGER, DangerFile, build, problems
from gateway.city.problems import Problem
from gateway.city.source import Source
from normalizer.urgency import Urgency

FOLDER = Path("config/cities/baghdad")


@pytest.fixture(scope="module")
def urgency() -> Urgency:
    found: list[Problem] = []
    source = Source.read(FOLDER / DANGER, found)
    assert source is not None
    file = source.checked(DangerFile, found)
    assert file is not None
    categories = frozenset({"electricity.hazard", "buildings.unsafe"})
    assert [] == [*found, *problems(source, file, categories)]
    return Urgency(build(file))


@pytest.mark.parametrize(
    "text",
    [
        "واير الوطنية طايح بنص الدربونة من الفجر",
        "في سلك كهربا متدلي فوق باب الحضانة",
        "العمود مال الضوه ديكهرب اليلزمه",
        "محول الكهربا بيطلع نار وشرار",
        "تعرض أحد الأطفال لصعقة من عمود الإنارة",
        "بالوعة من دون غطاء قرب المدخل",
        "ولد وكع بالمنهول هسه",
        "حيطان البيت تشققت وصارت تطقطق",
        "السور بده يوقع على ولادنا",
        "بلكونة العمارة بتقع حتة حتة على الناس",
        "ريحة الغاز مالية العمارة",
        "حريق بالطابق الثالث والناس محصورة",
        "الكلب عض طفلين قدام المدرسة",
        "كل اللي اكلوا من المطعم تسمموا",
        "جدي عايش عالاوكسجين والكهرباء انقطعت",
        "السيل جرف سيارة وفيها عائلة",
        "انقذونا احنا فوق السطح",
        "wires hanging over the playground and sparking",
        "a child fell into an open manhole",
        "there is a strong smell of gas in our building",
        "wayer kahraba wage3 bl share3",
        "manhol maftoo7 yam el madrasa",
        "حريق",
        "دخل الحارس غرفة المضخة من ساعة ننادي عليه وما يرد",
        "انجرحت بنت بالمرجوحة ولسه العيال بيلعبوا عليها",
        "الديزل ديسيل من التنكر والناس واكفة يمه تدخن",
        "كل من يلزم سياج الحديقة يرجف ايده",
        "the gas bottle in our kitchen is hissing",
    ],
)
def test_danger_goes_first(urgency: Urgency, text: str) -> None:
    """What can kill or maim now is raised, in whichever dialect and script it is told."""
    assert urgency.danger(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "الزبل صارله اسبوع والريحة تموت",
        "متنا من الحر والكهرباء مقطوعة",
        "نار الاسعار بالسوق محد يحاسب",
        "قلبي يحترق على هالشارع",
        "غرقان بالديون وراتبي مقطوع",
        "انفجرت من الضحك على وعودكم",
        "ماكو سلك مكشوف بس اريد تبديل العداد",
        "لا يوجد حريق والحمد لله",
        "قبل سنتين انهار سقف المدرسة وتم اصلاحه",
        "شكرا لانكم صلحتوا السلك المكشوف",
        "الانارة محروكة بالشارع كله",
        "عمود الانارة يشتعل بالنهار ويطفي بالليل",
        "نريد مطب قدام المدرسة",
        "شنو اوراق اجازة البناء",
        "اتوقع الحل يجي بعد العيد",
        "street light is broken since two weeks",
        "الواقع الخدمي بالحي مزري",
        "ننادي على ابو الغاز وما يرد علينا",
        "الحافلة مزدحمة والناس واقفة",
        "ركبوا لها غطا البارحة وبقت حلوة",
    ],
)
def test_anger_and_images_do_not(urgency: Urgency, text: str) -> None:
    """Anger, figures of speech, what is denied and what is over do not push others aside."""
    assert urgency.danger(text) is None


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("والدتي مقعدة وما تكدر تنزل الدرج", True),
        ("عندي طفل مريض بالسرطان والماي مقطوع", True),
        ("انا راجل كبير في السن وساكن لوحدي", True),
        ("my husband is on dialysis", True),
        ("عايشة لوحدي وعمري ٧٨", True),
        ("أبي معاق والمصعد عاطل", True),
        ("بيتنا عمره 80 سنة", False),
        ("اكو شايب يبيع خضرة بالشارع", False),
        ("الحفرة كدام دار المسنين", False),
        ("مقعد الباص مكسور", False),
    ],
)
def test_who_needs_care(urgency: Urgency, text: str, needs: bool) -> None:
    """A citizen who is ill, old or disabled, or lives with somebody who is, is known as such; a passer-by is not."""
    assert needs is urgency.vulnerable(text)


def test_no_praise_drowns_what_one_sentence_tells() -> None:
    """A letter full of thanks, and citizens who wrote thanks before: what they say of a bare wire is heard."""
    reader = load("baghdad").reader
    danger = "سلك كهرباء مكشوف قرب باب المدرسة والأطفال يلعبون عنده"

    assert reader.danger("شكرا لكم\n" * 14) is None
    assert reader.danger("شكرا لكم\n" * 14 + danger) is not None
    assert (
        reader.danger("نشكركم على جهودكم الطيبة في خدمة الناس. " * 8 + danger + ". " + "وفقكم الله. " * 5) is not None
    )


def test_saying_it_again_makes_it_no_more_dangerous() -> None:
    """Who writes the same words every hour, numbered or not, is heard as who wrote them once; a danger still is."""
    reader = load("baghdad").reader
    again = "".join(f"الماء مقطوع {number}\n" for number in range(10))
    danger = "سلك كهرباء مكشوف قرب باب المدرسة والأطفال يلعبون عنده"

    assert reader.danger(again) is None
    assert reader.danger("".join(f"الماء مقطوع{'!' * number}\n" for number in range(10))) is None
    assert reader.danger(again + danger) is not None
    assert reader.danger(f"{danger}. {danger}! ") is not None
