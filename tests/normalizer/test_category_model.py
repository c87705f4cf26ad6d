"""Words and a model together: what is sure goes out, what they do not agree on does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer.category import Matcher, Model, ModelError, pack, unpack
from normalizer.category.features import of_pairs, of_word, words
from normalizer.category.joint import DangerFactors
from normalizer.category.model import Scorer, quantized
from normalizer.guess import ACT, IDLE
from normalizer.reader import Reader
from normalizer.stem import tokens
from normalizer.urgency import LEARNED, Alarm, DangerWords, Frame
from normalizer.vocabulary import Vocabulary

LABELS = ("lighting.broken", "none", "other", "sewage.overflow", "water.outage", "water.quality")
SAYS = {  # what the model of this small city has read, label by label
    "lighting.broken": "ظلمه لمبه عمود",
    "none": "شكرا السلام مباراه",
    "sewage.overflow": "مجاري طفحت بالوعه",
    "water.outage": "ماء مقطوع حنفيه ناشفه",
    "water.quality": "ماء وسخ ريحه لون",
}


def model() -> Model:
    """A model that knows a few words, each for its label; `خطر` alone is danger, `شكرا` alone is nothing to act on."""
    features = sorted({feature for said in SAYS.values() for word in said.split() for feature in of_word(word)})
    weights = np.zeros((len(features), len(LABELS) + 2 + 1))
    for label, said in SAYS.items():
        for word in said.split():
            for feature in of_word(word):
                weights[features.index(feature), LABELS.index(label)] += 0.5
    idle = [features.index(feature) for feature in of_word("شكرا")]
    weights[idle, len(LABELS) + 1] = 2.0
    weights[[features.index(feature) for feature in of_word("عمود")], -1] = 2.0
    counted, scale = quantized(weights)
    bias = np.zeros(len(LABELS) + 3, dtype=np.float32)
    bias[-1] = -8.0
    return Model(LABELS, (ACT, IDLE), tuple(features), counted, scale, bias, (1.0, 1.0, 1.0, 0.0), (), 0.9, "0" * 12)


@pytest.fixture(scope="module")
def city() -> Vocabulary:
    return Vocabulary(
        region="IQ",
        languages=("ar",),
        strong={"water.outage": ("ماء مقطوع",), "sewage.overflow": ("طفحت مجاري",)},
        words={"water.quality": ("ماء وسخ",), "lighting.broken": ("لمبة",)},
        never={"water.outage": ("فاتورة",)},
        departments={
            "water.outage": "water",
            "water.quality": "water",
            "sewage.overflow": "sewage",
            "lighting.broken": "lighting",
        },
        categories=frozenset(LABELS) - {"none"},
    )


@pytest.fixture(scope="module")
def matcher(city: Vocabulary) -> Matcher:
    return Matcher(city, model())


def test_words_and_model_that_agree_are_sure(matcher: Matcher) -> None:
    """Both name the department: the guess may go out, and says which words spoke for it."""
    guess = matcher.guess("الماي عفواً الماء عندنا مقطوع والحنفية ناشفة")

    assert ("water.outage", True, ("ماء مقطوع",)) == (guess.category, guess.agreed, guess.words)
    assert 0.6 < guess.confidence < 1.0


def test_another_model_is_tried_beside_the_same_words(city: Vocabulary, matcher: Matcher) -> None:
    """A trial model answers as if the city had it in force, and the one that is in force goes on as before."""
    weak = replace(model(), joint=(0.2, 0.3, 0.1, 0.0))
    text = "الماء عندنا مقطوع والحنفية ناشفة"
    before = matcher.guess(text)
    trial = matcher.with_model(weak)

    assert Matcher(city, weak).guess(text) == trial.guess(text)
    assert trial.guess(text).confidence < before.confidence
    assert before == matcher.guess(text)


def test_words_against_the_model_do_not_go_out(matcher: Matcher) -> None:
    """A phrase of the city in a text about something else: a person looks."""
    assert not matcher.guess("لمبة بالوعة مجاري طفحت").agreed


def test_without_a_word_of_the_city_nothing_goes_out(matcher: Matcher) -> None:
    """What only the model believes is a suggestion."""
    guess = matcher.guess("الحنفية ناشفة")

    assert ("water.outage", False) == (guess.scores[0][0], guess.agreed)


def test_a_word_that_excludes_a_category_keeps_it_out(matcher: Matcher) -> None:
    """A bill for water is no outage, although the words of one stand in the text."""
    assert "water.outage" != matcher.guess("فاتورة ماء مقطوع عنا").category


def test_thanks_are_nothing_to_act_on(matcher: Matcher) -> None:
    """A message of thanks that names the service is not sent to it."""
    guess = matcher.guess("شكرا لمبة")

    assert (IDLE, False) == (guess.kind, guess.agreed)


@pytest.mark.parametrize(
    "text",
    [
        "الماء مقطوع والمجاري طفحت مجاري",
        "الماء مقطوع، وعندنا لمبة ظلمه",  # told by a word that does not decide by itself, in a part of its own
        "الماء مقطوع والعمود لمبة ظلمه",  # and without a mark between them
    ],
)
def test_two_problems_in_one_message_are_both_seen(matcher: Matcher, text: str) -> None:
    """The second is named beside the first, for a person to split off."""
    guess = matcher.guess(text)

    assert 1 == len(guess.second)
    assert {"water", "sewage", "lighting"} > {
        matcher.vocabulary.departments[name] for name in (guess.category, *guess.second)
    }


@pytest.mark.parametrize(
    "text",
    [
        "الماء مقطوع والحنفيه ناشفه والماء مقطوع قرب لمبة",  # where it is
        "الماء مقطوع واليوم ماء وسخ بي لون وريحه",  # one job for one department
        "الماء مقطوع. " + "والماء مقطوع عن الزقاق كله والحنفيه ناشفه والناس عطشى. " * 6 + "وماء وسخ بي لون وريحه",
    ],
)
def test_a_word_in_passing_and_more_for_the_same_department_are_no_second_problem(matcher: Matcher, text: str) -> None:
    """Nobody is asked to split what is one matter."""
    guess = matcher.guess(text)

    assert ("water", ()) == (matcher.vocabulary.departments[guess.category], guess.second)


def test_a_letter_is_judged_by_what_it_is_about(matcher: Matcher) -> None:
    """A long letter with much beside the matter: the subject line and the sentence that says it decide."""
    chatter = "السلام عليكم والسلام على كل من شاهد مباراه الامس والسلام ختام. " * 8
    guess = matcher.guess(f"طفحت المجاري\n{chatter}طفحت مجاري الزقاق كلها. {chatter}")

    assert ("sewage.overflow", True) == (guess.category, guess.agreed)


def test_the_subject_line_weighs_more_than_another_sentence(matcher: Matcher) -> None:
    """Of two matters told in the same words a letter is about the one that its first line names."""
    water, sewage, chatter = "الماء مقطوع.", "طفحت مجاري.", "السلام عليكم وعلى من شاهد مباراه الامس. " * 9

    for subject, told in ((water, "water.outage"), (sewage, "sewage.overflow")):
        other = sewage if subject is water else water
        assert told == matcher.guess(f"{subject}\n{chatter}{other} {chatter}").category
        assert told == matcher.guess(f"{subject}\n{other} {chatter}{chatter}").category


DANGER = DangerWords(
    frames=(Frame("pipe", what=("مجاري",), state=("طفحت",)),),
    past=("تصلح",),
    categories=("lighting.broken",),
    min_confidence=0.1,
)
WEIGHED = (6.0, 0.5, 1.0, -6.0, 0.0)  # the words, the model, an act, what is over, and the bias


def why(reader: Reader, text: str) -> str | None:
    alarm = reader.danger(text)
    return alarm.why if alarm else None


def test_words_and_model_decide_on_danger_together(city: Vocabulary) -> None:
    """A frame raises what asks for help, but not in thanks or of what is over; the model hears what no frame does."""
    reader = Reader(city, model=replace(model(), danger=WEIGHED, alarm=0.5), danger=DANGER)

    assert "pipe" == why(reader, "المجاري طفحت")
    assert why(reader, "شكرا شكرا المجاري طفحت") is None
    assert why(reader, "المجاري طفحت. المجاري تصلح") is None
    assert "lighting.broken" == why(reader, "عمود لمبة")
    assert why(reader, "ماء مقطوع") is None
    unnamed = Reader(city, model=replace(model(), danger=WEIGHED, alarm=0.5), danger=replace(DANGER, categories=()))
    assert Alarm((), LEARNED) == unnamed.danger("عمود لمبة")


def test_words_decide_on_danger_alone_where_the_model_was_not_told_of_any(city: Vocabulary) -> None:
    """A city that has marked no example as danger has its frames and alarming categories, and nothing doubts them."""
    for reader in (Reader(city, model=model(), danger=DANGER), Reader(city, danger=DANGER)):
        assert "pipe" == why(reader, "شكرا المجاري طفحت")
        assert "lighting.broken" == why(reader, "لمبة عمود")
        assert why(reader, "لمبة العمود تصلح") is None


def test_a_file_gives_back_the_model_that_was_written() -> None:
    """The same model is the same bytes, and reads back as it was."""
    made = model()
    again = unpack(pack(made))

    assert pack(made) == pack(again)
    assert (made.labels, made.features, made.joint, made.version) == (
        again.labels,
        again.features,
        again.joint,
        again.version,
    )
    text = words(tokens("المجاري طفحت"))
    assert np.allclose(Scorer(made).logits(text), Scorer(again).logits(text))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x93NUMPY"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    """A damaged file is told in words, and never unpickled."""
    with pytest.raises(ModelError, match="no model"):
        unpack(content)


def test_a_model_whose_tables_do_not_fit_is_refused() -> None:
    """A table that lacks a column would give one label another's weights."""
    with pytest.raises(ModelError, match="do not fit"):
        unpack(pack(replace(model(), labels=LABELS[:-1])))


