"""A training as people judge it: what it makes of the held cases, and what changes with it.

Every case is judged by a model that has not seen it: the texts are dealt into folds, and the model of a fold was made
without its texts. What the model in force came to when it was made stands beside it in `model.csv`.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources.abc import Traversable
from pathlib import Path

from gateway.city.city import City
from gateway.city.problems import CityError, Problem
from gateway.city.reading import MODEL
from gateway.learning.evaluate import Account, Judged, judge
from gateway.learning.material import CASES, EXAMPLES, Case, Text, read_cases, read_examples
from gateway.learning.train import Material, Trained, train
from gateway.store.lessons import Lesson
from normalizer.category import pack

OUTCOMES = "model.csv"
_COLUMNS = ("id", "department", "automatic", "right")
_WRONGLY, _PUZZLED, _SUGGESTED, _WELL = range(4)  # what became of a case, the worst first
_MOST_SHOWN = 40  # cases in one listing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model made of a case that it had not seen."""

    department: str
    automatic: bool
    right: bool

    @classmethod
    def of(cls, judged: Judged) -> Outcome:
        """Take from a judged case what is kept."""
        return cls(judged.first, judged.automatic, judged.right)

    def __str__(self) -> str:
        how = "" if self.automatic else " (a person decides)"
        return f"{self.department}{how}{'' if self.right else ', wrong'}"


@dataclass(frozen=True, slots=True)
class Lecture:
    """What a training came to: the model, its cases as judged unseen, and the city's own history the same way.

    `mute` counts those of the history that taught nothing: they name a department alone, and no word of its matters.
    """

    trained: Trained = field(repr=False)
    cases: Account
    history: Account
    texts: int
    lessons: int
    mute: int = 0


def study(
    city: City, folder: Traversable, taught_by_people: Sequence[Lesson] = (), history: Sequence[Case] = ()
) -> Lecture:
    """Train on all that the city has, and judge every case by a model that has not seen it.

    Raises CityError for a file of examples or cases that cannot be read.
    """
    examples = read_examples(folder.joinpath(EXAMPLES), city.categories)
    cases = read_cases(folder.joinpath(CASES), city.categories, city.vocabulary.departments)
    confirmed = [text for lesson in taught_by_people if (text := _confirmed(lesson, city)) is not None]
    teaching = [(case, lesson) for case in (*cases, *history) if (lesson := _lesson(case, city)) is not None]
    texts = [*(lesson for _, lesson in teaching), *examples, *confirmed]
    if not texts:
        what = f"nothing to learn from: write {EXAMPLES}/*.csv or {CASES}"
        raise CityError([Problem(str(folder.joinpath(EXAMPLES)), 0, "", what)])
    trained = train(Material(city.reader.matcher, texts, city.reader.told_of))
    judges = [city.reader.with_model(model) for model in trained.unseen]
    unseen = {id(case): trained.fold_of[place] for place, (case, _) in enumerate(teaching)}

    def account(chosen: Sequence[Case]) -> Account:
        # A case that taught nothing, because a person should decide it, was seen by no model: any may judge it.
        return Account([judge(case, judges[unseen.get(id(case), 0)], city.rules) for case in chosen])

    mute = sum(id(case) not in unseen for case in history if case.acted_on and city.triage not in case.departments)
    return Lecture(trained, account(cases), account(history), len(texts), len(confirmed), mute)


def _lesson(case: Case, city: City) -> Text | None:
    """Return what a case teaches; of one that names only a department, its category that the words are likest to."""
    lesson = case.lesson(city.triage)
    if lesson is None or lesson.categories:
        return lesson
    likest = _likest(case.text, case.departments, city)
    return replace(lesson, categories=(likest,)) if likest else None


def _likest(text: str, departments: Sequence[str], city: City) -> str | None:
    scores = city.reader.guess(text).scores
    return next((name for name, _ in scores if city.vocabulary.departments[name] in departments), None)


def _confirmed(lesson: Lesson, city: City) -> Text | None:
    """Make a lesson a text: of one that names a department alone, the category there that the words are likest to."""
    if lesson.category is not None and lesson.category in city.categories:
        return Text(lesson.text, (lesson.category,))
    likest = _likest(lesson.text, [lesson.department or ""], city)
    return Text(lesson.text, (likest,)) if likest else None


