"""Which alphabet the bytes of a mail are in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.words import codec, decode

ARABIC = "السلام عليكم، طفح مجاري في الكرادة شارع 62 قرب المدرسة؟\nشكراً"
FALSE_LABELS = ["", "us-ascii", "iso-8859-1", "windows-1252", "utf-8", "unknown-8bit", "utf-16", "utf-7", "hex", "\x00"]


@pytest.mark.parametrize("label", [*FALSE_LABELS, "windows-1256", "iso-8859-6"])
@pytest.mark.parametrize("charset", ["utf-8", "cp1256", "iso8859-6"])
def test_arabic_is_read_whatever_the_label_says(charset: str, label: str) -> None:
    """A complaint in any of the three Arabic charsets is readable under a wrong, missing or senseless label."""
    data = ARABIC.encode(charset, "replace")

    assert data.decode(charset) == decode(data, label)


@pytest.mark.parametrize(
    "label", ["CP-1256", "win-1256", "x-cp1256", "Windows-1256", "cp1256", "WINDOWS_1256", "ms-1256", '"windows-1256"']
)
def test_misspelt_labels_are_known(label: str) -> None:
    """Names of windows-1256 that no registry knows mean it all the same."""
    assert "cp1256" == codec(label)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("iso-8859-6-i", "iso8859-6"),
        ("iso-8859-6-e", "iso8859-6"),
        ("x-mac-arabic", "mac-arabic"),
        ("dos-720", "cp720"),
        ("utf8mb4", "utf-8"),
        ("asmo-708", "iso8859-6"),
        ("default", ""),
        ("unknown-8bit", ""),
        ("rot13", ""),
        ("zlib", ""),
        ("unicode_escape", ""),
        ("no-such-charset", ""),
        ("", ""),
        ("utf-8\x00", "utf-8"),
    ],
)
def test_labels(label: str, name: str) -> None:
    """A label means Python's charset of that name, or nothing; never a codec that runs or unpacks something."""
    assert name == codec(label)


@pytest.mark.parametrize(
    ("text", "charset", "label"),
    [
        ("Grüße aus München, schöne Straße", "cp1252", ""),
        ("Grüße aus München", "latin-1", "iso-8859-1"),
        ("Où est la voirie ? L'éclairage est cassé à côté de l'école, ça gêne", "cp1252", ""),
        ("Où est la voirie ? éclairage", "cp1252", "windows-1256"),
        ("Привет, не работает вода в доме номер шесть, помогите пожалуйста", "cp1251", ""),
        ("Привет, как дела", "koi8-r", "koi8-r"),
        ("日本語です", "iso2022_jp", "iso-2022-jp"),
        ("日本語です", "cp932", "shift_jis"),
        ("پارک گلها", "cp1256", ""),
        ("ماء", "cp1256", "us-ascii"),
        ("ماء", "utf-16-le", "utf-16le"),
        ("ماء", "mac_arabic", "x-mac-arabic"),
        ("no water", "ascii", "nonsense"),
    ],
)
def test_other_tongues_stay_what_they_are(text: str, charset: str, label: str) -> None:
    """What is not Arabic is not read as Arabic, and short words are read right."""
    assert text == decode(text.encode(charset), label)


def test_a_footer_in_another_charset_spoils_only_its_own_line() -> None:
    """A mail list glues a footer in windows-1256 below UTF-8: both are readable."""
    data = ARABIC.encode() + b"\n" + "أمانة بغداد قسم الشكاوى".encode("cp1256")

    assert f"{ARABIC}\nأمانة بغداد قسم الشكاوى" == decode(data, "utf-8")


def test_utf8_cut_within_a_character_loses_that_character_only() -> None:
    """A gateway that cuts a mail after so many bytes costs one letter, not all of them."""
    assert "الماء مقطوع".encode()[:-1].decode("utf-8", "ignore") == decode("الماء مقطوع".encode()[:-1]).rstrip("\ufffd")


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(charset: str) -> None:
    """A mark at the beginning says more than the label, and is no part of the text."""
    assert ARABIC == decode(ARABIC.encode(charset), "us-ascii")


@given(st.binary(max_size=400), st.text(max_size=20))
def test_any_bytes_become_words_that_can_be_stored(data: bytes, label: str) -> None:
    """No bytes under any label raise, and what comes out is neither NUL nor half a character."""
    text = decode(data, label)

    assert "\x00" not in text
    assert text == text.encode().decode()
