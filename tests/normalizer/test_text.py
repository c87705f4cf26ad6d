from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.text import ascii_digits, clean, fold, storable

ANY = st.text(alphabet=st.characters(exclude_categories=())) | st.text(
    alphabet="اأبهيی ة"
    "\u200c\u200d\u200f\u202b\u0640\u064b\u0651\u0300\u0338\r\n\t\v\x00\x85\u2028\ufeff←☺\U0001f468\ufe0fe\ud83d\ude00٣"
)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("  الماء   مقطوع\t\tمن أمس ", "الماء مقطوع من أمس"),
        ("سطر\r\nثان\rثالث\u2028رابع", "سطر\nثان\nثالث\nرابع"),
        ("فقرة \n \n\n\n فقرة", "فقرة\n\nفقرة"),
        ("\u202bالماء\u202c \u2067مقطوع\u2069\u200f", "الماء مقطوع"),
        ("مــــاء", "ماء"),
        ("ما\u00adء\ufeff", "ماء"),
        ("رقم العداد ٤٥٦۷", "رقم العداد ٤٥٦۷"),  # as the citizen will look for it
        ("e\u0301", "\u00e9"),
        ("می\u200cشود", "می\u200cشود"),  # Persian: another word without it
        ("ماء\u200c مقطوع", "ماء مقطوع"),
        ("wa\u200cter", "water"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("a\x00b\x1bc", "a\ufffdbc"),
        ("a\ufffeb\uffffc", "a\ufffdb\ufffdc"),  # no XML document could carry them
        ("\ud83d\ude00", "\U0001f600"),  # two halves side by side are one character
        ("\ude00x\ud83d", "\ufffdx\ufffd"),
        ("\u0603 ٥", "\u0603 ٥"),  # the Arabic safha sign: format by category, ink on the page
        ("\u200f\u202b \u200d", ""),
        ("", ""),
    ],
)
def test_words_are_cleaned_for_reading(original: str, expected: str) -> None:
    """People read words without hidden characters, odd blanks or broken halves, and with their own digits."""
    assert expected == clean(original)


def test_no_control_or_hidden_format_character_survives() -> None:
    """Whatever Unicode calls a control or a format character is gone, but for breaks, joiners and visible signs."""
    ink = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
    hidden = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in {"Cc", "Cf"}]
    left = {c for c in hidden if c in clean(f"ا{c}ب")} - ink - {"\n"}
    assert {"\u200c", "\u200d"} == left


@given(ANY)
def test_cleaning_twice_is_cleaning_once(original: str) -> None:
    """Clean words stay as they are, and are strict UTF-8 in NFC, whatever they were made of."""
    once = clean(original)
    assert once == clean(once)
    assert once == unicodedata.normalize("NFC", once.encode().decode())


@given(ANY)
def test_original_words_are_kept_exactly(original: str) -> None:
    """The original is changed only where no store could hold it: NUL and broken halves of characters."""
    kept = storable(original)
    assert "\x00" not in kept.encode().decode()
    if original.isprintable():
        assert original == kept


@given(ANY)
def test_folding_never_fails(text: str) -> None:
    """Any text has a form for matching, without a trace of case or of invisible characters."""
    folded = fold(text)
    assert folded.encode().decode() == folded
    assert not set("\u0640\u200c\u200f\u064bأةىگ").intersection(folded)


@pytest.mark.parametrize(
    "same",
    [
        ("إنارة", "اناره", "إنارۃ", "ٱنارة", "إِنَارَة", "إنـــارة", "\u202bإنارة\u202c", "ﺇﻧﺎﺭﺓ"),
        ("شكوى", "شكوي", "شکوی", "شكووووى"),
        ("كراج", "گراج", "کراج", "ڪراچ"),
        ("مسؤول", "مسوول"),
        ("كارةبا", "کارەبا"),
        ("٠٧٩٠", "۰۷۹۰", "０７９０", "0790"),
        ("STREET", "street", "ｓｔｒｅｅｔ"),
    ],
)
def test_spellings_of_one_word_fold_alike(same: tuple[str, ...]) -> None:
    """Hamza, ta marbuta, vowel marks, foreign keyboards and drawn-out letters do not make another word."""
    assert 1 == len({fold(word) for word in same})


def test_figures_are_not_shortened() -> None:
    """Letters said thrice are squeezed, digits never: 1000 is not 10."""
    assert "1000 111" == fold("1000 111")


@given(st.text(alphabet=st.characters(categories=["Nd"])))
def test_every_decimal_digit_has_an_ascii_one(digits: str) -> None:
    """Digits of any script become 0-9 of the same value."""
    assert [unicodedata.decimal(digit) for digit in digits] == [int(digit) for digit in ascii_digits(digits)]
    assert ascii_digits(digits).isascii()
