from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.complaint import Contact, ContactAddress
from normalizer.personal import HIDDEN, Kind, conceal, find, mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("اتصل بي ٠٧٩٠ ١٢٣ ٤٥٦٧ ضروري", "اتصل بي ••• ضروري"),
        ("۰۷۹۰۱۲۳۴۵۶۷", "•••"),
        ("call +964 (0) 790-123-4567 or 0770/7654321.", "call ••• or •••."),
        ("\u202d0790\u202c1234567", "\u202d•••"),
        ("0️⃣7️⃣9️⃣0️⃣1️⃣2️⃣3️⃣", "•••"),
        ("write to zainab.k+city@mail.example.org, please", "write to •••, please"),
        ("أحمد@مثال.العراق", "•••"),
        ("دار 12 زقاق 7 محلة 905", "دار 12 زقاق 7 محلة 905"),
        ("منذ 2019, 115", "منذ 2019, 115"),
        ("12:30, 14:45, 16:00", "12:30, 14:45, 16:00"),
        ("123456", "123456"),
        ("@city @ 5", "••• @ 5"),
        ("بين 5@8 و @ 9", "بين 5@8 و @ 9"),
        ("راسلوني ali @ gmail . com بسرعة", "راسلوني ••• بسرعة"),
        ("zainab@gmail. com. ثم اتصلوا", "•••. ثم اتصلوا"),
        ("a@b.org. Please come", "•••. Please come"),
        ("ali@gmail بدون نقطة", "••• بدون نقطة"),
        ("حسابي @ali_k92، شكراً", "حسابي •••، شكراً"),
        ("على@زينب", "•••"),
        ("عندي صور https://t.me/zainab_k.", "عندي صور •••."),
        ("T.me/+AbC-1 أو wa.me/9647701234567؟", "••• أو •••؟"),
        ("api.whatsapp.com/send?phone=9647701234567&text=hi", "•••"),
        ("wa.me/9647701234567 1234567", "••• •••"),
        ("SA03 8000 0000 6080 1016 7519 / 1234567", "••• / •••"),
        ("t.me و https://example.org/page", "t.me و https://example.org/page"),
        ("", ""),
    ],
)
def test_numbers_and_addresses_are_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    """A duty list shows what happened and where, but nobody's telephone or e-mail address."""
    assert expected == mask(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("07901234567", Kind.PHONE),
        ("+964 790 123 4567", Kind.PHONE),
        ("٠١٠١٢٣٤٥٦٧٨", Kind.PHONE),
        ("0551234567", Kind.PHONE),
        ("91234567", Kind.PHONE),
        ("رقمي صفر سبعة سبعة صفر واحد اثنين ثلاثة اربعة", Kind.PHONE),
        ("zero seven nine zero, one two three four", Kind.PHONE),
        ("صفر سبعمية وسبعين مية وثلاثة", Kind.PHONE),
        ("zainab @ example.org", Kind.EMAIL),
        ("zainab (at) example.org", Kind.EMAIL),
        ("zainab at gmail dot com", Kind.EMAIL),
        ("Zainab dot K AT Gmail.com", Kind.EMAIL),
        ("علي92 ات جيميل دوت كوم", Kind.EMAIL),
        ("zainab دوت k آت هوت ميل نقطة كوم", Kind.EMAIL),
        ("29001011234567", Kind.NATIONAL_ID),
        ("784-1990-1234567-6", Kind.NATIONAL_ID),
        ("1000000008", Kind.NATIONAL_ID),
        ("رقم البطاقة الوطنية 199012345678", Kind.NATIONAL_ID),
        ("4111 1111 1111 1111", Kind.CARD),
        ("٤١١١١١١١١١١١١١١١", Kind.CARD),
        ("SA03 8000 0000 6080 1016 7519", Kind.IBAN),
        ("IBAN: IQ98NBIQ850123456789012", Kind.IBAN),
        ("ftp://ali:secret@files.example.org/a", Kind.LOGIN),
        ("a @ b . com", Kind.EMAIL),
        ("@zainab", Kind.HANDLE),
        ("wa.me/9647701234567", Kind.LINK),
        ("8765432", Kind.NUMBER),
    ],
)
def test_each_kind_is_known(text: str, kind: Kind) -> None:
    """Every kind of personal data is found for what it is, as far as shape, check digit or the words before it tell."""
    assert [kind] == [found.kind for found in find(text)]


@pytest.mark.parametrize(
    "text",
    [
        "رقم المقياس 123456789",
        "رقم الاشتراك هو ١٢٣٤٥٦٧٨٩",
        "العداد 55512345678",
        "يوم 12/05/2024 الساعة 8",
        "بتاريخ 2024-05-12",
        "بين 2019-2024",
        "دفعت 1 500 000 دينار",
        "طلبوا 25.000.000 دينار",
        "invoice 123456789",
        "الشكوى رقم 1008834",
        "رقم البلاغ 5724000000",
    ],
)
def test_what_is_plainly_no_persons_stays(text: str) -> None:
    """A department can still read the meter's number, the date, the sum and the complaint's own number."""
    assert text == mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "رقم المقياس 07901234567",
        "العداد عند ابو علي +964 790 123 4567",
        "الشكوى رقم 07901234567",
        "الشكوى رقم 5724000002",
        "12/05/2024 0790 123 4567",
        "فاتورة 4111111111111111",
        "0791500000 دينار",
        "رقم المعاملة 29001011234567",
        "المقياس 91234567 91234568",
    ],
)
def test_in_doubt_it_is_hidden(text: str) -> None:
    """A number that may be a telephone, a card or an id is hidden whatever stands before it."""
    assert HIDDEN in mask(text)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("2312345677", "2312345678", Kind.NATIONAL_ID),  # Saudi Arabia
        ("784199012345676", "784199012345677", Kind.NATIONAL_ID),  # the Emirates
        ("281010112341", "281010112342", Kind.NATIONAL_ID),  # Kuwait
        ("29001011234567", "29013011234567", Kind.NATIONAL_ID),  # Egypt has none, but no month is the thirteenth
        ("4123456789011", "4123456789012", Kind.CARD),
        ("SA03 8000 0000 6080 1016 7519", "SA03 8000 0000 6080 1016 7518", Kind.IBAN),
    ],
)
def test_a_check_digit_tells_an_id_a_card_and_an_account_from_other_numbers(right: str, wrong: str, kind: Kind) -> None:
    """Only what checks is taken for one: it is hidden also behind the word for a meter, where another number stays."""
    assert [kind] == [found.kind for found in find(right)]
    assert kind not in [found.kind for found in find(wrong)]
    if kind is not Kind.IBAN and len(right) < len("784199012345676"):
        assert (f"مقياس {HIDDEN}", f"مقياس {wrong}") == (mask(f"مقياس {right}"), mask(f"مقياس {wrong}"))


