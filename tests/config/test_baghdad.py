"""The sample city: its ids are the public contract, its words find the department, its phrases fit a telephone."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl

from gateway.city.city import City, load
from normalizer.complaint import Complaint, Status
from normalizer.text import fold
from router.route import Route
from router.rules import route

DATA = Path(__file__).parents[1] / "data"
BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"

DEPARTMENTS = {
    "water": "water.outage water.leak water.quality",
    "sewage": "sewage.overflow sewage.manhole drainage.flooding",
    "electricity": "electricity.outage electricity.hazard",
    "lighting": "lighting.broken",
    "waste": "waste.collection waste.dumping waste.streets",
    "roads": "roads.damage roads.sidewalk",
    "traffic": "traffic.signal traffic.obstruction transport.public",
    "parks": "parks.upkeep",
    "buildings": "buildings.unsafe buildings.violation encroachment.public",
    "health": "health.food health.pests animals.stray",
    "environment": "noise pollution.air",
    "social": "social.aid",
    "revenue": "revenue.fees licensing.permits",
    "inspector": "staff.conduct",
    "citizens": "other",
}
DISTRICTS = "rusafa karkh adhamiya kadhimiya shaab sadr1 sadr2 ghadeer new-baghdad karrada mansour dora rashid shula"

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)  # the characters of one septet
RECEIPT = {"reference": "4821 093 756", "pin": "840215"}


@pytest.fixture(scope="module")
def city() -> City:
    """Read the sample city once."""
    return load("baghdad")


def routed(city: City, text: str) -> Route:
    """Send a text through the city's words and rules, as the house does."""
    guess = city.reader.guess(text)
    complaint = Complaint(
        id="c",
        reference="1234567890",
        channel="sms",
        text=text,
        category=guess.category,
        category_confidence=guess.confidence,
        received_at=datetime(2026, 5, 3, tzinfo=UTC),
    )
    return route(complaint, city.rules, guess)


