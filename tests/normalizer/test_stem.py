"""Words as programs compare them: what clings to them, and what ends them, comes off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.place.tokens import words_of
from normalizer.stem import forms, is_word, stem, tokens

LETTERS = st.text(alphabet="ابتثجحخدرزسشصضطعغفقكلمنهويءأإآةىؤئپچگڤەڕێ abc019.،؟\n", max_size=60)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("مجاري", "والمجاري"),
        ("مجاري", "بالمجارى"),
        ("مجاري", "هالمجاري"),
        ("بالوعة", "بالوعتنا"),
        ("منهول", "للمنهول"),
        ("كهرباء", "الكهربا"),
        ("شارع", "عالشارع"),
        ("lights", "light"),
        ("گلوب", "الكلوب"),
    ],
)
def test_a_bare_word_is_known_in_whatever_it_clings_to(written: str, told: str) -> None:
    """What a clerk writes once is found with article, preposition, ending and another keyboard's letters."""
    (token,) = tokens(told)
    (bare,) = tokens(written)

    assert stem(bare) in forms(token) or stem(stem(bare)) in forms(token)


@pytest.mark.parametrize(("one", "other"), [("ماء", "مال"), ("نار", "انار"), ("حفرة", "حفلة"), ("road", "broad")])
def test_different_words_stay_different(one: str, other: str) -> None:
    """Stemming takes off what clings, and never a letter of the word itself."""
    assert not set(forms(tokens(one)[0])) & {stem(tokens(other)[0])}


def test_a_mark_ends_a_phrase() -> None:
    """Full stop, question mark, Arabic comma and line break stand between words as tokens of their own."""
    assert ("ماكو", "ماء", ".", "وسخ", "الشارع", "؟", "\n", "شكرا") == tokens("ماكو ماء. وسخ الشارع؟\nشكراً")
    assert not is_word("؟")


@given(LETTERS)
def test_every_word_is_known_under_something_shorter_or_itself(text: str) -> None:
    """No text raises; a form is part of its word, and an Arabic one keeps three letters where it had them."""
    for token in tokens(text):
        known = forms(token)
        assert known
        assert all(form in token for form in known)
        assert all(len(form) >= min(3, len(token)) for form in known if not token.isascii())


def test_no_word_is_longer_than_a_word() -> None:
    """A letter of a single endless word is cut like any other text: what is remembered of it stays small."""
    endless = "كرادة" * 20_000

    assert 64 == max(map(len, tokens(endless)))
    assert 64 == max(map(len, words_of(endless).folded))
    assert endless.replace("ة", "ه") == "".join(tokens(endless)) == "".join(words_of(endless).folded)
