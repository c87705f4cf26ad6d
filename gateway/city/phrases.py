"""What the city says to a citizen: one Project Fluent file for each language, phrases/<language>.ftl.

Placeables are not wrapped in bidi isolates (U+2068 … U+2069). In a text message each costs a unit of 70, and handsets
that do not know them print boxes. Where direction matters the phrase itself says so: the Arabic receipt puts a
left-to-right mark (U+200E) before the reference, since a line of digit groups alone is shown last group first where
the base direction is right to left. In English there is none: one such mark turns a 160-letter message into one of 70.
An HTML page wraps what it shows, the reference above all, in <bdi>.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

from fluent.runtime import FluentBundle
from fluent.runtime.builtins import BUILTINS
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor

from channels.voice import PROMPTS
from gateway.city.problems import Problem, unknown
from gateway.city.source import read_text
from normalizer.complaint import Status

_NAME = re.compile(r"^-?[A-Za-z][A-Za-z0-9_-]*", re.MULTILINE)
_RECEIPT = frozenset({"reference", "pin"})
_DEPARTMENT = frozenset({"department"})
_NOTHING: frozenset[str] = frozenset()

EVENTS = (
    "received",
    "amended",
    "triaged",
    "offered",
    "recalled",
    "accepted",
    "rejected",
    "progressed",
    "resolved",
    "closed",
    "reopened",
    "escalated",
    "withdrawn",
)
"""What can happen to a complaint, as the tracking page tells it: each is the phrase event-<name>."""

DATED = "event-dated"
"""The phrase for a department that had accepted a complaint and now names another date."""

PHRASES: Mapping[str, frozenset[str]] = {
    "receipt": _RECEIPT,
    "receipt-amended": frozenset({"reference"}),
    "receipt-again": frozenset({"reference"}),
    "receipt-distress": _RECEIPT,
    "told-resolved": frozenset({"reference"}),
    "told-closed": frozenset({"reference"}),
    "opted-out": _NOTHING,
    "opted-in": _NOTHING,
    "public-thanks": _NOTHING,
    "not-a-text": _NOTHING,
    **{f"status-{status}": _DEPARTMENT for status in Status},
    **{f"event-{event}": _DEPARTMENT for event in EVENTS},
    DATED: _DEPARTMENT,
    "voice-code": frozenset({"pin"}),
    **{f"voice-{prompt}": _NOTHING for prompt in PROMPTS},
}
"""Every phrase that the house says, with the arguments it is said with."""

OF_THE_CITY = frozenset({"city", "hotline", "emergency"})
"""What every phrase may use besides: the city's name, its hotline, and the emergency numbers with their names."""

_MUST_SAY = {
    "receipt": _RECEIPT,
    "receipt-amended": frozenset({"reference"}),
    "receipt-again": frozenset({"reference"}),
    "receipt-distress": _RECEIPT | {"emergency"},
    "voice-code": frozenset({"pin"}),
    "voice-danger": frozenset({"emergency"}),
    "voice-apology": frozenset({"emergency"}),
}


@dataclass(frozen=True, slots=True)
class Phrases:
    """A city's phrases in its languages, the first of which speaks for every language that the city does not."""

    languages: tuple[str, ...]
    _bundles: Mapping[str, FluentBundle] = field(repr=False)
    _of_the_city: Mapping[str, Mapping[str, str]] = field(repr=False)

    def say(self, language: str, phrase: str, /, **arguments: str) -> str:
        """Say a phrase of `PHRASES` in the language nearest to a BCP 47 tag. No isolates, no markup, no final newline.

        Raises KeyError when there is no such phrase, or when it needs an argument that was not given.
        """
        spoken = self.nearest(language)
        bundle = self._bundles[spoken]
        if not bundle.has_message(phrase):
            raise KeyError(phrase)
        pattern = bundle.get_message(phrase).value
        assert pattern is not None  # a phrase that says nothing is refused when the file is read
        text, faults = bundle.format_pattern(pattern, {**self._of_the_city[spoken], **arguments})
        if faults:
            raise KeyError(f"{phrase}: {faults[0]}")
        return str(text)

    def nearest(self, language: str) -> str:
        """Return the city's language for a BCP 47 tag: itself, its main language, or the city's own."""
        main = language.partition("-")[0]
        return next((spoken for spoken in (language, main) if spoken in self.languages), self.languages[0])


def read_phrases(
    files: Mapping[str, Traversable], of_the_city: Mapping[str, Mapping[str, str]], problems: list[Problem]
) -> Phrases | None:
    """Read one file for each language, or add to `problems` whatever would fail, or fail to be said, later on.

    `of_the_city` gives the values of `OF_THE_CITY` in each language.
    """
    before = len(problems)
    books = {language: _Book(file, problems) for language, file in files.items()}
    readable = [book for book in books.values() if book.readable]
    for book in readable:
        book.check(problems)
        for other in readable:
            book.agree(other, problems)
    if len(problems) > before:
        return None
    bundles = {}
    for language, book in books.items():
        bundles[language] = FluentBundle([language], use_isolating=False)
        bundles[language].add_resource(book.resource)
    return Phrases(tuple(files), bundles, of_the_city)