def parts(text: str) -> int:
    """Count the SMS that a text becomes: 160 septets or 153 to a part, else 70 UTF-16 units or 67 to a part."""
    if set(text) <= GSM7:
        return 1 if len(text) <= 160 else -(-len(text) // 153)
    units = len(text.encode("utf-16-le")) // 2
    return 1 if units <= 70 else -(-units // 67)


def test_ids_are_the_public_contract(city: City) -> None:
    """Queues, routing keys and other systems use these ids: none is renamed, added or lost by an edit of words."""
    expected = {category: department for department, names in DEPARTMENTS.items() for category in names.split()}

    assert expected == {category.id: category.department for category in city.categories.values()}
    assert set(DEPARTMENTS) == set(city.departments)
    assert set(DISTRICTS.split()) == set(city.districts)


def test_ids_and_names_are_those_of_the_taxonomy(city: City) -> None:
    """Every id, name and department equals the fixed vocabulary."""
    fixed = tomllib.loads((DATA / "taxonomy.toml").read_text("utf-8"))

    assert fixed["categories"] == {
        row.id: {**row.names, "department": row.department} for row in city.categories.values()
    }
    assert fixed["departments"] == {row.id: dict(row.names) for row in city.departments.values()}
    assert fixed["districts"] == {row.id: dict(row.names) for row in city.districts.values()}


def test_every_category_reaches_its_department(city: City) -> None:
    """A category that is certain goes where categories.toml says, by itself; the unclear one goes to a person."""
    for category in city.categories.values():
        sure = Complaint(
            id="c",
            reference="1234567890",
            channel="web",
            category=category.id,
            category_confidence=1.0,
            received_at=datetime(2026, 5, 3, tzinfo=UTC),
        )
        decided = route(sure, city.rules)
        assert (category.department, category.department != city.triage) == (decided.department, decided.automatic)


def test_bribery_never_goes_to_the_department_it_is_about(city: City) -> None:
    """Words of bribery outweigh what the complaint is otherwise about."""
    decided = routed(city, "معاملة إجازة البناء واقفة والموظف يريد رشوة حتى يوقع")

    assert ("inspector", True) == (decided.department, decided.automatic)


MESSAGES = [  # one citizen's way of saying it, and who must hear of it
    ("صارلنا ثلث ايام ماكو ماي بالبيت كله", "water"),
    ("المية مقطوعة عن الشارع من امبارح الصبح", "water"),
    ("في تسريب مي قدام الدكان", "water"),
    ("ماي الحنفية لونه اصفر وبيه ريحة", "water"),
    ("There has been no water in our block since Sunday", "water"),
    ("maku mai bil bait min yomen", "water"),
    ("المجاري طافحة على باب الجامع", "sewage"),
    ("البلاعة ضاربة والريحة لا تطاق", "sewage"),
    ("اكو منهول بدون غطاء يم السوق", "sewage"),
    ("الشارع غرقان من مياه المطر", "sewage"),
    ("open manhole next to the kindergarten", "sewage"),
    ("الكهرباء مقطوعة عن المحلة", "electricity"),
    ("مفيش كهربا في العمارة", "electricity"),
    ("سلك مكشوف جنب مدرسة", "electricity"),
    ("exposed wires hanging from the pole", "electricity"),
    ("إنارة الشارع مطفأة منذ شهر", "lighting"),
    ("لمبات الشارع محروقة", "lighting"),
    ("street lights are out on our road", "lighting"),
    ("الكابسة ما اجت والزبالة متراكمة", "waste"),
    ("النفايات متكدسة بجانب الحاوية", "waste"),
    ("قلابات ترمي أنقاض بالليل", "waste"),
    ("حفرة عميقة بوسط الشارع", "roads"),
    ("في جورة كبيرة قدام بيتنا", "roads"),
    ("there is a huge pothole on the bridge", "roads"),
    ("الرصيف مكسر والمقرنص طايح", "roads"),
    ("الإشارة الضوئية عاطلة", "traffic"),
    ("سيارة مهجورة سادة الطريق", "traffic"),
    ("الباص ما يجي بموعده", "traffic"),
    ("شجرة كبيرة وقعت بالحديقة العامة", "parks"),
    ("عمارة آيلة للسقوط فيها ناس", "buildings"),
    ("بناء مخالف بدون رخصة", "buildings"),
    ("بسطات على الرصيف", "buildings"),
    ("لحم فاسد عند القصاب", "health"),
    ("صراصير وجرذان بكل مكان", "health"),
    ("كلاب سائبة تهجم على الأطفال", "health"),
    ("stray dogs near the school", "health"),
    ("دي جي وسماعات لنص الليل", "environment"),
    ("دخان المولدة خنقنا", "environment"),
    ("طلب معونة لأرملة عندها أيتام", "social"),
    ("فاتورة الكهرباء غلط ومبالغ بيها", "revenue"),
    ("تجديد رخصة المحل متأخر", "revenue"),
    ("الموظف شتمني وطردني", "inspector"),
    ("the clerk asked me for money", "inspector"),
]


@pytest.mark.parametrize(("text", "department"), MESSAGES)
def test_what_people_write_reaches_the_department(city: City, text: str, department: str) -> None:
    """Plain complaints in the dialects of the city and its neighbours go out without a person's help."""
    decided = routed(city, text)

    assert (department, True) == (decided.department, decided.automatic), decided


@pytest.mark.parametrize(
    "text", ["السلام عليكم", "شكرا جزيلا", "وينكم؟", "123", "👍", "", "hello", "نرجو المساعدة بأسرع وقت", "Merci"]
)
def test_what_says_nothing_goes_to_a_person(city: City, text: str) -> None:
    """No department is troubled with a greeting; a person reads it."""
    assert ("citizens", False) == ((decided := routed(city, text)).department, decided.automatic)


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("سلك مكشوف قرب المدرسة", True),
        ("العمارة راح توكع علينا", True),
        ("طفل وقع بالمنهول", True),
        ("live wire on the pavement", True),
        ("متنا من الحر والكهرباء مقطوعة", False),
        ("الاختناق المروري يقتلنا كل يوم", False),
        ("غرقنا بالزبالة", False),
        ("the fees are killing us", False),
    ],
)
def test_danger_is_told_from_anger(city: City, text: str, danger: bool) -> None:
    """What can kill now goes first; a figure of speech does not."""
    assert danger == (city.reader.danger(text) is not None)


