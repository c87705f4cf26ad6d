"""How the signs of danger are weighed against each other, on a city of one problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from gateway.learning.danger import weighed
from gateway.learning.material import Text
from gateway.learning.train import Material, train
from normalizer.category import Matcher, pack, unpack
from normalizer.category.joint import DangerFactors
from normalizer.guess import ACT, IDLE
from normalizer.vocabulary import Vocabulary

PLACES = ("البيت", "المدرسة", "السوق", "الجامع", "الشارع", "الحديقة")


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(
        Vocabulary(
            region="IQ",
            languages=("ar",),
            strong={"electricity.hazard": ("سلك",), "waste.collection": ("زبالة",)},
            words={},
            never={},
            departments={"electricity.hazard": "electricity", "waste.collection": "waste"},
            categories=frozenset({"electricity.hazard", "waste.collection"}),
        )
    )


def texts(*, told: bool) -> list[Text]:
    """A wire that burns, thanks for one that did, and waste, each at every place."""
    said = (
        ("سلك يحترق يم {} الحقونا", "electricity.hazard", ACT, True),
        ("شكرا عالسلك يحترق يم {} وصلحتوه", "none", IDLE, False),
        ("الزبالة متروسة يم {}", "waste.collection", ACT, False),
    )
    return [
        Text(f"{words.format(place)} {turn}", (category,), kind, danger if told else None)
        for (words, category, kind, danger), place, turn in product(said, PLACES, ("اليوم", "هسه"))
    ]


def framed(text: str) -> tuple[bool, bool]:
    """Say what the city's words say: whatever burns is danger, and what was mended is over."""
    return "يحترق" in text, "صلحتوه" in text


def made(matcher: Matcher, taught: Sequence[Text]) -> tuple[tuple[float, ...], float]:
    model = unpack(pack(train(Material(matcher, taught, framed)).model))
    return model.danger, model.alarm


def test_what_the_words_say_counts_for_danger_and_what_is_over_against_it(matcher: Matcher) -> None:
    """The city's words and the model speak for danger, thanks for what was mended against it."""
    factors, alarm = made(matcher, texts(told=True))
    weighing = DangerFactors(*factors)

    assert weighing.words > 0 > weighing.over
    assert weighing.model > 0
    assert weighing.chance(told=True, over=False, danger=0.6, acting=0.95) >= alarm
    assert weighing.chance(told=True, over=True, danger=0.05, acting=0.1) < alarm


def test_where_nobody_told_of_danger_there_is_nothing_to_weigh(matcher: Matcher) -> None:
    """Examples without a word on danger leave the decision to the city's own words."""
    assert ((), 1.0) == made(matcher, texts(told=False))


def test_what_only_sounds_like_danger_does_not_draw_the_line() -> None:
    """Look-alikes that a city collects teach, and make nobody in danger go unheard: the line is drawn by the post."""
    danger, post, alike = [(1.0, 2.0, 0.0, 0.0)] * 40, [(0.0, -2.0, 0.0, 0.0)] * 60, [(0.0, 1.0, 0.0, 0.0)] * 20
    right = np.array([1] * 40 + [0] * 80)
    everyday = np.array([True] * 100 + [False] * 20)

    by_post = weighed([*danger, *post, *alike], right, everyday)
    by_all = weighed([*danger, *post, *alike], right, np.ones(120, dtype=bool))

    assert by_post[0] == by_all[0]
    assert by_post[1] < by_all[1]
    assert by_all == weighed([*danger, *post, *alike], right, np.array([True] * 40 + [False] * 80))


def test_models_that_differ_in_the_line_alone_have_two_names(matcher: Matcher) -> None:
    """Where a city marks what only sounds like danger, the line moves: the model in force is another one."""
    taught = texts(told=True)
    marked = [replace(text, alike=text.kind == ACT) for text in taught]
    one, other = (train(Material(matcher, some, framed)).model for some in (taught, marked))

    assert one.danger == other.danger
    assert one.alarm != other.alarm
    assert one.version != other.version


def test_the_words_of_the_city_count_less_than_a_model_that_is_right_as_often() -> None:
    """Whoever wrote the words had these texts in sight: on what people send they are not as good as they look here."""
    signs, right = [(1.0, 1.0, 0.0, 0.0)] * 40 + [(0.0, 0.0, 0.0, 0.0)] * 40, np.array([1] * 40 + [0] * 40)
    factors, _ = weighed(signs, right, np.ones(80, dtype=bool))

    assert 0 < factors[0] < factors[1]
