"""hotline.toml and services.toml: what a good one holds, each mistake named, and when the line is open."""

from __future__ import annotations

import shutil
from datetime import date, time
from pathlib import Path

import pytest

from channels.voice import MAIN, PROMPTS, Choice
from gateway.city.city import load
from gateway.city.hotline import Line
from gateway.city.problems import CityError

BAGHDAD = Path(__file__).parents[2] / "config" / "cities" / "baghdad"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample city to spoil."""
    return Path(shutil.copytree(BAGHDAD, tmp_path / "town"))


def spoil(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first `old` in a file, and return the line on which it stood."""
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text.count("\n", 0, text.index(old)) + 1


@pytest.fixture(scope="module")
def line() -> Line:
    found = load("baghdad").line
    assert found is not None
    return found


def test_the_sample_menu_is_the_public_contract(line: Line) -> None:
    """1 عربي, 2 English; 1 report, 2 follow, 3 services, 0 an agent; five lines."""
    assert [("1", "ar"), ("2", "en")] == [(voice.key, voice.language) for voice in line.voices]
    assert {"1": Choice.REPORT, "2": Choice.FOLLOW, "3": Choice.SERVICES, "0": Choice.AGENT} == {
        key: does.does for key, does in line.menus[MAIN].keys.items()
    }
    assert 5 == line.lines


def test_every_prompt_is_said_in_both_languages() -> None:
    """A prompt is words for a voice: nothing that a machine would read as a sign."""
    city = load("baghdad")
    for language in city.languages:
        for prompt in PROMPTS:
            words = city.phrases.say(language, f"voice-{prompt}")
            assert words.strip()
            assert not set(words) & set("()[]{}<>*#/_"), (language, prompt)


@pytest.mark.parametrize(
    ("day", "at", "opened"),
    [
        (date(2026, 11, 22), time(8, 0), True),  # Sunday
        (date(2026, 11, 22), time(7, 59), False),
        (date(2026, 11, 22), time(19, 59), True),
        (date(2026, 11, 22), time(20, 0), False),
        (date(2026, 11, 27), time(12, 0), False),  # Friday
        (date(2027, 2, 14), time(13, 59), True),  # Ramadan, a Sunday
        (date(2027, 2, 14), time(8, 30), False),
        (date(2027, 2, 14), time(15, 0), False),
        (date(2027, 2, 12), time(10, 0), False),  # Ramadan, a Friday: closed all the same
        (date(2027, 3, 11), time(10, 0), False),  # the feast
    ],
)
def test_hours_feasts_and_ramadan(line: Line, day: date, at: time, opened: bool) -> None:
    """Agents answer in the city's hours; a season changes them on days that are open at all."""
    assert opened == line.open_at(day, at)


def test_several_spans_and_midnight(folder: Path) -> None:
    """A break at noon and a day that ends at midnight are written as they are said."""
    spoil(folder, "hotline.toml", 'sunday = "08:00-20:00"', 'sunday = "08:00-12:00, 13:00-24:00"')
    line = load(str(folder)).line
    assert line is not None
    sunday = date(2026, 11, 22)

    assert [True, False, True, True] == [line.open_at(sunday, time(hour, 59)) for hour in (11, 12, 13, 23)]


def test_a_city_without_a_hotline_has_none(folder: Path) -> None:
    """Nobody has to write menus for a number that does not exist."""
    (folder / "hotline.toml").unlink()

    assert load(str(folder)).line is None