def before(folder: Traversable) -> Mapping[str, Outcome]:
    """Return what the model in force made of each case when it was made; empty where that is not known.

    Raises CityError for a file that a spreadsheet, or somebody, has changed: compared with nothing, no case gets worse.
    """
    file = folder.joinpath(OUTCOMES)
    if not file.is_file():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        return {row["id"]: Outcome(row["department"], row["automatic"] == "yes", row["right"] == "yes") for row in rows}
    except (UnicodeDecodeError, csv.Error, KeyError) as error:
        what = "is not as `balagh learn` wrote it: put it back, or delete it to compare with nothing"
        raise CityError([Problem(str(file), 0, "", what)]) from error


def changes(earlier: Mapping[str, Outcome], account: Account) -> list[str]:
    """Say, a line each, which cases another department or a person would now decide; what gets worse first."""
    lines: list[tuple[int, str]] = []
    for one in account.judged:
        was, now = earlier.get(one.case.id), Outcome.of(one)
        if was is None or was == now or _worth(was) == _worth(now) == _PUZZLED:
            continue
        worse = _worth(now) < _worth(was)
        lines.append((not worse, f"{'worse ' if worse else 'better'}  {one.case.id}: {was} -> {now}"))
    return [line for _, line in sorted(lines)]


def _worth(outcome: Outcome) -> int:
    """Rank what became of a case: sent wrongly is the worst, sent rightly by itself the best."""
    if outcome.automatic:
        return _WELL if outcome.right else _WRONGLY
    return _SUGGESTED if outcome.right else _PUZZLED


def adopt(folder: Path, lecture: Lecture) -> Path:
    """Put the model in force: a running gateway notices it within seconds. Raises OSError.

    Each file is replaced whole, so that whoever reads at that moment sees the old one or the new one.
    """
    _replace(folder / OUTCOMES, _written(lecture.cases).encode("utf-8"))
    _replace(folder / MODEL, pack(lecture.trained.model))
    return folder / MODEL


def _written(account: Account) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in account.judged:
        outcome = Outcome.of(one)
        writer.writerow((one.case.id, outcome.department, _yes(outcome.automatic), _yes(outcome.right)))
    return file.getvalue()


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(content)
    os.replace(fresh, file)  # noqa: PTH105 - Path.replace is the same and hides that it is atomic


def _yes(value: bool) -> str:
    return "yes" if value else ""


def tell(lecture: Lecture, earlier: Mapping[str, Outcome], say: Callable[[str], object]) -> bool:
    """Print how good the model is and what changes; False when it sends a held case wrongly that was not before."""
    model = lecture.trained.model
    taught = f"{lecture.texts} texts, {lecture.lessons} of them confirmed by people"
    say(f"model {model.version}: {taught}; {len(model.features)} features")
    for title, account in (("cases", lecture.cases), ("history", lecture.history)):
        if account.judged:
            say(f"{title}, each judged by a model that had not seen it:")
            for line in summary(account):
                say(f"  {line}")
    if lecture.mute:
        say(f"of the history {lecture.mute} teach nothing: no category stands there, and no word that the city knows")
    lines = changes(earlier, lecture.cases)
    say(f"{len(lines)} held cases change" if earlier else "no earlier model to compare with")
    for line in lines[:_MOST_SHOWN]:
        say(f"  {line}")
    if len(lines) > _MOST_SHOWN:
        say(f"  and {len(lines) - _MOST_SHOWN} more")
    return not any(
        one.automatic and not one.right and _was_right(earlier.get(one.case.id)) for one in lecture.cases.judged
    )


def _was_right(outcome: Outcome | None) -> bool:
    return outcome is not None and (outcome.right or not outcome.automatic)


def summary(account: Account) -> list[str]:
    """Say in a few lines how good an understanding is; what the cases say nothing about is left out."""
    lines = [
        f"sent without a person: {account.coverage()}",
        f"right among those: {account.precision()}",
        f"right department first: {account.first()}",
        f"right department among three: {account.among_three()}",
        f"no complaint, sent all the same: {account.idle()}",
        f"danger found: {account.danger_found()}",
        f"false alarms: {account.false_alarms()}",
        f"district right: {account.districts()}",
    ]
    return [line for line in lines if not line.endswith("–")]
