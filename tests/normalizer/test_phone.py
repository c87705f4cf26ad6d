from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.phone import Doubt, email, international, phone, why_not


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("07901234567", "IQ", "+9647901234567"),
        ("٠٧٩٠١٢٣٤٥٦٧", "IQ", "+9647901234567"),
        ("۰۷۹۰۱۲۳۴۵۶۷", "IQ", "+9647901234567"),
        ("０７９０１２３４５６７", "IQ", "+9647901234567"),
        ("00 964 0790 123 4567", "IQ", "+9647901234567"),
        ("+964 (0) 790 123 4567", "IQ", "+9647901234567"),
        ("+9640790 123 4567", "IQ", "+9647901234567"),
        ("9647901234567", "IQ", "+9647901234567"),
        ("7901234567", "IQ", "+9647901234567"),
        ("01001234567", "EG", "+201001234567"),
        ("+2001001234567", "EG", "+201001234567"),
        ("0791234567", "JO", "+962791234567"),
        ("962791234567", "JO", "+962791234567"),
        ("91234567", "OM", "+96891234567"),
        ("24123456", "OM", "+96824123456"),
        ("＋9647901234567", "IQ", "+9647901234567"),
        ("\u200f\u202a+964 790 123 4567\u202c", "IQ", "+9647901234567"),
        ("\u202d0790\u202c1234567", "IQ", "+9647901234567"),  # a bidi mark inside
        ("07ـ901234567", "IQ", "+9647901234567"),  # a tatweel inside
        ("0790–123–4567", "IQ", "+9647901234567"),
        ("0790/1234567", "IQ", "+9647901234567"),
        ("07901234567 تحويلة 12", "IQ", "+9647901234567"),
        ("07901234567 داخلي ٥", "IQ", "+9647901234567"),
        ("07901234567 ext. 4", "IQ", "+9647901234567"),
        ("07901234567 / 07701234567", "IQ", "+9647901234567"),
        ("07901234567 أو 07701234567", "IQ", "+9647901234567"),
        ("+968 9123 4567,24123456", "OM", "+96891234567"),
        ("115، 07901234567", "IQ", "+9647901234567"),
        ("7901234567 964+", "IQ", "+9647901234567"),  # typed from right to left
        ("4567 123 790 964+", "IQ", "+9647901234567"),
        ("9647901234567+", "IQ", "+9647901234567"),
        ("whatsapp:+9647901234567", "IQ", "+9647901234567"),
        ("tel:+964-790-123-4567;ext=3", "IQ", "+9647901234567"),
    ],
)
def test_a_number_is_read_however_it_is_written(written: str, region: str, expected: str) -> None:
    """Citizens write one number in many ways; all of them lead to the same E.164 number."""
    assert expected == phone(written, region)
    assert why_not(written, region) is None


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("MUN91234567", "OM", Doubt.LETTERS),  # phonenumbers takes it for a valid mobile, and the next four as well
        ("ORDER 91234567", "OM", Doubt.LETTERS),
        ("B91234567X", "OM", Doubt.LETTERS),
        ("OM.91234567", "OM", Doubt.LETTERS),  # the shape of a WhatsApp business-scoped id
        ("0790CALLNOW", "IQ", Doubt.LETTERS),
        ("O7901234567", "IQ", Doubt.LETTERS),  # the letter O
        ("client:agent1", "IQ", Doubt.LETTERS),
        ("sip:0790@host", "IQ", Doubt.LETTERS),
        ("anonymous", "IQ", Doubt.WITHHELD),
        ("Unknown", "IQ", Doubt.WITHHELD),
        ("+266696687", "IQ", Doubt.WITHHELD),  # ANONYMOUS on the keys
        ("7378742833", "IQ", Doubt.WITHHELD),
        ("", "IQ", Doubt.EMPTY),
        (" \u200f ", "IQ", Doubt.EMPTY),
        ("91234567", "JO", Doubt.KIND),  # a premium number in Jordan, a mobile in Oman
        ("0791234567", "IQ", Doubt.INVALID),  # Jordan's habit, not Iraq's
        ("80012345", "OM", Doubt.INVALID),
        ("+", "IQ", Doubt.INVALID),
        ("*123#", "IQ", Doubt.SHORT_CODE),
        ("19123", "EG", Doubt.SHORT_CODE),
        ("115", "IQ", Doubt.SHORT_CODE),
        ("911", "JO", Doubt.SHORT_CODE),
        ("9999", "OM", Doubt.SHORT_CODE),
        ("07901234567" + " " * 60, "IQ", Doubt.TOO_LONG),
        ("7" * 300, "IQ", Doubt.TOO_LONG),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(written: str, region: str, expected: Doubt) -> None:
    """A name, a short code or a withheld number never becomes somebody's telephone; a clerk reads why."""
    assert phone(written, region) is None
    assert expected == why_not(written, region)
    assert expected.sentence.endswith(".")


def test_another_country_is_tried_only_when_the_city_names_it() -> None:
    """A number in a neighbour's habit is read where the city lists that neighbour, in its order, and not otherwise."""
    assert phone("0791234567", "IQ") is None
    assert "+962791234567" == phone("0791234567", "IQ", ("OM", "JO"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9647901234567", "+9647901234567"),
        ("+9647901234567", "+9647901234567"),
        ("whatsapp:+9647901234567", "+9647901234567"),
        ("07901234567", None),
        ("OM.91234567", None),
        ("IQ.13491208655302741918", None),
        ("", None),
    ],
)
def test_a_messengers_user_id_is_a_number_only_with_its_country(value: str, expected: str | None) -> None:
    """WhatsApp leaves out the plus; its business-scoped ids stay ids."""
    assert expected == international(value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Zainab.K@Example.ORG", "Zainab.K@example.org"),
        (" mailto:a@b.iq \u200f", "a@b.iq"),
        ("أحمد@مثال.العراق", "أحمد@مثال.العراق"),
        ("a@b", None),
        ("a..b@c.iq", None),
        (".a@c.iq", None),
        ("a@b.iq, c@d.iq", None),
        ("a@b.iq\nBcc: c@d.iq", None),
        ("a\x00@b.iq", None),
        ("a" * 300 + "@b.iq", None),
        ("", None),
    ],
)
def test_an_email_address_is_one_plain_address(written: str, expected: str | None) -> None:
    """Only what can be written in a mail's To line as it stands is an address."""
    assert expected == email(written)


@given(st.text(), st.sampled_from(["IQ", "OM", "", "??"]))
def test_reading_never_fails(text: str, region: str) -> None:
    """Whatever was typed into the field, there is a number, or a reason."""
    assert (phone(text, region) is None) == (why_not(text, region) is not None)
    international(text)
    email(text)


@given(st.text(alphabet="0123456789٠١٢٣۴۵+()/-–., \u200f\u202d\u202cـx#أو", max_size=64))
def test_whatever_is_read_is_e164(text: str) -> None:
    """What comes out is a plus and digits, or nothing."""
    number = phone(text, "IQ", ("OM",))
    assert number is None or (number[0] == "+" and number[1:].isascii() and number[1:].isdigit())
