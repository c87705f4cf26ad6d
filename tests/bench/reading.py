"""What understanding costs: CPU a message for each question, beside the phrase table alone, and the memory of all."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.city.city import load
from normalizer.category import Matcher
from tests.end_to_end.gateway_process import ROOT

ROUNDS = 5
LETTER = 5000  # words


def reading() -> None:
    """Print one line for each question that a message is asked, in ms of CPU: short messages, and a letter."""
    before = _resident()
    city = load("baghdad")
    grown = _resident() - before
    texts = _texts()
    letter = _letter(texts)
    reader, table = city.reader, Matcher(city.vocabulary)
    questions: dict[str, Callable[[str], object]] = {
        "the phrase table alone": table.guess,
        "category, kind and second problems": reader.guess,
        "danger, which asks the category too": reader.danger,
        "vulnerable": reader.vulnerable,
        "place": reader.place,
    }
    print(f"j  understanding, {len(texts)} messages and a letter of {LETTER} words; CPU, median of {ROUNDS} rounds")
    for name, ask in questions.items():
        short = statistics.median(_spent(ask, [f"{text} {' ' * turn}" for text in texts]) for turn in range(ROUNDS))
        long = statistics.median(_spent(ask, [letter + " " * turn]) for turn in range(ROUNDS))
        print(f"   {name:<36} {short / len(texts):7.3f} ms   letter {long:6.1f} ms")
    together = statistics.median(
        _spent(
            lambda text: [ask(text) for ask in list(questions.values())[1:]],
            [text + "\u200b" * (turn + 1) for text in texts],
        )
        for turn in range(ROUNDS)
    )
    print(f"   all of it, each message once         {together / len(texts):7.3f} ms   resident {grown:5.1f} MB more\n")


def _texts() -> list[str]:
    with (ROOT / "config/cities/baghdad/cases.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file) if len(row["text"]) < 400]


def _letter(texts: Sequence[str]) -> str:
    words = " . ".join(texts).split()
    return " ".join((words * (LETTER // len(words) + 1))[:LETTER])


def _spent(ask: Callable[[str], object], texts: Sequence[str]) -> float:
    begun = time.process_time()
    for text in texts:
        ask(text)
    return (time.process_time() - begun) * 1000


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1_048_576
