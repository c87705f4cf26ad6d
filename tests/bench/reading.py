"""What understanding costs: CPU a message for each question, beside the phrase table alone, and the memory of all."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from gateway.city.city import load
from normalizer.category import Matcher
from normalizer.reader import Reader
from tests.end_to_end.gateway_process import ROOT

ROUNDS = 5
LETTER = 5000  # words
CITY = ROOT / "config/cities/baghdad"
WIRE = "سلك كهرباء مكشوف يم باب المدرسة"
_IDLE = 0.1  # the probability of an act, at the most
_FIRST = 1000  # of the numbers that make a text another: too long for a street's

Ask = Callable[[str], object]


def reading() -> None:
    """Print one line for each question that is asked, in ms of CPU: of a short message, and of two letters.

    The second letter thanks for everything and names one bare wire, so that each of its sentences is heard twice. No
    text is asked about twice, and no letter has a sentence of another.
    """
    before = _resident()
    city = load("baghdad")
    grown = _resident() - before
    reader, table = city.reader, Matcher(city.vocabulary)
    messages = [text for text in _texts("cases.csv") if len(text) < 400]
    letter, thanks = " ".join(messages).split(), " ".join(_thanks(reader)).split()
    questions: dict[str, Ask] = {
        "the phrase table alone": table.guess,
        "category, kind and second problems": reader.guess,
        "danger, which asks the category too": reader.danger,
        "vulnerable": reader.vulnerable,
        "place": reader.place,
    }
    asked = list(questions.values())[1:]
    questions["all of it"] = lambda text: [ask(text) for ask in asked]
    numbers = count(_FIRST)
    print(f"j  understanding, {len(messages)} messages and letters of {LETTER} words; CPU, median of {ROUNDS} rounds")
    for name, ask in questions.items():
        short = _median(ask, ([f"{text} {number}" for text in messages] for number in numbers)) / len(messages)
        long, heard_twice = (
            _median(ask, ([_letter(words, number, told)] for number in numbers))
            for words, told in ((letter, ""), (thanks, WIRE))
        )
        print(f"   {name:<36} {short:7.3f} ms   letter {long:6.1f} ms   of thanks {heard_twice:6.1f} ms")
    print(f"   resident {grown:5.1f} MB more\n")


def _texts(name: str) -> list[str]:
    with (CITY / name).open(encoding="utf-8-sig", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def _thanks(reader: Reader) -> list[str]:
    """Return what people write who surely want nothing done, and speak of no danger."""
    return [
        text
        for text in _texts("examples/none.csv")
        if reader.guess(text).acting < _IDLE and not reader.danger(text) and not any(reader.told_of(text))
    ]


def _letter(words: Sequence[str], number: int, told: str) -> str:
    """Write a letter of the words, each sentence with the number in it, and in its middle what else is told."""
    step = 12
    many = (list(words) * (LETTER // len(words) + 1))[: LETTER - LETTER // step]
    sentences = [f"{number} {' '.join(many[at : at + step])}" for at in range(0, len(many), step)]
    middle = len(sentences) // 2
    return ". ".join([*sentences[:middle], told, *sentences[middle:]])


def _median(ask: Ask, rounds: Iterator[Sequence[str]]) -> float:
    return statistics.median(_spent(ask, next(rounds)) for _ in range(ROUNDS))


def _spent(ask: Ask, texts: Sequence[str]) -> float:
    begun = time.process_time()
    for text in texts:
        ask(text)
    return (time.process_time() - begun) * 1000


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1_048_576