MISTAKES = [
    ("hotline.toml", "lines = 5", "lines = -1", "lines", "input should be greater than or equal to 0"),
    ("hotline.toml", 'accent = "arb"', 'accent = "ar-IQ"', "language[1].accent", "'ar-IQ' is not spoken by any voice"),
    ("hotline.toml", '"Polly.Zeina"', '"Polly.Hala-Neural"', "language[1].voice", "'Polly.Hala-Neural' does not speak"),
    ("hotline.toml", 'listens = "ar-IQ"', 'listens = "ar-SY"', "language[1].listens", "'ar-SY' is not known"),
    ("hotline.toml", 'language = "en"', 'language = "ku"', "language", "'en' is missing"),
    ("hotline.toml", 'key = "2", does', 'key = "1", does', "menu[main].key[2].key", "'1' stands there for the second"),
    ("hotline.toml", 'key = "2", does', 'key = "9", does', "menu[main].key[2].key", "string should match pattern"),
    ("hotline.toml", '"follow"', '"fly"', "menu[main].key[2].does", "must be 'report'"),
    ("hotline.toml", 'does = "follow"', 'does = "menu"', "menu[main].key[2].menu", 'goes with does = "menu"'),
    (
        "hotline.toml",
        'does = "follow"',
        'does = "menu", menu = "mian"',
        "menu[main].key[2].menu",
        "'mian' is not known (did you mean 'main'?)",
    ),
    (
        "hotline.toml",
        'does = "report"',
        'does = "report", category = "watr.leak"',
        "menu[main].key[1].category",
        "'watr.leak' is not known",
    ),
    ("hotline.toml", 'id = "main"', 'id = "first"', "menu", "'main' is missing"),
    ("hotline.toml", '"08:00-20:00"', '"8-20"', "hours.saturday", "'8-20' is no opening hour"),
    ("hotline.toml", '"08:00-20:00"', '"20:00-08:00"', "hours.saturday", "'20:00-08:00': each time must lie after"),
    ("hotline.toml", "last = 2027-03-09", "last = 2027-01-09", "season[1].last", "lies before the first day"),
    ("hotline.toml", ', en = "Ramadan"', "", "season[1].names.en", "is missing: city.toml names this language"),
    ("services.toml", 'key = "2"', 'key = "1"', "service[water-connection].key", "'1' stands there for the second"),
    ("services.toml", 'key = "2"', 'key = "9"', "service[water-connection].key", "string should match pattern"),
    (
        "services.toml",
        'key = "2"',
        'key = "2"\ntransactions = "https://x.example/"',
        "service[water-connection].transactions",
        "must be http:// or https:// with {number}",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "key", "what"), MISTAKES)
def test_a_mistake_is_named(folder: Path, file: str, old: str, new: str, key: str, what: str) -> None:
    """The clerk is told the file, the key, what is wrong, and what is allowed."""
    spoil(folder, file, old, new)
    with pytest.raises(CityError) as caught:
        load(str(folder))
    found = [problem for problem in caught.value.problems if problem.what.startswith(what)]

    assert [(str(folder / file), key)] == [(problem.path, problem.key) for problem in found], str(caught.value)
    assert all(problem.line for problem in found)


def test_recorded_prompts_are_checked(folder: Path) -> None:
    """A file that no prompt would play, in no language of the line, or that is no WAV is named."""
    for language, name, data in (("ar", "welcom", b"RIFF"), ("ku", "welcome", b"RIFF"), ("ar", "goodbye", b"ID3\x03")):
        (folder / "prompts" / language).mkdir(parents=True, exist_ok=True)
        (folder / "prompts" / language / f"{name}.wav").write_bytes(data)
    with pytest.raises(CityError) as caught:
        load(str(folder))
    said = str(caught.value)

    assert "did you mean 'welcome'?" in said
    assert "'ku' is not known" in said
    assert "is no WAV file" in said


def test_the_version_changes_with_a_prompt(folder: Path) -> None:
    """What callers hear is part of the city's files like any other."""
    before = load(str(folder)).version
    (folder / "prompts" / "ar").mkdir(parents=True)
    (folder / "prompts" / "ar" / "welcome.wav").write_bytes(b"RIFF")
    between = load(str(folder)).version
    spoil(folder, "services.toml", "Building permit", "Permit to build")

    assert 3 == len({before, between, load(str(folder)).version})