def test_a_score_is_the_sum_of_what_stands_in_the_text() -> None:
    """What is added up word by word is what the table says, whatever is remembered between messages."""
    made = model()
    scorer, rows = Scorer(made), {feature: row for row, feature in enumerate(made.features)}
    said = words(tokens("الماء مقطوع مقطوع والمجاري"))
    found = [rows[f] for word in said for f in of_word(word) if f in rows]
    found += [rows[f] for f in of_pairs(said) if f in rows]
    expected = made.bias + (made.weights[found].astype(int).sum(axis=0) * made.scale) / np.sqrt(len(said))

    assert np.allclose(expected, scorer.logits(said), atol=1e-4)
    assert np.allclose(expected, scorer.logits(said), atol=1e-4)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ماء مقطوع مجاري طفحت لمبة ab.؟\n19", max_size=300) | st.text(max_size=120))
def test_a_guess_is_a_distribution_whatever_is_written(text: str) -> None:
    """No text raises; shares lie between nought and one, add up to no more than one, and stand best first.

    How dangerous it sounds is told alike with the rest and by itself.
    """
    guess = GUESSER.guess(text)
    shares = [share for _, share in guess.scores]

    assert sorted(shares, reverse=True) == shares
    assert all(0.0 <= share < 1.0 for share in shares)
    assert sum(shares) <= 1.001
    assert guess == GUESSER.guess(text)
    assert guess.danger == GUESSER.danger(text)


@given(st.floats(-3, 3), st.booleans(), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_nothing_that_is_asked_for_makes_a_danger_likelier_than_the_most(
    act: float, told: bool, over: bool, danger: float, acting: float
) -> None:
    """A sentence that is passed over unread could not have raised an alarm, whatever it asks for."""
    factors = DangerFactors(words=4.0, model=1.3, act=act, over=-0.8, bias=-0.5)
    chance = factors.chance(told=told, over=over, danger=danger, acting=acting)

    assert chance <= factors.most(told=told, over=over, danger=danger)


GUESSER = Matcher(
    Vocabulary(
        region="IQ",
        languages=("ar",),
        strong={"water.outage": ("ماء مقطوع",)},
        words={"lighting.broken": ("لمبة",)},
    ),
    model(),
)
