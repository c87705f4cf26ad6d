"""danger.toml: what a clerk may write there, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.city.danger import DANGER, DangerFile, build, problems
from gateway.city.problems import Problem
from gateway.city.source import Source
from normalizer.urgency import DangerWords, Urgency

GOOD = """\
[lists]
people = ["طفل", "kid"]

[[frame]]
id = "wire"
what = ["سلك"]
state = ["مكشوف"]
victim = ["@people"]
near = 5

[alone]
words = ["الحقونا"]
[whole]
words = ["خطر"]
[never]
words = ["سلك الشرطة"]
[past]
words = ["قبل سنة"]
[still]
words = ["لسه"]
[alarming]
categories = ["buildings.unsafe"]
min_confidence = 0.7
[denial]
words = ["ماكو"]
fillers = ["اي"]
[vulnerable]
household = ["=امي"]
need = ["مريض"]
age = ["=عمرها"]
own_age = ["=عمري"]
old = 65
"""


def read(folder: Path, text: str) -> tuple[DangerWords | None, list[Problem]]:
    (folder / DANGER).write_text(text, "utf-8")
    found: list[Problem] = []
    source = Source.read(folder / DANGER, found)
    file = source.checked(DangerFile, found) if source else None
    if source is None or file is None:
        return None, found
    return build(file), [*found, *problems(source, file, frozenset({"buildings.unsafe", "noise"}))]


def test_good_file_becomes_the_words(tmp_path: Path) -> None:
    """Everything in the file arrives, and a list that a frame names is written out."""
    words, found = read(tmp_path, GOOD)
    assert [] == found
    assert words is not None
    assert ("طفل", "kid") == words.frames[0].victim
    assert 5 == words.frames[0].near
    assert (("buildings.unsafe",), 0.7) == (words.categories, words.min_confidence)
    assert Urgency(words).danger("سلك جنب طفل") is not None
    assert [False, True, True] == [Urgency(words).vulnerable(f"{who} 66") for who in ("عمرها", "امي عمرها", "عمري")]


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        (GOOD.replace('id = "wire"', 'id = "alone"'), 5, "a name of the house's own"),
        (GOOD.replace('state = ["مكشوف"]\nvictim = ["@people"]', "also = []"), 4, "neither state nor victim"),
        (GOOD.replace("@people", "@peple"), 8, "did you mean 'people'"),
        (GOOD.replace('"@people"', '"طفل"'), 2, "no frame names @people"),
        (GOOD.replace('people = ["طفل", ', 'people = ["@others", '), 2, "cannot name another list"),
        (GOOD.replace('"مكشوف"', '"~شب"'), 7, "a verb needs 3 letters"),
        (GOOD.replace("سلك الشرطة", "الحقونا"), 12, "would silence it"),
        (GOOD.replace("buildings.unsafe", "buildings.unsave"), 22, "did you mean 'buildings.unsafe'"),
        (GOOD.replace("near = 5", "near = 50"), 9, "less than or equal to 15"),
        (GOOD.replace("[still]", "[stil]"), 19, "did you mean 'still'"),
        (GOOD.replace("old = 65", "old = 6"), 32, "greater than or equal to 50"),
    ],
)
def test_mistake_is_named_with_its_line(tmp_path: Path, wrong: str, line: int, said: str) -> None:
    """A clerk is told the line and what to write instead."""
    _, found = read(tmp_path, wrong)
    assert any(line == problem.line and said in problem.what for problem in found), found


def test_frame_twice(tmp_path: Path) -> None:
    """Two frames of one name would hide one another in every reason given."""
    frame = GOOD[GOOD.index("[[frame]]") : GOOD.index("[alone]")]
    _, found = read(tmp_path, GOOD.replace("[alone]", f"{frame}\n[alone]", 1))
    assert any("for the second time" in problem.what for problem in found)