class _Book:
    """One language's file."""

    def __init__(self, file: Traversable, problems: list[Problem]) -> None:
        text = read_text(file, problems)
        self.path, self.name = str(file), file.name
        self.readable, self.text = text is not None, text or ""
        try:
            self.resource = FluentParser().parse(self.text)
        except RecursionError:
            self.readable, self.resource = False, ftl.Resource([])
            problems.append(Problem(self.path, 0, "", "cannot be read: it goes too deep"))
        self.entries: dict[str, ftl.Message | ftl.Term] = {}  # terms under their name with its hyphen
        self.broken: set[str] = set()  # names that stand in what is not valid: spoiled, and so not missing
        for entry in self.resource.body:
            if isinstance(entry, ftl.Junk):
                self.broken.update(_NAME.findall(entry.content or ""))
                fault = entry.annotations[0]
                problems.append(self.problem(fault, "", f"is not valid Fluent: {fault.message}"))
            elif isinstance(entry, ftl.Message | ftl.Term):
                name = f"-{entry.id.name}" if isinstance(entry, ftl.Term) else entry.id.name
                if name in self.entries:
                    problems.append(self.problem(entry, name, "stands here for the second time"))
                self.entries.setdefault(name, entry)

    def problem(self, node: ftl.SyntaxNode, key: str, what: str) -> Problem:
        """Say what is wrong at the line where something in the file begins."""
        line = self.text.count("\n", 0, node.span.start) + 1 if node.span else 0
        return Problem(self.path, line, key, what)

    def messages(self) -> Iterator[tuple[str, ftl.Message]]:
        """Go through the phrases, leaving out the terms that a file may define for itself."""
        yield from ((name, entry) for name, entry in self.entries.items() if isinstance(entry, ftl.Message))

    def check(self, problems: list[Problem]) -> None:
        """Compare it with what the house says: every phrase there, none unknown, nothing used that is never given."""
        problems.extend(
            Problem(self.path, 0, name, "is missing") for name in PHRASES.keys() - self.entries.keys() - self.broken
        )
        for name, message in self.messages():
            if name not in PHRASES:
                problems.append(self.problem(message, name, unknown(name, PHRASES)))
                continue
            uses = self.uses(name)
            given = PHRASES[name] | OF_THE_CITY
            found = [unknown(f"${one}", (f"${known}" for known in given)) for one in uses.arguments - given]
            found += [f"must say {{ ${one} }}" for one in _MUST_SAY.get(name, _NOTHING) - uses.arguments]
            found += [f"{one} is not defined in this file" for one in uses.names - self.entries.keys() - self.broken]
            found += [
                f"{one}() is no function; allowed: {', '.join(BUILTINS)}" for one in uses.functions - BUILTINS.keys()
            ]
            if message.value is None:
                found.append("says nothing")
            problems.extend(self.problem(message, name, what) for what in found)

    def agree(self, other: _Book, problems: list[Problem]) -> None:
        """Compare it with another language: the same phrase must say the same things."""
        for name, message in self.messages():
            if name in PHRASES and name in other.entries:
                missing = (other.uses(name).arguments - self.uses(name).arguments) & (PHRASES[name] | OF_THE_CITY)
                found = (f"does not say {{ ${argument} }}, and {other.name} does" for argument in missing)
                problems.extend(self.problem(message, name, what) for what in found)

    def uses(self, name: str) -> _Uses:
        """Find what a phrase is made of, by way of the terms and phrases that it names."""
        uses = _Uses()
        waiting = [name]
        while waiting:
            known = self.entries.get(waiting.pop())
            if known is not None:
                before = set(uses.names)
                uses.visit(known)
                waiting.extend(uses.names - before)
        return uses


class _Uses(Visitor):
    """What phrases are made of."""

    def __init__(self) -> None:
        self.arguments: set[str] = set()
        self.names: set[str] = set()  # of other messages and, with their hyphen, of terms
        self.functions: set[str] = set()

    # The names of the methods are the visitor's own.
    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802
        self.arguments.add(node.id.name)

    def visit_MessageReference(self, node: ftl.MessageReference) -> None:  # noqa: N802
        self.names.add(node.id.name)

    def visit_TermReference(self, node: ftl.TermReference) -> None:  # noqa: N802
        self.names.add(f"-{node.id.name}")

    def visit_FunctionReference(self, node: ftl.FunctionReference) -> None:  # noqa: N802
        self.functions.add(node.id.name)
        self.generic_visit(node)
