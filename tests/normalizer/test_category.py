from __future__ import annotations

import pytest

from channels.message import Purpose
from normalizer.category import Matcher
from normalizer.guess import Guess
from normalizer.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("طفحت المجاري في شارعنا", "sewage.overflow"),
        ("والمجارى طافحه", "sewage.overflow"),  # و clings, ى for ي
        ("مشكلة بالمجاري", "sewage.overflow"),
        ("البالوعة مسدودة", "sewage.overflow"),  # its ب belongs to the word
        ("بالوعه مسدوده", "sewage.overflow"),
        ("وبالوعتنا طافحة, البالوعات كلها", "sewage.overflow"),
        ("للكهربا شهر مقطوعة", "electricity.outage"),  # ء left out, as many do
        ("الإناره عاطلة", "lighting.broken"),
        ("Street lights are off", "lighting.broken"),
        ("GARBAGE everywhere", "waste.collection"),
        ("الـمـجـاري طـافـحـة", "sewage.overflow"),  # drawn out with tatweel
        ("ﺍﻟﻤﺠﺎﺭﻱ ﻃﺎﻓﺤﺔ", "sewage.overflow"),  # presentation forms, as old systems send them
        ("انقطاااااع الماء", "water.outage"),
        ("السلام عليكم ورحمة الله", "other"),
        ("", "other"),
    ],
)
def test_a_citys_word_is_found_however_it_is_written(matcher: Matcher, text: str, expected: str) -> None:
    """A clerk writes a word once; it is found with prefixes, endings and spellings that citizens use."""
    assert expected == matcher.guess(text).category


def test_nothing_known_is_other_without_confidence(matcher: Matcher) -> None:
    """A message without any of the city's words is not guessed at."""
    assert Guess("other", 0.0) == matcher.guess("مرحبا كيف الحال")


def test_a_phrase_outweighs_the_word_within_it(matcher: Matcher) -> None:
    """The phrase "ماء وسخ" speaks of the quality of water; its "ماء" does not speak for an outage again."""
    guess = matcher.guess("عدنا ماء وسخ بالحنفية")
    assert ("water.quality", 1) == (guess.category, len(guess.scores))
    assert ("ماء وسخ",) == guess.words


def test_a_phrase_does_not_run_over_the_end_of_a_sentence(matcher: Matcher) -> None:
    """Words on both sides of a full stop are no phrase."""
    assert "water.quality" != matcher.guess("ماكو ماء. وسخ الشارع").category


def test_confidence_is_honest(matcher: Matcher) -> None:
    """One word is a fair guess, a phrase a good one, more words better still; two equal categories are a poor one."""
    word = matcher.guess("الماء").confidence
    phrase = matcher.guess("انقطاع الماء").confidence
    more = matcher.guess("انقطاع الماء، الماي مقطوع").confidence
    tie = matcher.guess("الماء والكهرباء")
    assert 0.5 < word < phrase < more <= 0.95
    assert tie.confidence < 0.35
    assert {"water.outage", "electricity.outage"} == {category for category, _ in tie.scores}


def test_said_twice_is_not_twice_as_true(matcher: Matcher) -> None:
    """Repeating a word does not make a guess surer, nor does a clerk who lists it with and without the article."""
    assert matcher.guess("مجاري").confidence == matcher.guess("مجاري مجاري المجاري").confidence


def test_suggestions_come_best_first(matcher: Matcher) -> None:
    """Whatever a text may mean is told, the likeliest first."""
    guess = matcher.guess("انقطاع الماء والكهرباء والإنارة والنفايات")
    confidences = [confidence for _, confidence in guess.scores]
    assert ("water.outage", 4) == (guess.scores[0][0], len(guess.scores))
    assert sorted(confidences, reverse=True) == confidences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("إيقاف", Purpose.OPT_OUT),
        (" ايقاف. ", Purpose.OPT_OUT),
        ("STOP", Purpose.OPT_OUT),
        ("تشغيل", Purpose.OPT_IN),
        ("إيقاف ضخ الماء", Purpose.MESSAGE),
        ("", Purpose.MESSAGE),
    ],
)
def test_only_a_whole_message_asks_for_silence(matcher: Matcher, text: str, expected: Purpose) -> None:
    """The word alone is a wish to hear nothing more; the same word in a sentence is a complaint."""
    assert expected == matcher.asks(text)


def test_a_city_without_words_understands_nothing_and_says_so() -> None:
    """An empty vocabulary is allowed: everything goes to the triage desk."""
    empty = Matcher(Vocabulary(region="IQ", languages=(), words={"other": ("", "...")}))
    assert ("other", 0.0) == (empty.guess("الماء").category, empty.guess("...").confidence)
    assert Purpose.MESSAGE == empty.asks("stop")