def test_no_word_speaks_for_two_categories(city: City) -> None:
    """A decisive word that two categories share decides nothing, so none is shared."""
    owners: dict[str, str] = {}
    for category, words in city.vocabulary.strong.items():
        for word in words:
            assert category == owners.setdefault(" ".join(fold(word).split()), category), word


@pytest.mark.parametrize("phrase", ["receipt", "receipt-amended", "receipt-distress"])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_receipt_is_at_most_two_text_messages(city: City, phrase: str, language: str) -> None:
    """In Arabic 67 units to a part, in English nothing that would cut a message from 160 letters to 70."""
    text = city.phrases.say(language, phrase, **RECEIPT)

    assert parts(text) <= 2, (parts(text), len(text))
    assert (language == "en") == (set(text) <= GSM7)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_end_of_a_report_is_one_text_message(city: City, language: str) -> None:
    """Every report ends with it, so it costs one part; where to read more and whom to call are in it all the same."""
    text = city.phrases.say(language, "told-resolved", reference="4821 093 756")

    assert 1 == parts(text), len(text)
    assert city.hotline in text
    assert {"ar": "صفحة المتابعة", "en": "number and PIN"}[language] in text


@pytest.mark.parametrize("phrase", ["opted-out", "opted-in", "not-a-text"])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_short_answers_are_short(city: City, phrase: str, language: str) -> None:
    """A confirmation costs the city no more than two parts either."""
    assert parts(city.phrases.say(language, phrase)) <= 2


@pytest.mark.parametrize("phrase", ["receipt", "receipt-amended", "receipt-distress"])
def test_the_reference_stands_alone_and_reads_left_to_right(city: City, phrase: str) -> None:
    """On a line of its own it can be copied; in Arabic a mark in front keeps its groups in their order."""
    assert "\u200e4821 093 756" in city.phrases.say("ar", phrase, **RECEIPT).splitlines()
    assert "4821 093 756" in city.phrases.say("en", phrase, **RECEIPT).splitlines()


def test_nothing_but_words_is_sent(city: City) -> None:
    """No markup, no bidi isolate that old handsets print as a box, no stray space."""
    for language in city.languages:
        for name in _messages(language):
            text = city.phrases.say(language, name, department="D", **RECEIPT)
            assert not re.search("[*_`<>\u2066-\u2069\u202a-\u202e]|https?:", text), (language, name)
            assert text.strip() == text


def test_danger_gets_the_emergency_numbers_first(city: City) -> None:
    """Whoever is in danger reads whom to call before anything else, and the receipt names the hotline."""
    for language in city.languages:
        first = city.phrases.say(language, "receipt-distress", **RECEIPT).splitlines()[0]
        assert all(emergency.number in first for emergency in city.emergency)
        assert city.hotline in city.phrases.say(language, "receipt", **RECEIPT)


def test_both_languages_say_the_same() -> None:
    """Every phrase stands in both files and uses the same values."""
    assert _messages("ar") == _messages("en")
    assert {f"status-{status}" for status in Status} <= _messages("ar").keys()


def test_the_words_route_labelled_messages(city: City, record_property: pytest.RecordProperty) -> None:
    """Measured on labelled messages: how many go out by themselves, and how many of those to the right department."""
    lines = (DATA / "complaints.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    sent = right = asked = 0
    for row in rows:
        if row["kind"] in {"complaint", "request"}:
            decided = routed(city, row["text"])
            responsible = {city.categories[category].department for category in row["categories"]}
            asked += 1
            sent += decided.automatic
            right += decided.automatic and decided.department in responsible
    figures = f"{asked} messages: {sent / asked:.1%} sent by themselves, {right / sent:.1%} of those rightly"
    record_property("routing", figures)
    print(figures)

    assert right / sent >= 0.93
    assert sent / asked >= 0.75


def _messages(language: str) -> dict[str, frozenset[str]]:
    """Read which phrases a language's file has, and which values each uses."""
    body = FluentParser().parse((BAGHDAD / "phrases" / f"{language}.ftl").read_text("utf-8")).body
    return {entry.id.name: frozenset(_values(entry)) for entry in body if isinstance(entry, ftl.Message)}


def _values(message: ftl.Message) -> Iterator[str]:
    assert message.value is not None
    for element in message.value.elements:
        if isinstance(element, ftl.Placeable) and isinstance(element.expression, ftl.VariableReference):
            yield element.expression.id.name
