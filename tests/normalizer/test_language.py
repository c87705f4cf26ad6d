from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.language import language, reply_language

OWN = Path(__file__).with_name("languages.jsonl")
LABELLED = Path(__file__).parents[1] / "data" / "complaints.jsonl"


def read(path: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["language"], row["text"]) for row in rows]


@pytest.mark.parametrize(("expected", "text"), read(OWN))
def test_a_short_message_is_told_by_its_script_and_small_words(expected: str, text: str) -> None:
    """Every language in which people of an Arab city write is told from the others, Arabizi and Sorani among them."""
    assert expected == language(text)


def test_hardly_a_message_of_a_larger_sample_is_mistaken() -> None:
    """Of the labelled messages at least 97 in 100 are told rightly."""
    rows = read(LABELLED)
    right = sum(expected == language(text) for expected, text in rows)
    assert right >= 0.97 * len(rows)


@pytest.mark.parametrize(
    ("spoken", "languages", "expected"),
    [
        ("ar", ("ar", "en"), "ar"),
        ("ar-Latn", ("en", "ar"), "ar"),
        ("en-GB", ("ar", "en"), "en"),
        ("ckb", ("ar", "en"), "ar"),
        ("und", ("ar", "en"), "ar"),
        ("en", (), "en"),
    ],
)
def test_the_answer_is_in_the_citizens_language_or_the_citys_own(
    spoken: str, languages: tuple[str, ...], expected: str
) -> None:
    """Whoever writes Arabic in Latin letters is answered in Arabic; a language the city lacks gets its first."""
    assert expected == reply_language(spoken, languages)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_telling_the_language_never_fails(text: str) -> None:
    """Any text has a tag, if only `und`."""
    assert language(text).replace("-", "").isalpha()
