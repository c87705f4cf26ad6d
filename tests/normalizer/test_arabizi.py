"""Arabic in Latin letters is written back in Arabic ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.arabizi import Transliterator, spelled

KNOWN = ("مجاري طافحة", "الماي مقطوع", "حفرة كبيرة", "منهول مفتوح", "كهرباء", "شارع", "رصيف", "زبالة", "بوري مكسور")


@pytest.fixture(scope="module")
def transliterator() -> Transliterator:
    return Transliterator(KNOWN)


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("majari 6af7a", "مجاري طافحه"),
        ("el mai magtoo3", "الماي مقطوع"),
        ("7ofra kbeera", "حفره كبيره"),
        ("manhol maftoo7", "منهول مفتوح"),
        ("bl share3", "بالشارع"),
        ("zbala 3al raseef", "زباله عالرصيف"),
        ("boori maksoor", "بوري مكسور"),
    ],
)
def test_a_word_that_the_city_knows_is_spelled_as_the_city_does(
    transliterator: Transliterator, latin: str, arabic: str
) -> None:
    """Short vowels written or left out, digits for letters that Latin lacks: the known word is found."""
    assert arabic == transliterator.arabic(latin)


def test_an_unknown_word_is_spelled_letter_by_letter(transliterator: Transliterator) -> None:
    """Nothing is lost: what nobody listed is written as it sounds, figures stay figures."""
    assert "قرقوش 14" == transliterator.arabic("8ar8oosh 14")
    assert "شلون" == spelled("shlon")


def test_arabic_stays_as_it_is(transliterator: Transliterator) -> None:
    """Of a message in both scripts only the Latin words change."""
    assert "الشارع كله حفره" == transliterator.arabic("الشارع كله 7ofra")


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    """Whatever is typed, something comes back without Latin words in it."""
    written = Transliterator(KNOWN).arabic(text)

    assert not any("a" <= sign <= "z" for sign in written)


def test_an_endless_word_is_written_piece_by_piece() -> None:
    """No word is remembered that is longer than anybody's, so that hostile letters do not fill the memory."""
    writer = Transliterator(())
    pieces = ["mo" * 31 + "ba"] * 3

    assert "".join(map(writer.arabic, pieces)) == writer.arabic("".join(pieces))