@pytest.mark.parametrize(
    "told",
    [
        "0770, 123, 4567",
        "٠٧٧٠، ١٢٣، ٤٥٦٧",
        "0770\n123 4567",
        "0770     123     4567",
        "010, 1234, 5678",
        "05,12,345678",
    ],
)
def test_a_number_told_in_pieces_is_hidden(told: str) -> None:
    """People dictate a number with pauses, and machines write commas for them; sums and times stay."""
    assert f"رقمي {HIDDEN} شكرا" == mask(f"رقمي {told} شكرا")
    assert "من 2024-05-12، 2024-05-12" == mask("من 2024-05-12، 2024-05-12")
    assert "قطاع 10, 20, 30 من 07:30 الى 08:15 و 1,500,000" == mask("قطاع 10, 20, 30 من 07:30 الى 08:15 و 1,500,000")


def test_citizens_own_are_concealed_and_others_stay() -> None:
    """A department that may not know who complains still reads to which number the bribe was to be paid."""
    contact = Contact(
        name="زينب كريم",
        phone="+9647901234567",
        addresses=(ContactAddress(scheme="mailto", value="zainab@example.org"),),
    )
    text = "انا زينب كريم 0790 123 4567 zainab@example.org وطلب التحويل الى 07701112223"
    assert "انا ••• ••• ••• وطلب التحويل الى 07701112223" == conceal(text, contact)


@given(st.text())
def test_masking_never_fails_and_masking_twice_changes_nothing(text: str) -> None:
    """Any text can be masked, and what is hidden stays hidden."""
    assert mask(text) == mask(mask(text))


_PIECES = st.sampled_from(
    [
        "07901234567",
        "2024-05-12",
        "رقم",
        "المقياس",
        "شكوى",
        "هاتف",
        "a@b.co",
        "a @ b . com",
        "@ali",
        "t.me/ali",
        "wa.me/",
        ".com",
        "12",
        " ",
        "-",
        "/",
        "\n",
        "صفر",
        "سبعة",
        "SA03",
        "8000",
        "دينار",
        "(",
        "+",
        "٠١٢٣٤٥٦٧٨",
    ]
)


@given(st.lists(_PIECES, max_size=30))
def test_masking_twice_changes_nothing_where_data_abounds(pieces: list[str]) -> None:
    """The same holds where numbers, dates, labels and addresses stand upon one another."""
    once = mask(" ".join(pieces))
    assert once == mask(once)


_NAME = st.from_regex(r"\A[a-z][a-z0-9_]{4,30}\Z")
_WAYS = st.sampled_from(
    ["@{}", "t.me/{}", "https://T.me/{}", "wa.me/{}", "{} @ mail . com", "{}@gmail", "{} @ mail.iq"]
)


@given(_NAME, _WAYS, st.lists(_PIECES, max_size=5), st.lists(_PIECES, max_size=5))
def test_no_name_at_a_network_is_left_whatever_stands_around(
    name: str, way: str, before: list[str], after: list[str]
) -> None:
    """Between numbers, addresses and half addresses, none of the ways to somebody can be read any more."""
    assert name not in mask(" ".join([*before, "قال", way.format(name), "نعم", *after]))


@given(st.text(alphabet=st.sampled_from("0123456789+-@.a:/ صفر\n"), max_size=400))
def test_found_lie_in_order_within_the_text(text: str) -> None:
    """What is found lies within the text, one after the other."""
    last = 0
    for found in find(text):
        assert last <= found.start < found.end <= len(text)
        last = found.end


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "123456 x",
        "a@",
        "a.",
        "a@a.",
        "(+",
        "1  .  ",
        "+",
        "1-",
        "a@b.c ",
        "@",
        "@1",
        "@a",
        "@a.",
        "a @ b . ",
        "a@b . com",
        "t.me/",
        "t.me/a",
        "https://",
        "\u200f1",
        "a at ",
        "a(at)a",
        "a dot ",
        "a at gmail ",
        "دوت ات جيميل ",
        "SA03 ",
        "SA03",
        "a://a@",
        "صفر ",
        "2024-05-12 ",
        "07 ",
        "0770, ",
        "رقم 1234567 ",
    ],
)
def test_a_hostile_letter_costs_no_more_than_an_honest_one(unit: str) -> None:
    """A hundred kilobytes made to confuse the search are read in a moment; to try each place anew takes minutes."""
    hostile = (unit * 100_000)[:100_000]
    began = time.process_time()
    mask(hostile)
    assert time.process_time() - began < 10.0
