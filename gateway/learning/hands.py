"""How danger is heard in words that nobody learned from: a file of examples is left out of a training, and judged.

Whoever tells of danger tells it in words of their own. Folds do not show that: what one writer wrote lies in all four.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from itertools import chain

from gateway.city.city import City
from gateway.city.problems import CityError, Problem
from gateway.learning.evaluate import Share
from gateway.learning.material import CASES, EXAMPLES, Text, read_cases, read_example_files
from gateway.learning.train import Material, train


def judged_unread(city: City, folder: Traversable, names: Sequence[str]) -> Iterator[tuple[str, Share, Share]]:
    """Train for each named file of examples without it, and yield its name, the danger found in it, the false alarms.

    The city's own words stay as they are: of a file that they were written with in sight, the figures flatter. What
    the file says in the words of another is left out as well. Raises CityError for a file that is not there, cannot be
    read, or does not say which of its texts tell of danger.
    """
    files = read_example_files(folder.joinpath(EXAMPLES), city.categories)
    cases = read_cases(folder.joinpath(CASES), city.categories, city.vocabulary.departments)
    taught = [lesson for case in cases if (lesson := case.lesson(city.triage)) is not None and lesson.categories]
    for name in names:
        told = [text for text in files.get(name, ()) if text.danger is not None]
        if not told:
            what = "is not among the examples, or does not say what is danger"
            raise CityError([Problem(str(folder.joinpath(EXAMPLES, name)), 0, "danger", what)])
        yield name, *_heard(city, told, [*taught, *chain.from_iterable(files.values())])


def _heard(city: City, told: Sequence[Text], texts: Sequence[Text]) -> tuple[Share, Share]:
    unread = {text.said for text in told}
    others = [text for text in texts if text.said not in unread]
    reader = city.reader.with_model(train(Material(city.reader.matcher, others, city.reader.told_of)).model)
    raised = [(text.danger, reader.danger(text.text) is not None) for text in told]
    found, calm = [heard for danger, heard in raised if danger], [heard for danger, heard in raised if not danger]
    return Share(sum(found), len(found)), Share(sum(calm), len(calm))
